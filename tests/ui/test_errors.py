"""What goes wrong, told."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.context import LocalContext

from cvt.errors import CheckpointError, ConfigError, CvtError, DownloadError, ImageError
from ui.errors import PhotoError, as_toasts, warn
from visualize.language import phrase


def fail(error: Exception) -> None:
    raise error


def fail_later(error: Exception) -> Iterator[int]:
    yield 1
    raise error


@pytest.mark.parametrize("handler", [as_toasts(fail), lambda error: list(as_toasts(fail_later)(error))])
class TestBothKinds:
    """Functions and generators alike."""

    def test_errors_on_purpose_are_told(self, handler) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(gr.Error) as told:
            handler(ImageError("the file is empty"))
        assert told.value.message == "The file is empty"

    def test_others_only_reach_the_log(self, handler, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(gr.Error) as told:
            handler(ZeroDivisionError("secret detail in /home/somebody"))
        assert "secret" not in told.value.message
        assert "secret" in caplog.text
        assert told.value.__suppress_context__

    def test_no_html_gets_through(self, handler) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(gr.Error) as told:
            handler(ImageError("class '<img src=x onerror=alert(1)>' is not one"))
        assert "<" not in told.value.message


def test_what_a_generator_yields_comes_through() -> None:
    generator = as_toasts(fail_later)(ImageError("x"))
    assert next(generator) == 1


@pytest.fixture
def japanese() -> Iterator[None]:
    """Somebody asks who reads the page in Japanese."""
    before = LocalContext.request.set(SimpleNamespace(query_params={"lang": "ja"}, headers={}))  # type: ignore[arg-type]
    yield
    LocalContext.request.reset(before)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PhotoError("photo_missing"), "写真がまだありません。ドロップするか、サンプルを選んでください。"),
        (PhotoError("photo_bytes", most=20), "写真が大きすぎます（上限20MB）。"),
        (ImageError("the file is empty"), phrase("ja", "messages", "error_image", reason="")),
        (
            DownloadError("HF_HUB_OFFLINE", "offline"),
            "モデルをダウンロードできませんでした。このコンピューターは、インターネットにつながっていないようです。",
        ),
        (ConfigError("class 7 is not one"), phrase("ja", "messages", "error_request", reason="")),
        (ZeroDivisionError("secret"), "サーバーで問題が発生しました。"),
    ],
)
def test_errors_are_told_in_the_visitors_language(japanese: None, error: Exception, message: str) -> None:
    with pytest.raises(gr.Error) as told:
        as_toasts(fail)(error)
    assert told.value.message == message


def test_warnings_too(japanese: None, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(gr, "Warning", shown.append)
    warn("photo_unusable", reason=PhotoError("photo_lost"))
    warn("unknown_example", value="<b>", known="cat")
    assert shown == [
        "この写真は使えません：写真を受け取れませんでした。もう一度ドロップしてください。",
        "サンプル「&lt;b&gt;」はここにありません。選べるのはcatです。",
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DownloadError("config.json: HF_HUB_OFFLINE", "offline"), "no connection to the internet"),
        (DownloadError("someone/cvt is gated: HF_TOKEN", "closed"), "no model of this name"),
        (DownloadError("config.json: [Errno 28]", "full"), "disk of this machine is full"),
        (DownloadError("config.json: brought nothing for 60 s", "slow"), "sends next to nothing"),
        (DownloadError("config.json: ReadError"), "the download broke off"),
        (CheckpointError("/home/somebody/config.json is not valid JSON"), "incomplete or damaged"),
    ],
)
def test_a_model_that_cannot_be_had_is_told_plainly_and_logged_exactly(
    error: CvtError, told: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(gr, "Warning", shown.append)
    warn("model_kept", reason=error, model="CvT-13", kept="Imagenette")
    assert shown[0].startswith("CvT-13 could not be ") and shown[0].endswith(". The page goes on with Imagenette.")
    assert told in shown[0] and not any(word in shown[0] for word in ("json", "HF_", "/", "Errno"))
    assert str(error) in caplog.text
    with pytest.raises(gr.Error) as raised:
        as_toasts(fail)(error)
    assert caplog.text.count(str(error)) == 1, "told twice, logged once"
    assert raised.value.message.startswith("The model could not be ") and told in raised.value.message
