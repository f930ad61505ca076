"""Whether pictures show what their labels say, in the eyes of a network that learned from real tissue alone.

Beers et al., section 3.1: a segmentation network is given the image channels, and what it finds is compared
with the label channels (their AUC of retinal vessels: 0.97).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.paint.labels import BACKGROUND, EPITHELIUM, STROMA, without_nuclei
from napari_histosynth.paint.resample import resample_labels, scaled_shape
from napari_histosynth.study.layoutshapes import glands_in
from napari_histosynth.study.metrics import area_under_curve

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.segment import Segmenter

    Pixels = npt.NDArray[np.uint8]

CLASSES = {"background": BACKGROUND, "stroma": STROMA, "epithelium": EPITHELIUM}
"""Classes whose overlap is measured."""

_SCORED = 4000  # pixels of each picture that are ranked together


def agreement(
    segmenter: Segmenter,
    pairs: Sequence[tuple[Pixels, Pixels]],
    um_per_px: float,
    tell: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:
    """Compare what a segmenter finds in pictures with their label maps, at the segmenter's scale.

    Parameters
    ----------
    segmenter : Segmenter
        What looks at the pictures.
    pairs : sequence of tuple
        Picture, uint8 (y, x, 3), and label map, uint8 (y, x).
    um_per_px : float
        Of both.
    tell : callable
        Told the share that is done.

    Returns
    -------
    dict
        ``pictures``; ``dice`` by class, pixels of all pictures counted together; ``auc`` of being in a gland,
        lumen included; None where there are no glands, or nothing else.
    """
    both = np.zeros((len(CLASSES), 2))  # what is shared, and the sum of both
    marks, truth = [], []
    rng = np.random.default_rng(0)
    for number, (image, labels) in enumerate(pairs):
        found, score = look(segmenter, image, um_per_px)
        wanted = resample_labels(labels, found.shape)
        for row, index in enumerate(CLASSES.values()):
            one, other = found == index, wanted == index
            both[row] += (one & other).sum(), one.sum() + other.sum()
        some = rng.integers(score.size, size=_SCORED)
        marks.append(score.ravel()[some])
        truth.append(glands_in(wanted).ravel()[some])
        tell((number + 1) / len(pairs))
    all_truth = np.concatenate(truth)
    told = all_truth.any() and not all_truth.all()
    return {
        "pictures": len(pairs),
        "dice": {
            name: float(2 * shared / total) if total else None
            for name, (shared, total) in zip(CLASSES, both, strict=True)
        },
        "auc": area_under_curve(np.concatenate(marks), all_truth) if told else None,
    }


def look(segmenter: Segmenter, image: Pixels, um_per_px: float) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """Return what a segmenter finds in a picture at its own scale.

    Returns
    -------
    labels : ndarray
        uint8 (y, x): background, non-epithelium, epithelium; nuclei are given to what is around them.
    score : ndarray
        float32 (y, x), the logit of being in a gland.
    """
    import torch
    from PIL import Image

    from napari_histosynth.paint.regions import N_KINDS, labels_of
    from napari_histosynth.paint.segment import answers
    from napari_histosynth.study.segmentation import whole_strides

    shape = scaled_shape((image.shape[0], image.shape[1]), um_per_px, segmenter.um_per_px)
    fine = np.asarray(Image.fromarray(image).resize(shape[::-1], Image.Resampling.BICUBIC))
    padded = torch.from_numpy(whole_strides(fine, segmenter.network.stride)).to(segmenter.device)
    with torch.inference_mode():
        given = padded[None].permute(0, 3, 1, 2).to(segmenter.dtype) / 127.5 - 1
        logits = segmenter.network(given)[..., : shape[0], : shape[1]]
        kinds = answers(logits)[0].to(torch.uint8).cpu().numpy()
        score = logits[0, N_KINDS].float().cpu().numpy()
    return without_nuclei(labels_of(kinds)), score
