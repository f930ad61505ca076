"""A copy of the label map as it was last drawn, to tell what has changed since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.core.tissue import Labels, TissueScheme

_BLOCK = 512  # px: what is compared at once; changes far apart stay apart


@dataclass
class Changes:
    """What a comparison found.

    Attributes
    ----------
    windows : list of Window
        Where labels differ from those drawn last.
    strays : dict of int to int
        Values outside the scheme among the changed blocks, and how many pixels hold them there.
    """

    windows: list[Window] = field(default_factory=list)
    strays: dict[int, int] = field(default_factory=dict)


class Shadow:
    """The labels that the engine draws: a clean copy of a layer's data, brought up to date on demand.

    napari tells of strokes where they are, but of undo, fill and edits in place only that something
    changed. Comparing with a copy finds out what. The copy also keeps the engine from seeing half a stroke,
    and from values outside the scheme, which it holds as background.

    Parameters
    ----------
    source : array_like
        (y, x) of any integer dtype.
    scheme : TissueScheme
        Scheme of the labels.

    Raises
    ------
    LabelMapError
        If the source is not 2-D, empty, or not of integers.
    """

    def __init__(self, source: Any, scheme: TissueScheme) -> None:
        self.scheme = scheme
        cleaned, self.strays = scheme.sanitize(source)
        self.labels: Labels = np.array(cleaned)  # a copy of its own, whatever sanitize returned

    def update(self, source: Any, window: Window | None = None) -> Changes:
        """Copy what has changed.

        Parameters
        ----------
        source : array_like
            The layer's data, of the same shape as ever.
        window : Window, optional
            Where to look; everywhere by default.

        Returns
        -------
        Changes
            The parts that were different, now copied.

        Raises
        ------
        LabelMapError
            If the source has another shape.
        """
        if tuple(source.shape) != self.labels.shape:
            raise LabelMapError(
                f"The label map became {source.shape}, where a canvas of {self.labels.shape} is drawn; "
                "make a new canvas from it."
            )
        found = Changes()
        whole = Window.of_shape(self.labels.shape)
        for block in tile_windows(whole if window is None else window.intersect(whole), _BLOCK):
            values = np.asarray(source[block.slices])
            kept = self.labels[block.slices]
            if np.array_equal(values, kept):
                continue
            cleaned, strays = self.scheme.sanitize(values)
            for value, count in strays.items():
                found.strays[value] = found.strays.get(value, 0) + count
            box = Window.of_mask(cleaned != kept)
            if not box.is_empty:
                kept[...] = cleaned
                found.windows.append(box.shift(block.y0, block.x0))
        return found
