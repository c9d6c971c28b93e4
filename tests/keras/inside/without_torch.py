"""usage: without_torch.py FOLDER OUT — use a model where torch cannot be imported."""

from __future__ import annotations

import sys
from pathlib import Path

sys.modules["torch"] = None  # type: ignore[assignment]

import numpy as np  # noqa: E402

from cvt import CvtConfig, CvtImageProcessor, TFCvtForImageClassification  # noqa: E402

folder, out = map(Path, sys.argv[1:])
model = TFCvtForImageClassification.from_pretrained(folder)
pixels = CvtImageProcessor(size=32)(np.zeros((40, 50, 3), np.uint8), return_tensors="np")["pixel_values"]
model.compile("sgd")
model.fit(pixels, np.array([1]), verbose=0)
expected = model.predict(pixels, verbose=0).logits
model.save_pretrained(out)
again = TFCvtForImageClassification.from_pretrained(out)
np.testing.assert_array_equal(again.predict(pixels, verbose=0).logits, expected)
assert CvtConfig.from_pretrained(out) == again.config
