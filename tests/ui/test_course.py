"""The course: its texts in every language, and its questions, whose answers are worked out here in another way."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvt.config import CvtConfig
from cvt.costs import stage_costs
from cvt.errors import ConfigError
from cvt.geometry import stage_geometry
from cvt.image_processor import CvtImageProcessor
from cvt.model import CvtForImageClassification
from cvt.probe import record
from cvt.tracing import Trace, trace
from tests.cvt.networks import randomise, small_config, uniform_config
from tests.test_japanese import broken
from ui.components.laboratory import laboratory_value, requested_trial
from ui.course.asked import Asked
from ui.course.facts import cost_table, numbers, traits
from ui.course.questions import QUESTIONS, VARIANTS, ask, lesson_facts
from ui.course.sheet import exercise_sheet, sheet_questions, wrapped
from ui.course.text import Lesson, QuestionText, course, fill, read_lesson
from visualize.fonts import pillow_font
from visualize.language import LANGUAGES, Language

SEEDS = [str(seed) for seed in range(12)]


class Case:
    """A small network of random weights, a photo, and its trace."""

    def __init__(self, config: CvtConfig, resolution: int = 64, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = CvtForImageClassification(config).eval()
        randomise(self.model)
        photo = np.random.default_rng(seed).integers(0, 256, (90, 90, 3), dtype=np.uint8)
        processor = CvtImageProcessor(size={"shortest_edge": resolution})
        self.trace = trace(self.model, processor, Image.fromarray(photo), target=1, resolution=resolution)

    def heard(self, *patterns: str) -> dict[str, torch.Tensor]:
        """What passes the probes when the network sees the same pixels again."""
        with torch.no_grad(), record(self.model, *patterns) as heard:
            self.model(torch.from_numpy(self.trace.pixel_values.copy())[None])
        return dict(heard)


CASES: dict[str, CvtConfig] = {
    "CvT in small": small_config(temperature=1.3),
    "without CLS, two stages": uniform_config(2, embed_dim=12),
    "avg": uniform_config(3, qkv_projection_method="avg", cls_token=[False, False, True], depth=[1, 1, 3]),
    "linear": uniform_config(2, qkv_projection_method="linear"),
    "one stage": uniform_config(1, cls_token=True),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {name: Case(config) for name, config in CASES.items()}


def made(case: Case, name: str) -> list[Asked]:
    """A question for every seed, where the network has something to ask about."""
    return [asked for seed in SEEDS if (asked := ask(name, case.trace, seed)) is not None]


# ---- texts -----------------------------------------------------------------------------------------------------------


def every_text(lesson: Lesson) -> list[str]:
    texts = [lesson.title, *lesson.goals]
    for step in lesson.steps:
        texts += [step.title, *(re.sub(r"^(\[(not )?[a-z-]+\] )?(> )?", "", text) for text in step.paragraphs)]
        for question in step.questions:
            texts += [question.ask, *(part.strip() for told in question.says.values() for part in told.split("→"))]
    return texts


def blanks(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_lessons_are_numbered() -> None:
    for language in LANGUAGES:
        assert [lesson.number for lesson in course(language)] == list(range(1, len(course(language)) + 1))


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_languages_have_the_same_lessons(language: str) -> None:
    """Steps open and wait for the same, paragraphs stand under the same conditions, questions say the same things."""
    for here, there in zip(course("en"), course(language), strict=True):
        assert (here.number, here.name, here.minutes, len(here.goals)) == (
            *(there.number, there.name, there.minutes),
            len(there.goals),
        )
        for step, other in zip(here.steps, there.steps, strict=True):
            for field in ("open", "close_up", "laboratory", "table", "wait"):
                assert getattr(step, field) == getattr(other, field), (here.number, step.title)
            conditions = [
                [re.match(r"(\[[a-z -]+\] )?(> )?", text)[0] for text in part.paragraphs]  # type: ignore[index]
                for part in (step, other)
            ]
            assert conditions[0] == conditions[1], step.title
            for question, translated in zip(step.questions, other.questions, strict=True):
                assert question.name == translated.name
                assert question.says.keys() == translated.says.keys(), question.name
                for name, told in question.says.items():
                    assert ("→" in told) == ("→" in translated.says[name]), (question.name, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_is_short_and_asks_for_something(language: str) -> None:
    """Three to five steps a lesson, at least three questions of both kinds, and something to do in every step."""
    for lesson in course(language):
        assert 3 <= len(lesson.steps) <= 5, lesson.title
        assert len(lesson.questions) >= 3, lesson.title
        for step in lesson.steps:
            assert step.wait or step.questions, step.title
            assert sum("> " in text[:30] for text in step.paragraphs) <= 2, step.title


def test_every_question_has_its_words_and_every_word_its_question(cases: dict[str, Case]) -> None:
    """Each question stands in exactly one lesson, with a text for every option, slip and answer."""
    for language in LANGUAGES:
        questions = [question for lesson in course(language) for question in lesson.questions]
        assert sorted(question.name for question in questions) == sorted(QUESTIONS)
        for question in questions:
            needed, known = needed_texts(question, cases)
            assert needed <= question.says.keys(), question.name
            assert question.says.keys() <= known, question.name


def needed_texts(question: QuestionText, cases: dict[str, Case]) -> tuple[set[str], set[str]]:
    """The names of texts that a question must have, and those that it may have."""
    needed: set[str] = set()
    for case in cases.values():
        for asked in made(case, question.name):
            if asked.kind == "choice" and not any(values for _, values in asked.options):
                needed |= {name for name, _ in asked.options}
            else:
                needed |= {"right", "wrong", "shown", *asked.slips, *(["option"] if asked.options else [])}
    return needed, needed


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_blank_is_filled(language: str, cases: dict[str, Case]) -> None:
    for case in cases.values():
        told = numbers(case.trace)
        for lesson in course(language):
            for step in lesson.steps:
                for text in step.paragraphs:
                    assert blanks(text) <= told.keys(), text
                for question in step.questions:
                    for asked in made(case, question.name):
                        options: dict[str, Any] = {name: values for name, values in asked.options}
                        for name, text in {"ask": question.ask, **question.says}.items():
                            values = {**told, **asked.values, **options.get(name, {})}
                            if name == "option":
                                values |= asked.options[0][1]
                            assert "{" not in fill(text, values), (question.name, name)


def test_japanese_lessons_keep_to_the_rules() -> None:
    for lesson in course("ja"):
        for text in every_text(lesson):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("*", "")
            assert broken(plain) == [], text


def test_terms_are_in_the_glossary() -> None:
    for language in LANGUAGES:
        glossary = Language.of(language).texts["glossary"]
        for lesson in course(language):
            for text in every_text(lesson):
                for name in re.findall(r"\[[^\]]+\]\(([^)?#:]+)\)", text):
                    assert name in glossary, text


def test_conditions_are_traits(cases: dict[str, Case]) -> None:
    known = {"closeup", "laboratory", "quick", "early-cls"}
    known |= {trait for case in cases.values() for trait in traits(case.trace.config)}
    for lesson in course("en"):
        for step in lesson.steps:
            for text in step.paragraphs:
                found = re.match(r"\[(?:not )?([a-z-]+)\] ", text)
                assert found is None or found[1] in known, text


@pytest.mark.parametrize(
    "text",
    [
        "# No front matter",
        "+++\nminutes = 3\n+++\n# Title\n\n## A step that no one describes\n\nText.",
        "+++\nminutes = 3\n[[steps]]\nopens = 1\n+++\n# Title\n\n## Step\n\nText.",
        '+++\nminutes = 3\n[[steps]]\nwait = { on = "moon", name = "phase" }\n+++\n# Title\n\n## Step\n\nText.',
        "+++\n[[steps]]\n+++\n# Title\n\n## Step\n\nText.",
        "+++\nminutes = \n+++\n# Title",
    ],
    ids=["no matter", "too few steps", "unknown field", "unknown place", "no minutes", "no TOML"],
)
def test_a_lesson_that_is_written_wrongly_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="lesson '9-wrong' cannot be read"):
        read_lesson("9-wrong", text)


def test_a_lesson_is_read() -> None:
    text = (
        "+++\nminutes = 3\n[[steps]]\ntable = true\n+++\n# Title\n\n- One\n  goal\n- Another\n\n"
        "## Step\n\nTwo\nlines.\n\n> Do.\n\n### name\n\nAsk?\n\n- right: Yes.\n- a: A → is: wrong\n"
    )
    lesson = read_lesson("4-name", text)
    assert (lesson.number, lesson.name, lesson.title, lesson.minutes) == (4, "name", "Title", 3)
    assert lesson.goals == ("One goal", "Another")
    (step,) = lesson.steps
    assert (step.title, step.paragraphs, step.table) == ("Step", ("Two lines.", "> Do."), True)
    assert step.questions == (QuestionText("name", "Ask?", {"right": "Yes.", "a": "A → is: wrong"}),)


# ---- facts -----------------------------------------------------------------------------------------------------------


def test_traits_of_networks() -> None:
    assert {"cls", "convolution", "squeezed", "overlap", "stages", "heads", "blocks"} <= set(traits(small_config()))
    assert "cls" not in traits(uniform_config(2))
    assert {"pooling", "squeezed"} <= set(traits(uniform_config(2, qkv_projection_method="avg")))
    assert "squeezed" not in traits(uniform_config(2, qkv_projection_method="linear"))
    assert "stages" not in traits(uniform_config(1))
    assert "early-cls" in traits(uniform_config(2, cls_token=True))


def test_the_table_is_that_of_the_network(cases: dict[str, Case]) -> None:
    """Grids from what passes, parameters from the modules; multiply-adds are counted in tests/cvt/test_costs.py."""
    for case in cases.values():
        heard = case.heard("stages.*.output", "*.attention.key")
        for index, line in enumerate(cost_table(case.trace)):
            feature_map = heard[f"cvt.encoder.stages.{index}.output"]
            key = heard[f"cvt.encoder.stages.{index}.layers.0.attention.key"]
            cls = int(case.trace.config.cls_token[index])
            assert line["grid"] == list(feature_map.shape[2:])
            assert line["channels"] == feature_map.shape[1]
            assert math.prod(line["keys"]) + cls == key.shape[2]
            assert line["heads"] == key.shape[1]
            stage = case.model.cvt.encoder.stages[index]
            assert line["blocks"] == len(stage.layers)
            assert line["parameters"] == sum(parameter.numel() for parameter in stage.parameters())


def test_facts_are_plain_and_the_same_again(cases: dict[str, Case]) -> None:
    import json

    case = cases["CvT in small"]
    told = json.dumps(lesson_facts(case.trace, "key"))
    assert told == json.dumps(lesson_facts(case.trace, "key"))
    assert json.loads(told)["key"] == "key"
    assert all(len(variants) in (0, VARIANTS) for variants in json.loads(told)["questions"].values())


# ---- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_questions_differ_and_are_well_formed(name: str, cases: dict[str, Case]) -> None:
    found = made(cases["CvT in small"], name)
    if name != "mean-share":
        assert len(found) == len(SEEDS)
    for case in cases.values():
        for asked in made(case, name):
            if asked.kind == "choice":
                names = [option for option, _ in asked.options]
                assert asked.answer in names and len(set(names)) == len(names)
            elif asked.kind == "number":
                assert isinstance(asked.answer, int | float) and math.isfinite(asked.answer)
                assert all(abs(slip - asked.answer) > asked.tolerance for slip in asked.slips.values())
            else:
                stage = case.trace.stages[asked.open["stage"] - 1].geometry.tokens
                assert asked.tokens
                assert all(1 <= row <= stage.rows and 1 <= column <= stage.columns for row, column in asked.tokens)
                assert len(asked.tokens) < stage.rows * stage.columns / 2 or stage.rows < 5
    asked_for = Counter(str((asked.values, asked.options)) for asked in found)
    assert len(asked_for) > 1 or not found


def windows(case: Case, row: int, column: int) -> set[tuple[int, int]]:
    """The pixels, some of them outside, that the first embedding reads for a token: found by an impulse at each."""
    config = case.trace.config
    first = [place * config.patch_stride[0] - config.patch_padding[0] for place in (row, column)]
    side = range(config.patch_sizes[0])
    return {(first[0] + y, first[1] + x) for y in side for x in side}


def test_windows_are_those_of_the_convolution(cases: dict[str, Case]) -> None:
    """The pixels that move a token of the embedding, against :func:`windows`."""
    case = cases["CvT in small"]
    projection = case.model.cvt.encoder.stages[0].embedding.projection
    pixels = torch.zeros(1, 3, 24, 24, requires_grad=True)
    projection(pixels)[0, 0, 2, 3].backward()
    assert pixels.grad is not None
    moved = set(map(tuple, torch.nonzero(pixels.grad[0, 0]).tolist()))
    assert moved == windows(case, 2, 3)


def test_shared_pixels(cases: dict[str, Case]) -> None:
    for case in cases.values():
        size = case.trace.crop.height
        for asked in made(case, "shared-pixels"):
            value = asked.values
            window = windows(case, value["row"] - 1, value["column"] - 1)
            other_window = windows(case, value["other_row"] - 1, value["other_column"] - 1)
            assert asked.answer == len(window & other_window)
            assert all(0 <= place < size for pixel in window | other_window for place in pixel)


def test_products(cases: dict[str, Case]) -> None:
    for case in cases.values():
        for asked in made(case, "products"):
            projection = case.model.cvt.encoder.stages[asked.values["stage"] - 1].embedding.projection
            assert asked.answer == projection.weight[0].numel()


def test_strongest(cases: dict[str, Case]) -> None:
    case = cases["CvT in small"]
    for asked in made(case, "strongest"):
        value = asked.values
        heard = case.heard("stages.*.output")[f"cvt.encoder.stages.{value['stage'] - 1}.output"]
        channel = heard[0, value["channel"] - 1]
        row, column = divmod(int(channel.argmax()), channel.shape[1])
        assert (value["right_row"], value["right_column"]) == (row + 1, column + 1) == asked.tokens[0]
        assert asked.open == {"view": "feature", "stage": value["stage"], "channel": value["channel"]}


def test_centres_and_receptive_fields(cases: dict[str, Case]) -> None:
    """An impulse at the input of the embeddings says where a token's field begins and ends."""
    case = cases["CvT in small"]
    pixels = case.trace.pixel_values.shape
    for name, asked in [(kind, question) for kind in ("centres", "field") for question in made(case, kind)]:
        stage = asked.values["stage"]
        spans = [span(case, stage, pixels, place) for place in (1, 2)]
        if name == "field":
            assert asked.answer == spans[0][1] - spans[0][0] + 1
        else:
            assert asked.answer == spans[1][1] - spans[0][1]


