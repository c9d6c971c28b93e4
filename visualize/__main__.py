"""Explanations of many photos from the command line: for each a sheet, its arrays and a summary.

::

    python -m visualize PHOTO_OR_FOLDER… --out FOLDER [--model bundled] [--class NAME] [--formats png,pdf,svg]
        [--figure METHOD [--stage 3] [--block -1] [--head mean] [--query cls] [--width 1600]]

Writes ``STEM.png`` (or the formats asked for), ``STEM.npz`` (:mod:`visualize.export`) and ``STEM.json`` for each photo;
with ``--figure`` also ``STEM-METHOD.png``, a single map as a figure (:mod:`visualize.figure`).
A photo that cannot be read or explained does not stop the others; it is listed at the end, and the exit status is 1.
Ctrl+C lists what was done and what was not, and leaves no file half-written.
"""

from __future__ import annotations

import argparse
import errno
import itertools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from cvt.config import class_index
from cvt.device import choose_device
from cvt.errors import ConfigError, CvtError
from cvt.image_processor import CvtImageProcessor, open_photo
from cvt.model import CvtForImageClassification
from cvt.threads import calm_numpy
from cvt.tracing import Trace, forward_pass
from visualize.counting import parse_head, parse_index, parse_query
from visualize.drawing import SUFFIXES
from visualize.export import save_arrays, save_summary
from visualize.figure import figure
from visualize.language import LANGUAGES
from visualize.methods import METHODS, map_of
from visualize.report import report

Failure = tuple[Path, str]

INTERRUPTED = 130
"""The exit status after Ctrl+C, as shells have it."""

MOST_LISTED = 100
"""How many photos a list names; of the others it says how many they are."""

