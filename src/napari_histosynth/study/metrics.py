"""Figures of merit: pixel accuracy, intersection over union, Dice, area under the curve, Fréchet distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def confusion(truth: npt.NDArray[np.uint8], found: npt.NDArray[np.uint8], n_classes: int) -> Counts:
    """Count pixels by true and found class.

    Parameters
    ----------
    truth, found : ndarray
        uint8 (y, x), 0 to ``n_classes - 1``.
    n_classes : int
        Classes.

    Returns
    -------
    ndarray
        int64 (n_classes, n_classes); row is the true class, column the one found.
    """
    both = truth.astype(np.int64).ravel() * n_classes + found.ravel()
    return np.bincount(both, minlength=n_classes**2).reshape(n_classes, n_classes)


@dataclass(frozen=True)
class Scores:
    """How well a segmentation agrees with the truth (SHI-GAN, section 2.6, equations 1 and 2).

    For each class, with the pixels of all test fields counted together: pixel accuracy
    PA = (TP + TN) / (TP + TN + FP + FN), and intersection over union IOU = TP / (TP + FP + FN). mPA and mIOU
    are their means over the classes; a class that is neither in the truth nor found is left out.

    Attributes
    ----------
    mpa, miou : float
        Means over the classes, 0 to 1.
    iou : tuple of float
        Of each class; NaN for one that is left out.
    """

    mpa: float
    miou: float
    iou: tuple[float, ...]


def scores(counts: Counts) -> Scores:
    """Return the scores of a confusion matrix, int (n_classes, n_classes)."""
    hits = np.diag(counts).astype(float)
    missed, extra = counts.sum(1) - hits, counts.sum(0) - hits
    union = hits + missed + extra
    there = union > 0
    iou = np.divide(hits, union, out=np.full(len(hits), np.nan), where=there)
    accuracy = 1 - (missed + extra) / max(1, counts.sum())
    return Scores(float(accuracy[there].mean()), float(iou[there].mean()), tuple(float(one) for one in iou))


def dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, 0 to 1: twice what they share by the sum of their areas."""
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def area_under_curve(marks: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve: the share of (true, false) pairs that the marks order rightly.

    Parameters
    ----------
    marks : ndarray
        float (n,), higher for what is thought true.
    truth : ndarray
        bool (n,).
    """
    ranks = np.argsort(np.argsort(marks)) + 1
    n, m = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - n * (n + 1) / 2) / (n * m))


def frechet_distance(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Return the Fréchet distance of two clouds of features, each taken as a normal distribution.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))``, with means m and covariances C. It is
    biased upward where there are few samples: compare only distances of equally many.

    Parameters
    ----------
    one, other : ndarray
        float (n, d) each.
    """
    first, second = (np.asarray(cloud, np.float64) for cloud in (one, other))
    apart = first.mean(0) - second.mean(0)
    covariances = [np.cov(cloud, rowvar=False) for cloud in (first, second)]
    values, axes = np.linalg.eigh(covariances[0])
    root = (axes * np.sqrt(np.clip(values, 0, None))) @ axes.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ covariances[1] @ root), 0, None)).sum()
    return float(apart @ apart + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * shared)