def span(case: Case, stage: int, shape: tuple[int, ...], place: int) -> tuple[int, int]:
    """First and last column that reaches a token through the convolutions of the embeddings alone."""
    below = torch.zeros(1, *shape, requires_grad=True)
    x = below
    for stage_module in case.model.cvt.encoder.stages[:stage]:
        x = torch.nn.functional.conv2d(
            x,
            torch.ones_like(stage_module.embedding.projection.weight),
            stride=stage_module.embedding.projection.stride,
            padding=stage_module.embedding.projection.padding,
        )
    x[0, 0, x.shape[2] // 2, place].backward()
    assert below.grad is not None
    columns = torch.nonzero(below.grad[0, 0].sum(dim=0))[:, 0]
    first, last = int(columns.min()), int(columns.max())
    assert first >= 0
    field = case.trace.stages[stage - 1].geometry.tokens.receptive_field
    return max(first, last - field + 1), last


def test_numbers_held(cases: dict[str, Case]) -> None:
    for case in cases.values():
        for asked in made(case, "numbers-held"):
            held = case.heard("stages.*.output")[f"cvt.encoder.stages.{asked.values['stage'] - 1}.output"]
            assert asked.answer == held.numel()


def test_coarser(cases: dict[str, Case]) -> None:
    for case in cases.values():
        config = CvtConfig.from_dict(case.trace.config.to_dict())
        config.patch_stride = [2 * config.patch_stride[0], *config.patch_stride[1:]]
        alone = CvtConfig(**{**one_stage(config), "patch_stride": [config.patch_stride[0]]})
        grid = stage_geometry(alone, case.trace.crop.height, case.trace.crop.width)[0].tokens
        for asked in made(case, "coarser"):
            assert asked.values["after"] == pytest.approx(grid.rows * grid.columns, rel=0.15)


def one_stage(config: CvtConfig) -> dict[str, Any]:
    """The fields of a network of the first stage alone."""
    told = config.to_dict()
    return {
        name: told[name][:1]
        for name in ("patch_sizes", "patch_padding", "embed_dim", "num_heads", "depth", "mlp_ratio")
    } | {
        name: told[name][:1]
        for name in (
            *("attention_drop_rate", "drop_rate", "drop_path_rate", "qkv_bias", "cls_token", "qkv_projection_method"),
            *("kernel_qkv", "padding_kv", "stride_kv", "padding_q", "stride_q"),
        )
    }


def test_costly(cases: dict[str, Case]) -> None:
    """The costs themselves are held to a counted pass in tests/cvt/test_costs.py."""
    for case in cases.values():
        for asked in made(case, "costly"):
            high, wide = asked.values["high"], asked.values["wide"]
            assert high == asked.values["times"] * case.trace.crop.height
            counts = [cost.multiply_adds for cost in stage_costs(case.trace.config, high, wide)]
            assert asked.answer == f"stage{counts.index(max(counts)) + 1}"
            assert float(asked.values["share"]) == pytest.approx(100 * max(counts) / sum(counts), abs=0.5)


def attention_of(case: Case, stage: int, block: int) -> np.ndarray:
    """The weights of attention that the network itself worked out, ``[heads, queries, keys]``; counted from 1."""
    name = f"cvt.encoder.stages.{stage - 1}.layers.{block - 1}.attention.weights"
    weights = case.heard("*.attention.weights")[name][0]
    return weights.numpy().astype(np.float64)


def test_keys_and_what_they_save(cases: dict[str, Case]) -> None:
    """Against the sizes of the attention that the network works out."""
    for case in cases.values():
        for asked in made(case, "keys"):
            cls = int(case.trace.config.cls_token[asked.values["stage"] - 1])
            assert asked.answer == attention_of(case, asked.values["stage"], 1).shape[2] - cls
        for asked in made(case, "saving"):
            _, queries, keys = attention_of(case, asked.values["stage"], 1).shape
            assert asked.answer == pytest.approx(queries / keys, rel=0.01)
        for asked in made(case, "unsqueezed"):
            _, queries, keys = attention_of(case, asked.values["stage"], 1).shape
            assert asked.answer == queries**2
            assert asked.slips["now"] == queries * keys
        for asked in made(case, "uniform-share"):
            assert asked.answer == pytest.approx(100 / attention_of(case, asked.values["stage"], 1).shape[2], abs=0.001)
        for asked in made(case, "rows-of-attention"):
            last = case.trace.config.num_stages
            assert asked.answer == attention_of(case, last, asked.values["block"]).shape[1]


def test_depthwise_weights(cases: dict[str, Case]) -> None:
    for case in cases.values():
        for asked in made(case, "depthwise-weights"):
            layer = case.model.cvt.encoder.stages[asked.values["stage"] - 1].layers[0]
            weight = layer.attention.query_convolution.convolution.weight
            assert asked.answer == weight.numel()
            assert asked.values["ordinary"] == f"{weight.numel() * weight.shape[0]:,}"


def test_scores_and_shares(cases: dict[str, Case]) -> None:
    """The scores are those whose softmax is the network's own attention."""
    for case in cases.values():
        for asked in made(case, "softmax"):
            value = asked.values
            stage = case.trace.stages[value["stage"] - 1]
            cls, columns = int(stage.has_cls), stage.geometry.tokens.columns
            rows = attention_of(case, value["stage"], len(stage.blocks))[value["head"] - 1]
            row = np.sort(rows[cls + (value["row"] - 1) * columns + value["column"] - 1, cls:])[::-1]
            first, second, third = (float(value[name].replace("−", "-")) for name in ("first", "second", "third"))
            assert first - second == pytest.approx(math.log(row[0] / row[len(row) // 3]), abs=0.11)
            assert first - third == pytest.approx(math.log(row[0] / row[2 * len(row) // 3]), abs=0.11)
            share = 100 / (1 + math.exp(second - first) + math.exp(third - first))
            assert asked.answer == pytest.approx(share, abs=0.01)


def test_received(cases: dict[str, Case]) -> None:
    for case in cases.values():
        for asked in made(case, "received"):
            stage = case.trace.stages[-1]
            weights = attention_of(case, len(case.trace.stages), asked.values["block"])
            shares = weights.mean(axis=(0, 1))[int(stage.has_cls) :]
            best = divmod(int(shares.argmax()), stage.geometry.keys.columns)
            (row, column), keys = asked.tokens[0], stage.geometry.keys
            place = stage.geometry.tokens.centre(row - 1, column - 1)
            distance = max(
                abs(centre - other_centre) for centre, other_centre in zip(place, keys.centre(*best), strict=True)
            )
            assert distance <= keys.stride / 2
            assert float(asked.values["share"]) == pytest.approx(100 * shares.max(), rel=0.06)


def test_heads_and_blocks(cases: dict[str, Case]) -> None:
    case = cases["CvT in small"]
    last = len(case.trace.stages)
    columns = case.trace.stages[-1].geometry.tokens.columns
    for asked in made(case, "focused-head"):
        value = asked.values
        query = 1 + (value["row"] - 1) * columns + value["column"] - 1
        rows = attention_of(case, last, value["block"])[:, query]
        bits = -(rows * np.log2(rows)).sum(axis=1)
        assert asked.answer == f"head{bits.argmin() + 1}"
        assert float(value["bits"]) == pytest.approx(bits.min(), abs=0.06)
    for asked in made(case, "looks-at-itself"):
        blocks = range(1, len(case.trace.stages[-1].blocks) + 1)
        shares = [attention_of(case, last, block)[asked.values["head"] - 1, 0, 0] for block in blocks]
        assert asked.answer == f"block{int(np.argmax(shares)) + 1}"
    for asked in made(case, "silenced"):
        value = asked.values
        row = attention_of(case, last, value["block"])[value["head"] - 1, 0]
        assert asked.answer == pytest.approx(100 * row[1:].max() / row[1:].sum(), abs=2 * asked.tolerance)


def test_the_photo_grows(cases: dict[str, Case]) -> None:
    """Attention for sides that are multiplied, and grids of other sizes, from the network run on such inputs."""
    case = cases["CvT in small"]
    side = 32
    for asked in made(case, "doubled"):
        sizes = []
        for length in (side, side * asked.values["times"]):
            with torch.no_grad(), record(case.model, "*.stages.0.layers.0.attention.weights") as heard:
                case.model(torch.zeros(1, 3, length, length))
            sizes.append(next(iter(heard.values())).numel())
        assert asked.answer == sizes[1] / sizes[0]
    for asked in made(case, "other-size")[:4]:
        with torch.no_grad(), record(case.model, "*.stages.2.output") as heard:
            case.model(torch.zeros(1, 3, asked.values["high"], asked.values["wide"]))
        assert asked.answer == next(iter(heard.values()))[0, 0].numel()


def test_outside(cases: dict[str, Case]) -> None:
    for case in cases.values():
        height, width = case.trace.crop.height, case.trace.crop.width
        for asked in made(case, "outside"):
            window = windows(case, asked.values["row"] - 1, asked.values["column"] - 1)
            assert asked.answer == sum(not (0 <= y < height and 0 <= x < width) for y, x in window) > 0


def test_a_shift_by_whole_steps_moves_the_tokens(cases: dict[str, Case]) -> None:
    """What is said to be right about a shifted photo, tried with the embedding itself."""
    case = cases["CvT in small"]
    pixels = torch.from_numpy(case.trace.pixel_values.copy())[None]
    for asked in made(case, "shift"):
        assert asked.answer == "moved"
        embedding = case.model.cvt.encoder.stages[0].embedding
        with torch.no_grad():
            before, after = embedding(pixels), embedding(torch.roll(pixels, asked.values["step"], dims=3))
        torch.testing.assert_close(after[..., 2:, 3:-2], before[..., 2:, 2:-3])
    for asked in made(case, "whole-step"):
        places = [span(case, asked.values["stage"], case.trace.pixel_values.shape, place)[1] for place in (1, 2)]
        assert asked.answer == asked.values["places"] * (places[1] - places[0])


def test_logits_and_probabilities(cases: dict[str, Case]) -> None:
    for case in cases.values():
        with torch.no_grad():
            logits = case.model(torch.from_numpy(case.trace.pixel_values.copy())[None]).logits[0]
        probabilities = (logits / case.trace.config.temperature).softmax(dim=0)
        names = [case.trace.config.id2label[index] for index in range(len(logits))]
        for asked in made(case, "odds"):
            first, second = names.index(asked.values["first"]), names.index(asked.values["second"])
            ratio = float(probabilities[first] / probabilities[second])
            assert asked.answer == pytest.approx(ratio, rel=0.02)
        for asked in made(case, "temperature"):
            after = (logits / (2 * case.trace.config.temperature)).softmax(dim=0)
            assert int(after.argmax()) == int(probabilities.argmax()) == names.index(asked.values["class"])
            assert asked.answer == "calmer" and after.max() < probabilities.max()
            assert float(asked.values["after"]) == pytest.approx(100 * float(after.max()), abs=0.5)
        for asked in made(case, "products-of-a-logit"):
            assert asked.answer == case.model.classifier.weight[: asked.values["classes"]].numel()
        for asked in made(case, "mean-share"):
            tokens = case.trace.stages[-1].feature_map[0].size
            assert asked.answer == pytest.approx(100 * asked.values["some"] / tokens, abs=0.001)


def test_evidence(cases: dict[str, Case]) -> None:
    """The token that brings most, by the sums of features times balanced gradients that the trace keeps."""
    for case in cases.values():
        for asked in made(case, "evidence"):
            stage = case.trace.stages[asked.values["stage"] - 1]
            brought = stage.blocks[0].evidence
            assert brought is not None
            spatial = brought[int(stage.has_cls) :].reshape(stage.geometry.tokens.shape)
            row, column = np.unravel_index(int(spatial.argmax()), spatial.shape)
            assert asked.tokens[0] == (row + 1, column + 1)


def test_predictions_that_hold_for_every_network(cases: dict[str, Case]) -> None:
    """Shuffled tokens come out shuffled where nothing convolves; doubled sums leave layer normalisation as it is."""
    layer = cases["linear"].model.cvt.encoder.stages[0].layers[0]
    tokens = torch.randn(1, 36, 8)
    order = torch.randperm(36)
    with torch.no_grad():
        torch.testing.assert_close(layer(tokens, 6, 6)[:, order], layer(tokens[:, order], 6, 6))
    norm = cases["CvT in small"].model.cvt.encoder.stages[0].embedding.norm
    sums = torch.randn(5, norm.normalized_shape[0])
    torch.testing.assert_close(norm(2 * sums), norm(sums), atol=1e-3, rtol=1e-3)
    right = {"shuffled": "permuted", "brighter": "same", "squeezed-queries": "fewer", "no-place": "skips"}
    for name, answer in right.items():
        assert {asked.answer for case in cases.values() for asked in made(case, name)} == {answer}


def test_the_same_seed_asks_the_same(cases: dict[str, Case]) -> None:
    trace_: Trace = cases["CvT in small"].trace
    for name in QUESTIONS:
        assert ask(name, trace_, "a") == ask(name, trace_, "a")


# ---- exercise sheets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sheet_is_a_pdf_of_all_that_can_be_asked_on_paper(
    language: str, cases: dict[str, Case], tmp_path: Path
) -> None:
    for number, case in enumerate(cases.values()):
        path = tmp_path / f"{number}.pdf"
        exercise_sheet(case.trace, path, sheet="B", language=language)
        assert path.read_bytes().startswith(b"%PDF-")
        asked = sheet_questions(case.trace, "B", language)
        assert len(asked) >= 14
        assert all(made.kind != "token" and not made.open for _, _, made in asked)


def test_a_sheet_is_the_same_again_and_another_sheet_is_not(cases: dict[str, Case], tmp_path: Path) -> None:
    trace_ = cases["CvT in small"].trace
    files = [tmp_path / name for name in ("first.pdf", "same.pdf", "other.pdf")]
    for path, sheet in zip(files, ("A", "A", "C"), strict=True):
        exercise_sheet(trace_, path, sheet=sheet)
    first, same, other = (path.read_bytes() for path in files)
    assert first == same != other
    with pytest.raises(ConfigError, match="sheet 'Z' must be one of A, B, C, D"):
        exercise_sheet(trace_, tmp_path / "z.pdf", sheet="Z")


@pytest.mark.parametrize(
    "text", ["A few words of a line that has to be cut somewhere.", "日本語の文章は、どの文字の間でも切れます。"]
)
def test_lines_are_wrapped(text: str) -> None:
    lines = wrapped(text, 1.5, 9)
    assert len(lines) > 1
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(pillow_font(line, 100).getlength(line) * 9 / 7200 <= 1.7 for line in lines)
    assert not any(line.startswith("、") for line in lines)


def test_what_a_question_tries_can_be_tried(cases: dict[str, Case]) -> None:
    """The laboratory takes what the questions send it, and what the lessons open, whatever the network is."""
    asked_for = set()
    for case in cases.values():
        config, offered = case.trace.config, laboratory_value("a", case.trace.config, 64).changes
        for name in QUESTIONS:
            for wish in (asked.laboratory for asked in made(case, name) if asked.laboratory):
                asked_for.add(name)
                assert wish["change"] in offered["place"] + offered["break"], name
                requested_trial(SimpleNamespace(_data={"number": 1, **wish}), config, 64)  # type: ignore[arg-type]
    assert asked_for == {"shift", "whole-step", "neighbours-gone", "unsqueezed", "silenced"}
    for lesson in course("en"):
        for step in lesson.steps:
            assert not step.laboratory or step.laboratory["kind"] in ("place", "break"), step.title
