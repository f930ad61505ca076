"""Whether latents of patients who were held out carry the grade, and whether they carry the stain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.study import ranks

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.latent.anchors import Anchor, Anchors
    from napari_histosynth.latent.atlas import Atlas
    from napari_histosynth.latent.surveying import Survey


def carried(
    survey: Survey,
    grades: Sequence[float],
    anchors: Anchors,
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
    anchors, atlas : Anchors, Atlas
        The named places and the map, of training patients.
    known : ndarray
        float64 (n,), what grades of the map count, not a number where unknown.
    ends : tuple of Anchor
        Of the slider.

    Returns
    -------
    dict
        ``nearest``, for each source with two places or more: ``balanced`` accuracy of the nearest place of
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
        places = type(anchors)(anchors.model, anchors.sha256, tuple(p for p in anchors if p.source == source))
        names = {_plain(place.name) for place in places}
        graded = [i for i in own if survey.grades[i] in names]
        if len(places) >= 2 and graded:
            answers = [_plain(places.nearest(survey.styles[i])[0][0].name) for i in graded]
            true = [survey.grades[i] for i in graded]
            chance, high = ranks.chance_of(true, answers)
            found["nearest"][source] = {
                "balanced": ranks.balanced_accuracy(true, answers),
                "chance": float(chance),
                "chance_95": float(high),
                "places": len(places),
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


def _plain(name: str) -> str:
    """Return the name of a grade without the source that tells two of one name apart."""
    return name.rsplit(" (", 1)[0] if name.endswith(")") else name
