"""The examples of Hugging Face's CvT documentation, run with only their import lines changed."""

from __future__ import annotations

import doctest
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvt.config import CvtConfig
from cvt.model import CvtForImageClassification
from tests.cvt.networks import randomise
from tests.cvt.stand_in_hub import StandInHub

CONFIGURATION = """
>>> from cvt import CvtConfig, CvtModel

>>> # Initializing a Cvt msft/cvt style configuration
>>> configuration = CvtConfig()

>>> # Initializing a model (with random weights) from the msft/cvt style configuration
>>> model = CvtModel(configuration)

>>> # Accessing the model configuration
>>> configuration = model.config
"""

MODEL = """
>>> from cvt import AutoImageProcessor, CvtModel
>>> import torch
>>> from datasets import load_dataset

>>> dataset = load_dataset("huggingface/cats-image", trust_remote_code=True)
>>> image = dataset["test"]["image"][0]

>>> image_processor = AutoImageProcessor.from_pretrained("microsoft/cvt-13")
>>> model = CvtModel.from_pretrained("microsoft/cvt-13")

>>> inputs = image_processor(image, return_tensors="pt")

>>> with torch.no_grad():
...     outputs = model(**inputs)

>>> last_hidden_states = outputs.last_hidden_state
>>> list(last_hidden_states.shape)
[1, 384, 14, 14]
"""

CLASSIFIER = """
>>> from cvt import AutoImageProcessor, CvtForImageClassification
>>> import torch
>>> from datasets import load_dataset

>>> dataset = load_dataset("huggingface/cats-image", trust_remote_code=True)
>>> image = dataset["test"]["image"][0]

>>> image_processor = AutoImageProcessor.from_pretrained("microsoft/cvt-13")
>>> model = CvtForImageClassification.from_pretrained("microsoft/cvt-13")

>>> inputs = image_processor(image, return_tensors="pt")

>>> with torch.no_grad():
...     logits = model(**inputs).logits

>>> # model predicts one of the 1000 ImageNet classes
>>> predicted_label = logits.argmax(-1).item()
>>> print(model.config.id2label[predicted_label])
tabby, tabby cat
"""

OLD_PREPROCESSOR = {
    "crop_pct": 0.875,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "ConvNextFeatureExtractor",
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "size": 224,
}


@pytest.fixture
def published(stand_in: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow "microsoft/cvt-13" that sees a tabby in everything, in the form of the older repositories; a photo."""
    names = {index: f"class {index}" for index in range(1000)} | {281: "tabby, tabby cat"}
    narrow = CvtConfig(embed_dim=[8, 12, 384], depth=[1, 1, 1], id2label=names)
    model = CvtForImageClassification(narrow)
    randomise(model)
    model.classifier.bias.data[281] = 100
    model.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "preprocessor_config.json").write_text(json.dumps(OLD_PREPROCESSOR))
    stand_in.add("microsoft/cvt-13", tmp_path / "model")
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8))
    datasets = types.ModuleType("datasets")
    datasets.load_dataset = lambda path, trust_remote_code: {"test": {"image": [photo]}}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", datasets)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("example", [CONFIGURATION, MODEL, CLASSIFIER], ids=["configuration", "model", "classifier"])
def test_the_documented_example_runs(example: str) -> None:
    names: dict[str, object] = {}
    test = doctest.DocTestParser().get_doctest(example, names, "example", None, None)
    report: list[str] = []
    failed, tried = doctest.DocTestRunner().run(test, out=report.append, clear_globs=False)
    assert tried > 3
    assert not failed, "".join(report)
    assert isinstance(test.globs["model"], torch.nn.Module)


def test_the_documented_defaults_are_ours() -> None:
    documented = {
        "num_channels": 3,
        "patch_sizes": [7, 3, 3],
        "patch_stride": [4, 2, 2],
        "patch_padding": [2, 1, 1],
        "embed_dim": [64, 192, 384],
        "num_heads": [1, 3, 6],
        "depth": [1, 2, 10],
        "mlp_ratio": [4.0, 4.0, 4.0],
        "attention_drop_rate": [0.0, 0.0, 0.0],
        "drop_rate": [0.0, 0.0, 0.0],
        "drop_path_rate": [0.0, 0.0, 0.1],
        "qkv_bias": [True, True, True],
        "cls_token": [False, False, True],
        "qkv_projection_method": ["dw_bn", "dw_bn", "dw_bn"],
        "kernel_qkv": [3, 3, 3],
        "padding_kv": [1, 1, 1],
        "stride_kv": [2, 2, 2],
        "padding_q": [1, 1, 1],
        "stride_q": [1, 1, 1],
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
    }
    fields = CvtConfig().to_dict()
    assert {name: fields[name] for name in documented} == documented
    assert CvtConfig(**documented) == CvtConfig()
