"""Explanations of many photos from the command line: for each a sheet, its arrays and a summary.

::

    python -m visualize PHOTO_OR_FOLDER… --out FOLDER [--model bundled] [--class NAME] [--formats png,pdf,svg]
        [--figure METHOD [--stage 3] [--block -1] [--head mean] [--query cls] [--width 1600]] [--resume] [--ray ADDRESS]

Writes ``STEM.png`` (or the formats asked for), ``STEM.npz`` (:mod:`visualize.export`) and ``STEM.json`` for each photo;
with ``--figure`` also ``STEM-METHOD.png``, a single map as a figure (:mod:`visualize.figure`).
A photo that cannot be read or explained does not stop the others; it is listed at the end, and the exit status is 1.
Ctrl+C lists what was done and what was not, and leaves no file half-written; ``--resume`` goes on from there. With
``--ray`` many machines share the work (:mod:`visualize.on_ray`).
"""

from __future__ import annotations

import argparse
import errno
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from cvt.errors import ConfigError, CvtError
from cvt.threads import calm_numpy
from visualize.drawing import SUFFIXES
from visualize.job import CLASSES, Job, Order, Outcome, Pair, with_suffix
from visualize.language import LANGUAGES
from visualize.methods import METHODS
from visualize.on_ray import explain_on_ray

Failure = tuple[Path, str]

INTERRUPTED = 130
"""The exit status after Ctrl+C, as shells have it."""

MOST_LISTED = 100
"""How many photos a list names; of the others it says how many they are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0; 1 if any photo failed; 2 if nothing could be started; 130 if somebody interrupted it.
    """
    options = _parser().parse_args(arguments)
    calm_numpy()
    order = Order(**{field.name: getattr(options, field.name) for field in fields(Order)})
    done: list[Path] = []
    is_whole = True
    try:
        job = Job(order)  # also where others do the work: what cannot be done is said before it begins
        options.out.mkdir(parents=True, exist_ok=True)
        found, failures = _find(options.photos, options.out)
        pairs = list(zip(found, _stems(found, options.out, order.suffixes), strict=True))
        left = [pair for pair in pairs if not (options.resume and order.is_done(pair[1]))]
        with tqdm(total=len(left), unit="photo") as progress:
            try:
                for path, reason in _outcomes(job, left, options):
                    done += [path] if reason is None else []
                    failures += [] if reason is None else [(path, reason)]
                    progress.update()
            except KeyboardInterrupt:
                is_whole = False
    except (CvtError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    failed = {path for path, _ in failures}
    before = len(pairs) - len(left)
    print(f"{len(done)} of {len(failed.union(path for path, _ in left))} explained in {options.out}")
    if before:
        print(f"{before} had been explained before")
    if not is_whole:
        _list("interrupted; explained", done)
        _list("not explained", [path for path, _ in left if path not in failed.union(done)])
    if failures:
        _list("failed", [f"{path}: {reason}" for path, reason in failures])
    return INTERRUPTED if not is_whole else 1 if failures else 0


def _outcomes(job: Job, pairs: Sequence[Pair], options: argparse.Namespace) -> Iterator[Outcome]:
    """What becomes of each photo, here or on a Ray cluster."""
    if options.ray and pairs:
        yield from explain_on_ray(job.order, pairs, address=options.ray, batch=options.batch)
        return
    for first in range(0, len(pairs), options.batch):
        yield from job.explain(pairs[first : first + options.batch])


def _list(what: str, lines: Sequence[object]) -> None:
    print(f"{len(lines)} {what}:", file=sys.stderr)
    for line in lines[:MOST_LISTED]:
        print(f"  {line}", file=sys.stderr)
    if len(lines) > MOST_LISTED:
        print(f"  and {len(lines) - MOST_LISTED} more", file=sys.stderr)


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


def _stems(photos: Sequence[Path], out: Path, suffixes: Sequence[str]) -> list[Path]:
    """Where each photo's results go, without a suffix: no two to the same place, and none over a photo."""
    taken = {str(photo.resolve()).lower() for photo in photos}
    stems = []
    for photo in photos:
        for number in itertools.count(1):
            stem = out / (photo.stem if number == 1 else f"{photo.stem}-{number}")
            files = {str(with_suffix(stem, suffix).resolve()).lower() for suffix in suffixes}
            if not files & taken:
                break
        taken |= files
        stems.append(stem)
    return stems


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
    add("--ray", metavar="ADDRESS", help="work on this Ray cluster; 'auto' finds one, 'local' begins one here")
    add("--resume", action="store_true", help="leave out photos whose results are all there")
    add("--batch", type=_positive, default=4, metavar="N", help="photos run together (default: 4)")
    add("--device", default="auto", help="'auto' (default), 'cpu', 'cuda', …")
    add("--language", choices=LANGUAGES, default="en", help="of the sheets and summaries")
    return parser


if __name__ == "__main__":
    sys.exit(main())
