"""Downloading, against a stand-in for the Hub's HTTP answers; where the real Hub is in reach, its golden values."""

from __future__ import annotations

import io
import json
import time
import urllib.request
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from PIL import Image

from cvt.config import CvtConfig
from cvt.errors import CheckpointError, DownloadError
from cvt.hub import HubOptions, cached_folder
from cvt.image_processor import CvtImageProcessor
from cvt.locations import is_cached, resolve_file
from cvt.model import CvtForImageClassification, CvtModel
from tests.cvt.checkpoints import spelled
from tests.cvt.stand_in_hub import StandInHub

ID = "someone/cvt-small"


@pytest.fixture
def folder(tmp_path: Path, classifier: CvtForImageClassification) -> Path:
    classifier.save_pretrained(tmp_path / "model")
    CvtImageProcessor().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def same(loaded: torch.nn.Module, expected: torch.nn.Module) -> bool:
    ours, theirs = loaded.state_dict(), expected.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_exactly_the_files_that_are_needed_are_downloaded_once(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification
) -> None:
    (folder / "tf_model.h5").write_bytes(b"never fetched")
    stand_in.add(ID, folder)
    assert cached_folder(ID) is None
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)
    assert [name for name in stand_in.downloads() if "." in name] == ["config.json", "model.safetensors"]
    assert cached_folder(ID) is not None
    assert not is_cached(ID), "without its preprocessing, a model is of no use without a network"
    CvtImageProcessor.from_pretrained(ID)
    assert is_cached(ID)


def test_the_cached_folder_loads_without_asking_anybody(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification
) -> None:
    stand_in.add(ID, folder)
    CvtModel.from_pretrained(ID)
    stand_in.requests.clear()
    cached = cached_folder(ID)
    assert cached is not None
    assert same(CvtForImageClassification.from_pretrained(cached), classifier)
    assert stand_in.requests == []
    assert cached_folder("bundled") is cached_folder("/no/hub/id") is cached_folder(ID, "v2") is None


def test_without_a_network_the_cache_answers(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification
) -> None:
    stand_in.add(ID, folder)
    CvtModel.from_pretrained(ID)
    stand_in.stop()
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)
    assert CvtConfig.from_pretrained(ID).num_labels == 5


def test_offline_mode_asks_nobody(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.add(ID, folder)
    CvtModel.from_pretrained(ID)
    asked = len(stand_in.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)
    with pytest.raises(CheckpointError, match=r"'someone/other'.*no copy in the local cache.*HF_HUB_OFFLINE"):
        CvtModel.from_pretrained("someone/other")
    assert len(stand_in.requests) == asked


def test_no_network_and_no_copy_fails_at_once(stand_in: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.stop()
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waited {seconds} s between retries"))
    with pytest.raises(DownloadError, match=r"config\.json of 'someone/cvt-small': the Hub does not answer") as raised:
        CvtModel.from_pretrained(ID)
    assert raised.value.reason == "offline"
    assert not is_cached(ID)


def test_an_older_repository_has_a_pickle(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification
) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(spelled(classifier, "transformers"), folder / "pytorch_model.bin")
    stand_in.add(ID, folder)
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)
    stand_in.stop()
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)


def test_every_shard_is_downloaded(stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification) -> None:
    (folder / "model.safetensors").unlink()
    tensors = spelled(classifier, "transformers")
    files = {name: f"pytorch_model-0000{1 + index % 2}-of-00002.bin" for index, name in enumerate(tensors)}
    for file in set(files.values()):
        torch.save({name: tensor for name, tensor in tensors.items() if files[name] == file}, folder / file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    stand_in.add(ID, folder)
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)
    assert cached_folder(ID) is not None
    resolve_file(ID, "pytorch_model-00002-of-00002.bin").unlink()
    assert cached_folder(ID) is None, "a missing shard is not overlooked"


def test_a_revision_is_a_branch_or_a_commit(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification
) -> None:
    first = stand_in.add(ID, folder)
    classifier.classifier.bias.data += 1
    classifier.save_pretrained(folder)
    stand_in.add(ID, folder, revision="next/try")
    assert same(CvtForImageClassification.from_pretrained(ID, revision="next/try"), classifier)
    assert not same(CvtForImageClassification.from_pretrained(ID), classifier)
    stand_in.add(ID, folder)
    assert same(CvtForImageClassification.from_pretrained(ID), classifier), "main has moved on"
    assert not same(CvtForImageClassification.from_pretrained(ID, revision=first), classifier)
    with pytest.raises(CheckpointError, match=r"'someone/cvt-small' has no branch, tag or commit 'v2'"):
        CvtModel.from_pretrained(ID, revision="v2")