CLASSES = 3
"""How many of the most probable classes get their evidence on the sheet, unless one is asked for by name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0; 1 if any photo failed; 2 if nothing could be started; 130 if somebody interrupted it.
    """
    options = _parser().parse_args(arguments)
    calm_numpy()
    try:
        job = _prepare(options)
        found, failures = _find(options.photos, options.out)
    except (CvtError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    stems = _stems(found, options.out, _suffixes(options))
    done: list[Path] = []
    is_whole = True
    with tqdm(total=len(found), unit="photo") as progress:
        try:
            for first in range(0, len(found), options.batch):
                some = found[first : first + options.batch]
                job.explain(some, stems[first : first + options.batch], done, failures)
                progress.update(len(some))
        except KeyboardInterrupt:
            is_whole = False
    failed = {path for path, _ in failures}
    print(f"{len(done)} of {len(failed.union(found))} explained in {options.out}")
    if not is_whole:
        _list("interrupted; explained", done)
        _list("not explained", [path for path in found if path not in failed.union(done)])
    if failures:
        _list("failed", [f"{path}: {reason}" for path, reason in failures])
    return INTERRUPTED if not is_whole else 1 if failures else 0


def _list(what: str, lines: Sequence[object]) -> None:
    print(f"{len(lines)} {what}:", file=sys.stderr)
    for line in lines[:MOST_LISTED]:
        print(f"  {line}", file=sys.stderr)
    if len(lines) > MOST_LISTED:
        print(f"  and {len(lines) - MOST_LISTED} more", file=sys.stderr)


@dataclass(frozen=True)
class _Job:
    """What is done to every photo."""

    model: CvtForImageClassification
    processor: CvtImageProcessor
    target: int | None
    options: argparse.Namespace

    def explain(self, paths: Sequence[Path], stems: Sequence[Path], done: list[Path], failures: list[Failure]) -> None:
        """Explain some photos, together as far as possible, and note which were done and which failed."""
        photos: dict[Path, Image.Image] = {}
        for path in paths:
            with _noting(path, failures):
                photos[path] = open_photo(path)
        try:
            traces = dict(zip(photos, self._traces_of(list(photos.values())), strict=True))
        except Exception:  # one of them spoils the batch: it is found out by itself
            traces = {}
            for path, photo in photos.items():
                with _noting(path, failures):
                    traces |= dict(zip([path], self._traces_of([photo]), strict=True))
        for path, stem in zip(paths, stems, strict=True):
            if path in traces:
                with _noting(path, failures):
                    self._write(path, stem, traces[path])
                    done.append(path)

    def _traces_of(self, photos: list[Image.Image]) -> list[list[Trace]]:
        """For each photo a trace for each class whose evidence is wanted."""
        if not photos:
            return []
        passed = forward_pass(self.model, self.processor, photos, self.options.resolution)
        if self.target is not None:
            wanted = [[self.target]] * len(photos)
        else:
            wanted = [[index for index, _ in trace.top(CLASSES)] for trace in passed.traces()]
        by_class = [passed.traces(targets) for targets in zip(*wanted, strict=True)]
        return [list(of_photo) for of_photo in zip(*by_class, strict=True)]

    def _write(self, path: Path, stem: Path, traces: list[Trace]) -> None:
        """Write all of a photo's files elsewhere, then move them to their names: nobody ever sees half of one."""
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=stem.parent) as folder:
            self._write_all(path, Path(folder) / stem.name, traces)
            for file in sorted(Path(folder).iterdir()):
                file.replace(stem.parent / file.name)

    def _write_all(self, path: Path, stem: Path, traces: list[Trace]) -> None:
        name, language = self.options.model, self.options.language
        for suffix in self.options.formats:
            report(
                traces[0],
                _with(stem, suffix),
                model_name=name,
                photo_name=path.name,
                evidence=traces,
                language=language,
            )
            if self.options.figure:
                self._write_figure(traces[0], _with(stem, _figure_suffix(self.options.figure, suffix)))
        save_arrays(traces[0], _with(stem, ".npz"), model_name=name)
        save_summary(traces[0], _with(stem, ".json"), model_name=name, photo_name=path.name, language=language)

    def _write_figure(self, trace: Trace, path: Path) -> None:
        options = self.options
        stage = parse_index("stage", options.stage, len(trace.stages))
        there = trace.stages[stage]
        block = parse_index("block", options.block, len(there.blocks))
        head = parse_head(options.head, len(there.blocks[block].query))
        query = parse_query(
            options.query, there.geometry.tokens, there.has_cls or "query" not in METHODS[options.figure].uses
        )
        heatmap = map_of(trace, options.figure, stage=stage, block=block, head=head, query=query)
        figure(trace, heatmap, path, width=options.width, model_name=options.model, language=options.language)


@contextmanager
def _noting(path: Path, failures: list[Failure]) -> Iterator[None]:
    """Turns whatever goes wrong with one photo into a line of the list."""
    try:
        yield
    except (CvtError, OSError) as error:
        failures.append((path, str(error)))
    except Exception as error:
        failures.append((path, f"{type(error).__name__}: {error}"))


def _prepare(options: argparse.Namespace) -> _Job:
    model = CvtForImageClassification.from_pretrained(options.model).to(choose_device(options.device)).eval()
    processor = CvtImageProcessor.from_pretrained(options.model)
    target: str | int | None = options.target
    if isinstance(target, str) and target not in model.config.label2id and target.isdecimal():
        target = int(target)
    options.out.mkdir(parents=True, exist_ok=True)
    return _Job(model, processor, None if target is None else class_index(model.config, target), options)


