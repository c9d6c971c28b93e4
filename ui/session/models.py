"""Which models the page offers, and the few that are loaded at a time."""

from __future__ import annotations

import logging
import re
import threading
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from cvt.device import choose_device
from cvt.download import download
from cvt.errors import CheckpointError, ConfigError, shown
from cvt.files import read_json
from cvt.image_processor import MOST_SIDE, CvtImageProcessor
from cvt.locations import bundled_models, find, is_cached, model_name
from cvt.model import CvtForImageClassification

from ..serving.desk import Desk
from .batches import Batches
from .fetching import Downloads
from .measured import MeasuredMap, measured_maps

__all__ = ["DEFAULT_HUB_MODEL", "LoadedModel", "ModelCache", "ModelEntry", "load", "offered_models"]

log = logging.getLogger(__name__)

DEFAULT_HUB_MODEL = "microsoft/cvt-13"


@dataclass(frozen=True)
class ModelEntry:
    """One line of the model list.

    Attributes:
        name: what addresses and the endpoints call it; never a path of this machine.
        ref: what loads it.
        title: its name for people.
        resolution: side of its input, in pixels.
        parameters: in millions.
        top1: measured accuracy in per cent, None where nobody measured it.
        data: what the accuracy was measured on.
        images: how many images we measured it on; 0 for published figures.
        download: megabytes to download before the first use, where that is known.
        classes: how many it tells apart, where that is known before it is loaded.
        measured: how faithful its maps are, where somebody measured it.
    """

    name: str
    ref: str
    title: str
    resolution: int
    parameters: float | None = None
    top1: float | None = None
    data: str = ""
    images: int = 0
    download: int = 0
    classes: int = 0
    measured: tuple[MeasuredMap, ...] = ()

    @property
    def is_on_hub(self) -> bool:
        """Whether it comes from the Hugging Face Hub."""
        return "/" in self.name

    @property
    def label(self) -> str:
        """The line itself: numbers and names only, the same in every language.

        The accuracy says whose it is: without its name it was taken for how sure the answer is.
        """
        parts = [self.title, f"{self.resolution} px"]
        if self.parameters is not None:
            parts.append(f"{self.parameters:.0f} M")
        if self.top1 is not None:
            parts.append(f"top-1 {self.top1:.1f} %")
        if self.is_on_hub and not is_cached(self.ref):
            parts.append(f"↓ {self.download} MB" if self.download else "↓")
        return " · ".join(parts)


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run."""

    entry: ModelEntry
    model: CvtForImageClassification
    processor: CvtImageProcessor


def offered_models(choice: str = "auto") -> list[ModelEntry]:
    """The model list, the one to start with first.

    Args:
        choice: "auto" (CvT-13 if it was downloaded before, else the bundled model), a name on the list, another Hub
            id, or a folder or weights file on this machine. Nothing is downloaded here.

    Raises:
        CheckpointError, ConfigError: a local model that cannot be read.
    """
    published = tomllib.loads(Path(__file__).with_name("published.toml").read_text(encoding="utf-8"))["model"]
    entries = [*_bundled(), *(ModelEntry(ref=fields["name"], data="ImageNet", **fields) for fields in published)]
    if choice == "auto":
        choice = DEFAULT_HUB_MODEL if is_cached(DEFAULT_HUB_MODEL) or not _bundled() else entries[0].name
    if choice == f"bundled:{next(iter(bundled_models()), '')}":  # the first one's whole name
        choice = "bundled"
    names = [entry.name for entry in entries]
    if choice in names:
        entries.insert(0, entries.pop(names.index(choice)))
    else:
        entries.insert(0, _other(choice))
    return entries


def _bundled() -> list[ModelEntry]:
    names = ["bundled", *(f"bundled:{name}" for name in list(bundled_models())[1:])]
    return [_local(name, name, folder) for name, folder in zip(names, bundled_models().values(), strict=False)]


def _other(choice: str) -> ModelEntry:
    path = Path(choice).expanduser()
    if path.exists():
        folder = path if path.is_dir() else path.parent
        return _local(f"local:{model_name(folder)}", str(path), folder)
    return ModelEntry(name=choice, ref=choice, title=choice, resolution=224)


def _local(name: str, ref: str, folder: Path) -> ModelEntry:
    """A model on this machine, with the figures that lie beside it: its accuracy, and how faithful its maps are."""
    stated = folder / "evaluation.json"
    evaluation = read_json(stated) if stated.is_file() else {}
    for field, is_fitting in _STATED.items():
        value = evaluation.get(field)
        if value is not None and not is_fitting(value):
            raise CheckpointError(f"{stated} states {field}={shown(value)}, which cannot be; measure it again")
    share = evaluation.get("top1")
    return ModelEntry(
        name=name,
        ref=ref,
        title=_title(model_name(folder)),
        resolution=evaluation.get("resolution") or processor_of(ref).resolution,
        top1=None if share is None else 100 * share,
        data=evaluation.get("dataset") or "",
        images=evaluation.get("images") or 0,
        measured=measured_maps(folder),
    )


def _title(name: str) -> str:
    """A folder's name as a heading, ImageNet written as its makers write it."""
    return re.sub(r"\bimagenet\b", "ImageNet", name.replace("-", " ").capitalize(), flags=re.IGNORECASE)


