"""Layouts in the schemes of paint models, and nuclei for those that know them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.relabel import convert_labels
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.paint.examples import example_nuclei
from napari_histosynth.paint.nuclei import CONTEXT_UM, scatter_nuclei
from napari_histosynth.paint.tenclasses import takes_ten_classes

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme

Labels = npt.NDArray[np.uint8]

#: Whose nuclei a grade has, by the examples that nuclei were measured for; half of each where there are two.
NUCLEI_OF = {
    "healthy": ("crypts-cross",),
    "adenomatous": ("adenoma",),
    "moderately differentiated": ("moderate",),
    "moderately-to-poorly differentiated": ("moderate", "poor"),
    "poorly differentiated": ("poor",),
}

_TILE_UM, _NUCLEUS_UM = 600.0, 20.0


def check_target(source: TissueScheme, target: TissueScheme, nuclei: bool = False) -> None:
    """Raise SchemeError where layouts cannot be in a scheme.

    Parameters
    ----------
    source, target : TissueScheme
        Of the model of layouts, and wanted.
    nuclei : bool
        Whether nuclei are wanted, too.
    """
    if not takes_ten_classes(target):
        for name in source.names:
            if name not in target.names:
                raise SchemeError(
                    f'Layouts have {", ".join(source.names)}, but {target.name} has no "{name}"; choose a '
                    "scheme with them, or colon-10."
                )
    if nuclei and "nuclei" not in target.names:
        raise SchemeError(f"{target.name} has no nuclei to place; choose colon-3, or a layout without them.")


def in_scheme(
    labels: Labels, source: TissueScheme, target: TissueScheme, grades: Mapping[str, float]
) -> Labels:
    """Rewrite a layout in the classes of another scheme.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), in ``source``.
    source, target : TissueScheme
        Of the model of layouts, and wanted.
    grades : mapping of str to float
        Shares of the grades. In ten classes, epithelium is mature where tissue is mostly healthy, dividing
        else; stroma is reactive where it is mostly carcinoma, loose else.

    Returns
    -------
    ndarray
        uint8 (y, x).

    Raises
    ------
    SchemeError
        As :func:`check_target`.
    """
    check_target(source, target)
    if not takes_ten_classes(target):
        return convert_labels(labels, source, target)
    table = np.zeros(source.n_classes, np.uint8)
    for index, name in enumerate(source.names):
        table[index] = target.index_of(ten_class_of(name, grades))
    return np.asarray(table[labels])


def ten_class_of(name: str, grades: Mapping[str, float]) -> str:
    """Return which of ten classes a class of two is in tissue of some grades."""
    if name == "epithelium":
        kind = "mature" if grades.get("healthy", 0.0) > 0.5 else "proliferative"
        return f"epithelium ({kind})"
    if name == "non-epithelium":
        carcinoma = sum(share for grade, share in grades.items() if "differentiated" in grade)
        return "reactive stroma" if carcinoma > 0.5 else "loose stroma"
    return name


def with_nuclei(
    labels: Labels,
    scheme: TissueScheme,
    um_per_px: float,
    seed: int,
    grades: Mapping[str, float],
    progress: Callable[[float], None] = lambda share: None,
    area: npt.NDArray[np.bool_] | None = None,
) -> Labels:
    """Place nuclei by rule, as many, as large and where they are in tissue of some grades.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), in ``scheme``.
    scheme : TissueScheme
        With epithelium, non-epithelium and nuclei.
    um_per_px : float
        Micrometers a pixel.
    seed : int
        Chooses the arrangement.
    grades : mapping of str to float
        Shares of the grades; nuclei are between those of the grades.
    progress : callable
        Told the share that is done; what it raises ends the work.
    area : ndarray, optional
        bool (y, x), where they may go; everywhere by default.

    Returns
    -------
    ndarray
        New uint8 (y, x).
    """
    made = labels.copy()
    kind = nuclei_of(grades)
    tile, reach, context = (max(1, math.ceil(um / um_per_px)) for um in (_TILE_UM, _NUCLEUS_UM, CONTEXT_UM))
    tiles = list(tile_windows(Window.of_shape(made.shape), tile))
    for number, core in enumerate(tiles):
        progress(number / len(tiles))
        # a nucleus may reach into the next tile, which keeps off it
        seen, reached = core.grow(context).clip(made.shape), core.grow(reach).clip(made.shape)
        allowed, middles = np.zeros(seen.shape, bool), np.zeros(seen.shape, bool)
        allowed[reached.relative_to(seen).slices] = True if area is None else area[reached.slices]
        middles[core.relative_to(seen).slices] = True
        if not (allowed & middles).any():
            continue
        made[seen.slices] = scatter_nuclei(
            made[seen.slices],
            um_per_px=um_per_px,
            seed=seed,
            scheme=scheme,
            area=allowed,
            middles=middles,
            origin=(seen.y0, seen.x0),
            **kind,
        )
    return made


def nuclei_of(grades: Mapping[str, float]) -> dict[str, Any]:
    """Return what nuclei are like in tissue of some grades, as ``scatter_nuclei`` takes it.

    Grades that are not known have no say; where none is known, nuclei are those that it places by itself.
    """
    parts: list[tuple[float, dict[str, Any]]] = []
    for grade, share in grades.items():
        names = NUCLEI_OF.get(grade, ())
        parts += [(share / len(names), dict(example_nuclei(name))) for name in names if share > 0]
    total = sum(share for share, _ in parts)
    if total <= 0:
        return {}
    mixed: dict[str, Any] = {}
    for key in parts[0][1]:
        each = np.stack([share / total * np.asarray(part[key], np.float64) for share, part in parts])
        mean = each.sum(0)
        mixed[key] = tuple(mean.tolist()) if mean.ndim else float(mean)
    return mixed