def _find(paths: Sequence[Path], out: Path) -> tuple[list[Path], list[Failure]]:
    """The photos meant by files and folders, each once; and what leads to none.

    Raises:
        ConfigError: a folder of photos is also where the results go, where they would be taken for photos.
    """
    found: dict[Path, Path] = {}
    failures: list[Failure] = []
    for path in paths:
        if path.is_dir():
            if path.resolve() == out.resolve():
                raise ConfigError(
                    f"--out {out} is a folder of photos; results go to another one, such as {out / 'out'}"
                )
            results = out.resolve()
            inside = [
                file for file in sorted(path.rglob("*")) if _is_photo(file) and results not in file.resolve().parents
            ]
            found |= {file.resolve(): file for file in inside}
            if not inside:
                failures.append((path, "no photos in this folder"))
        elif path.exists():
            found.setdefault(path.resolve(), path)
        else:
            is_loop = path.is_symlink() and _is_loop(path)
            failures.append((path, "a loop of symbolic links" if is_loop else "no such file or folder"))
    return list(found.values()), failures


def _is_loop(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _is_photo(path: Path) -> bool:
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in Image.OPEN and path.is_file()


def _suffixes(options: argparse.Namespace) -> list[str]:
    """The ends of the names of all files that belong to a photo."""
    figures = [_figure_suffix(options.figure, suffix) for suffix in options.formats if options.figure]
    return [*options.formats, *figures, ".npz", ".json"]


def _figure_suffix(method: str, suffix: str) -> str:
    return f"-{method}{suffix}"


def _stems(photos: Sequence[Path], out: Path, suffixes: Sequence[str]) -> list[Path]:
    """Where each photo's results go, without a suffix: no two to the same place, and none over a photo."""
    taken = {str(photo.resolve()).lower() for photo in photos}
    stems = []
    for photo in photos:
        for number in itertools.count(1):
            stem = out / (photo.stem if number == 1 else f"{photo.stem}-{number}")
            files = {str(_with(stem, suffix).resolve()).lower() for suffix in suffixes}
            if not files & taken:
                break
        taken |= files
        stems.append(stem)
    return stems


def _with(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _formats(text: str) -> list[str]:
    suffixes = ["." + name.strip().lower().removeprefix(".") for name in text.split(",")]
    wrong = [suffix for suffix in suffixes if suffix not in SUFFIXES]
    if wrong:
        raise argparse.ArgumentTypeError(f"{text!r} must be of {', '.join(suffix[1:] for suffix in SUFFIXES)}")
    return list(dict.fromkeys(suffixes))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    called = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        prog="python -m visualize" if called == "__main__" else called,
        description="Explain photos: for each a sheet, its arrays (NPZ) and a summary (JSON).",
    )
    add = parser.add_argument
    add("photos", nargs="+", type=Path, metavar="PHOTO", help="photos, or folders of photos")
    add("--out", required=True, type=Path, metavar="FOLDER", help="where results go; made if missing")
    add("--model", default="bundled", help="Hub id, folder, or 'bundled' (default)")
    add(
        "--class",
        dest="target",
        metavar="NAME",
        help=f"class to show evidence for; default: the {CLASSES} most probable",
    )
    add(
        "--formats", type=_formats, default=[".png"], metavar="LIST", help="sheets to write: png,pdf,svg (default: png)"
    )
    add("--figure", choices=list(METHODS), metavar="METHOD", help=f"also one map as a figure: {', '.join(METHODS)}")
    add("--stage", type=int, default=-1, metavar="N", help="of the figure, from 1, or from the end: -1 (default)")
    add("--block", type=int, default=-1, metavar="N", help="of the figure, from 1, or from the end: -1 (default)")
    add("--head", default="mean", help="of the figure: mean (default), or its number from 1")
    add("--query", default="cls", help="of the figure: cls (default), or row,column of a token, both from 1")
    add("--width", type=_positive, default=1600, metavar="PIXELS", help="of the figure as PNG (default: 1600)")
    add("--resolution", type=_positive, metavar="PIXELS", help="side of the model's input; default: the model's own")
    add("--batch", type=_positive, default=4, metavar="N", help="photos run together (default: 4)")
    add("--device", default="auto", help="'auto' (default), 'cpu', 'cuda', …")
    add("--language", choices=LANGUAGES, default="en", help="of the sheets and summaries")
    return parser


if __name__ == "__main__":
    sys.exit(main())