_STATED: dict[str, Callable[[Any], bool]] = {
    "resolution": lambda side: type(side) is int and 1 <= side <= MOST_SIDE,
    "top1": lambda share: type(share) in (int, float) and 0 <= share <= 1,
    "dataset": lambda name: isinstance(name, str) and len(name) <= 200,
    "images": lambda count: type(count) is int and 0 <= count <= 10**9,
}
"""What is read of an ``evaluation.json``, and whether a value can be."""


def processor_of(ref: str) -> CvtImageProcessor:
    """A model's preprocessing; where none lies beside a model on this machine, the usual one, which the log says.

    Raises:
        CheckpointError, ConfigError: it is there and cannot be read, or says what cannot be.
    """
    path = find(ref)
    folder = path.parent if path is not None and path.is_file() else path
    if folder is None or (folder / "preprocessor_config.json").is_file():
        return CvtImageProcessor.from_pretrained(ref if folder is None else folder)
    usual = CvtImageProcessor()
    log.warning(
        "%s has no preprocessor_config.json beside it: photos are prepared as for the published checkpoints, at %d "
        "pixels, crop_pct %g; other preprocessing gives other answers",
        path,
        usual.resolution,
        usual.crop_pct,
    )
    return usual


def load(entry: ModelEntry, device: torch.device) -> LoadedModel:
    """Load a model; downloads it when it comes from the Hub and was never here.

    Raises:
        CheckpointError, ConfigError: it cannot be had; the message says why.
    """
    try:
        model = CvtForImageClassification.from_pretrained(entry.ref)
    except CheckpointError as error:
        if not (entry.is_on_hub and is_cached(entry.ref)):
            raise
        log.warning("the cached copy of %s is no good (%s); it is fetched anew", entry.ref, error)
        download(entry.ref, anew=True)
        model = CvtForImageClassification.from_pretrained(entry.ref)
    return LoadedModel(entry, model.to(device).eval(), processor_of(entry.ref))


class ModelCache:
    """The models used last, loaded once however many visitors ask at the same time; safe to share between threads.

    Args:
        entries: the models that may be asked for.
        capacity: how many stay loaded; beyond that the one unused for longest goes.
        device: where they run.

    Attributes:
        downloads: of those that come from the Hub.
        network: the one place at which a network runs; decoding, drawing and files go elsewhere.
        batches: the way to it for photos of which only the logits are wanted.
    """

    def __init__(
        self,
        entries: Sequence[ModelEntry],
        capacity: int = 3,
        device: torch.device | None = None,
        load: Callable[[ModelEntry, torch.device], LoadedModel] | None = None,
    ) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.capacity = capacity
        self.device = device or choose_device()
        self.downloads = Downloads()
        self.network = Desk(1)
        self.batches = Batches(self.network)
        self._load = load or self._fetched_and_loaded
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = {name: threading.Lock() for name in self.entries}

    def entry(self, name: str) -> ModelEntry:
        """The entry of a model.

        Raises:
            ConfigError: it is not on the list; the message says what is.
        """
        if name not in self.entries:
            raise ConfigError(f"model {name!r} is not offered here; choose one of: {', '.join(self.entries)}")
        return self.entries[name]

    def _fetched_and_loaded(self, entry: ModelEntry, device: torch.device) -> LoadedModel:
        if entry.is_on_hub:
            with tqdm(total=1.0, desc=entry.ref, disable=None, bar_format="{desc} {percentage:3.0f} %|{bar}|") as bar:
                for done in self.downloads.follow(entry.ref):
                    bar.update(done - bar.n)
        return load(entry, device)

    def get(self, name: str) -> LoadedModel:
        """A model of the list, loaded if need be. What fails to load is tried anew next time.

        Raises:
            ConfigError: it is not on the list.
            CheckpointError: it cannot be loaded.
        """
        entry = self.entry(name)
        with self._loading[name]:
            with self._lock:
                if name in self._loaded:
                    self._loaded.move_to_end(name)
                    return self._loaded[name]
            loaded = self._load(entry, self.device)
            with self._lock:
                self._loaded[name] = loaded
                while len(self._loaded) > self.capacity:
                    self._loaded.popitem(last=False)
            return loaded
