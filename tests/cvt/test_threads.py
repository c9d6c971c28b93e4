"""NumPy keeps to one thread in a program that asks for it, PyTorch to as many as before."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, numpy, torch
from threadpoolctl import threadpool_info
from cvt.threads import calm_numpy

def threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["prefix"] == "libscipy_openblas"]

before, torchs = threads(), torch.get_num_threads()
calm_numpy()
assert torch.get_num_threads() == torchs
print(json.dumps([before, threads()]))
"""


def test_one_thread_for_the_rest_of_the_process() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout)
    if not before:
        pytest.skip("this NumPy was not built with OpenBLAS")
    assert set(after) == {1}
