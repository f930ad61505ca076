"""The labelling index that is asked for against the one that is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from napari_histosynth.study.stainbench import Pixels, StainBench

PAINTER, CANVASES = "colon-3class", ("adenoma", "poor", "crypts-cross")
"""The model that draws canvases, and the examples that it draws."""

KINDS = {"he": "held-out H&E", "canvas": "canvases (nuclei of label maps)"}


@dataclass(frozen=True, eq=False)
class Ground:
    """H&E whose nuclei are known.

    Attributes
    ----------
    kind : str
        Of :data:`KINDS`.
    name : str
        Where it is from.
    image : ndarray
        uint8 (y, x, 3).
    nuclei : ndarray
        int32 (y, x), single nuclei.
    """

    kind: str
    name: str
    image: Pixels
    nuclei: npt.NDArray[np.int32]


def steering(bench: StainBench) -> dict[str, Any]:
    """Ask for labelling indices and count what was drawn.

    Returns
    -------
    dict
        ``rows``, one a picture: kind, name, ``asked`` (the exact share of the nuclei that were chosen),
        ``counted``, how many nuclei of each; ``all`` and each of :data:`KINDS`, see :func:`agreement`, None
        for a model that cannot be told.
    """
    from napari_histosynth.io import save_image
    from napari_histosynth.stain.asked import choose
    from napari_histosynth.stain.ki67 import count_ki67

    if not bench.steered:
        return {"rows": [], "all": None} | dict.fromkeys(KINDS)
    rows, shown = [], {}
    grounds = list(grounds_of(bench))
    shares = bench.sizes.shares
    with bench.watch(f"{bench.subject.label}: asking for labelling indices") as tell:
        for place, ground in enumerate(grounds):
            series = []
            for number, share in enumerate(shares):
                known = choose(ground.nuclei, share, number, bench.um_per_px)
                planes = known.planes(Window.of_shape(ground.nuclei.shape), ground.image)
                drawn = bench.model.draw(ground.image, planes)
                count = count_ki67(drawn, bench.um_per_px, labels=False)
                rows.append(
                    {
                        "kind": ground.kind,
                        "name": ground.name,
                        "asked": known.index,
                        "nuclei": known.total,
                        "counted": count.index,
                        "counted_nuclei": count.total,
                    }
                )
                series.append(drawn)
                tell((place * len(shares) + number + 1) / (len(grounds) * len(shares)))
            shown[f"{ground.name}: {KINDS[ground.kind]}"] = [ground.image, *series]
    from napari_histosynth.study.stainsheets import steered_name, steered_sheet

    save_image(bench.out / steered_name(bench.subject.label), steered_sheet(shown, rows, bench.subject))
    found: dict[str, Any] = {"rows": rows, "all": agreement(rows)}
    for kind in KINDS:
        own = [row for row in rows if row["kind"] == kind]
        found[kind] = agreement(own) if own else None
    return found


def agreement(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how well counted indices follow those asked for.

    Returns
    -------
    dict
        ``pictures``; Pearson's ``correlation``; ``slope`` and ``offset`` of the line of least squares;
        ``error``, mean absolute difference; ``means``, asked to mean counted, for each index asked for.
        Pictures without a nucleus that was found are left out.
    """
    pairs = np.array([(row["asked"], row["counted"]) for row in rows], np.float64).reshape(-1, 2)
    asked, counted = pairs[np.isfinite(pairs).all(1)].T
    found: dict[str, Any] = {"pictures": len(asked), "correlation": None, "slope": None, "offset": None}
    found["error"] = float(np.abs(asked - counted).mean()) if len(asked) else None
    if len(asked) > 1 and np.ptp(asked) > 0:
        slope, offset = np.polyfit(asked, counted, 1)
        found |= {"slope": float(slope), "offset": float(offset)}
        flat = np.ptp(counted) == 0
        found["correlation"] = 0.0 if flat else float(np.corrcoef(asked, counted)[0, 1])
    rounded = np.round(asked, 2)
    found["means"] = {f"{one:.2f}": float(counted[rounded == one].mean()) for one in np.unique(rounded)}
    return found


def grounds_of(bench: StainBench) -> Iterator[Ground]:
    """Yield held-out H&E with the nuclei that are found in it, and canvases with those of their labels."""
    from napari_histosynth.stain.steering import he_nuclei

    for one in bench.material.he[: bench.sizes.steered]:
        yield Ground("he", one.name, one.image, he_nuclei(one.image, bench.um_per_px))
    if bench.sizes.canvases:
        with bench.watch(f"{bench.subject.label}: drawing canvases by {PAINTER}"):
            yield from _canvases(bench)


def _canvases(bench: StainBench) -> Iterator[Ground]:
    """Draw example label maps, and bring picture and nuclei to the model's scale."""
    from napari_histosynth.paint.examples import example_labels
    from napari_histosynth.paint.model import load_model
    from napari_histosynth.paint.render import render_labels
    from napari_histosynth.paint.resample import resample_labels, resize_rows, scaled_shape
    from napari_histosynth.stain.asked import labeled_nuclei

    painter = load_model(PAINTER, device=bench.device)
    side = bench.sizes.field
    shape = scaled_shape((side, side), bench.um_per_px, painter.um_per_px)
    for number, name in enumerate(CANVASES[: bench.sizes.canvases]):
        labels = example_labels(name, shape, painter.um_per_px, seed=number)
        made = render_labels(painter, labels, seed=number)
        box = (0.0, 0.0, float(shape[1]), float(shape[0]))
        image = resize_rows(made.image, box, (side, side))
        fine = resample_labels(made.labels, (side, side))
        yield Ground("canvas", name, image, labeled_nuclei(fine, painter.scheme, bench.um_per_px))
