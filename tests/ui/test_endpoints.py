"""``/classify`` and ``/explain``, through gradio_client against a server of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.tracing import trace
from ui import endpoints
from ui.endpoints import explain
from ui.examples import examples
from ui.launch import launch_options
from ui.page import build
from ui.session.models import ModelCache, offered_models
from visualize.attention import attention_map

pytestmark = pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated")

PHOTO = str(examples()["cat"].path)
CAT = examples()["cat"].open()


@pytest.fixture
def pools() -> tuple[str, ...]:
    """gradio_client keeps a pool of threads for as long as the client lives."""
    return ("ThreadPoolExecutor-",)


@pytest.fixture(scope="module")
def client(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    demo = build(str(model_folder), "cpu")
    address = demo.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **launch_options())[1]
    yield Client(address, verbose=False, download_files=str(tmp_path_factory.mktemp("files")))
    demo.close(verbose=False)


@pytest.fixture(scope="module")
def network(model_folder: Path) -> tuple[CvtForImageClassification, CvtImageProcessor]:
    return CvtForImageClassification.from_pretrained(model_folder), CvtImageProcessor.from_pretrained(model_folder)


def test_classify(client: Client, network: Any) -> None:
    answer = client.predict(handle_file(PHOTO), api_name="/classify")
    seen = trace(*network, CAT)
    index, probability = seen.top(1)[0]
    assert answer["label"] == seen.label(index)
    assert len(answer["confidences"]) == 5
    assert answer["confidences"][0]["label"] == seen.label(index)
    assert answer["confidences"][0]["confidence"] == pytest.approx(probability, abs=1e-6)
    two = client.predict(handle_file(PHOTO), model="local:small-cvt", top_k=2, api_name="/classify")
    assert len(two["confidences"]) == 2


def test_explain_gives_picture_sentence_and_numbers(client: Client, network: Any) -> None:
    picture, sentence, numbers = client.predict(
        handle_file(PHOTO), method="attention", stage=2, block=1, head="2", query="4,5", api_name="/explain"
    )
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("PNG", CAT.size)
    assert sentence.startswith("Attention (stage 2")
    seen = trace(*network, CAT)
    expected = attention_map(seen, 1, 0, (3, 4), head=1)
    with np.load(numbers) as arrays:
        np.testing.assert_allclose(arrays["values"], expected.values, atol=1e-6)
        y, x = seen.crop.to_photo(*expected.grid.centre(2, 3))
        assert (arrays["centre_y"][2], arrays["centre_x"][3]) == pytest.approx((y, x))


def test_numbers_count_from_1_or_from_the_end(model_folder: Path, network: Any) -> None:
    models = ModelCache(offered_models(str(model_folder)))
    depth, heads = network[0].config.depth[-1], network[0].config.num_heads[-1]
    rows, columns = trace(*network, CAT).stages[-1].geometry.tokens.shape
    told = explain(models, CAT, "local:small-cvt", stage=3, block=depth, head=str(heads), query=f"{rows},{columns}")[1]
    assert told == explain(models, CAT, "local:small-cvt", stage=-1, block=-1, head="-1", query="-1,-1")[1]
    assert f"(stage 3, block {depth}, head {heads}, seen from row {rows}, column {columns})" in told


@pytest.mark.parametrize("method", ["feature", "attention", "attention_received", "rollout", "class_evidence"])
def test_every_method_has_sensible_defaults(client: Client, method: str) -> None:
    picture, sentence, numbers = client.predict(handle_file(PHOTO), method=method, api_name="/explain")
    assert Path(picture).stat().st_size > 1000
    assert sentence.endswith(".")
    assert Path(numbers).suffix == ".npz"


@pytest.mark.parametrize("target", ["church", "1"])
def test_a_class_by_name_or_number(client: Client, target: str) -> None:
    _, sentence, _ = client.predict(handle_file(PHOTO), method="class_evidence", target=target, api_name="/explain")
    assert "church" in sentence


@pytest.mark.parametrize(
    ("arguments", "what_is_wrong"),
    [
        ({"stage": 4}, "from 1 to 3"),
        ({"stage": 0}, "from 1 to 3"),
        ({"block": 9}, "Block 9 does not exist"),
        ({"block": 0}, "Block 0 does not exist"),
        ({"head": "0"}, "Head 0 does not exist"),
        ({"head": "9"}, "Head 9 does not exist"),
        ({"query": "0,1"}, "Row 0 does not exist"),
        ({"query": "1,0"}, "Column 0 does not exist"),
        ({"head": "left"}, "must be 'mean' or a number"),
        ({"query": "middle"}, "must be 'cls' or 'row,column'"),
        ({"query": "99,0"}, "99"),
        ({"stage": 1, "query": "cls"}, "CLS"),
        ({"method": "magic"}, "magic"),
        ({"model": "../../etc"}, "etc"),
        ({"method": "class_evidence", "target": "unicorn"}, "'unicorn' is not one"),
    ],
)
def test_what_is_not_there_is_named(client: Client, arguments: dict[str, Any], what_is_wrong: str) -> None:
    with pytest.raises(AppError) as told:
        client.predict(handle_file(PHOTO), **arguments, api_name="/explain")
    assert what_is_wrong.lower() in str(told.value).lower()


@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        ({"method": "feature"}, [None]),
        ({"method": "class_evidence", "target": "church"}, ["church"]),
        ({"method": "class_evidence"}, ["winner"]),
    ],
)
def test_the_network_runs_no_more_often_than_it_must(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str], targets: list[object]
) -> None:
    asked: list[object] = []

    def counted(*given: Any, target: Any = None, **more: Any) -> Any:
        asked.append(target)
        return trace(*given, target=target, **more)

    monkeypatch.setattr(endpoints, "trace", counted)
    models = ModelCache(offered_models(str(model_folder)))
    explain(models, CAT, "local:small-cvt", **arguments)  # type: ignore[arg-type]
    assert [None if target is None else type(target) for target in asked] == [
        None if target is None else type(target) for target in targets
    ]


def test_a_bad_file_is_refused_and_the_server_goes_on(client: Client, tmp_path: Path) -> None:
    fake = tmp_path / "fake.png"
    fake.write_text("not a picture")
    with pytest.raises(AppError, match="not a picture"):
        client.predict(handle_file(fake), api_name="/classify")
    assert client.predict(handle_file(PHOTO), api_name="/classify")["label"]


def test_nothing_else_is_offered_to_programs(client: Client) -> None:
    api = client.view_api(return_format="dict")
    assert set(api["named_endpoints"]) == {"/classify", "/explain"}
    assert api["unnamed_endpoints"] == {}
    names = [parameter["parameter_name"] for parameter in api["named_endpoints"]["/explain"]["parameters"]]
    assert names == ["image", "model", "method", "stage", "block", "head", "query", "target", "size"]
    defaults = [p["parameter_has_default"] for p in api["named_endpoints"]["/explain"]["parameters"]]
    assert defaults == [False] + [True] * 8
