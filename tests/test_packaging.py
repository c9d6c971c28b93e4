"""What is installed: the wheel's contents, its needs, its commands; and the lists of packages agree with each other."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LISTS = sorted(ROOT.glob("requirements*.txt"))
NOT_INSTALLED = {"build", "docs", "node_modules", "runs", "tests"}
"""And whatever begins with a dot: the environment, and caches of tools."""

MADE = {".pyc", ".pyi"}

# Where the folders of the checkout are in what is installed.
HOMES = {
    "cvt": "cvt",
    "examples": "cvt_explorer/examples",
    "training": "cvt_explorer/training",
    "ui": "cvt_explorer/ui",
    "visualize": "visualize",
    "web": "cvt_explorer/web",
    "words": "visualize/words",
}


def requirements(path: Path) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


LOCK = {
    canonicalize_name(requirement.name): requirement
    for requirement in requirements(ROOT / "requirements.lock")
    if not requirement.marker or requirement.marker.evaluate()
}


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; a failure shows all of it."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def not_installed(folder: str, names: list[str]) -> set[str]:
    """What of a folder does without a copy."""
    return {name for name in names if name in NOT_INSTALLED or name.startswith(".")} if Path(folder) == ROOT else set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from its source distribution, as `python -m build` does.

    That is built from a copy, so that nothing is left in the checkout.
    """
    source = tmp_path_factory.mktemp("source") / "cvt-explorer"
    shutil.copytree(ROOT, source, ignore=not_installed)
    out = source.parent / "wheel"
    made = "from setuptools.build_meta import build_sdist; print(build_sdist('sdist'))"
    sdist = source / "sdist" / run(sys.executable, "-c", made, cwd=source).splitlines()[-1]
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, sdist, cwd=source)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The scripts folder of a fresh environment with the wheel in it, checked against the pins.

    The packages it needs are lent by the environment of the tests, so that nothing is downloaded.
    """
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=sys.platform != "win32")
    scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--no-index")
    run(*pip, "-c", ROOT / "requirements.txt", f"{wheel}[app]", cwd=home)
    yield scripts
    shutil.rmtree(home)


def test_the_wheel_has_names_of_its_own(wheel: Path) -> None:
    names = {name.partition("/")[0] for name in ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"cvt", "cvt_explorer", "visualize"}


@pytest.mark.parametrize("folder", HOMES)
def test_the_wheel_has_every_file_of_its_packages(wheel: Path, folder: str) -> None:
    names = set(ZipFile(wheel).namelist())
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix not in MADE]
    missing = {f"{HOMES[folder]}/{path.relative_to(ROOT / folder).as_posix()}" for path in files} - names
    assert len(files) > 3
    assert not missing, "pyproject.toml says which packages and files are installed"


def test_the_libraries_do_without_gradio(installed: Path, tmp_path: Path) -> None:
    needs = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    assert "gradio" not in needs
    blocked = "import sys; sys.modules['gradio'] = None; import cvt, visualize, visualize.__main__; print(cvt.__file__)"
    where = Path(run(installed / "python", "-c", blocked, cwd=tmp_path).strip())
    assert where.is_relative_to(installed.parent)


def test_a_model_and_its_words_are_inside(installed: Path, tmp_path: Path) -> None:
    photo = ROOT / "examples" / "taj-mahal.jpg"
    run(installed / "cvt-visualize", photo, "--out", tmp_path / "out", "--language", "ja", cwd=tmp_path)
    made = sorted(path.suffix for path in (tmp_path / "out").iterdir())
    assert made == [".json", ".npz", ".png"]
    assert run(installed / "cvt-visualize", "--help", cwd=tmp_path).startswith("usage: cvt-visualize ")


def test_training_stands_below_another_name(installed: Path, tmp_path: Path) -> None:
    asked = "from cvt_explorer.training.recipe import load_recipe; print(load_recipe('imagenette').name)"
    assert run(installed / "python", "-c", asked, cwd=tmp_path).strip() == "imagenette"
    help_text = run(installed / "python", "-m", "cvt_explorer.training.train", "--help", cwd=tmp_path)
    assert "--recipe" in help_text


def test_the_page_says_what_it_lacks(installed: Path, tmp_path: Path) -> None:
    without = "import sys; sys.modules['gradio'] = None; from cvt_explorer.ui.__main__ import main; main()"
    done = subprocess.run([installed / "python", "-c", without], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r'error: .* pip install "cvt-explorer\[app\]"\n', done.stderr)


def test_the_page_opens_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    """With its modules and examples; until somebody ends it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
    command = [installed / "cvt-explorer", "--model", "bundled", "--port", address[17:-1]]
    with (tmp_path / "log").open("wb") as log:
        page = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
        try:
            html = opened(address, page, tmp_path / "log")
            module = re.search(r'href="(web/[^"]*/explorer/explorer\.js)"', html)
            assert module, html[:2000]
            assert "export function mount" in fetched(address + module[1])
            assert "taj-mahal" in fetched(address + "config")
        finally:
            page.terminate()
            page.wait(60)


def fetched(address: str) -> str:
    with urllib.request.urlopen(address) as answer:
        return str(answer.read().decode())


def opened(address: str, page: subprocess.Popen[bytes], log: Path) -> str:
    """What stands at an address as soon as something does."""
    while page.poll() is None:
        with suppress(OSError):
            return fetched(address)
        time.sleep(0.5)
    raise AssertionError(log.read_text(encoding="utf-8"))


def test_types_are_announced(wheel: Path) -> None:
    assert {"cvt/py.typed", "visualize/py.typed"} <= set(ZipFile(wheel).namelist())


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_lists_are_pinned_and_locked(path: Path) -> None:
    for requirement in requirements(path):
        pin = re.fullmatch(r"==[0-9.]+", str(requirement.specifier))
        assert pin, f"{path.name}: {requirement} is not pinned to one public release"
        if not requirement.marker or requirement.marker.evaluate():
            assert LOCK[canonicalize_name(requirement.name)].specifier == requirement.specifier, (
                f"{requirement}: run scripts/lock"
            )


def test_the_ranges_hold_the_pins() -> None:
    """What the libraries and the extras allow includes what the tests ran with, and needs nothing that has no pin."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    pins = {canonicalize_name(requirement.name): requirement for path in LISTS for requirement in requirements(path)}
    for line in [*project["dependencies"], *chain(*extras)]:
        wanted = Requirement(line)
        version = str(pins[canonicalize_name(wanted.name)].specifier).removeprefix("==")
        assert wanted.specifier.contains(version), f"{line} leaves out {version}"


def test_the_lock_holds_everything() -> None:
    """Every package that is needed here by what is needed here, at the release that is installed here."""
    left, seen = [requirement for path in LISTS for requirement in requirements(path)], set()
    while left:
        requirement = left.pop()
        extras = {"", *requirement.extras}
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = canonicalize_name(requirement.name)
        if (name, *sorted(extras)) in seen:
            continue
        seen.add((name, *sorted(extras)))
        assert name in LOCK, f"requirements.lock has no {name}: run scripts/lock"
        distribution = metadata.distribution(name)
        assert LOCK[name].specifier.contains(distribution.version), f"{name} {distribution.version} is installed"
        for line in distribution.requires or ():
            needed = Requirement(line)
            if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                needed.marker = None
                left.append(needed)
    assert len(seen) > 50


def test_the_lock_names_no_place_and_no_local_build() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "+" not in text


def test_a_space_installs_what_the_pins_say() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    announced = re.search(r"^sdk_version: (.+)$", readme, re.MULTILINE)
    assert announced
    assert f"gradio=={announced[1]}" in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
