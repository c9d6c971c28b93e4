"""A run's log as a picture.

python -m training.plot runs/imagenette/log.csv
"""

from __future__ import annotations

import argparse
import csv
from itertools import pairwise
from pathlib import Path

__all__ = ["main", "plot_log"]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.plot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("log", type=Path, help="log.csv of a run")
    parser.add_argument("--out", type=Path, help="PNG, PDF or SVG by suffix; beside the log by default")
    options = parser.parse_args()
    plot_log(options.log, options.out or options.log.with_suffix(".png"))


def plot_log(log: Path, picture: Path) -> None:
    """Draw loss, accuracy and learning rate over the epochs; where the resolution grows there is a line."""
    from matplotlib.figure import Figure

    with log.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = {"loss": "Loss", "accuracy": "Accuracy", "learning_rate": "Learning rate"}
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        panel.plot(
            epochs, [row[name] for row in rows], label="training, augmented" if name != "learning_rate" else None
        )
        if f"held_out_{name}" in rows[-1]:
            panel.plot(epochs, [row[f"held_out_{name}"] for row in rows], label="held out, averaged weights")
        for before, after in pairwise(rows):
            if before["resolution"] != after["resolution"]:
                panel.axvline(before["epoch"] + 0.5, color="0.8", linewidth=0.8)
                panel.annotate(
                    f" {after['resolution']:.0f} px", (before["epoch"] + 0.5, 0.02), xycoords=("data", "axes fraction")
                )
        panel.set(title=title, xlabel="epoch")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main()
