"""Label maps that a data set is drawn from: those of a folder, or examples without end."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError
from napari_histosynth.core.tissue import Labels, TissueScheme, get_scheme
from napari_histosynth.paint.examples import example_labels, example_names, example_scheme
from napari_histosynth.paint.inputs import LabelFile, read_label_file

EXAMPLES = "examples"
"""Name that stands for the procedural examples instead of a folder."""

_ENDINGS = (".png", ".tif", ".tiff", ".bmp", ".gif", ".geojson", ".zarr")


@dataclass(frozen=True)
class Layout:
    """One label map to draw from.

    Attributes
    ----------
    name : str
        Name of the file in its folder, of the example, or of what a maker makes.
    path : str
        The file; empty for an example and for what is made, anew for every picture.
    sha256 : str
        Hash of the file's bytes, or of the weights that make it; empty for an example, and for a zarr, which
        is a folder.
    """

    name: str
    path: str = ""
    sha256: str = ""


class LayoutMaker(Protocol):
    """Makes label maps for a data set, in any process: it can be pickled."""

    def __call__(
        self, name: str, side: int, um_per_px: float, seed: int, scheme: TissueScheme
    ) -> tuple[Labels, TissueScheme]:
        """Make a label map, uint8 (side, side), in a scheme that can be rewritten in ``scheme``.

        Parameters
        ----------
        name : str
            Of the :class:`Layout`.
        side : int
            In pixels.
        um_per_px : float
            Micrometers a pixel.
        seed : int
            Chooses it.
        scheme : TissueScheme
            Of the model that is to draw.
        """
        ...

    def identity(self) -> dict[str, Any]:
        """Return what the label maps depend on beside the arguments, as JSON can hold it."""
        ...


def find_layouts(source: str | os.PathLike[str], scheme: TissueScheme | None = None) -> tuple[Layout, ...]:
    """List the label maps of a folder, in the order of their names, or the examples.

    Parameters
    ----------
    source : str or path-like
        Folder of label maps, or one with a folder ``labels`` of them; or ``"examples"``.
    scheme : TissueScheme, optional
        Scheme of the model that is to draw: chooses the examples. ``colon-3`` by default.

    Raises
    ------
    LabelMapError
        If there is no such folder, or no label map in it.
    """
    if os.fspath(source) == EXAMPLES:
        return tuple(Layout(name) for name in example_names(scheme or get_scheme("colon-3")))
    folder = Path(source)
    if not folder.is_dir():
        raise LabelMapError(
            f'There is no folder {folder} of layouts; give one with label maps, or "{EXAMPLES}".'
        )
    folder = folder / "labels" if (folder / "labels").is_dir() else folder
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    if not found:
        raise LabelMapError(f"There is no label map in {folder}; they end in {', '.join(_ENDINGS)}.")
    return tuple(Layout(path.name, str(path), _hash(path)) for path in found)


def read_layout(
    layout: Layout, model_scheme: TissueScheme, model_um_per_px: float, scheme: TissueScheme | None
) -> LabelFile:
    """Read the label map of a layout; what was read last is kept.

    Raises
    ------
    HistosynthError
        As :func:`napari_histosynth.paint.inputs.read_label_file`.
    """
    return _read(layout.path, model_scheme, model_um_per_px, scheme)


def example_layout(name: str, side: int, um_per_px: float, seed: int) -> tuple[Labels, TissueScheme]:
    """Make an example of ``side`` pixels, uint8 (side, side), and return it with its scheme."""
    return example_labels(name, (side, side), um_per_px, seed), example_scheme(name)


@lru_cache(maxsize=8)
def _read(
    path: str, model_scheme: TissueScheme, model_um_per_px: float, scheme: TissueScheme | None
) -> LabelFile:
    return read_label_file(path, model_scheme, model_um_per_px, scheme=scheme)


def picture_beside(layout: Layout) -> Path | None:
    """Return the H&E that a label map was made of: the file of its name in ``images`` beside ``labels``."""
    if not layout.path:
        return None
    labels = Path(layout.path)
    folder = labels.parent.parent / "images"
    stem = labels.name.split(".")[0]
    if labels.parent.name != "labels" or not folder.is_dir():
        return None
    return next((path for path in sorted(folder.iterdir()) if path.name.split(".")[0] == stem), None)


def cut(labels: Labels, y: float, x: float, side: float, degrees: float, turns: int, flip: bool) -> Labels:
    """Cut a square out of a label map, turned and mirrored; mirrored at its borders where it is too small.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x).
    y, x : float
        Middle of the square, in pixels.
    side : float
        Its side in pixels.
    degrees : float
        Turn of the square, counterclockwise; with 0 pixels are copied as they are.
    turns : int
        Quarter turns after that.
    flip : bool
        Whether to mirror it left to right at the end.

    Returns
    -------
    ndarray
        uint8 (n, n), n the side rounded up.
    """
    n = int(np.ceil(side))
    if degrees == 0.0:
        rows = np.arange(n) + round(y - n / 2)
        columns = np.arange(n) + round(x - n / 2)
        square = labels[np.ix_(_mirrored(rows, labels.shape[0]), _mirrored(columns, labels.shape[1]))]
    else:
        step = np.arange(n) - (n - 1) / 2
        sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
        at_y = np.rint(y - 0.5 + cosine * step[:, None] + sine * step[None]).astype(np.int64)
        at_x = np.rint(x - 0.5 - sine * step[:, None] + cosine * step[None]).astype(np.int64)
        square = labels[_mirrored(at_y, labels.shape[0]), _mirrored(at_x, labels.shape[1])]
    square = np.rot90(square, turns)
    return np.ascontiguousarray(square[:, ::-1] if flip else square)


def _mirrored(index: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Return indices folded back into 0 to ``size - 1``, the border pixel standing twice."""
    folded = np.mod(index, 2 * size)
    return np.asarray(np.where(folded < size, folded, 2 * size - 1 - folded))


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
