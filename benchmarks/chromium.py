"""Which Chromium to drive: the one that ``CHROMIUM`` names, else the system's, else Playwright's own.

``python -m benchmarks.chromium`` prints where it is, and fails where there is none.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

__all__ = ["find_chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """The path of the system's browser; None for Playwright's own, which Playwright finds itself."""
    found = (shutil.which(name) for name in NAMES)
    return os.environ.get("CHROMIUM") or next((path for path in found if path), None)


def main() -> int:
    """Print where it is; the status is 1 where there is none."""
    path = find_chromium()
    if path is None:
        with sync_playwright() as driver:
            path = driver.chromium.executable_path
    print(path)
    return int(not Path(path).exists())


if __name__ == "__main__":
    sys.exit(main())
