"""Likeness of drawn to real Ki-67 (Liu et al., table 1), and what a cycle gives back (figures 3 and 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.study.stainsimilarity import similarities

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.study.stainbench import Pixels, StainBench

WAYS = {
    "he": "H&E to Ki-67 to H&E",
    "he_told": "H&E to Ki-67 to H&E, told",
    "ki67": "Ki-67 to H&E to Ki-67",
    "ki67_told": "Ki-67 to H&E to Ki-67, told",
}
"""Cycles and what they are called."""


def likeness(bench: StainBench) -> dict[str, Any]:
    """Measure the perceptual hash of table 1 between drawn and real Ki-67.

    Returns
    -------
    dict
        ``features`` and ``paper`` (whether they are the paper's), ``crops`` and ``real_crops``; ``drawn`` in
        each mode, ``source`` (H&E as it is) and ``real`` (one half of the real pictures against the other),
        each with ``mean`` and ``sd`` over all pairs; ``real`` is None where a half is too small.
    """
    from napari_histosynth.study.stainhash import find_features, hash_similarity

    drawn = {mode: bench.crops(pictures) for mode, pictures in bench.drawn.items()}
    source = bench.crops(bench.he)
    halves = [[one.image for one in half] for half in bench.material.halves]
    with bench.watch(f"{bench.subject.label}: comparing with real Ki-67"):
        features = find_features(bench.um_per_px, device=bench.device)
        real = features.channel_means(bench.ki67)
        found: dict[str, Any] = {
            "features": features.name,
            "paper": features.photographs,
            "crops": len(source),
            "real_crops": len(real),
            "drawn": {
                mode: _summary(hash_similarity(features.channel_means(crops), real))
                for mode, crops in drawn.items()
            },
            "source": _summary(hash_similarity(features.channel_means(source), real)),
            "real": None,
        }
        if all(halves):
            found["real"] = _summary(hash_similarity(*map(features.channel_means, halves)))
    return found


def cycle(bench: StainBench) -> dict[str, Any]:
    """Measure how like pictures are to themselves after a cycle; None for a model of one direction.

    Returns
    -------
    dict
        For each of :data:`WAYS` the mean and sd over pictures of SSIM, MS-SSIM, PSNR and MAE; told only of
        models that can be.
    """
    if not bench.returns:
        return dict.fromkeys(WAYS)
    found: dict[str, Any] = dict.fromkeys(WAYS)
    found["he"] = _similar(bench.he, bench.he_again)
    found["ki67"] = _similar(bench.ki67, bench.ki67_again)
    if bench.steered:
        found["he_told"] = _similar(bench.he, bench.he_again_told)
        found["ki67_told"] = _similar(bench.ki67, bench.ki67_again_told)
    return found


def _similar(pictures: list[Pixels], again: list[Pixels]) -> dict[str, Any]:
    measured = similarities(again, pictures)
    return {"pictures": len(pictures)} | {name: _summary(values) for name, values in measured.items()}


def _summary(values: npt.NDArray[np.float64]) -> dict[str, float]:
    return {"mean": float(values.mean()), "sd": float(values.std())}
