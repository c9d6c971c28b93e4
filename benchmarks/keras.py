"""Time of one forward pass: transformers' PyTorch model, ours, and the Keras model on its three backends, in one run.

    python -m benchmarks.keras [--rounds 15] [--batch 1] [--sides transformers,tensorflow,jax]

CvT-13 at 224 pixels with random weights, since time does not depend on them, on one thread of the CPU. Each side runs
in a process of its own, compiled as its users would (``tf.function``, ``jax.jit``; PyTorch as it is). Rounds interleave
the sides, so that a busy machine slows all alike; ratios are medians of the rounds' own ratios to the first side.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

SIDES = ("transformers", "pytorch", "tensorflow", "jax", "torch")
"""transformers' model and ours in PyTorch, and the Keras model by its backend."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "HF_HUB_OFFLINE": "1",
}


def pytorch(module: str, pixels: Any) -> Callable[[], object]:
    """A forward pass of transformers' model or of ours in PyTorch."""
    import importlib

    import torch

    package = importlib.import_module(module)
    torch.set_num_threads(1)
    model = package.CvtForImageClassification(package.CvtConfig(num_labels=1000)).eval()
    tensor = torch.from_numpy(pixels)

    def run() -> object:
        with torch.inference_mode():
            return model(tensor).logits.numpy()

    return run


def keras_model(backend: str, pixels: Any) -> Callable[[], object]:
    """A forward pass of the Keras model."""
    import keras
    import numpy as np

    from cvt import CvtConfig
    from cvt.keras import TFCvtForImageClassification

    model = TFCvtForImageClassification(CvtConfig(num_labels=1000))
    call: Callable[[Any], Any] = lambda x: model(x).logits  # noqa: E731 — is compiled in one of three ways
    if backend == "torch":
        import torch

        torch.set_num_threads(1)
        call = torch.no_grad()(call)
    elif backend == "tensorflow":
        import tensorflow as tf

        call = tf.function(call)
    else:
        import jax

        call = jax.jit(call)
    tensor = keras.ops.convert_to_tensor(pixels)
    return lambda: np.asarray(call(tensor))


def serve(side: str, batch: int) -> None:
    """One side's process: runs the model whenever a line comes in, and prints the seconds it took."""
    import numpy as np

    pixels = np.random.default_rng(0).standard_normal((batch, 3, 224, 224)).astype(np.float32)
    modules = {"transformers": "transformers", "pytorch": "cvt"}
    run = pytorch(modules[side], pixels) if side in modules else keras_model(side, pixels)
    for _ in range(3):
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(time.perf_counter() - start, flush=True)


def started(side: str, batch: int) -> subprocess.Popen[str]:
    """The process of a side, warmed up."""
    command = [sys.executable, "-m", "benchmarks.keras", "--serve", side, "--batch", str(batch)]
    environment = {**os.environ, **ONE_THREAD, "KERAS_BACKEND": side}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            return process
    raise SystemExit(f"{side} cannot run here: python -m benchmarks.keras --serve {side}")


def seconds(process: subprocess.Popen[str]) -> float:
    """The time of one pass in a side's process."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="passes of each side (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=1, help="images in a pass (default: %(default)s)")
    parser.add_argument("--sides", default=",".join(SIDES), help="what to compare (default: %(default)s)")
    parser.add_argument("--serve", choices=SIDES, help="be one side's process: a pass for every line that comes in")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.batch)
        return
    sides = options.sides.split(",")
    processes = {side: started(side, options.batch) for side in sides}
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(options.rounds):
        for side, process in processes.items():
            times[side].append(seconds(process))
    for process in processes.values():
        process.communicate()
    print(f"CvT-13, 224 px, batch {options.batch}, one thread, {options.rounds} rounds")
    for side, taken in times.items():
        ratio = statistics.median(duration / base for duration, base in zip(taken, times[sides[0]], strict=True))
        print(f"{side:13} {1000 * statistics.median(taken):7.0f} ms   {ratio:5.2f} × {sides[0]}")


if __name__ == "__main__":
    main()
