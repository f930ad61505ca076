"""The model of Ki-67 that ships: positive where asked for, blue elsewhere, pale between, without seams."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.model import load_model
from napari_histosynth.stain.asked import KnownSteering, choose, labeled_nuclei
from napari_histosynth.stain.ki67 import count_ki67
from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.translator import Translator

UM, SIDE = 0.5, 256
WHOLE = Window(0, SIDE, 0, SIDE)


@pytest.fixture(scope="module")
def model() -> StainModel:
    return load_stain_model("ki67-he", device="cpu")


@pytest.fixture(scope="module")
def fields() -> list[tuple[np.ndarray, np.ndarray]]:
    """Label maps and the H&E that is drawn from them, taken for pictures at the scale of the stains."""
    painter = load_model("colon-3class", device="cpu")
    made = []
    for seed, name in enumerate(("adenoma", "moderate")):
        labels = example_labels(name, (SIDE, SIDE), painter.um_per_px, seed=seed)
        made.append((labels, Canvas(painter, labels, seed=seed, latent_seed=seed + 1).render()))
    return made


def asked(labels: np.ndarray, share: float) -> KnownSteering:
    return choose(labeled_nuclei(labels, get_scheme("colon-3"), UM), share, 0, UM)


def test_nuclei_are_brown_where_asked_blue_elsewhere_and_pale_between(
    model: StainModel, fields: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    for labels, he in fields:
        known = asked(labels, 0.3)
        drawn = Translator(model, he, UM, steering=known).translate(WHOLE).astype(float)
        inside = ndimage.binary_erosion(labels == 3, iterations=2)
        brown = drawn[inside & known.positive[known.nuclei]].mean(0)
        blue = drawn[inside & ~known.positive[known.nuclei]].mean(0)
        between = drawn[ndimage.binary_dilation(labels == 3, iterations=3) == 0].mean(0)
        assert brown[0] > brown[2] + 10, "DAB takes blue most"
        assert blue[2] > blue[0] + 25, "hematoxylin takes red most"
        assert between.mean() > blue.mean() + 15
        assert brown.mean() < blue.mean() - 30


def test_lumen_and_glass_stay_pale(model: StainModel, fields: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for labels, he in fields:
        drawn = Translator(model, he, UM).translate(WHOLE)
        glass = ndimage.binary_erosion(labels == 0, iterations=3) & (he.min(2) > 225)
        assert drawn[glass].mean(0).min() > 200


def test_the_index_that_is_counted_is_the_one_asked_for(
    model: StainModel, fields: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    wanted, counted = [], []
    for labels, he in fields:
        for share in (0.05, 0.2, 0.4, 0.6):
            known = asked(labels, share)
            drawn = Translator(model, he, UM, steering=known).translate(WHOLE)
            wanted.append(known.index)
            counted.append(count_ki67(drawn, UM, labels=False).index)
    assert np.corrcoef(wanted, counted)[0, 1] > 0.95


def test_windows_of_the_shipped_model_are_those_of_the_whole(
    model: StainModel, fields: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    he = fields[0][1]
    whole = Translator(model, he, UM, tile=128).translate(WHOLE)
    parts = Translator(model, he, UM, tile=128)
    for window in (Window(130, 256, 5, 140), Window(0, 99, 99, 201), Window(127, 130, 0, 256)):
        assert np.array_equal(parts.translate(window), whole[window.slices])


def test_there_and_back_keeps_the_tissue(
    model: StainModel, fields: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    for _, he in fields:
        ki67 = Translator(model, he, UM).translate(WHOLE)
        back = Translator(model, ki67, UM, reverse=True).translate(WHOLE)
        one, other = he.astype(float).mean(2).ravel(), back.astype(float).mean(2).ravel()
        assert np.corrcoef(one, other)[0, 1] > 0.8
