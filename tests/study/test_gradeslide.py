"""The slider's measures, on models that do what is asked, or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.paint.data import scale_density
from napari_histosynth.study import gradeslide
from napari_histosynth.study.correlates import measure
from napari_histosynth.study.gradematerial import Tissue
from napari_histosynth.study.gradeslide import Slides, draw_slides, monotony, separation

Picture = npt.NDArray[np.uint8]
Make = Callable[..., Picture]
SHARES = np.linspace(0, 1, 5)


def _slides(
    monkeypatch: pytest.MonkeyPatch, draw: Callable[[npt.NDArray[np.float32], int], Picture]
) -> Slides:
    """Run the slider on a model that draws by a rule from the latent (style, darkness) and the label map."""

    class Canvas:
        def __init__(self, model: Any, labels: Any, *, latent: Any, seed: int) -> None:
            self.picture = draw(latent, int(labels[0, 0]))

        def render(self) -> Picture:
            return self.picture

    def judge(pictures: Sequence[Picture]) -> npt.NDArray[np.float64]:
        inside = np.ones(pictures[0].shape[:2], bool)
        return np.array([measure(picture, inside, 1.0).nuclear_share for picture in pictures])

    monkeypatch.setattr(gradeslide, "Canvas", Canvas)
    model: Any = SimpleNamespace(
        um_per_px=1.0,
        style_size=1,
        has_stain=True,
        sample_latent=lambda seed: np.array([9.0, 1 + 0.4 * (seed % 2)], np.float32),
    )
    tissues = [
        Tissue(f"map {number}", np.full((120, 120), number, np.uint8), np.ones((120, 120), bool))
        for number in range(3)
    ]
    ends = np.zeros(1, np.float32), np.ones(1, np.float32)
    told: list[float] = []
    found = draw_slides(model, tissues, *ends, judge, places=5, stains=2, tell=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    return found


@pytest.fixture
def growing(tissue: Make) -> Make:
    """Draw nuclei that grow with the style."""
    return lambda latent, number: scale_density(
        tissue(3 + 4 * latent[0], seed=number), np.full(3, float(latent[1]))
    )


@pytest.fixture
def deaf(tissue: Make) -> Make:
    """Draw nuclei of one size, with other noise for every style."""
    return lambda latent, number: scale_density(
        tissue(5, seed=int(1000 * latent[0]) + 17 * number), np.full(3, float(latent[1]))
    )


def test_nuclei_that_grow_along_the_slider_rise_to_the_full(
    growing: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    slides = _slides(monkeypatch, growing)
    found = monotony(slides.judged, slides.shares)
    assert found["spearman"] == pytest.approx(1)
    assert found["overall"] > 0.95
    assert found["means"] == sorted(found["means"])
    assert monotony(slides.measured["nuclear_area"], slides.shares)["spearman"] > 0.95
    apart = separation(slides)
    assert apart["grade_ratio"] > 3
    assert apart["stain_ratio"] > 1


def test_a_model_that_ignores_the_slider_does_not_rise(deaf: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    slides = _slides(monkeypatch, deaf)
    found = monotony(slides.judged, slides.shares)
    assert abs(found["spearman"]) < 0.6
    assert abs(found["change"]) < 0.02
    assert separation(slides)["grade_ratio"] < 1


def test_a_model_that_darkens_along_the_slider_is_caught(
    tissue: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    slides = _slides(
        monkeypatch, lambda latent, number: scale_density(tissue(5, seed=number), np.full(3, 1 + latent[0]))
    )
    apart = separation(slides)
    assert apart["stain_by_slider"] > 0.3
    assert apart["stain_ratio"] < 1


def test_one_stain_cannot_tell_stain_from_grade(growing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    both = _slides(monkeypatch, growing)
    alone = Slides(both.shares, both.names, both.judged[:, :1], {}, both.stains[:, :1], both.shown)
    assert separation(alone)["grade_ratio"] is None


def test_monotony_takes_the_mean_over_maps_whatever_their_level() -> None:
    rising, falling = SHARES + 10, 5 - SHARES
    found = monotony(np.stack([[rising], [rising], [falling]]), SHARES)
    assert found["spearman"] == pytest.approx(1 / 3)
    assert found["lowest"] == pytest.approx(-1)
    assert found["of_maps"] == pytest.approx([1, 1, -1])
    assert monotony(np.stack([[rising], [rising + 100]]), SHARES)["overall"] == pytest.approx(1)


def test_what_could_not_be_measured_is_left_out() -> None:
    gone = np.full(5, np.nan)
    one_gone = np.where(SHARES == 0.5, np.nan, SHARES)
    found = monotony(np.stack([[gone], [one_gone]]), SHARES)
    assert found["spearman"] == pytest.approx(1)
    assert monotony(gone[None, None], SHARES) == {"spearman": None}
