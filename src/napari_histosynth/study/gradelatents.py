"""Whether latents of patients who were held out carry the grade, and whether they carry the stain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.latent.surveying import place_of
from napari_histosynth.study import ranks

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.latent.anchors import Anchor
    from napari_histosynth.latent.atlas import Atlas
    from napari_histosynth.latent.surveying import Survey


SHRINKAGE = 0.1
"""Share of a covariance that is taken from its diagonal, since there are few pictures for so many numbers."""


def carried(
    survey: Survey,
    grades: Sequence[float],
    atlas: Atlas,
    known: npt.NDArray[np.float64],
    ends: tuple[Anchor, Anchor],
) -> dict[str, Any]:
    """Measure what latents of held-out pictures tell.

    Parameters
    ----------
    survey : Survey
        Latents of held-out pictures.
    grades : sequence of float
        What the grade of each counts.
    atlas : Atlas
        The map, of training patients. The nearest grade is that of the nearest mean on it, not of the nearest
        named place: those are moved to where the generator draws their grade to the full.
    known : ndarray
        float64 (n,), what grades of the map count, not a number where unknown.
    ends : tuple of Anchor
        Of the slider.

    Returns
    -------
    dict
        ``nearest``, for each source with two grades or more: ``balanced`` accuracy of the nearest mean of
        that source, ``chance``, mean of shuffled answers, ``chance_95``, what one of twenty shuffles exceeds,
        ``places``, ``pictures``; ``along``, for each source and "all": Spearman and Pearson of the grade with
        how far along the slider's direction the latent lies, and of the grade foretold by ridge regression
        from the map; ``stain``, R² of the nine numbers of the stain foretold from styles; ``source``:
        balanced accuracy of the source foretold from styles, and chance.
    """
    truth = np.asarray(grades, np.float64)
    way = ends[1].style.astype(np.float64) - ends[0].style
    along = (survey.styles - ends[0].style) @ way / (way @ way)
    there = np.isfinite(known)
    foretold = ranks.ridge_predict(atlas.styles[there], known[there], survey.styles)
    found: dict[str, Any] = {"nearest": {}, "along": {}, "stain": None, "source": None}
    sources = list(dict.fromkeys(survey.sources))
    for source in sources:
        own = [i for i, name in enumerate(survey.sources) if name == source]
        found["along"][source] = _told(truth[own], along[own], foretold[own])
        names, means, unit = _means(atlas, source)
        graded = [i for i in own if survey.grades[i] in names]
        if len(names) >= 2 and graded:
            away = (survey.styles[graded][:, None] - means) @ unit  # (pictures, grades, d), in spreads
            answers = [names[nearest] for nearest in np.square(away).sum(2).argmin(1)]
            true = [survey.grades[i] for i in graded]
            chance, high = ranks.chance_of(true, answers)
            found["nearest"][source] = {
                "balanced": ranks.balanced_accuracy(true, answers),
                "chance": float(chance),
                "chance_95": float(high),
                "places": len(names),
                "pictures": len(graded),
            }
    found["along"]["all"] = _told(truth, along, foretold)
    if atlas.stains.shape[1]:
        guess = ranks.ridge_predict(atlas.styles, atlas.stains, survey.styles)
        found["stain"] = ranks.explained(survey.stains, guess)
    if len(sources) > 1:
        centers = {
            source: atlas.styles[[name == source for name in atlas.sources]].mean(0) for source in sources
        }
        answers = [
            min(sources, key=lambda name: float(np.square(style - centers[name]).sum()))
            for style in survey.styles
        ]
        found["source"] = {
            "balanced": ranks.balanced_accuracy(survey.sources, answers),
            "chance": 1 / len(sources),
        }
    return found


def _told(
    truth: npt.NDArray[np.float64], along: npt.NDArray[np.float64], foretold: npt.NDArray[np.float64]
) -> dict[str, float]:
    return {
        "pictures": len(truth),
        "spearman": ranks.spearman(truth, along),
        "pearson": ranks.pearson(truth, along),
        "foretold_spearman": ranks.spearman(truth, foretold),
        "foretold_pearson": ranks.pearson(truth, foretold),
    }


def _means(atlas: Atlas, source: str) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the grades of a source on a map, their means, (k, d), and what turns styles to spreads, (d, d).

    A mean is that of its patients. Distances are those of Mahalanobis, by the covariance of pictures about
    the mean of their grade, :data:`SHRINKAGE` of it taken from its diagonal.
    """
    rows = np.array([i for i, name in enumerate(atlas.sources) if name == source and atlas.grades[i]], int)
    names = sorted({atlas.grades[i] for i in rows})
    means, about = [], []
    for grade in names:
        own = [i for i in rows if atlas.grades[i] == grade]
        patients = [atlas.patients[i] for i in own] if atlas.patients else [str(i) for i in own]
        means.append(place_of(grade, atlas.styles[own], patients).style)
        about.append(atlas.styles[own] - atlas.styles[own].mean(0))
    if not names:
        return [], np.zeros((0, 0)), np.zeros((0, 0))
    scattered = np.concatenate(about).astype(np.float64)
    covariance = scattered.T @ scattered / len(scattered) + 1e-6 * np.eye(scattered.shape[1])
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(np.diag(covariance))
    values, axes = np.linalg.eigh(shrunk)
    return names, np.array(means, np.float64), axes / np.sqrt(values)
