"""Whatever comes in, nothing but the project's own errors comes out: photos, configurations, tensors' names."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvt.checkpoint_architecture import complete_fields
from cvt.checkpoint_keys import LAYOUTS, Layout, detect_layout, from_ours, to_ours
from cvt.config import CvtConfig
from cvt.errors import CvtError
from cvt.image_processor import CvtImageProcessor
from cvt.photo import open_photo
from tests.cvt.networks import small_model
from tests.hostile.photos import saved

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
"""It is another test's server that draws from it meanwhile, in a thread of its own."""

bounded = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A bounded time: ``pytest --hypothesis-profile`` or more examples are for whoever looks for more."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM")
FILES = [saved(format, "P" if format == "GIF" else "RGB", 40, 30) for format in FORMATS]
FIELDS = sorted(CvtConfig().to_dict())
PREPROCESSING = sorted(CvtImageProcessor().to_dict())
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=8,
)
NAMES = [f"cvt.{name}" for name in small_model().state_dict()]


@bounded
@given(st.sampled_from(FILES), st.integers(), st.integers(1, 30))
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged EXIF data
def test_a_damaged_photo(content: bytes, seed: int, count: int) -> None:
    changed, chance = bytearray(content), random.Random(seed)
    for _ in range(count):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    with suppress(CvtError):
        assert open_photo(bytes(changed[: chance.randrange(len(changed))]), 10**6).mode == "RGB"


@bounded
@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), anything, max_size=3))
def test_a_configuration(fields: dict[str, Any]) -> None:
    try:
        config = CvtConfig.from_dict(fields)
    except CvtError as error:
        assert len(str(error)) <= 600
    else:
        assert CvtConfig.from_dict(json.loads(json.dumps(config.to_dict()))).num_labels == config.num_labels


@bounded
@given(st.dictionaries(st.sampled_from(PREPROCESSING) | st.text(max_size=8), anything, max_size=3))
def test_preprocessing(fields: dict[str, Any]) -> None:
    try:
        CvtImageProcessor.from_dict(fields)
    except CvtError as error:
        assert len(str(error)) <= 600


@bounded
@given(st.lists(st.sampled_from(NAMES) | st.text(max_size=40), max_size=20), st.sampled_from(LAYOUTS))
def test_names_of_tensors(names: list[str], layout: Layout) -> None:
    assert detect_layout(names) in (None, *LAYOUTS)
    for name in names:
        ours = to_ours(name, layout)
        assert ours is None or to_ours(from_ours(ours, layout), layout) == ours


@bounded
@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.integers(0, 9), max_size=5), max_size=20))
def test_shapes_of_tensors(shapes: dict[str, list[int]]) -> None:
    with pytest.raises(CvtError):
        complete_fields(shapes)
