"""Flat areas of real tissue: the largest of one kind that the data at hand hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.io import read_image
from napari_histosynth.paint.data import PICTURES
from napari_histosynth.paint.labels import STROMA, labels_from_he, without_nuclei

if TYPE_CHECKING:
    import numpy.typing as npt

GLASS, TISSUE = "glass", "tissue"
GLAS_UM_PER_PX = 0.62

_WINDOWS_UM = (320.0, 640.0)  # those of flat maps of 512 and 1,024 px
_LEAST_STROMA = 0.5  # of a field's area
_LEAST_GLASS = 0.4  # of a window
_MOST = 8  # areas of a kind and size
_REDUCED = 4  # flat areas are looked for in pictures this many times smaller


@dataclass(frozen=True, eq=False)
class RealArea:
    """A part of a real picture that holds one kind of tissue.

    Attributes
    ----------
    name : str
        Where it is from.
    image : ndarray
        uint8 (y, x, 3).
    um_per_px : float
        Micrometers a pixel.
    mask : ndarray or None
        bool (y, x), where that kind is; everywhere if None.
    """

    name: str
    image: npt.NDArray[np.uint8]
    um_per_px: float
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class RealField:
    """A real field with gland mask: ``labels`` uint8 (y, x) in ``colon-3``, ``image`` uint8 (y, x, 3)."""

    name: str
    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def load_fields(data: Path, most: int | None = None) -> list[RealField]:
    """Read the fields of ``data/glas`` (or ``data`` itself), evenly spread if there are more than ``most``.

    Raises
    ------
    TrainingError
        If there are none.
    """
    folder = data / "glas" if (data / "glas").is_dir() else data
    images = folder / "images"
    paths = (
        sorted(path for path in images.iterdir() if path.suffix.lower() in PICTURES)
        if images.is_dir()
        else []
    )
    paths = [path for path in paths if _mask_of(path) is not None]
    if not paths:
        raise TrainingError(
            f"{data} holds no real tissue: neither glas/ nor images/ and masks/ are in it; name a folder "
            "that has them."
        )
    if most is not None and len(paths) > most:
        paths = [paths[round(k)] for k in np.linspace(0, len(paths) - 1, most)]
    fields = []
    for path in paths:
        image = read_image(path)
        mask = _mask_of(path)
        assert mask is not None
        epithelium = read_image(mask).max(axis=2) > 0
        labels = labels_from_he(image, um_per_px=GLAS_UM_PER_PX, epithelium=epithelium)
        fields.append(RealField(path.stem, image, labels))
    return fields


def real_areas(data: Path, fields: list[RealField]) -> dict[str, list[RealArea]]:
    """Return flat areas by kind.

    Tissue is stroma of the fields, with nuclei and without glands, and those windows of ``data/colon-slides``
    that hold least glass and vary least (muscle, submucosa, dense stroma), one a region. Glass is what is
    white in the windows of the same regions that hold most of it.
    """
    areas: dict[str, list[RealArea]] = {TISSUE: [], GLASS: []}
    stromal = [(field, without_nuclei(field.labels) == STROMA) for field in fields]
    stromal = [(field, mask) for field, mask in stromal if mask.mean() >= _LEAST_STROMA]
    stromal.sort(key=lambda pair: -pair[1].mean())
    areas[TISSUE] += [
        RealArea(field.name, field.image, GLAS_UM_PER_PX, mask) for field, mask in stromal[:_MOST]
    ]
    tissue: dict[float, list[tuple[float, RealArea]]] = {window_um: [] for window_um in _WINDOWS_UM}
    glass: dict[float, list[RealArea]] = {window_um: [] for window_um in _WINDOWS_UM}
    for name, image, um_per_px in _regions(data):
        small = _reduced(image)
        darkest = small.min(axis=2)
        white = ndimage.binary_erosion(darkest > 215, iterations=3)  # 6 um off the tissue
        gray = ndimage.uniform_filter(small, (12, 12, 1)).std(axis=2)  # 25 um
        for window_um in _WINDOWS_UM:
            side = round(window_um / um_per_px / _REDUCED)
            if side > min(darkest.shape):
                continue
            bright = _mean(white, side)
            if len(glass[window_um]) < _MOST and bright.max() > _LEAST_GLASS:
                glass[window_um].append(_window(name, image, um_per_px, bright, side, white))
            mean, square = _mean(gray, side), _mean(gray**2, side)
            even = -np.sqrt(np.maximum(square - mean**2, 0)) - 1e3 * (_mean(darkest > 195, side) > 0.04)
            if even.max() > -1e3:
                tissue[window_um].append((float(even.max()), _window(name, image, um_per_px, even, side)))
    for window_um in _WINDOWS_UM:
        ranked = sorted(tissue[window_um], key=lambda pair: -pair[0])
        areas[TISSUE] += [area for _, area in ranked[:_MOST]]
        areas[GLASS] += glass[window_um]
    return areas


def _reduced(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return a picture with pixels averaged four by four, float32 (y, x, 3)."""
    height, width = (length // _REDUCED * _REDUCED for length in image.shape[:2])
    blocks = image[:height, :width].reshape(height // _REDUCED, _REDUCED, width // _REDUCED, _REDUCED, 3)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _regions(data: Path) -> Iterator[tuple[str, npt.NDArray[np.uint8], float]]:
    """Yield name, picture and scale of the regions of ``data/colon-slides``."""
    slides = data / "colon-slides"
    for folder in sorted(slides.iterdir()) if slides.is_dir() else ():
        card = folder / "slide.json"
        scale = float(json.loads(card.read_text()).get("um_per_px", 0.5)) if card.is_file() else 0.5
        for path in sorted((folder / "regions_0.5um").glob("*.jpg")):
            yield f"{folder.name}/{path.stem}", read_image(path), scale


def _mean(values: npt.NDArray[Any], side: int) -> npt.NDArray[np.float64]:
    """Return the mean in windows of a side, on a coarse grid of their corners."""
    step = max(1, side // 10)
    total = np.pad(values.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    low_y, low_x = (np.arange(0, length - side + 1, step) for length in values.shape)
    y, x = low_y[:, None], low_x[None, :]
    inside = total[y + side, x + side] - total[y, x + side] - total[y + side, x] + total[y, x]
    return np.asarray(inside / side**2)


def _window(
    name: str,
    image: npt.NDArray[np.uint8],
    um_per_px: float,
    score: npt.NDArray[Any],
    side: int,
    inside: npt.NDArray[np.bool_] | None = None,
) -> RealArea:
    """Return the window of the highest score; side, grid and mask are those of the reduced picture."""
    found = np.unravel_index(int(np.argmax(score)), score.shape)
    row, column = (int(at) * max(1, side // 10) for at in found)
    mask = None
    if inside is not None:
        mask = inside[row : row + side, column : column + side].repeat(_REDUCED, 0).repeat(_REDUCED, 1)
    y, x, whole = row * _REDUCED, column * _REDUCED, side * _REDUCED
    return RealArea(name, image[y : y + whole, x : x + whole], um_per_px, mask)


def _mask_of(image: Path) -> Path | None:
    """Return the gland mask of a picture."""
    folder = image.parent.parent / "masks"
    return next(
        (path for path in (folder / f"{image.stem}{end}" for end in PICTURES) if path.is_file()), None
    )
