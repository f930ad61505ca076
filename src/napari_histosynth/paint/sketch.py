"""A fast, coarse picture of a large window: each class in the colors that the present look gives it.

Drawing all of a large window takes seconds. Its colors at a fraction of the resolution, however, are nearly
a linear function of which classes lie there and around: a few small places are drawn properly, the
function is fitted to them by ridge regression, and the rest follows from the labels alone, some hundred
times faster than drawing. Stain, density and outlines are those of the picture to come; texture is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    import numpy.typing as npt

#: Side in pixels of the places that are drawn properly to learn the colors from.
SAMPLE = 128

_PER_CELL = 4  # labels along each side of a cell that are looked at: more say hardly more
_RIDGE = 0.3  # in samples: keeps rare classes from taking any color to please a few pixels
_MOST_BLOCKS = 24  # along each side, among which places are chosen
_COMMON = 0.02  # share of a sample from which a class counts as seen in it


class Sketcher:
    """Sketches windows of one canvas in one look.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x), read at each call.
    known : ndarray
        uint8 (256,), the class that each label value is drawn as.
    n_classes : int
        Classes of the scheme.
    draw : callable
        Draws a window inside the canvas properly, uint8 (h, w, 3).
    varies : bool
        Whether the latent varies over the canvas: colors are then learned for each window anew, and may
        change linearly across it.
    """

    def __init__(
        self,
        labels: npt.NDArray[np.uint8],
        known: npt.NDArray[np.uint8],
        n_classes: int,
        draw: Callable[[Window], npt.NDArray[np.uint8]],
        *,
        varies: bool = False,
    ) -> None:
        self._labels, self._known, self._n_classes = labels, known, n_classes
        self._draw, self._varies = draw, varies
        self._samples: list[tuple[Window, npt.NDArray[np.uint8]]] = []
        self._seen: set[int] = set()

    def sketch(
        self, window: Window, factor: int, cancel: Callable[[], bool] | None = None
    ) -> npt.NDArray[np.uint8]:
        """Sketch a window.

        Parameters
        ----------
        window : Window
            Inside the canvas; corners are multiples of ``factor``, or lie on the canvas's border.
        factor : int
            Canvas pixels along each side of one of the sketch: 2, 4, 8 or 16.
        cancel : callable, optional
            Asked before each place that is drawn to learn from.

        Returns
        -------
        ndarray
            uint8 (ceil(h / factor), ceil(w / factor), 3).

        Raises
        ------
        Cancelled
            If ``cancel`` returned true.
        """
        self._learn(window, cancel)
        reach = 2 if factor <= 4 else 1
        filters, bias = self._fitted(window, factor, reach)
        with torch.inference_mode():
            features = self._features(window, factor, reach, window)
            drawn = F.conv2d(features, filters) + bias[:, None, None]
            levels = torch.clamp(torch.round(drawn[0]), 0, 255).to(torch.uint8)
        return np.asarray(levels.permute(1, 2, 0).contiguous().numpy())

    def _learn(self, window: Window, cancel: Callable[[], bool] | None) -> None:
        """Draw places that show the window's classes, those that were not seen yet."""
        if self._varies:
            self._samples.clear()
            self._seen.clear()
        for place in self._places(window):
            if cancel is not None and cancel():
                raise Cancelled("Drawing was cancelled.")
            self._samples.append((place, self._draw(place)))
            shares = self._shares(place)
            self._seen |= {index for index in range(self._n_classes) if shares[index] >= _COMMON}
        self._seen |= set(np.flatnonzero(self._shares(window)).tolist())  # no place shows more of a rare one

    def _places(self, window: Window) -> list[Window]:
        """Choose places to draw: where each class is most frequent, and far apart if the look varies."""
        step = SAMPLE * max(1, round(window.area**0.5 / SAMPLE / _MOST_BLOCKS))
        blocks = [
            Window(y, y + SAMPLE, x, x + SAMPLE).intersect(window)
            for y in range(window.y0, window.y1, step)
            for x in range(window.x0, window.x1, step)
        ]
        full = [block for block in blocks if block.shape == (SAMPLE, SAMPLE)] or blocks
        shares = np.stack([self._shares(block) for block in full])
        chosen: list[int] = []
        if self._varies:
            rows = np.array([block.y0 for block in full])
            columns = np.array([block.x0 for block in full])
            for score in (rows + columns, rows - columns, columns - rows, -rows - columns):
                chosen.append(int(np.argmax(score)))
        for index in range(self._n_classes):
            best = int(np.argmax(shares[:, index]))
            present = shares[best, index] > 0
            if present and index not in self._seen and not any(shares[c, index] >= _COMMON for c in chosen):
                chosen.append(best)
        return [full[index] for index in dict.fromkeys(chosen)]

    def _shares(self, window: Window) -> npt.NDArray[np.float64]:
        """Return how much of a window each class takes, from every eighth label."""
        read = self._known[self._labels[window.slices][4::8, 4::8]]
        if not read.size:
            read = self._known[self._labels[window.slices]]
        counts = np.bincount(read.ravel(), minlength=self._n_classes)
        return np.asarray(counts[: self._n_classes] / read.size)

    def _fitted(self, window: Window, factor: int, reach: int) -> tuple[Tensor, Tensor]:
        """Fit the color of a cell to the classes in and around it; returns filters and their constants."""
        rows, wanted = [], []
        for place, pixels in self._samples:
            features = self._features(place, factor, reach, window)
            size = 2 * reach + 1
            unfolded = F.unfold(features, size)[0].T  # (cells, features * size**2)
            height, width = -(-place.height // factor), -(-place.width // factor)
            whole = (slice(0, height * factor), slice(0, width * factor))
            padding = ((0, height * factor - place.height), (0, width * factor - place.width), (0, 0))
            even = np.pad(pixels, padding, mode="edge")[whole]
            cells = even.reshape(height, factor, width, factor, 3).mean(axis=(1, 3), dtype=np.float64)
            rows.append(unfolded.double().numpy())
            wanted.append(cells.reshape(-1, 3))
        inputs, outputs = np.concatenate(rows), np.concatenate(wanted)
        means = inputs.mean(axis=0), outputs.mean(axis=0)
        centered = inputs - means[0]
        normal = centered.T @ centered + _RIDGE * np.eye(centered.shape[1])
        weights = np.linalg.solve(normal, centered.T @ (outputs - means[1]))
        bias = means[1] - means[0] @ weights
        size = 2 * reach + 1
        filters = torch.from_numpy(weights.T.reshape(3, -1, size, size)).float()
        return filters, torch.from_numpy(bias).float()

    def _features(self, window: Window, factor: int, reach: int, frame: Window) -> Tensor:
        """Return what colors depend on: class fractions of cells, ``reach`` more on each side.

        Where the look varies, also the fractions times the place in ``frame``, -1 to 1.
        """
        shape = self._labels.shape
        step = max(1, factor // _PER_CELL)
        around = window.grow(reach * factor).clip(shape)
        read = self._known[self._labels[around.slices][step // 2 :: step, step // 2 :: step]]
        cell = factor // step
        down, across = -(-around.height // factor), -(-around.width // factor)
        padding = ((0, down * cell - read.shape[0]), (0, across * cell - read.shape[1]))
        even = torch.from_numpy(np.pad(read, padding, mode="edge"))
        fractions = torch.stack(
            [
                F.avg_pool2d((even == index).float()[None, None], cell)[0, 0]
                for index in range(self._n_classes)
            ]
        )[None]
        missing = [  # cells beyond the canvas are like those at its border
            reach - (window.x0 - around.x0) // factor,
            reach - max(0, around.x1 - window.x1) // factor,
            reach - (window.y0 - around.y0) // factor,
            reach - max(0, around.y1 - window.y1) // factor,
        ]
        height, width = (-(-side // factor) + 2 * reach for side in window.shape)
        fractions = F.pad(fractions, missing, mode="replicate")[..., :height, :width]
        if not self._varies:
            return fractions
        y, x = (
            (torch.arange(count) - reach + 0.5) * factor + (low - middle)
            for count, low, middle in (
                (height, window.y0, (frame.y0 + frame.y1) / 2),
                (width, window.x0, (frame.x0 + frame.x1) / 2),
            )
        )
        y, x = 2 * y / frame.height, 2 * x / frame.width
        return torch.cat([fractions, fractions * y[:, None], fractions * x], dim=1)
