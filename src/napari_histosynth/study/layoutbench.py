"""The measurements of a model of layouts, each a function of the same bench; what they find is plain JSON."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.study.layoutlikeness import likeness, rows_of
from napari_histosynth.study.layoutmaterial import (
    SCHEME,
    LayoutBudget,
    LayoutMaterial,
    LayoutSubject,
    by_grade,
    load_layout_material,
)
from napari_histosynth.study.layoutshapes import measured

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel
    from napari_histosynth.layout.sampler import Layout, Sampler
    from napari_histosynth.study.layoutlikeness import Floats
    from napari_histosynth.study.layoutmaterial import Piece

Watch = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Opens a progress bar for what is being done; the bar is told the share that is done."""

LAYOUTS_SHEET, NEIGHBORS_SHEET, LARGE_SHEET = "layouts.png", "neighbors.png", "large.png"


@dataclass
class LayoutBench:
    """What the measurements share; everything is made when it is first needed, and only then.

    Attributes
    ----------
    subject : LayoutSubject
        What is evaluated.
    sizes : LayoutBudget
        How thoroughly.
    folder : Path
        Where sheets go, and in its ``cache`` what is kept.
    device : str
        Where to compute.
    watch : callable
        Shows progress.
    painter, segmenter : str
        Names or folders of the models that paint layouts, and that label their pictures.
    """

    subject: LayoutSubject
    sizes: LayoutBudget
    folder: Path
    device: str
    watch: Watch
    painter: str = "colon-3class"
    segmenter: str = "gland-segmenter"

    @cached_property
    def model(self) -> LayoutModel:
        """Return the model."""
        from napari_histosynth.layout.model import load_layout_model

        return load_layout_model(self.subject.model, device=self.device)

    @cached_property
    def sampler(self) -> Sampler:
        """Return what draws layouts of a seed."""
        from napari_histosynth.layout.sampler import Sampler

        return Sampler(self.model)

    @cached_property
    def material(self) -> LayoutMaterial:
        """Return the real windows."""
        with self.watch("Reading fields and making their label maps"):
            size = self.model.size * self.subject.config.data.finer
            return load_layout_material(self.subject, size, self.folder / "cache")

    @property
    def um_per_px(self) -> float:
        """Micrometers a pixel of drawn and real windows: where training made its labels."""
        return self.subject.um_per_px

    @cached_property
    def grades(self) -> tuple[str, ...]:
        """Grades that are compared: those of the model that real windows have."""
        return tuple(one for one in self.model.grades if one in self.material.grades)

    @cached_property
    def drawn(self) -> dict[str, list[Layout]]:
        """Return layouts of each grade at the scale of the training, as large as the real windows."""
        side, made = self.material.side, {}
        with self.watch("Drawing layouts of each grade") as tell:
            for number, grade in enumerate(self.grades):
                made[grade] = [
                    self.sampler.sample(seed, grade=grade, size_px=(side, side), um_per_px=self.um_per_px)
                    for seed in range(number * self.sizes.layouts, (number + 1) * self.sizes.layouts)
                ]
                tell((number + 1) / len(self.grades))
        return made

    @property
    def every(self) -> list[Layout]:
        """Return all layouts, grades in turns."""
        rows = list(self.drawn.values())
        return [row[number] for number in range(self.sizes.layouts) for row in rows]

    def spread(self, pieces: list[Piece], most: int) -> list[Piece]:
        """Return at most so many windows, grades in turns, in an order by chance that is always the same."""
        rng = np.random.default_rng(7)
        rows = [[own[i] for i in rng.permutation(len(own))] for own in by_grade(pieces).values()]
        longest = max(map(len, rows), default=0)
        return [row[number] for number in range(longest) for row in rows if number < len(row)][:most]

    @property
    def footer(self) -> str:
        """Return what is written below each sheet."""
        return f"{self.subject.name} {self.subject.sha256[:12]}, {self.um_per_px:g} um per px; synthetic"


def shapes(bench: LayoutBench) -> dict[str, Any]:
    """Measure the architecture of drawn and real label maps; see :func:`~.layoutlikeness.likeness`."""
    um, material, most = bench.um_per_px, bench.material, bench.sizes.real
    drawn: dict[str, Floats] = {}
    layouts = bench.drawn
    trained, held_out = (
        [one for own in by_grade(bench.spread(some, len(some))).values() for one in own[:most]]
        for some in (material.trained, material.held_out)
    )
    total, done = bench.sizes.layouts * len(layouts) + len(trained) + len(held_out), 0
    with bench.watch("Measuring glands of drawn and real tissue") as tell:
        for grade, some in layouts.items():
            drawn[grade] = rows_of([measured(one.image, one.labels, um) for one in some])
            done += len(some)
            tell(done / total)
        real: list[Floats] = []
        for own in (trained, held_out):
            real.append(rows_of([measured(one.image, one.labels, um) for one in own]))
            done += len(own)
            tell(done / total)
        return likeness(drawn, trained, held_out, real[0], real[1])


