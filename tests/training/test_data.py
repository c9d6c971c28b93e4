"""Reading images: class folders, Parquet shards in the Hub's schema, and what is wrong with them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from training.data import DataError, ImageSet, find_images, hold_out, join, load_images


def png(colour: tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def write_shard(path: Path, rows: list[tuple[bytes, int]], names: list[str] | None = None) -> None:
    images = [{"bytes": data, "path": f"{index}.png"} for index, (data, _) in enumerate(rows)]
    table = pa.table({"image": images, "label": [label for _, label in rows]})
    if names is not None:
        features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, path)


def write_labels(folder: Path, names: list[str]) -> None:
    entries = [{"id": index, "wnid": f"n{index}", "name": name} for index, name in enumerate(names)]
    (folder / "labels.json").write_text(json.dumps(entries[::-1]))


def test_class_folders_are_numbered_by_the_alphabet(colour_folders: Path) -> None:
    data = load_images(colour_folders, "train", 48)
    assert data.classes == ("blue", "red")
    assert data.images.shape == (40, 3, 48, 48) and data.images.dtype == torch.uint8
    redder = data.images[:, 0].float().mean(dim=(1, 2)) > data.images[:, 2].float().mean(dim=(1, 2))
    assert torch.equal(redder, data.labels == 1)


def test_nested_files_count_and_other_files_do_not(tmp_path: Path) -> None:
    for place in ("cat/a.PNG", "cat/2024/b.jpg", "dog/c.webp", "dog/readme.txt", ".cache/d.png", "notes.png"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png((1, 2, 3)))
    source = find_images(tmp_path, "train")
    assert source.classes == ("cat", "dog") and source.split == "all"
    assert [path.name for path in source.files] == ["b.jpg", "a.PNG", "c.webp"]
    assert source.labels == (0, 0, 1)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test"])
def test_splits_are_found_above_the_classes(tmp_path: Path, name: str) -> None:
    for split, colour in (("train", (255, 0, 0)), (name, (0, 0, 255))):
        (tmp_path / split / "thing").mkdir(parents=True)
        (tmp_path / split / "thing" / "a.png").write_bytes(png(colour))
    assert load_images(tmp_path, "train", 4).images[0, :, 0, 0].tolist() == [255, 0, 0]
    assert load_images(tmp_path, "validation", 4).images[0, :, 0, 0].tolist() == [0, 0, 255]
    assert find_images(tmp_path, "validation").split == "validation"


def test_a_missing_split_is_not_replaced_by_another(tmp_path: Path) -> None:
    (tmp_path / "train" / "thing").mkdir(parents=True)
    (tmp_path / "train" / "thing" / "a.png").write_bytes(png((0, 0, 0)))
    with pytest.raises(DataError, match="has train but no validation or valid or val or test"):
        find_images(tmp_path, "validation")


def test_shards_are_read_in_order_with_the_first_synonyms(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-00001-of-00002.parquet", [(png((0, 9, 0)), 2)])
    write_shard(tmp_path / "train-00000-of-00002.parquet", [(png((9, 0, 0)), 0), (png((0, 0, 9)), 1)])
    write_shard(tmp_path / "val-00000-of-00001.parquet", [(png((7, 7, 7)), 1)])
    write_labels(tmp_path, ["tench, Tinca tinca", "crane, bird", "crane"])
    data = load_images(tmp_path, "train", 8)
    assert data.labels.tolist() == [0, 1, 2]
    assert data.images[:, :, 3, 3].tolist() == [[9, 0, 0], [0, 0, 9], [0, 9, 0]]
    assert data.classes == ("tench", "crane, bird", "crane"), "a first synonym that two share names neither"
    assert len(load_images(tmp_path, "validation", 8)) == 1


def test_shards_may_name_their_classes_themselves(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shard = tmp_path / "data" / "validation-00000-of-00001.parquet"
    write_shard(shard, [(png((1, 1, 1)), 1)], names=["cat", "dog"])
    assert find_images(tmp_path, "validation").classes == ("cat", "dog")


def test_shards_without_class_names_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-00000-of-00001.parquet", [(png((1, 1, 1)), 1)])
    with pytest.raises(DataError, match=r"names no classes: expected labels\.json"):
        find_images(tmp_path, "train")


def test_the_middle_square_is_kept(tmp_path: Path) -> None:
    """A 30 × 10 picture of three squares; the middle one is what a size of 10 or 20 keeps."""
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, :10, 0] = pixels[:, 10:20, 1] = pixels[:, 20:, 2] = 200
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "wide.png")
    assert torch.equal(
        load_images(tmp_path, "train", 10).images[0], torch.from_numpy(pixels[:, 10:20]).permute(2, 0, 1)
    )
    assert load_images(tmp_path, "train", 20).images[0, :, 10, 10].tolist() == [0, 200, 0]


def test_grey_and_transparent_images_become_rgb(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("L", (8, 8), 77).save(tmp_path / "a" / "grey.png")
    Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(tmp_path / "a" / "nothing.png")
    images = load_images(tmp_path, "train", 8).images
    assert images[0].unique().tolist() == [77]
    assert images[1].unique().tolist() == [255], "transparency lies over white"


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.jpg").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        load_images(tmp_path, "train", 8)


def test_an_empty_class_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold Parquet shards, or folders of images"):
        find_images(tmp_path, "train")
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "a.png").write_bytes(png((0, 0, 0)))
    with pytest.raises(DataError, match="no image in cat"):
        find_images(tmp_path, "train")


def test_a_name_that_is_nothing_is_refused_without_a_network() -> None:
    with pytest.raises(DataError, match="'no-such-place/at-all' is neither a folder nor a dataset"):
        find_images("no-such-place/at-all", "train")


def test_held_out_images_are_a_share_of_each_class_and_always_the_same() -> None:
    labels = torch.tensor([0] * 40 + [1] * 20)
    data = ImageSet(torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1).expand(60, 3, 1, 1), labels, ("a", "b"))
    train, held = hold_out(data, 0.1)
    assert held.labels.tolist() == [0] * 4 + [1] * 2
    together = sorted(train.images[:, 0, 0, 0].tolist() + held.images[:, 0, 0, 0].tolist())
    assert together == list(range(60)), "every image is in exactly one of the two"
    assert torch.equal(hold_out(data, 0.1)[1].images, held.images)
    assert not torch.equal(hold_out(data, 0.1, seed=1)[1].images, held.images)
    assert len(hold_out(data, 0.0)[1]) == 0


def test_sets_join_with_the_classes_of_all() -> None:
    def grey(values: list[int], labels: list[int], classes: tuple[str, ...]) -> ImageSet:
        images = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
        return ImageSet(images, torch.tensor(labels), classes)

    first, second = grey([1, 2], [1, 0], ("a", "b")), grey([3, 4, 5], [0, 2, 1], ("c", "d", "e"))
    both = join([first, second])
    assert both.classes == ("a", "b", "c", "d", "e")
    assert both.labels.tolist() == [1, 0, 2, 4, 3]
    assert both.images[:, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert join([first]).labels.tolist() == [1, 0]
    assert both.origins == (0, 0, 1, 1, 1)
    torch.testing.assert_close(both.weights, torch.tensor([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3]))
    assert first.weights.unique().numel() == 1, "within one data set all count the same"
    with pytest.raises(DataError, match="two of the data sets have a class named b, c"):
        join([both, grey([6], [0], ("c", "b"))])
