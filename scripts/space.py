"""The app as a Space runs it: another user, a repository that is read-only, a home elsewhere, and CvT-13 in the cache.

What the cache holds under the name of CvT-13 is a small network with random weights, downloaded from the stand-in for
the Hub that the tests have; while the app runs there is no Hub. Checked are the first page, a photo that somebody
brings, both endpoints, what is said of privacy and of framing, that nothing is written where nothing may be, and the
end. Prints a line for each, and exits with 1 where one of them is not as it should be.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import httpx
from huggingface_hub import constants

from cvt.config import CvtConfig
from cvt.download import download
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from tests.cvt.stand_in_hub import StandInHub
from tests.ui.servers import Server

ROOT = Path(__file__).parent.parent
MODEL = "microsoft/cvt-13"
PHOTO = ROOT / "examples" / "cat.jpg"
PATIENCE = 300
"""Seconds until the app has to answer."""

Launch = dict[str, Any]
"""How another user is started: more of what ``subprocess.Popen`` takes."""


def fill_cache(home: Path) -> None:
    """What ``preload_from_hub`` has put there before a Space starts."""
    with tempfile.TemporaryDirectory() as folder:
        config = CvtConfig(embed_dim=[8, 16, 32], num_heads=[1, 2, 4], depth=[1, 1, 2], num_labels=1000)
        CvtForImageClassification(config).save_pretrained(folder)
        CvtImageProcessor(size=64).save_pretrained(folder)
        hub = StandInHub()
        try:
            hub.add(MODEL, Path(folder))
            constants.ENDPOINT, constants.HF_HUB_OFFLINE = hub.url, False
            constants.HF_HUB_CACHE = str(home / ".cache" / "huggingface" / "hub")
            download(MODEL)
        finally:
            hub.stop()


def copy_repository(to: Path) -> None:
    """What git knows of, or would take; nobody may write there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)
    for path in [*to.rglob("*"), to]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def somebody_else(environment: dict[str, str]) -> tuple[list[str], Launch]:
    """A Python, and how it is started as a user who may not write in the repository: not as root, who may everywhere.

    Where no Python can be run by others, because it lies in root's own home, it runs as root without root's powers.
    """
    packages = sysconfig.get_paths()["purelib"]
    if os.getuid() != 0:
        return [sys.executable], {}
    nobody = pwd.getpwnam("nobody")
    other: Launch = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/local/bin/{name}", f"/usr/bin/{name}"):
        environment["PYTHONPATH"] = packages
        try:
            subprocess.run([python, "-c", "import gradio_client"], env=environment, check=True, cwd="/", **other)
            return [python], other
        except (OSError, subprocess.CalledProcessError):
            continue
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable], {}


@contextmanager
def running(place: Path, port: int) -> Iterator[Server]:
    """The app, as soon as it answers."""
    repository, home = place / "app", place / "home"
    (home / "tmp").mkdir(parents=True)
    fill_cache(home)
    copy_repository(repository)
    environment = {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "SYSTEM": "spaces",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    command, other = somebody_else(environment)
    if other:
        for path in [home, *home.rglob("*")]:
            os.chown(path, other["user"], other["group"], follow_symlinks=False)
    start: Any = subprocess.Popen
    process = start([*command, "app.py"], cwd=repository, env=environment, **other)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(PATIENCE * 2):
            if process.poll() is not None:
                sys.exit(f"error: the app ended with status {process.returncode}")
            try:
                httpx.get(f"{address}/healthz", timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.5)
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            yield Server(address, process, home / "tmp", client)
    finally:
        process.kill()
        process.wait()


def check(server: Server) -> Iterator[tuple[str, bool]]:
    """What has to be so, and whether it is."""
    page = httpx.get(server.address, headers={"Host": "someone-cvt.hf.space", "Origin": "https://huggingface.co"})
    yield "the first page answers, under the Space's name too", page.status_code == 200 and "CvT Explorer" in page.text
    policy = page.headers.get("content-security-policy", "")
    yield "Hugging Face may frame it", "frame-ancestors 'self' https://huggingface.co" in policy
    config = httpx.get(f"{server.address}/config").text
    yield "it begins with the cached CvT-13", f'"value":"{MODEL}"' in config
    yield "it says that photos are sent to a server", '"key":"privacy_space"' in config or "privacy_space" in config
    handlers = server.handlers()
    path = server.upload(PHOTO.read_bytes(), "cat.jpg")
    dropped = server.ask(handlers["drop"], [None], {"file": path})
    yield "a photo that is dropped arrives", dropped[-1][:2] == ("process_completed", True)
    classified = server.ask(handlers["classify"], [{"path": path}, MODEL, 5])
    is_list = classified[-1][1] and len(classified[-1][2][0]["confidences"]) == 5
    yield "/classify names five classes", bool(is_list)
    given = [{"path": path}, MODEL, "class_evidence", 3, -1, "mean", "cls", "", 400]
    explained = server.ask(handlers["explain"], given)
    picture, sentence, numbers = explained[-1][2] if explained[-1][1] else ({}, "", {})
    yield "/explain says a sentence", "evidence" in str(sentence).lower()
    for name, file, start in (("picture", picture, b"\x89PNG"), ("file of numbers", numbers, b"PK")):
        content = httpx.get(f"{server.address}/gradio_api/file={file.get('path')}").content
        yield f"/explain gives a {name}", content.startswith(start)
    folder = server.folder
    yield "it ends when it is told to", server.end(signal.SIGTERM) == 0
    yield "its folder is gone", not folder.exists()


def main() -> None:
    """Read the command line, run, and check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=7860, help="a Space's is %(default)s")
    parser.add_argument("--stay", action="store_true", help="go on until Ctrl+C, to look at it")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="space-"))
    place.chmod(0o755)
    wrong = []
    try:
        with running(place, options.port) as server:
            before = sorted((place / "app").rglob("*"))
            if options.stay:
                print(f"{server.address} until Ctrl+C", flush=True)
                signal.pause()
            for what, is_so in check(server):
                print(f"{'ok ' if is_so else 'NOT'} {what}", flush=True)
                wrong += [] if is_so else [what]
            if sorted((place / "app").rglob("*")) != before:
                wrong.append("nothing is written in the repository")
    except KeyboardInterrupt:
        pass
    finally:
        for folder in [place, *(path for path in place.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        shutil.rmtree(place)
    if wrong:
        sys.exit(f"error: {len(wrong)} not as on a Space: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
