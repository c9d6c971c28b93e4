"""Augmentation: known images in, laws that must hold of what comes out."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from training import augment


def generator(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 6, size: int = 20) -> Tensor:
    return torch.randint(0, 256, (count, 3, size, size), generator=generator(1), dtype=torch.uint8)


def test_a_crop_of_everything_is_the_image_or_its_mirror() -> None:
    images = noise(count=20)
    crops = augment.crop_and_flip(images, 20, (1.0, 1.0), generator(), ratio=1.0)
    mirrored = 0
    for crop, image in zip(crops, images, strict=True):
        assert torch.equal(crop, image) or torch.equal(crop, image.flip(-1))
        mirrored += not torch.equal(crop, image)
    assert 0 < mirrored < 20


def test_crops_cover_the_share_of_the_area_that_was_asked_for() -> None:
    ramp = torch.arange(100, dtype=torch.uint8).expand(200, 3, 100, 100).contiguous()
    crops = augment.crop_and_flip(ramp, 100, (0.25, 0.25), generator(), ratio=1.0).float()
    spans = crops.amax(dim=(1, 2, 3)) - crops.amin(dim=(1, 2, 3))
    assert ((spans - 49).abs() <= 1).all(), "a quarter of the area is half of the width"
    middles = crops.mean(dim=(1, 2, 3))
    assert middles.min() < 30 and middles.max() > 69, "the crops lie everywhere"


def test_the_gpu_way_of_cropping_gives_the_same_crops() -> None:
    images = noise()
    flips = torch.tensor([True, False] * 3)
    tops, lefts = torch.tensor([0, 4, 8, 12, 0, 3]), torch.tensor([12, 8, 4, 0, 0, 5])
    sides = torch.full((6,), 8)
    crops = augment._crop_on_grid(images, 8, tops, lefts, sides, sides, flips)
    for index in range(6):
        top, left = int(tops[index]), int(lefts[index])
        expected = images[index, :, top : top + 8, left : left + 8]
        assert torch.equal(crops[index], expected.flip(-1) if flips[index] else expected)


def test_jpeg_leaves_its_traces_on_the_share_that_was_asked_for() -> None:
    images = noise(count=40, size=24)
    before = images.clone()
    assert augment.recompress(images, 0.0, generator()) is images
    changed = (augment.recompress(images, 0.5, generator()) != images).flatten(1).any(dim=1)
    assert 10 < changed.sum() < 30
    assert torch.equal(images, before), "the input is not changed"
    smooth = torch.arange(0, 240, 10, dtype=torch.uint8).expand(4, 3, 24, 24).contiguous()
    off = (augment.recompress(smooth, 1.0, generator()).float() - smooth.float()).abs()
    assert off.max() > 0 and off.mean() < 5, "what it shows stays"


def test_a_blur_takes_noise_and_leaves_what_is_even() -> None:
    images = noise(count=40).float() / 255
    assert torch.equal(augment.blur(images, 0.0, generator()), images)
    blurred = augment.blur(images, 0.5, generator())
    changed = (blurred != images).flatten(1).any(dim=1)
    assert 10 < changed.sum() < 30
    assert (blurred[changed].flatten(1).std(dim=1) < images[changed].flatten(1).std(dim=1)).all()
    even = torch.full((5, 3, 12, 9), 0.4)
    torch.testing.assert_close(augment.blur(even, 1.0, generator()), even)


def test_warp_leaves_unchosen_images_alone() -> None:
    images = noise(count=40).float() / 255
    assert torch.equal(augment.warp(images, 0.0, generator()), images)
    changed = (augment.warp(images, 0.5, generator()) != images).flatten(1).any(dim=1)
    assert 10 < changed.sum() < 30
    assert torch.isfinite(augment.warp(images, 1.0, generator())).all()


def test_colour_stays_in_range_and_zero_strength_changes_nothing() -> None:
    images = noise(count=40).float() / 255
    assert torch.equal(augment.augment_colour(images, 0.0, generator()), images)
    changed = augment.augment_colour(images, 0.5, generator())
    assert changed.min() >= 0 and changed.max() <= 1
    assert (changed != images).flatten(1).any(dim=1).all()


def test_erasing_covers_one_rectangle_of_at_most_a_quarter() -> None:
    for seed in range(10):
        images = augment.erase(torch.full((1, 3, 40, 40), 9.0), 1.0, generator(seed))
        erased = (images[0] != 9).all(dim=0)
        rows, columns = erased.any(dim=1), erased.any(dim=0)
        assert erased.sum() == rows.sum() * columns.sum(), "a rectangle"
        assert 0.01 * 1600 <= erased.sum() <= 0.25 * 1600
    untouched = torch.full((4, 3, 40, 40), 9.0)
    assert torch.equal(augment.erase(untouched.clone(), 0.0, generator()), untouched)


def test_smoothed_targets_by_hand() -> None:
    targets = augment.one_hot(torch.tensor([2, 0]), 4, smoothing=0.2)
    torch.testing.assert_close(targets, torch.tensor([[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]]))


@pytest.mark.parametrize("seed", range(12))
def test_mixing_shares_targets_as_it_shares_pixels(seed: int) -> None:
    """Image i is white in channel i alone, so the mean of its channels is its target, before and after."""
    targets = torch.eye(3)
    images = targets.view(3, 3, 1, 1).expand(3, 3, 30, 24).contiguous()
    before = images.clone()
    mixed, shares = augment.mix(images, targets, 1.0, generator(seed))
    torch.testing.assert_close(mixed.mean(dim=(2, 3)), shares)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3))
    assert torch.equal(images, before), "the input is not changed"


def test_mixing_happens_as_often_as_asked() -> None:
    images, targets = torch.rand(4, 3, 8, 8), torch.eye(4)
    source = generator()
    mixed = sum(augment.mix(images, targets, 0.3, source)[1] is not targets for _ in range(300))
    assert 60 < mixed < 120
    assert augment.mix(images, targets, 0.0, source)[0] is images


def test_the_same_generator_gives_the_same_batch() -> None:
    def batch(seed: int) -> Tensor:
        source = generator(seed)
        images = augment.recompress(noise(), 0.5, source)
        pixels = augment.blur(augment.crop_and_flip(images, 16, (0.3, 1.0), source).float() / 255, 0.5, source)
        pixels = augment.augment_colour(augment.warp(pixels, 0.5, source), 0.4, source)
        return augment.mix(augment.erase(pixels, 0.5, source), torch.eye(6), 1.0, source)[0]

    assert torch.equal(batch(3), batch(3))
    assert not torch.equal(batch(3), batch(4))


def test_beta_has_the_mean_and_variance_of_its_law() -> None:
    source = generator()
    draws = torch.tensor([augment._beta(0.2, source) for _ in range(4000)])
    assert draws.mean() == pytest.approx(0.5, abs=0.03)
    assert draws.var() == pytest.approx(0.25 / 1.4, abs=0.01)  # 1 / (4 (2 alpha + 1))
