"""What stays of tissue, on painted tissue whose nuclei are known."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.study.stainstructure import (
    densities,
    glass_stays_pale,
    histogram,
    stained_densities,
    structure,
)

Pixels = npt.NDArray[np.uint8]
UM = 0.5
PINK, VIOLET, CREAM, BLUE, BROWN = (
    (226, 160, 200), (96, 62, 150), (236, 232, 230), (120, 130, 170), (120, 80, 50),
)  # fmt: skip


def painted(ground: Any, nucleus: Any, *, other: Any = None, every: int = 4, glass: Any = None) -> Pixels:
    """Paint round nuclei at places by chance, always the same; each so many-th in another color."""
    rng = np.random.default_rng(3)
    side = 320
    places = [
        np.array([y, x]) + rng.uniform(-5, 5, 2)
        for y in range(10, side - 8, 24)
        for x in range(10, side - 8, 24)
    ]
    rows, columns = np.mgrid[:side, :side]
    picture = np.full((side, side, 3), ground, np.float64)
    for number, (y, x) in enumerate(places):
        inside = np.hypot(rows - y, columns - x) < 7
        picture[inside] = other if other is not None and number % every == 0 else nucleus
    if glass is not None:
        picture[:60, :60] = glass
    return np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)


def bench_of(he: Pixels, drawn: Pixels, real: Pixels) -> Any:
    half = [SimpleNamespace(image=real[:, :160])], [SimpleNamespace(image=real[:, 160:])]
    return SimpleNamespace(
        he=[he], drawn={"alone": [drawn]}, ki67=[real], um_per_px=UM, subject=SimpleNamespace(label="one"),
        material=SimpleNamespace(halves=half), watch=lambda doing: nullcontext(lambda share: None),
    )  # fmt: skip


def test_nuclei_that_stay_are_found_again_far_beyond_chance() -> None:
    ki67 = painted(CREAM, BLUE, other=BROWN)
    found = structure(bench_of(painted(PINK, VIOLET), ki67, ki67))["alone"]
    assert found["he"] == pytest.approx(13 * 13, abs=8)
    assert found["matched"] > 0.9
    assert found["lost"] == pytest.approx(1 - found["matched"])
    assert found["invented"] < 0.1
    assert found["f1"] > 2 * found["chance"]
    assert found["correlation"] > 0.7


def test_nuclei_that_vanish_are_lost() -> None:
    ki67 = painted(CREAM, BLUE)
    ki67[:, 160:] = CREAM  # half of them
    found = structure(bench_of(painted(PINK, VIOLET), ki67, ki67))["alone"]
    assert found["lost"] == pytest.approx(0.5, abs=0.1)
    assert found["invented"] < 0.1


def test_drawn_as_the_real_one_has_no_distance_and_its_index() -> None:
    ki67 = painted(CREAM, BLUE, other=BROWN)
    found = densities(bench_of(painted(PINK, VIOLET), ki67, ki67))
    for stain in ("hematoxylin", "dab"):
        assert found[stain]["alone"] == 0
        assert found[stain]["source"] > found[stain]["real"]
        assert sum(found[stain]["histogram"]["real"]) == pytest.approx(1)
    assert found["index"]["alone"] == found["index"]["real"] == pytest.approx(0.25, abs=0.06)


def test_densities_are_those_of_the_formula_and_of_stained_pixels_alone() -> None:
    from napari_histosynth.stain.unmix import StainBasis

    amount = np.array([0.42, 0.52])
    light = 256 * 10 ** -(amount @ StainBasis.usual("hdab").vectors) - 1
    picture = np.full((40, 40, 3), 250, np.uint8)
    picture[:20] = np.rint(light)
    found = stained_densities([picture])
    assert len(found) == 10 * 20  # every second row and column of the stained half
    assert found.mean(0) == pytest.approx(amount, abs=0.02)
    assert np.argmax(histogram(found[:, 0])) == 8  # of bins of 0.05


def test_glass_that_turns_orange_is_told() -> None:
    he = painted(PINK, VIOLET, glass=(246, 246, 248))
    pale, orange = (painted(CREAM, BLUE, glass=color) for color in ((240, 240, 240), (240, 180, 120)))
    kept, turned = (glass_stays_pale([he], [drawn]) for drawn in (pale, orange))
    assert kept["pixels"] == turned["pixels"] > 3000
    assert (kept["pale"], turned["pale"]) == (pytest.approx(1), pytest.approx(0))
    assert turned["drawn"]["tint"] > 100 > 10 > kept["drawn"]["tint"]
    assert glass_stays_pale([painted(PINK, VIOLET)], [pale])["pale"] is None
