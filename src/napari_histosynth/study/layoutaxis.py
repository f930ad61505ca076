"""What grades do to the architecture along their axis, the latent fixed; and grids in large layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.study import ranks
from napari_histosynth.study.layoutbench import LARGE_SHEET, LAYOUTS_SHEET, LayoutBench
from napari_histosynth.study.layoutmaterial import SCHEME, by_grade
from napari_histosynth.study.layoutseams import summary
from napari_histosynth.study.layoutshapes import shapes_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

FOLLOWED = ("glands", "gland_area", "solidity", "lumen", "background")
"""What is measured along the axis of grades."""

FINE = 0.62
"""Micrometers a pixel of large layouts: the scale of the paint models."""


def along(n_grades: int, places: int) -> Floats:
    """Return weights of grades at places from the first grade to the last, float32 (places, n_grades)."""
    at = np.linspace(0, n_grades - 1, places)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n_grades))), np.float32)


def axis(bench: LayoutBench) -> dict[str, Any]:
    """Measure glands from the lowest to the highest grade, each latent staying as it is.

    Returns
    -------
    dict
        ``latents``, ``places``; for each of :data:`FOLLOWED`: ``drawn``, the mean over latents of Spearman of
        place and measure, with its ``interval`` (95 %, over latents), ``means`` at the places; ``real``,
        Spearman of grade and measure over all real windows, and ``real_means`` by grade.
    """
    from napari_histosynth.study.gradeslide import monotony

    model, sizes = bench.model, bench.sizes
    order = [model.grades.index(one) for one in bench.grades]
    found: dict[str, Any] = {"latents": sizes.latents, "places": sizes.places, "grades": list(bench.grades)}
    if len(order) < 2:
        return found
    weights = np.zeros((sizes.places, len(model.grades)), np.float32)
    weights[:, order] = along(len(order), sizes.places)
    side, um = bench.material.side, bench.um_per_px
    values = {name: np.full((sizes.latents, 1, sizes.places), np.nan) for name in FOLLOWED}
    with bench.watch("Going from grade to grade") as tell:
        for number in range(sizes.latents):
            start = bench.sampler.sample(
                20_000 + number, grade=bench.grades[0], size_px=(side, side), um_per_px=um
            )
            for place, weight in enumerate(weights):
                layout = bench.sampler.at(start.latent, weight, size_px=(side, side), um_per_px=um)
                measures = shapes_of(layout.labels, um)
                for name in FOLLOWED:
                    values[name][number, 0, place] = measures[name]
            tell((number + 1) / sizes.latents)
    pieces = [one for one in (*bench.material.trained, *bench.material.held_out) if one.grade in bench.grades]
    real = [shapes_of(one.labels, um) for one in pieces]
    grade = np.array([bench.grades.index(one.grade) for one in pieces], np.float64)
    shares = np.linspace(0, 1, sizes.places)
    for name in FOLLOWED:
        column = np.array([one[name] for one in real])
        there = np.isfinite(column)
        said = monotony(values[name], shares)
        found[name] = {
            "drawn": said["spearman"],
            "interval": said.get("interval"),
            "means": said.get("means"),
            "real": ranks.spearman(grade[there], column[there]),
            "real_means": [
                float(np.mean(own)) if len(own := column[there & (grade == number)]) else None
                for number in range(len(bench.grades))
            ],
        }
    return found


def large(bench: LayoutBench) -> dict[str, Any]:
    """Measure whether a grid shows in large layouts, in label borders on its lines and between them.

    Returns
    -------
    dict
        ``side``, ``um_per_px``, ``layouts``, ``seconds`` a layout; ``latents``, ``places`` and ``blocks``,
        the measures of :func:`~napari_histosynth.study.layoutseams.summary` for the lattice of latents, for
        places of a base and for what is drawn at once.
    """
    import time

    from PIL import Image

    from napari_histosynth.io import save_image
    from napari_histosynth.layout import spread

    side, sizes, maps = bench.sizes.large, bench.sizes, []
    grades = [bench.grades[number % len(bench.grades)] for number in range(0, 2 * sizes.larges, 2)]
    spent = 0.0
    with bench.watch(f"Drawing layouts of {side:,} px") as tell:
        for number, grade in enumerate(grades):
            began = time.perf_counter()
            made = bench.sampler.sample(30_000 + number, grade=grade, size_px=(side, side), um_per_px=FINE)
            spent += time.perf_counter() - began
            maps.append(made.labels)
            tell((number + 1) / len(grades))
    cell = max(2, round(bench.model.cell * bench.model.um_per_px / FINE))
    grids = {"latents": spread.STEP * cell, "places": cell, "blocks": spread.BLOCK * cell}
    shown = Image.fromarray(get_scheme(SCHEME).encode(maps[0]))
    save_image(bench.folder / LARGE_SHEET, np.asarray(shown.resize((min(side, 1024),) * 2)))
    return {
        "side": side,
        "um_per_px": FINE,
        "layouts": len(maps),
        "seconds": spent / len(maps),
        **summary(maps, grids),
    }


def pictures(bench: LayoutBench) -> dict[str, Any]:
    """Lay out the sheet of grades: layouts, an image channel, and real label maps."""
    from napari_histosynth.io import save_image
    from napari_histosynth.io.sheet import contact_sheet

    scheme, real = get_scheme(SCHEME), by_grade(bench.material.trained)
    rows = {}
    for grade, layouts in bench.drawn.items():
        maps = [scheme.encode(one.labels) for one in layouts[:3]]
        own = real.get(grade, [])
        beside = [scheme.encode(one.labels) for one in own[:: max(1, len(own) // 2)][:2]]
        rows[grade] = [*maps, layouts[0].image, *beside]
    columns = ["layout", "another", "another", "picture of the first", "real label map", "another"]
    save_image(bench.folder / LAYOUTS_SHEET, contact_sheet(rows, columns, bench.footer))
    material = bench.material
    return {
        "trained": len(material.trained),
        "held_out": len(material.held_out),
        "patients": sorted({one.group for one in material.held_out}),
        "grades": list(bench.grades),
    }
