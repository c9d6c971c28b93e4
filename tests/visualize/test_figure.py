"""A figure holds one map, what it is, its scale with a unit, and whose photo it is; text stays text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvt.errors import ConfigError
from cvt.tracing import Trace
from visualize.attention import attention_map
from visualize.drawing import length, wrapped
from visualize.feature_maps import feature_map
from visualize.figure import figure


def words_of(path: Path) -> list[str]:
    """The texts of an SVG, as text."""
    return [text.text or "" for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_an_svg_says_everything_as_text(
    noise_trace: Callable[..., Trace], tmp_path: Path, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    trace = noise_trace("released")
    heatmap = attention_map(trace, 2, 1, (0, 1), head=2)
    path = tmp_path / "figure.svg"
    figure(trace, heatmap, path, model_name="A model", credit="Photo: somebody", language=language)
    told = " ".join(words_of(path))
    keys = heatmap.values.size + 1
    expected = {
        "en": ("stage 3, block 2, head 3, seen from", "row 1, column 2", "Attention [share of attention]", "all alike"),
        "ja": ("ステージ3", "ヘッド3", "アテンションの割合", "すべて均等"),
    }
    for text in (*expected[language], f"1/{keys}", "A model", "Photo: somebody"):
        assert text in told, text
    assert not caplog.messages, "fonts were looked for in vain"


def test_a_pdf_holds_truetype_fonts(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    trace = noise_trace("released")
    figure(trace, feature_map(trace, 0), tmp_path / "figure.pdf", language="ja")
    content = (tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("width", [200, 1234])
@pytest.mark.parametrize("shape", [(48, 64), (120, 40)])
def test_a_png_is_as_wide_as_asked_for(
    noise_trace: Callable[..., Trace], tmp_path: Path, width: int, shape: tuple[int, int]
) -> None:
    trace = noise_trace("released", *shape)
    figure(trace, feature_map(trace, 1), tmp_path / "figure.png", width=width)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width == width
        edges = np.asarray(image.convert("L"))
    for side in (edges[0], edges[-1], edges[:, 0], edges[:, -1]):
        assert side.min() == 255, "nothing is cut"


def test_a_scale_always_has_quantity_and_unit(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    trace = noise_trace("released")
    told = {"norm": "Feature norm [arbitrary unit]", "pca": "colours are the values themselves"}
    for reduce, expected in told.items():
        figure(trace, feature_map(trace, 0, reduce), tmp_path / "figure.svg")  # type: ignore[arg-type]
        assert expected in " ".join(words_of(tmp_path / "figure.svg"))


def test_what_cannot_be_drawn_is_refused(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    trace = noise_trace("released")
    heatmap = feature_map(trace, 0)
    with pytest.raises(ConfigError, match=r"figure.gif' must end in .png, .pdf or .svg"):
        figure(trace, heatmap, tmp_path / "figure.gif")
    for width in (0, 199, 10_001, 300.0):
        with pytest.raises(ConfigError, match=f"width {width} must be a whole number"):
            figure(trace, heatmap, tmp_path / "figure.png", width=width)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_lines_break_at_spaces_and_inside_what_has_none() -> None:
    lines = wrapped("a line of several words", 0.5, 8)
    assert " ".join(lines) == "a line of several words" and len(lines) > 1
    assert "".join(wrapped("ステージごとのアテンション", 0.5, 8)) == "ステージごとのアテンション"
    assert all(length(line, 8) <= 0.5 for line in [*lines, *wrapped("ステージごとのアテンション", 0.5, 8)])
    assert wrapped("", 1, 8) == [""]
    for width in np.linspace(0.3, 1, 15):
        assert "13" in " ".join(wrapped("ヘッド平均、13行", width, 8)), "numbers stay whole"


def test_several_maps_share_a_scale_and_keep_their_titles(noise_trace: Callable[..., Trace], tmp_path: Path) -> None:
    trace = noise_trace("released")
    maps = [attention_map(trace, 1, 0, (0, 1), head=head) for head in range(3)]
    figure(trace, maps, tmp_path / "figure.svg", model_name="A model")
    told = " ".join(words_of(tmp_path / "figure.svg"))
    for head in (1, 2, 3):
        assert f"head {head}" in told
    assert told.count("share of attention]") == 1
    figure(trace, maps, tmp_path / "figure.png", width=1234)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width == 1234 and image.width > image.height
    with pytest.raises(ConfigError, match="must be of one kind"):
        figure(trace, [maps[0], feature_map(trace, 1)], tmp_path / "figure.png")
    with pytest.raises(ConfigError, match="no maps"):
        figure(trace, [], tmp_path / "figure.png")
