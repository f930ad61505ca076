"""Drawing along the grade slider: the same labels and texture, from end to end, in several stains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.stain import read_stain
from napari_histosynth.latent.space import between
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.study import ranks
from napari_histosynth.study.correlates import NAMES, measure
from napari_histosynth.study.gradejudge import in_typical_stain
from napari_histosynth.study.material import through_codec

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.study.gradematerial import Tissue

Grade = Callable[[Sequence["npt.NDArray[np.uint8]"]], "npt.NDArray[np.float64]"]
"""Says of pictures in the typical stain, uint8 (y, x, 3), what grade they show."""


@dataclass(frozen=True, eq=False)
class Slides:
    """What was drawn and measured: m label maps, s stains, n places of the slider from 0 to 1.

    Attributes
    ----------
    shares : ndarray
        float64 (n,), the places.
    names : tuple of str
        Of the label maps.
    judged : ndarray
        float64 (m, s, n), grades that the judge sees.
    measured : dict of str to ndarray
        float64 (m, s, n) by the names of :class:`~napari_histosynth.study.correlates.Correlates`.
    stains : ndarray
        float32 (m, s, n, 9), read from the pictures.
    shown : tuple of ndarray
        For each label map its pictures in the first stain, uint8 (n, y, x, 3).
    """

    shares: npt.NDArray[np.float64]
    names: tuple[str, ...]
    judged: npt.NDArray[np.float64]
    measured: dict[str, npt.NDArray[np.float64]]
    stains: npt.NDArray[np.float32]
    shown: tuple[npt.NDArray[np.uint8], ...]


def draw_slides(
    model: PaintModel,
    tissues: Sequence[Tissue],
    first: npt.NDArray[np.float32],
    last: npt.NDArray[np.float32],
    grade: Grade,
    *,
    places: int,
    stains: int,
    seed: int = 0,
    tell: Callable[[float], None] = lambda share: None,
) -> Slides:
    """Draw label maps along the way from one style to another, and judge and measure every picture.

    Parameters
    ----------
    model : PaintModel
        What draws.
    tissues : sequence of Tissue
        Label maps.
    first, last : ndarray
        float32 (d,), both ends, without the stain.
    grade : callable
        The judge.
    places, stains : int
        How many; one stain where the model keeps none apart.
    seed : int
        Of texture and stains.
    tell : callable
        Told the share that is done, 0 to 1.
    """
    shares = np.linspace(0, 1, places)
    size = model.style_size
    looks = [model.sample_latent(seed + number)[size:] for number in range(stains if model.has_stain else 1)]
    shape = (len(tissues), len(looks), places)
    judged, read = np.zeros(shape), np.zeros((*shape, 9), np.float32)
    measured = {name: np.zeros(shape) for name in NAMES}
    shown = []
    for m, tissue in enumerate(tissues):
        for s, look in enumerate(looks):
            drawn = []
            for n, share in enumerate(shares):
                latent = np.concatenate([between(first, last, float(share)), look])
                drawn.append(through_codec(Canvas(model, tissue.labels, latent=latent, seed=seed).render()))
                read[m, s, n] = read_stain(drawn[-1])
                tell((m * len(looks) * places + s * places + n + 0.5) / judged.size)
            judged[m, s] = grade([in_typical_stain(picture) for picture in drawn])
            common = read[m, s].mean(0)
            for n, picture in enumerate(drawn):
                found = measure(picture, tissue.epithelium, model.um_per_px, common).to_dict()
                for name, value in found.items():
                    measured[name][m, s, n] = value
            if s == 0:
                shown.append(np.stack(drawn))
            tell((m * len(looks) + s + 1) * places / judged.size)
    names = tuple(tissue.name for tissue in tissues)
    return Slides(shares, names, judged, measured, read, tuple(shown))


def monotony(values: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Say how a measure follows the slider.

    Parameters
    ----------
    values : ndarray
        float64 (m, s, n); not a number where it could not be measured.
    shares : ndarray
        float64 (n,).

    Returns
    -------
    dict
        ``spearman``, mean over label maps and stains, with ``interval`` of 95 % over label maps, ``lowest``
        of a label map, ``of_maps``; ``overall``, Spearman of all pictures after each series' own mean is
        taken off; ``means``, mean at each place, with their ``intervals``, and ``change`` from end to end.
    """
    of_maps, rows, centered, along = [], [], [], []
    for series in values:
        found = []
        for one in series:
            there = np.isfinite(one)
            if there.sum() >= 3:
                found.append(ranks.spearman(shares[there], one[there]))
                centered.append(one[there] - one[there].mean())
                along.append(shares[there])
        of_maps.append(float(np.mean(found)) if found else float("nan"))
        with np.errstate(invalid="ignore"):
            rows.append(_mean(series, 0))
    kept = np.isfinite(of_maps)
    if not kept.any():
        return {"spearman": None}
    mean, low, high = ranks.mean_interval(np.array(of_maps)[kept])
    table = np.array(rows)[kept]
    # where no map could be measured at a place, nothing is said of it
    filled = [column[np.isfinite(column)] for column in table.T]
    places = [ranks.mean_interval(column) if len(column) else (float("nan"),) * 3 for column in filled]
    return {
        "spearman": mean,
        "interval": [low, high],
        "lowest": float(np.min(np.array(of_maps)[kept])),
        "of_maps": of_maps,
        "overall": ranks.spearman(np.concatenate(along), np.concatenate(centered)),
        "means": [place[0] for place in places],
        "intervals": [list(place[1:]) for place in places],
        "change": places[-1][0] - places[0][0],
    }


def separation(slides: Slides) -> dict[str, Any]:
    """Say whether grade and stain are separate handles.

    Returns
    -------
    dict
        ``grade_by_slider``, change of the judged grade from end to end, and ``grade_by_stain``, its mean
        absolute difference between two stains at one place, with their ratio ``grade_ratio`` (above 1: the
        slider moves it more); ``stain_by_stain``, mean absolute difference of what is read of hematoxylin and
        eosin between two stains, ``stain_by_slider``, its change from end to end, and ``stain_ratio``; None
        where the model has no stain apart.
    """
    judged, read = slides.judged, slides.stains[..., :6]
    by_slider = float(np.mean(judged[..., -1] - judged[..., 0]))
    stain_by_slider = float(np.abs(read[:, :, -1] - read[:, :, 0]).mean())
    found: dict[str, Any] = {"grade_by_slider": by_slider, "stain_by_slider": stain_by_slider}
    pairs = [(i, j) for i in range(judged.shape[1]) for j in range(i)]
    if not pairs:
        return found | dict.fromkeys(("grade_by_stain", "grade_ratio", "stain_by_stain", "stain_ratio"))
    by_stain = float(np.mean([np.abs(judged[:, i] - judged[:, j]).mean() for i, j in pairs]))
    stain_by_stain = float(np.mean([np.abs(read[:, i] - read[:, j]).mean() for i, j in pairs]))
    return found | {
        "grade_by_stain": by_stain,
        "grade_ratio": by_slider / max(by_stain, 1e-9),
        "stain_by_stain": stain_by_stain,
        "stain_ratio": stain_by_stain / max(stain_by_slider, 1e-9),
    }


def _mean(values: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float64]:
    """Return the mean of what is a number; not a number where nothing is."""
    there = np.isfinite(values)
    total = np.where(there, values, 0).sum(axis)
    return np.asarray(np.where(there.any(axis), total / np.maximum(there.sum(axis), 1), np.nan))
