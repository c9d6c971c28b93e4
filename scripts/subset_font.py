"""Makes the Japanese font of pictures and sheets: python scripts/subset_font.py VL-PGothic-Regular.ttf

Kept are Latin letters, kana, signs and the kanji of JIS X 0208, both levels, without hints. The outcome has a name of
its own, so that no installed font is taken for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

OUT = Path(__file__).parent.parent / "visualize" / "typeface" / "CvTExplorerGothic.ttf"
NAME = "CvT Explorer Gothic"
LATIN = [*range(0x20, 0x180), *range(0x2010, 0x2030), 0x2032, 0x2033, 0x2212, 0x00D7]
BESIDES = "①②③④⑤⑥⑦⑧⑨⑩〜～髙﨑"


def jis_x_0208() -> Iterator[int]:
    """Every character of the standard: signs, kana, and the kanji of both levels."""
    for row in range(1, 85):
        for cell in range(1, 95):
            with suppress(UnicodeDecodeError):
                yield ord(bytes([0xA0 + row, 0xA0 + cell]).decode("euc_jp"))


def main(source: str) -> None:
    """Write the font."""
    font = TTFont(source)
    options = Options(hinting=False, layout_features=["kern"], glyph_names=False, notdef_outline=True, name_IDs=[0, 5])
    options.drop_tables += ["FFTM", "gasp"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes={*jis_x_0208(), *LATIN, *map(ord, BESIDES)})
    subsetter.subset(font)
    for kind, name in ((1, NAME), (2, "Regular"), (3, f"{NAME} Regular"), (4, NAME), (6, NAME.replace(" ", ""))):
        font["name"].setName(name, kind, 3, 1, 0x409)
        font["name"].setName(name, kind, 1, 0, 0)
    font.save(OUT)


if __name__ == "__main__":
    main(sys.argv[1])
