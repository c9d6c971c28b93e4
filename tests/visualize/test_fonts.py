"""The same letters on every machine, Japanese ones among them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from visualize.fonts import families, pillow_font, writable


def test_japanese_can_be_written() -> None:
    assert writable("アテンション（ステージ3）：橋と猫、1/26［割合］〜「教会」")
    assert writable("亜腕弌熙髙﨑")  # the first and last kanji of JIS X 0208's two levels, and two of names
    assert not writable("ไทย")


@pytest.mark.parametrize(
    ("text", "family"), [("attention − ×", "DejaVu Sans"), ("注意 attention", "CvT Explorer Gothic")]
)
def test_pillow_writes_with_our_own_fonts(text: str, family: str) -> None:
    assert pillow_font(text, 20).getname()[0] == family


def test_matplotlib_needs_no_installed_font(tmp_path: Path) -> None:
    """In a process of its own, where nothing was cached and only matplotlib's own fonts are found."""
    code = (
        "from matplotlib import font_manager as manager\n"
        "manager.fontManager.ttflist = [one for one in manager.fontManager.ttflist if 'mpl-data' in one.fname]\n"
        "from matplotlib.figure import Figure\n"
        "from visualize.fonts import families\n"
        "figure = Figure(); figure.text(0, 0.5, '教会 church', fontfamily=families(), fontweight='bold')\n"
        f"figure.savefig({str(tmp_path / 'words.pdf')!r})\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert families()[0] == "DejaVu Sans"
    assert b"CvTExplorerGothic" in (tmp_path / "words.pdf").read_bytes()
