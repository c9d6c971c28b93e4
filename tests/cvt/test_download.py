"""Downloads in a process of their own, which end whatever the Hub does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from cvt.download import download
from cvt.errors import DownloadError
from cvt.hub import cached_folder
from tests.cvt.stand_in_hub import StandInHub

REPO = "someone/cvt"
FILES = {"config.json": b"{}", "preprocessor_config.json": b'{"size": 64}', "model.safetensors": os.urandom(300_000)}


@pytest.fixture
def hub(stand_in: StandInHub) -> StandInHub:
    stand_in.add(REPO, FILES)
    return stand_in


def test_a_download_tells_how_far_it_is_and_goes_on_where_it_broke_off(hub: StandInHub) -> None:
    hub.breaks["model.safetensors"] = [150_000]
    heard: list[float] = []
    download(REPO, heard.append)
    assert heard[0] == 0.0 and max(heard) == 1.0
    assert any(0 < done < 1 for done in heard)
    folder = cached_folder(REPO)
    assert folder is not None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert hub.downloads() == ["config.json", "model.safetensors", "model.safetensors", "preprocessor_config.json"]


def drip(hub: StandInHub) -> None:
    hub.drips.add("model.safetensors")


def hang(hub: StandInHub) -> None:
    hub.hangs.add("model.safetensors")


def answer_a_page(hub: StandInHub) -> None:
    hub.is_elsewhere = True


@pytest.mark.parametrize(
    ("trouble", "reason", "says"),
    [
        (drip, "slow", "brought nothing for 3 s, and was ended"),
        (hang, "slow", "brought nothing for 3 s, and was ended"),
        (answer_a_page, "offline", "something else answers in the Hub's place"),
    ],
)
def test_whatever_the_hub_does_there_is_an_end(
    hub: StandInHub, trouble: Callable[[StandInHub], None], reason: str, says: str
) -> None:
    trouble(hub)
    with pytest.raises(DownloadError, match=says) as told:
        download(REPO, patience=3)
    assert told.value.reason == reason
    assert cached_folder(REPO) is None
    locks = list((Path(constants.HF_HUB_CACHE) / ".locks").rglob("*.lock"))
    trouble_is_over(hub)
    download(REPO)  # no lock is left that the next one would wait for
    assert cached_folder(REPO) is not None, locks


def trouble_is_over(hub: StandInHub) -> None:
    hub.drips.clear()
    hub.hangs.clear()
    hub.is_elsewhere = False


def test_a_deadline_for_the_whole(hub: StandInHub) -> None:
    hub.hangs.add("config.json")
    with pytest.raises(DownloadError, match="took longer than 0 minutes, and was ended"):
        download(REPO, longest=6)
