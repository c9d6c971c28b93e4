"""The README's own lines, run as they stand and in their order, in a copy of what a clone holds."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXEMPT = "scripts/test"  # that is us
PATIENCE = 300


@dataclass
class Person:
    """Somebody in a terminal: the folder, the port of the page, what was activated, and the page in another window."""

    folder: Path
    port: int
    activated: list[str] = field(default_factory=list)
    page: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "GRADIO_SERVER_PORT": str(self.port), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "2"}

    def command(self, line: str) -> list[str]:
        return ["bash", "-ec", "\n".join([*self.activated, line])]

    def type(self, line: str) -> None:
        """One line of a block; a line that opens a page does not come back, and stays open until the next one."""
        if line.startswith(". "):
            self.activated.append(line)
        elif line.startswith(("scripts/demo", "python app.py")):
            self.open(line)
        elif line and not line.startswith(EXEMPT):
            done = subprocess.run(
                self.command(line), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    def open(self, line: str) -> None:
        self.close()
        self.page = subprocess.Popen(self.command(line), cwd=self.folder, env=self.environment, start_new_session=True)
        address = f"http://127.0.0.1:{self.port}/config"
        for _ in range(5 * PATIENCE):
            assert self.page.poll() is None, f"{line} ended with {self.page.returncode}"
            with suppress(OSError), urllib.request.urlopen(address) as answer:
                assert b"CvT Explorer" in answer.read()
                return
            time.sleep(0.2)
        raise AssertionError(f"{line} never answered")

    def close(self) -> None:
        if self.page is not None:
            os.killpg(self.page.pid, signal.SIGTERM)
            self.page.wait(PATIENCE)
            self.page = None


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    """Somebody with a fresh copy of the repository and this environment as its ``.venv``."""
    folder = tmp_path / "clone"
    kept = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, kept.stdout.decode().split("\0")):
        source, copy = ROOT / name, folder / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    (folder / ".venv").symlink_to(sys.prefix)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    somebody = Person(folder, port)
    yield somebody
    somebody.close()


def own_photos(folder: Path) -> None:
    """What the README asks for before training: a folder per class, below ``train`` and below ``val``."""
    random = np.random.default_rng(0)
    for part, count in (("train", 3), ("val", 1)):
        for shade, name in ((60, "dark"), (190, "bright")):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(shade - 50, shade + 50, (48, 64, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{number}.png")


def test_every_block_runs_as_it_stands(person: Person) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert [language for language, _ in blocks].count("bash") >= 4
    own_photos(person.folder / "my-photos")
    for number, (language, block) in enumerate(blocks):
        if language == "bash":
            for line in block.splitlines():
                person.type(line)
        else:
            (person.folder / f"block-{number}.py").write_text(block.replace(":7860", f":{person.port}"))
            person.type(f"python block-{number}.py")
    for made in ("attention.png", "report.pdf", "explained/cat.png", "runs/mine/model/model.safetensors"):
        assert (person.folder / made).stat().st_size > 1000, made