def test_weights_and_configuration_are_of_one_commit(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification
) -> None:
    stand_in.add(ID, folder)
    assert CvtConfig.from_pretrained(ID).num_labels == 5
    torch.manual_seed(1)
    CvtForImageClassification(CvtConfig(embed_dim=[16, 48, 48])).save_pretrained(folder)
    stand_in.add(ID, folder)
    stand_in.requests.clear()
    assert CvtForImageClassification.from_pretrained(ID).config.embed_dim == [16, 48, 48]
    asked = [path for method, path in stand_in.requests if method == "HEAD"]
    assert [path for path in asked if "/resolve/main/" in path] == [f"/{ID}/resolve/main/config.json"], (
        "the branch, which may move meanwhile, is asked for one file only"
    )


def test_a_transfer_that_breaks_off_is_resumed(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    stand_in.add(ID, folder)
    stand_in.breaks["model.safetensors"] = [10_000, 5_000]
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)
    assert stand_in.downloads().count("model.safetensors") == 3


def test_a_transfer_that_never_ends_leaves_nothing_half_written(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    stand_in.add(ID, folder)
    stand_in.breaks["model.safetensors"] = [0] * 20
    with pytest.raises(DownloadError, match=r"downloading model\.safetensors of .* failed; try again") as raised:
        CvtForImageClassification.from_pretrained(ID)
    assert raised.value.reason == "broken"
    assert cached_folder(ID) is None
    stand_in.breaks.clear()
    assert same(CvtForImageClassification.from_pretrained(ID), classifier)


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((404, "RepoNotFound"), "neither a local folder nor a Hub repository that is open to you"),
        ((401, "RepoNotFound"), r"if it is private, log in \(`hf auth login` or HF_TOKEN\)"),
        ((403, "GatedRepo"), "'someone/cvt-small' is gated: ask for access"),
        ((503, "Unavailable"), "failed; try again.*503"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(stand_in: StandInHub, refusal: tuple[int, str], says: str) -> None:
    stand_in.refused[ID] = refusal
    with pytest.raises(CheckpointError, match=says):
        CvtModel.from_pretrained(ID)


def test_a_missing_file_is_named(stand_in: StandInHub, folder: Path) -> None:
    stand_in.add(ID, {"README.md": b"no model"})
    with pytest.raises(CheckpointError, match=r"'someone/cvt-small' has no file config\.json"):
        CvtModel.from_pretrained(ID)
    stand_in.add(ID, {"config.json": (folder / "config.json").read_bytes(), "tf_model.h5": b""})
    with pytest.raises(CheckpointError, match=r"no weights, none of model\.safetensors, .*pytorch_model\.bin"):
        CvtModel.from_pretrained(ID)
    with pytest.raises(CheckpointError, match=r"at revision 'main' has no file preprocessor_config\.json"):
        resolve_file(ID, "preprocessor_config.json", HubOptions("main"))


def test_another_architecture_is_refused_before_its_weights_are_downloaded(stand_in: StandInHub) -> None:
    stand_in.add(ID, {"config.json": b'{"model_type": "resnet"}', "model.safetensors": bytes(1000)})
    with pytest.raises(CheckpointError, match="a model of type 'resnet'"):
        CvtForImageClassification.from_pretrained(ID)
    assert "model.safetensors" not in stand_in.downloads()


def test_the_token_of_the_environment_is_sent(
    stand_in: StandInHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody")
    stand_in.add(ID, folder)
    CvtModel.from_pretrained(ID)
    assert set(stand_in.tokens[-4:]) == {"Bearer hf_of_somebody"}


def test_a_download_shows_its_progress(
    stand_in: StandInHub, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TQDM_POSITION", "-1")  # show bars without a terminal, too
    stand_in.add(ID, folder)
    CvtModel.from_pretrained(ID)
    assert "model.safetensors: 100%" in capsys.readouterr().err


@pytest.mark.hub
def test_the_published_cvt_13_gives_its_golden_logits() -> None:
    with urllib.request.urlopen("http://images.cocodataset.org/val2017/000000039769.jpg", timeout=60) as response:
        cats = Image.open(io.BytesIO(response.read()))
    model = CvtForImageClassification.from_pretrained("microsoft/cvt-13")
    inputs = CvtImageProcessor.from_pretrained("microsoft/cvt-13")(cats, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits
    torch.testing.assert_close(logits[0, :3], torch.tensor([0.9287, 0.9016, -0.3152]), rtol=0, atol=2e-4)
    assert model.config.id2label[int(logits.argmax())] == "tabby, tabby cat"


@pytest.mark.hub
@pytest.mark.parametrize(
    "name", ["cvt-13", "cvt-21", "cvt-13-384", "cvt-21-384", "cvt-13-384-22k", "cvt-21-384-22k", "cvt-w24-384-22k"]
)
def test_every_published_checkpoint_loads(name: str) -> None:
    assert CvtForImageClassification.from_pretrained(f"microsoft/{name}").config.num_labels == 1000


# The options of from_pretrained


def test_a_subfolder_of_a_repository(stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification) -> None:
    files = {f"deep/inside/{path.name}": path.read_bytes() for path in folder.iterdir()}
    processor = b'{"size": 99, "image_processor_type": "ConvNextImageProcessor"}'
    stand_in.add(ID, {**files, "deep/inside/preprocessor_config.json": processor})
    for _ in range(2):  # downloaded, then from the cache
        assert same(CvtForImageClassification.from_pretrained(ID, subfolder="deep/inside"), classifier)
    assert CvtImageProcessor.from_pretrained(ID, subfolder="deep/inside").resolution == 99
    assert CvtConfig.from_pretrained(ID, subfolder="deep/inside").num_labels == 5
    with pytest.raises(CheckpointError, match=r"'someone/cvt-small' \(folder deep\) has no file config\.json"):
        CvtModel.from_pretrained(ID, subfolder="deep")


def test_a_cache_of_ones_own(stand_in: StandInHub, folder: Path, tmp_path: Path) -> None:
    stand_in.add(ID, folder)
    CvtModel.from_pretrained(ID, cache_dir=tmp_path / "mine")
    assert list((tmp_path / "mine").rglob("model.safetensors"))
    assert cached_folder(ID) is None, "the usual cache is left alone"


def test_no_network_is_asked_when_local_files_alone_will_do(stand_in: StandInHub, folder: Path) -> None:
    stand_in.add(ID, folder)
    with pytest.raises(CheckpointError, match=r"config\.json of 'someone/cvt-small' is not in the local cache, and"):
        CvtModel.from_pretrained(ID, local_files_only=True)
    CvtConfig.from_pretrained(ID)
    with pytest.raises(CheckpointError, match=r"has no weights in the local cache, none of model\.safetensors"):
        CvtModel.from_pretrained(ID, local_files_only=True)
    CvtModel.from_pretrained(ID)
    stand_in.requests.clear()
    CvtModel.from_pretrained(ID, local_files_only=True)
    assert not stand_in.requests


def test_what_is_cached_can_be_downloaded_anew(stand_in: StandInHub, folder: Path) -> None:
    stand_in.add(ID, folder)
    CvtModel.from_pretrained(ID)
    stand_in.requests.clear()
    CvtModel.from_pretrained(ID)
    assert not stand_in.downloads()
    CvtModel.from_pretrained(ID, force_download=True)
    assert "model.safetensors" in stand_in.downloads()


def test_a_token_goes_with_every_request(stand_in: StandInHub, folder: Path) -> None:
    stand_in.add(ID, folder)
    stand_in.tokens.clear()
    CvtModel.from_pretrained(ID, token="hf_mine")
    assert set(stand_in.tokens) == {"Bearer hf_mine"}


def test_the_kind_of_file_decides_what_is_downloaded(
    stand_in: StandInHub, folder: Path, classifier: CvtForImageClassification
) -> None:
    classifier.save_pretrained(folder.parent / "old", safe_serialization=False)
    both = {path.name: path.read_bytes() for path in (*folder.iterdir(), *(folder.parent / "old").iterdir())}
    stand_in.add(ID, both)
    assert same(CvtForImageClassification.from_pretrained(ID, use_safetensors=False), classifier)
    assert "model.safetensors" not in stand_in.downloads()
