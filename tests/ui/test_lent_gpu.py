"""GPUs that are lent for a call: with a stand-in for the package ``spaces``, which pickles everything on its way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

STAND_IN = """
import os, pickle, sys, types
assert "torch" not in sys.modules or "SPACES_ZERO_GPU" not in os.environ, "it has to be there before PyTorch"
calls = []

def over(value):
    return pickle.loads(pickle.dumps(value))

def GPU(duration):
    def lend(function):
        def call(*args, **named):
            calls.append((function.__name__, duration))
            args, named = over((args, named))
            found = function(*args, **named)
            if isinstance(found, types.GeneratorType):
                return (over(one) for one in found)
            return over(found)
        return call
    return lend
"""

PROGRAM = """
import json, sys
from ui.endpoints import classify, explain
from ui.examples import examples
from ui.page import build
from ui.session.look import traced_twice
demo = build(sys.argv[1])
cat = examples()["cat"].open()
name = "local:small-cvt"
told = [list(classify(demo.models, cat, name, 3)), explain(demo.models, cat, name, method="attention")[1]]
loaded = demo.models.get(name)
told.append([trace.target for trace in traced_twice(loaded, cat)])
told.append(str(loaded.model.device))
spaces = sys.modules.get("spaces")
print(json.dumps({"told": told, "calls": spaces.calls if spaces else None}))
"""


def run(model: Path, place: Path, **environment: str) -> dict[str, list[Any]]:
    """What the program says, where the stand-in lies in a place that Python looks at."""
    paths = os.pathsep.join([str(ROOT), str(place)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model)],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_calls_go_to_lent_gpus_where_there_are_any_and_answer_the_same(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(STAND_IN)
    lent = run(model_folder, tmp_path, SPACES_ZERO_GPU="true")
    here = run(model_folder, tmp_path)
    assert not here["calls"], "nothing of it where no GPU is lent"
    assert lent["told"] == here["told"]
    names = [name for name, _ in lent["calls"]]
    assert names == ["trace", "logits", "trace", "traces"]