def looks(bench: LayoutBench) -> dict[str, Any]:
    """Measure whether the segmenter finds the labels in the pictures; beside it held-out real tissue."""
    from napari_histosynth.paint.segment import load_segmenter
    from napari_histosynth.study.layoutagreement import agreement

    segmenter, um = load_segmenter(bench.segmenter, device=bench.device), bench.um_per_px
    drawn = [(one.image, one.labels) for one in bench.every[: bench.sizes.segmented]]
    real = [(one.image, one.labels) for one in bench.spread(bench.material.held_out, bench.sizes.segmented)]
    found: dict[str, Any] = {"segmenter": segmenter.name}
    for name, pairs in (("drawn", drawn), ("real", real)):
        with bench.watch(f"Looking for glands in {name} pictures") as tell:
            found[name] = agreement(segmenter, pairs, um, tell)
    return found


def variety(bench: LayoutBench) -> dict[str, Any]:
    """Measure how alike layouts are (MS-SSIM), within grades and over all, beside real ones."""
    from napari_histosynth.study.layoutvariety import in_grays, likeness_of_pairs, pairs_of

    every, real = bench.every, bench.material.trained
    sets: dict[str, Any] = {
        "drawn": (
            [one.image for one in every],
            [one.labels for one in every],
            list(map(str, range(len(every)))),
        ),
        "real": ([one.image for one in real], [one.labels for one in real], [one.group for one in real]),
    }
    found: dict[str, Any] = {}
    with bench.watch("Comparing layouts with one another") as tell:
        for number, (name, (images, labels, groups)) in enumerate(sets.items()):
            pairs = pairs_of(groups, bench.sizes.pairs)
            found[name] = {
                "pairs": len(pairs),
                "image": likeness_of_pairs([(images[i], images[j]) for i, j in pairs]),
                "labels": likeness_of_pairs([(in_grays(labels[i]), in_grays(labels[j])) for i, j in pairs]),
            }
            tell((number + 1) / 2)
    return found


def memory(bench: LayoutBench) -> dict[str, Any]:
    """Measure how near to training label maps layouts are, beside maps of held-out patients."""
    from napari_histosynth.io import save_image
    from napari_histosynth.io.sheet import contact_sheet
    from napari_histosynth.study.layoutvariety import neighbors

    material, scheme = bench.material, get_scheme(SCHEME)
    with bench.watch("Looking for nearest training neighbors"):
        found, pairs = neighbors(
            [one.labels for one in bench.every],
            [one.labels for one in material.held_out],
            material.fields,
            material.side,
        )
    rows = {
        f"{number + 1}: {apart:.0%} differs": [scheme.encode(one), scheme.encode(known)]
        for number, (apart, one, known) in enumerate(pairs)
    }
    sheet = contact_sheet(rows, ["layout", "nearest training map"], bench.footer)
    save_image(bench.folder / NEIGHBORS_SHEET, sheet)
    return dict(found)


def encoded(bench: LayoutBench) -> dict[str, Any]:
    """Measure what the encoder gives back of held-out patients' tissue (Beers et al., section 3.3).

    Returns
    -------
    dict
        ``windows``, 0 of a model without encoder; ``again`` and ``random`` (a layout of chance of the same
        grade): ``dice``, mean of the classes that the real window holds, and ``error``, mean absolute
        difference of the pictures in gray levels; ``grade``, balanced accuracy of the grade that the encoder
        reads, ``chance`` and its 95th percentile.
    """
    from napari_histosynth.layout.flow import FOUND
    from napari_histosynth.study.ranks import balanced_accuracy, chance_of

    if bench.model.encoder is None:
        return {"windows": 0}
    side, um, size = bench.material.side, bench.um_per_px, bench.sizes.encoded
    pieces = [one for one in bench.spread(bench.material.held_out, size) if one.grade in bench.grades]
    rows: dict[str, list[tuple[float, float]]] = {"again": [], "random": []}
    told: list[str] = []
    with bench.watch("Finding layouts of held-out tissue") as tell:
        for number, piece in enumerate(pieces):
            latent, weights = bench.model.encode(piece.image, piece.labels, um)
            told.append(bench.model.grades[int(np.argmax(weights))])
            again = bench.sampler.at(latent, weights, size_px=(side, side), um_per_px=um, kept=FOUND)
            chance = bench.sampler.sample(
                9000 + number, grade=piece.grade, size_px=(side, side), um_per_px=um
            )
            for name, layout in (("again", again), ("random", chance)):
                rows[name].append(_likeness(piece, layout))
            tell((number + 1) / len(pieces))
    true = [one.grade for one in pieces]
    chance_mean, chance_high = chance_of(true, told)
    return {
        "windows": len(pieces),
        **{
            name: {
                "dice": float(np.mean([d for d, _ in each])),
                "error": float(np.mean([e for _, e in each])),
            }
            for name, each in rows.items()
        },
        "grade": balanced_accuracy(true, told),
        "chance": float(chance_mean),
        "chance_95": float(chance_high),
    }


def _likeness(piece: Piece, layout: Layout) -> tuple[float, float]:
    from napari_histosynth.study.metrics import dice

    overlaps = [
        dice(piece.labels == index, layout.labels == index)
        for index in range(get_scheme(SCHEME).n_classes)
        if (piece.labels == index).any()
    ]
    error = np.abs(piece.image.astype(np.float32) - layout.image.astype(np.float32)).mean()
    return float(np.mean(overlaps)), float(error)
