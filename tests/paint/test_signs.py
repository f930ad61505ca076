"""Signs of the grade: what they measure, what real tissue says of them, what drawn pairs are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_histosynth.core.stain import TYPICAL
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.lesson import Lesson, Pairs
from napari_histosynth.paint.signs import NAMES, Signs, signs_of

HEMATOXYLIN, SHARE, SIZE, CONTRAST = range(len(NAMES))


def _tissue(radius: float, amount: float = 1.0, seed: int = 0, side: int = 96, step: int = 16) -> Tensor:
    """Round nuclei of hematoxylin on pale eosin, (1, 3, side, side) in [-1, 1], in the typical stain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    covered = np.zeros((side, side))
    for cy in range(step // 2, side, step):
        for cx in range(step // 2, side, step):
            jy, jx = rng.normal(0, 0.5, 2)
            covered = np.maximum(covered, (y - cy - jy) ** 2 + (x - cx - jx) ** 2 < radius**2)
    hematoxylin, eosin, glass = TYPICAL.reshape(3, 3)
    density = amount * covered[..., None] * hematoxylin + 0.5 * eosin + glass
    return torch.tensor(2 * np.exp(-density) - 1, dtype=torch.float32).permute(2, 0, 1)[None]


def _signs(picture: Tensor) -> Tensor:
    signs, _ = signs_of(picture, None, torch.ones(1, *picture.shape[-2:]))
    return signs[0]


def test_larger_nuclei_are_larger_and_darker_ones_darker() -> None:
    small, large, pale = _signs(_tissue(3)), _signs(_tissue(5)), _signs(_tissue(5, 0.75))
    assert large[SIZE] > small[SIZE] + 0.2
    assert large[SHARE] > small[SHARE] + 0.1
    assert large[HEMATOXYLIN] > pale[HEMATOXYLIN] > small[HEMATOXYLIN]
    assert large[CONTRAST] > pale[CONTRAST]


def test_a_share_covered_by_many_small_nuclei_is_not_taken_for_large_ones() -> None:
    few, many = _signs(_tissue(5, step=24)), _signs(_tissue(5 / 2, step=12))
    assert float(few[SHARE]) == pytest.approx(float(many[SHARE]), abs=0.08)
    assert few[SIZE] > many[SIZE] + 0.3


def test_only_epithelium_counts_and_lumen_does_not() -> None:
    picture = torch.cat([_tissue(5), torch.full((1, 3, 96, 96), 0.95)], 3)  # tissue beside lumen
    epithelium = torch.ones(1, 96, 192)
    whole, share = signs_of(picture, None, epithelium)
    assert float(share[0]) == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(whole[0], _signs(_tissue(5)), atol=0.05, rtol=0)
    nothing, share = signs_of(picture, None, 0 * epithelium)
    assert share[0] == 0
    assert torch.isfinite(nothing).all()


def _field(number: int, grade: str, source: str, radius: float) -> Field:
    picture = _tissue(radius, seed=number)
    image = ((picture[0].permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
    labels = np.full(image.shape[:2], get_scheme("colon-2").index_of("epithelium"), np.uint8)
    return Field(f"field_{number}", str(number), image, (labels,), 0.05, grade, source)


def _signs_of_two_sources() -> Signs:
    """One source has smaller nuclei than the other; within each they grow with the grade."""
    fields = [
        _field(10 * source + n, ("low", "high")[n % 2], "ab"[source], 3 + source + 0.5 * (n % 2))
        for source in range(2)
        for n in range(14)
    ]
    return Signs(fields, {"low": 0.0, "high": 1.0}, get_scheme("colon-2"))


def test_real_tissue_tells_how_signs_change_within_a_source() -> None:
    signs = _signs_of_two_sources()
    within = [_signs(_tissue(r + 0.5))[SHARE] - _signs(_tissue(r))[SHARE] for r in (3.0, 4.0)]
    assert float(signs.change[SHARE]) == pytest.approx(float(sum(within) / 2), rel=0.25)
    assert (signs.spread > 0).all()


def test_nothing_is_known_without_grades() -> None:
    fields = [_field(number, "", "a", 3) for number in range(14)]
    assert (Signs(fields, {"low": 0.0}, get_scheme("colon-2")).change == 0).all()


def _lesson(drawn: Tensor, told: tuple[float, float] = (0.0, 1.0)) -> Lesson:
    scheme = get_scheme("colon-2")
    labels = torch.zeros(2, scheme.n_classes, 96, 96)
    labels[:, scheme.index_of("epithelium")] = 1
    low, high = (torch.tensor([one]) for one in (0, 1))
    pairs = Pairs(low, high, *(torch.tensor([grade]) for grade in told))
    latent = torch.zeros(2, 3)
    return Lesson(drawn, drawn, labels, labels, latent, latent, {}, pairs)


def test_pairs_that_change_as_real_tissue_does_miss_less() -> None:
    signs = _signs_of_two_sources()

    def missed(first: float, second: float) -> float:
        error, lost = signs.teach(_lesson(torch.cat([_tissue(first), _tissue(second)])))
        assert not error.requires_grad
        return float(lost)

    as_real = missed(3.5, 4.0)
    assert as_real < missed(3.5, 3.5)
    assert missed(3.5, 3.5) < missed(4.0, 3.5)  # the wrong way is worse than not at all


def test_what_is_missed_reaches_the_generator() -> None:
    signs = _signs_of_two_sources()
    drawn = torch.cat([_tissue(4), _tissue(3.5)]).requires_grad_()
    _, lost = signs.teach(_lesson(drawn))
    (gradient,) = torch.autograd.grad(lost, [drawn])
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


def test_without_pairs_nothing_is_missed() -> None:
    lesson = _lesson(torch.cat([_tissue(4), _tissue(3)]))
    for pairs in (None, Pairs(*(torch.zeros(0, dtype=torch.long) for _ in range(2)), *(torch.zeros(0),) * 2)):
        _, lost = _signs_of_two_sources().teach(replace(lesson, pairs=pairs))
        assert float(lost) == 0
