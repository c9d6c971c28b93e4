"""What stands around the code is true: versions agree, links and names lead somewhere, the workflow is well formed."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_japanese import broken

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PROSE = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/*.md")])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_said_once_and_the_same() -> None:
    version = PROJECT["version"]
    released = re.findall(r"^## (\d\S+) – (\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.MULTILINE)
    citation: dict[str, Any] = yaml.safe_load(read("CITATION.cff"))
    assert released[0][0] == version == citation["version"]
    assert released[0][1] == str(citation["date-released"])
    assert [number for number, _ in released] == sorted((number for number, _ in released), reverse=True)


def test_the_citation_has_what_a_citation_needs() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"title", "message", "authors"} <= citation.keys()
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]


def test_the_workflow_runs_what_is_supported() -> None:
    job = yaml.safe_load(read(".github/workflows/check.yml"))["jobs"]["check"]
    announced = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert job["strategy"]["matrix"] == {"os": ["ubuntu-latest", "macos-latest"], "python": announced}
    assert PROJECT["requires-python"] == f">={announced[0]}"
    assert job["steps"][-1]["run"] == ".ci/run"


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_github_reads_its_files(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


SOURCED = {"environment", "node"}
"""What other scripts read, and nobody runs."""


def test_the_verbs_can_be_run() -> None:
    verbs = [path for path in (ROOT / "scripts").iterdir() if not path.suffix and path.name not in SOURCED]
    for path in [*verbs, ROOT / ".ci" / "run"]:
        assert path.stat().st_mode & 0o111, f"{path.name} is not executable"
        subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if not re.match(r"https?:|mailto:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(path: Path) -> None:
    """Paths of the project in code marks; capitals and … stand for something of the reader's."""
    layers = "|".join(sorted(p.name for p in ROOT.iterdir() if p.is_dir() and p.name[0] not in "._"))
    for name in re.findall(rf"`((?:{layers})/[a-z0-9_./*-]*)`", path.read_text(encoding="utf-8")):
        assert list(ROOT.glob(name.rstrip("/"))), f"{path.name} names {name}"


def code_blocks(name: str) -> set[str]:
    """The fenced blocks of a page, without their comments, which are translated."""
    blocks = re.findall(r"^```\w+\n(.*?)^```", read(name), re.MULTILINE | re.DOTALL)
    return {re.sub(r"[ \t]+#.*", "", block) for block in blocks}


def test_the_japanese_readme_shows_the_same_code() -> None:
    blocks = code_blocks("README.ja.md")
    assert len(blocks) > 3
    assert blocks <= code_blocks("README.md")


def test_the_japanese_readme_is_set_as_japanese_is() -> None:
    prose = re.sub(r"^```.*?^```\n", "", read("README.ja.md"), flags=re.MULTILINE | re.DOTALL)
    wrong = {told: rules for told in prose.split("\n\n") if (rules := broken(told.strip()))}
    assert not wrong
