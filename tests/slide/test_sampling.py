"""Pixels of boxes: those that a loop over boxes finds."""

from __future__ import annotations

import math

import numpy as np

from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.sampling import pixels_of_boxes


def test_pixels_of_boxes_are_those_that_they_touch_in_the_window() -> None:
    rng = np.random.default_rng(2)
    window = Window(-7, 20, 30, 61)
    top, left = rng.uniform(-20, 30, 40), rng.uniform(20, 70, 40)
    bottom, right = top + rng.uniform(0, 9, 40), left + rng.uniform(0, 9, 40)
    wanted = []
    for box, (y0, y1, x0, x1) in enumerate(zip(top, bottom, left, right, strict=True)):
        part = Window(math.floor(y0), math.ceil(y1), math.floor(x0), math.ceil(x1)).intersect(window)
        wanted += [
            (y - window.y0, x - window.x0, box)
            for y in range(part.y0, part.y1)
            for x in range(part.x0, part.x1)
        ]
    found = list(zip(*(at.tolist() for at in pixels_of_boxes(window, top, bottom, left, right)), strict=True))
    assert found == wanted
    assert len({box for _, _, box in found}) < 40


def test_no_boxes_have_no_pixels() -> None:
    none = np.zeros(0)
    assert all(len(at) == 0 for at in pixels_of_boxes(Window(0, 9, 0, 9), none, none, none, none))
