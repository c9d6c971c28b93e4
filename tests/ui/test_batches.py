"""Photos that wait for the network together: each gets its own logits, and none suffers from another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cvt import CvtConfig, CvtForImageClassification
from ui.serving.desk import Desk
from ui.session import batches as module
from ui.session import gpu
from ui.session.batches import LARGEST, Batches

Passed = list[tuple[CvtForImageClassification, int]]


def small(seed: int) -> CvtForImageClassification:
    torch.manual_seed(seed)
    config = CvtConfig(embed_dim=(8, 16, 24), num_heads=(1, 2, 3), depth=(1, 1, 1), num_labels=5)
    return CvtForImageClassification(config).eval()


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Passed:
    """The passes that the network makes from now on: whose, and of how many photos. A photo of ones breaks it."""
    seen: Passed = []

    def logits(model: CvtForImageClassification, pixel_values: Tensor) -> Tensor:
        seen.append((model, len(pixel_values)))
        if (pixel_values == 1).flatten(1).all(dim=1).any():
            raise RuntimeError("a photo of ones")
        return gpu.logits(model, pixel_values)

    monkeypatch.setattr(module, "logits", logits)
    return seen


def ask_together(
    network: Desk, batches: Batches, photos: list[tuple[CvtForImageClassification, Tensor]]
) -> list[Tensor | Exception]:
    """What each gets who asks while somebody else has the network's place."""
    found: list[Tensor | Exception] = [RuntimeError("nothing")] * len(photos)

    def ask(index: int) -> None:
        try:
            found[index] = batches.logits(*photos[index])
        except RuntimeError as error:
            found[index] = error

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(photos))]
    with network.place():
        for thread in threads:
            thread.start()
        until(lambda: sum(map(len, network._waiting.values())) == len(photos))
    for thread in threads:
        thread.join()
    return found


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.001)


def photo(seed: int, side: int = 32) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def test_each_gets_its_own_of_one_pass(passed: Passed) -> None:
    network, model = Desk(1), small(0)
    batches = Batches(network)
    batches.logits(model, photo(0))
    passed.clear()
    photos = [photo(seed) for seed in range(5)]
    found = ask_together(network, batches, [(model, pixels) for pixels in photos])
    assert passed == [(model, 5)]
    for pixels, its in zip(photos, found, strict=True):
        assert isinstance(its, Tensor)
        torch.testing.assert_close(its, gpu.logits(model, pixels)[0], atol=1e-5, rtol=1e-5)


def test_the_first_of_a_model_goes_alone_to_see_how_long_it_takes(passed: Passed) -> None:
    network, model = Desk(1), small(0)
    ask_together(network, Batches(network), [(model, photo(seed)) for seed in range(4)])
    assert passed == [(model, 1), (model, 3)]


def test_a_slow_model_takes_one_after_the_other(passed: Passed, monkeypatch: pytest.MonkeyPatch) -> None:
    network, model = Desk(1), small(0)
    batches = Batches(network)
    batches.logits(model, photo(0))
    monkeypatch.setattr(module, "LONGEST", 0.0)
    ask_together(network, batches, [(model, photo(seed)) for seed in range(3)])
    assert passed == [(model, 1)] * 4


def test_no_batch_is_larger_than_it_may_be(passed: Passed) -> None:
    network, model = Desk(1), small(0)
    batches = Batches(network)
    batches.logits(model, photo(0))
    ask_together(network, batches, [(model, photo(seed)) for seed in range(LARGEST + 2)])
    assert passed == [(model, 1), (model, LARGEST), (model, 2)]


def test_other_models_and_other_sizes_go_apart(passed: Passed) -> None:
    network, one, other = Desk(1), small(0), small(1)
    batches = Batches(network)
    for model in (one, other):
        batches.logits(model, photo(0))
    passed.clear()
    photos = [(one, photo(0)), (other, photo(0)), (one, photo(1, side=48)), (one, photo(1)), (other, photo(1))]
    found = ask_together(network, batches, photos)
    assert sorted(count for _, count in passed) == [1, 2, 2]
    for (model, pixels), its in zip(photos, found, strict=True):
        assert isinstance(its, Tensor)
        torch.testing.assert_close(its, gpu.logits(model, pixels)[0], atol=1e-5, rtol=1e-5)


def test_none_suffers_from_another(passed: Passed) -> None:
    network, model = Desk(1), small(0)
    batches = Batches(network)
    batches.logits(model, photo(0))
    found = ask_together(network, batches, [(model, photo(0)), (model, torch.ones(1, 3, 32, 32)), (model, photo(1))])
    assert [type(its) for its in found] == [Tensor, RuntimeError, Tensor]
    assert str(found[1]) == "a photo of ones"
    assert not batches._waiting
