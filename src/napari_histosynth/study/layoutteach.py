"""What layouts teach: segmentation learned from painted layouts, beside painted real label maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.device import choose_device
from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.data import Field, turned
from napari_histosynth.study.layoutmaterial import SCHEME, grade_of, real_fields
from napari_histosynth.study.material import through_codec
from napari_histosynth.study.metrics import Counts, scores

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.study.layoutbench import LayoutBench

    Pixels = npt.NDArray[np.uint8]

ARMS = {
    "maps": "real label maps, painted",
    "layouts": "layouts, painted",
    "both": "half of each",
}
"""What networks are trained on."""


def teaching(bench: LayoutBench) -> dict[str, Any]:
    """Train segmentation on painted label maps, real and drawn, and test it on real held-out tissue.

    Grades of layouts are those of the real maps that they stand for; both are painted by one model in looks
    of chance, with nuclei by rule, and go through one JPEG codec. All is as in
    :mod:`~napari_histosynth.study.segmentation`.

    Returns
    -------
    dict
        For each arm ``miou``, ``mpa``, ``iou`` (of each class), ``to_maps`` (its mIOU by that of "maps") and
        ``interval`` of it (95 % of draws of the test fields); ``fields`` and ``patients`` tested on,
        ``drawn`` pictures, ``painter``.
    """
    from napari_histosynth.paint.model import load_model
    from napari_histosynth.study.segmentation import compare_arms, judge_fields, train_segmenter

    painter = load_model(bench.painter, device=bench.device)
    sizes, um = bench.sizes, painter.um_per_px
    with bench.watch("Reading fields to test on"):
        both = [
            real_fields(bench.subject, um, held_out, bench.folder / "cache", bench.material.sources)
            for held_out in (False, True)
        ]
        trained, tested = _graded(both[0], bench, um, sizes.painted), _graded(both[1], bench, um, 0)
    if not trained or not tested:
        raise TrainingError(f"No graded picture in {bench.subject.data} is as large as {sizes.painted} px.")
    tested = [
        Field(one.name, one.group, through_codec(one.image), (one.labels[0],), grade=one.grade)
        for one in tested
    ]
    chosen = [
        trained[i % len(trained)]
        for i in np.random.default_rng(5).permutation(max(len(trained), sizes.drawn))
    ]
    chosen = chosen[: sizes.drawn]
    with bench.watch("Painting real label maps to train on") as tell:
        maps = painted(painter, [_cut(one, sizes.painted, i) for i, one in enumerate(chosen)], "map", tell)
    with bench.watch("Painting layouts to train on") as tell:
        side = (sizes.painted, sizes.painted)
        own = [
            bench.sampler.sample(40_000 + i, grade=grade_of(one.grade), size_px=side, um_per_px=um).labels
            for i, one in enumerate(chosen)
        ]
        layouts = painted(painter, own, "layout", tell)
    sources = {"maps": [maps], "layouts": [layouts], "both": [maps, layouts]}
    n_classes, device = get_scheme(SCHEME).n_classes, choose_device(bench.device)
    counts: dict[str, list[list[Counts]]] = {}
    for arm in sizes.arms:
        counts[arm] = []
        for seed in range(sizes.teaching.seeds):
            with bench.watch(f"Training a segmentation network on {ARMS[arm]}, seed {seed}") as tell:
                network = train_segmenter(sources[arm], n_classes, sizes.teaching, seed, device, tell)
            counts[arm].append(judge_fields(network, tested, n_classes))
    table = compare_arms({"real" if arm == "maps" else arm: found for arm, found in counts.items()})
    table["maps"] = table.pop("real")
    return {
        "painter": painter.name,
        "drawn": sizes.drawn,
        "fields": len(tested),
        "patients": len({one.group for one in tested}),
        "classes": list(get_scheme(SCHEME).names),
        "chance": _guess(tested, n_classes),
        "arms": {
            arm: {
                "miou": table[arm]["miou"],
                "mpa": table[arm]["mpa"],
                "iou": table[arm]["iou"],
                "to_maps": table[arm]["to_real"],
                "interval": table[arm]["to_real_interval"],
            }
            for arm in sizes.arms
        },
    }


def painted(
    painter: PaintModel, maps: Sequence[Pixels], name: str, tell: Callable[[float], None]
) -> list[Field]:
    """Paint label maps of the scheme that is compared, each in a look of its own."""
    from napari_histosynth.paint.render import render_labels

    made = []
    for number, labels in enumerate(maps):
        drawn = render_labels(painter, labels, scheme=get_scheme(SCHEME), seed=number, latent_seed=number)
        made.append(Field(f"{name} {number}", str(number), through_codec(drawn.image), (labels,)))
        tell((number + 1) / len(maps))
    return made


def _graded(fields: Sequence[Field], bench: LayoutBench, um_per_px: float, least: int) -> list[Field]:
    """Return the fields of grades that layouts are drawn of, as large as a layout and as asked."""
    side = max(least, int(bench.material.side * bench.um_per_px / um_per_px))
    return [one for one in fields if grade_of(one.grade) in bench.grades and min(one.labels[0].shape) >= side]


def _cut(field: Field, side: int, number: int) -> Pixels:
    """Cut a square out of a field's label map, turned by chance."""
    rng = np.random.default_rng((6, number))
    labels = field.labels[0]
    y, x = (int(rng.integers(length - side + 1)) for length in labels.shape)
    square = turned(labels[y : y + side, x : x + side], int(rng.integers(4)), bool(rng.integers(2)))
    return np.ascontiguousarray(square)


def _guess(fields: Sequence[Field], n_classes: int) -> float:
    """Return the mIOU of one who always says the most frequent class."""
    counts = sum(np.bincount(one.labels[0].ravel(), minlength=n_classes) for one in fields)
    matrix = np.zeros((n_classes, n_classes), np.int64)
    matrix[:, int(np.argmax(counts))] = counts
    return scores(matrix).miou
