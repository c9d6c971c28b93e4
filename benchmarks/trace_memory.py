"""Peak memory of tracing the largest published architecture, CvT-W24 at 384 pixels, with random weights.

    python -m benchmarks.trace_memory

About two minutes on two CPU cores. Each case runs in a process of its own, and what is measured is the largest
resident set of that whole process: Python, torch, the weights (1.1 GB) and the trace. Ends with an error where a case
needs more than the limit of 3.5 GB.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

LIMIT = 3.5
"""Gigabytes (10⁹ bytes)."""

CASES = {"weights alone": None, "without a target": (), "with a target": (0,)}


def peak() -> float:
    """Largest resident set of this process so far, in gigabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def run_case(case: str, preset: str, resolution: int) -> None:
    """Trace once in this process, and print peak memory and seconds."""
    import numpy as np
    import torch
    from PIL import Image

    from cvt.config import CvtConfig
    from cvt.image_processor import CvtImageProcessor
    from cvt.model import CvtForImageClassification
    from cvt.presets import PRESETS
    from cvt.tracing import trace

    torch.manual_seed(0)
    model = CvtForImageClassification(CvtConfig(**PRESETS[preset], num_labels=1000)).eval()
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8))
    start = time.perf_counter()
    target = CASES[case]
    if target is not None:
        trace(model, CvtImageProcessor(size=resolution), photo, *target)
    print(peak(), time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="cvt-w24", help="architecture (default: %(default)s)")
    parser.add_argument("--resolution", type=int, default=384, help="side of the input (default: %(default)s)")
    parser.add_argument("--case", choices=CASES, help="run this case in this process, and print GB and seconds")
    options = parser.parse_args()
    if options.case:
        run_case(options.case, options.preset, options.resolution)
        return
    print(f"{options.preset} at {options.resolution} px, limit {LIMIT} GB")
    print(f"{'trace':<18} {'peak GB':>8} {'seconds':>8}")
    worst = 0.0
    for case in CASES:
        command = [sys.executable, "-m", "benchmarks.trace_memory", "--case", case]
        command += ["--preset", options.preset, "--resolution", str(options.resolution)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        gigabytes, seconds = map(float, done.stdout.split())
        print(f"{case:<18} {gigabytes:8.2f} {seconds:8.1f}", flush=True)
        worst = max(worst, gigabytes)
    if worst > LIMIT:
        sys.exit(f"peak memory {worst:.2f} GB is above the limit of {LIMIT} GB")


if __name__ == "__main__":
    main()
