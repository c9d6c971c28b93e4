"""The pipeline and the Auto classes beyond what scripts for transformers show (tests/scripts)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import cvt
from cvt.auto import AutoConfig, AutoImageProcessor
from cvt.auto_models import AutoModel, AutoModelForImageClassification
from cvt.errors import ConfigError, CvtError
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.pipelines import ImageClassificationPipeline, pipeline
from tests.cvt.networks import small_classifier


def photos(count: int) -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8)) for i in range(count)]


@pytest.fixture
def classify() -> ImageClassificationPipeline:
    return pipeline(model=small_classifier(temperature=2.0), image_processor=CvtImageProcessor(size=32))


def test_scores_are_calibrated_probabilities(classify: ImageClassificationPipeline) -> None:
    (photo,) = photos(1)
    guesses = classify(photo)
    logits = classify.model(classify.image_processor(photo, return_tensors="pt")["pixel_values"]).logits[0]
    expected = (logits / 2).softmax(dim=0).sort(descending=True)
    assert [guess["score"] for guess in guesses] == pytest.approx(expected.values.tolist(), abs=1e-6)
    assert [guess["label"] for guess in guesses] == [f"LABEL_{index}" for index in expected.indices.tolist()]
    assert sum(guess["score"] for guess in guesses) == pytest.approx(1)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_batches_change_nothing(classify: ImageClassificationPipeline, batch_size: int) -> None:
    one_by_one = [classify(photo) for photo in photos(3)]
    for answers in (classify(photos(3), batch_size=batch_size), list(classify(iter(photos(3)), batch_size=batch_size))):
        assert [[guess["label"] for guess in guesses] for guesses in answers] == [
            [guess["label"] for guess in guesses] for guesses in one_by_one
        ]
        scores = [[guess["score"] for guess in guesses] for guesses in answers]
        np.testing.assert_allclose(scores, [[guess["score"] for guess in guesses] for guesses in one_by_one], atol=1e-6)


def test_an_iterator_is_answered_as_it_comes(classify: ImageClassificationPipeline) -> None:
    taken = []

    def endless() -> Any:
        while True:
            taken.append(1)
            yield photos(1)[0]

    answers = classify(endless())
    assert len(next(answers)) == len(next(answers)) == 5
    assert len(taken) == 2


@pytest.mark.parametrize(
    ("fields", "function"),
    [
        ({"num_labels": 1}, "sigmoid"),
        ({"problem_type": "multi_label_classification"}, "sigmoid"),
        ({"problem_type": "regression"}, "none"),
        ({}, "softmax"),
    ],
    ids=str,
)
def test_the_kind_of_problem_decides_what_makes_scores(fields: dict[str, Any], function: Any) -> None:
    classify = pipeline(model=small_classifier(**fields), image_processor=CvtImageProcessor(size=32))
    (photo,) = photos(1)
    assert classify(photo) == classify(photo, function_to_apply=function)
    others = {"sigmoid", "none", "softmax"} - {function}
    assert all(classify(photo) != classify(photo, function_to_apply=other) for other in others)


def test_in_half_precision(classify: ImageClassificationPipeline) -> None:
    expected = {guess["label"]: guess["score"] for guess in classify(photos(1)[0])}
    classify.model.bfloat16()
    assert {g["label"]: g["score"] for g in classify(photos(1)[0])} == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "text-generation"}, "task='text-generation' must be 'image-classification'"),
        ({"model": "nowhere"}, "'nowhere' is not there"),
        ({"top_k": 0}, "top_k=0 must be a whole number"),
        ({"batch_size": None}, "batch_size=None must be"),
        ({"function_to_apply": "argmax"}, "function_to_apply='argmax' must be"),
        ({"device": "moon"}, "device 'moon' is not available"),
        ({"tokenizer": "x", "framework": "pt"}, "framework, tokenizer: no argument of pipeline"),
        ({"image_processor": None}, "needs image_processor= beside it"),
    ],
    ids=str,
)
def test_what_makes_no_pipeline(arguments: dict[str, Any], message: str) -> None:
    given = {"model": small_classifier(), "image_processor": CvtImageProcessor(size=32), **arguments}
    with pytest.raises(CvtError, match=message):
        pipeline(**given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"topk": 3}, "topk: no option of this pipeline; it has top_k, function_to_apply, batch_size"),
        ({"top_k": -1}, "top_k=-1 must be"),
        ({"top_k": True}, "top_k=True must be"),
    ],
    ids=str,
)
def test_calls_that_cannot_be(classify: ImageClassificationPipeline, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        classify(photos(1)[0], **arguments)


def test_the_bundled_model_sorts_a_photo_by_default() -> None:
    bundled = pipeline("image-classification")
    assert bundled(Path(__file__).parents[2] / "examples" / "taj-mahal.jpg", top_k=1)[0]["score"] > 0


def test_auto_classes_choose_ours(tmp_path: Path) -> None:
    model, processor = small_classifier(), CvtImageProcessor(size=32)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).embed_dim == model.config.embed_dim
    assert AutoImageProcessor.from_pretrained(tmp_path, use_fast=True, trust_remote_code=True) == processor
    assert isinstance(AutoModelForImageClassification.from_pretrained(tmp_path), CvtForImageClassification)
    assert type(AutoModel.from_pretrained(tmp_path)) is cvt.CvtModel
    assert isinstance(AutoModelForImageClassification.from_config(model.config), CvtForImageClassification)
    assert AutoConfig.for_model("cvt", num_labels=3).num_labels == 3
    with pytest.raises(ConfigError, match="model_type='vit' is another architecture"):
        AutoConfig.for_model("vit")


@pytest.mark.parametrize("auto", [AutoConfig, AutoImageProcessor, AutoModel, AutoModelForImageClassification])
def test_auto_classes_are_not_made(auto: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{auto.__name__} is made by {auto.__name__}\.from_pretrained"):
        auto("bundled")


def test_everything_is_left_in_evaluation_mode_and_on_its_device(classify: ImageClassificationPipeline) -> None:
    assert not classify.model.training and classify.device == torch.device("cpu")
