"""Pictures from files, addresses, arrays and tensors."""

from __future__ import annotations

import base64
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvt import image_inputs
from cvt.errors import ConfigError, ImageError
from cvt.image_processor import CvtImageProcessor

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)


def png() -> bytes:
    stored = BytesIO()
    Image.fromarray(PIXELS).save(stored, "PNG")
    return stored.getvalue()


@pytest.fixture
def server() -> Iterator[str]:
    """Serves a picture, a redirection to it, a text, and a refusal."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            status = {"/gone": 404, "/moved": 302}.get(self.path, 200)
            body = png() if self.path == "/picture" else b"a text"
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/picture")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_wherever_a_picture_comes_from_its_pixels_are_the_same(server: str, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(png())
    processor = CvtImageProcessor(size=32)
    sources = [
        Image.fromarray(PIXELS),
        tmp_path / "picture",
        str(tmp_path / "picture"),
        f"{server}/picture",
        f"{server}/moved",
        "data:image/png;base64," + base64.b64encode(png()).decode(),
        PIXELS,
        torch.from_numpy(PIXELS),
        PIXELS.transpose(2, 0, 1),
        PIXELS.astype(np.int64),
        PIXELS.astype(np.float32),
        torch.from_numpy(PIXELS).bfloat16(),
    ]
    batch = processor(sources, return_tensors="np")["pixel_values"]
    for values in batch[1:]:
        np.testing.assert_array_equal(values, batch[0])


@pytest.mark.parametrize(
    ("path", "message"),
    [("/gone", "cannot be fetched: HTTP Error 404"), ("/text", "not a picture that can be read")],
)
def test_an_address_without_a_picture(server: str, path: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        CvtImageProcessor()(server + path)


def test_a_download_is_bounded(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_inputs, "_MAX_DOWNLOAD", 100)
    with pytest.raises(ImageError, match="/picture is larger than"):
        CvtImageProcessor()(f"{server}/picture")


def test_a_local_address_is_no_way_around_the_web() -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        CvtImageProcessor()("file:///etc/hostname")


# Floats


def test_fractions_stand_for_bytes_when_they_are_not_rescaled() -> None:
    processor, unit = CvtImageProcessor(size=32), PIXELS / 255
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given = processor(unit, do_rescale=False, return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(given, processor(PIXELS, return_tensors="np")["pixel_values"], atol=0.03)


def test_fractions_that_are_rescaled_twice_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="trying to rescale already rescaled images") as caught:
        values = CvtImageProcessor(do_normalize=False, size=32)(PIXELS / 255, return_tensors="np")["pixel_values"]
    assert len(caught) == 1 and caught[0].filename == __file__
    assert values.max() <= 1 / 255


def test_unresized_numbers_are_kept_as_they_are() -> None:
    numbers = np.linspace(-3, 700, PIXELS.size, dtype=np.float32).reshape(PIXELS.shape)
    plain = {"do_resize": False, "do_rescale": False, "do_normalize": False}
    processor = CvtImageProcessor(**plain)  # type: ignore[arg-type]
    np.testing.assert_array_equal(
        processor(numbers, return_tensors="np")["pixel_values"][0], numbers.transpose(2, 0, 1)
    )
    with pytest.raises(ImageError, match="from -3 to 700; expected whole numbers"):
        CvtImageProcessor()(numbers)


@pytest.mark.parametrize("size", [(3, 3, 3), (4, 3, 3), (3, 4, 4), (1, 5, 3)])
def test_channels_may_be_told_where_shapes_do_not(size: tuple[int, int, int]) -> None:
    array = np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8)
    plain = CvtImageProcessor(do_resize=False, do_rescale=False, do_normalize=False)
    if size[2] == 3:
        values = plain(array, input_data_format="channels_last")["pixel_values"][0]
        np.testing.assert_array_equal(values, array.transpose(2, 0, 1))
    if size[0] == 3:
        values = plain(array, input_data_format="channels_first")["pixel_values"][0]
        np.testing.assert_array_equal(values, array)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_data_format": "upside_down"}, "input_data_format='upside_down' must be"),
        ({"do_flip": True, "size": 32}, "do_flip: not a field of CvtImageProcessor"),
        ({"return_tensors": "jax"}, "return_tensors='jax' must be 'pt', 'np', 'tf' or None"),
        ({"size": {"height": 3, "width": 4}}, "must be a whole number of pixels"),
    ],
    ids=str,
)
def test_calls_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CvtImageProcessor()(PIXELS, **arguments)


def test_an_option_that_is_no_field_is_named(tmp_path: Path) -> None:
    CvtImageProcessor().save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="do_flip: not a field of CvtImageProcessor, nor an option of the Hub"):
        CvtImageProcessor.from_pretrained(tmp_path, do_flip=True)
