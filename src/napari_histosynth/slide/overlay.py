"""Fields that somebody painted into a slide: they lie over its tiles, on all levels, and join without a seam.

The tiles stay as they are drawn, a function of the seed; what was painted is kept beside them, as PNG with
transparency, and blended in wherever the slide is read.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.levels import SKETCH_LEVEL

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

FOLDER = "painted"
"""Folder of the painted fields, in the folder of a slide's store."""

FEATHER = 48
"""Pixels of level 0 over which a field passes into the slide around it."""

_GRID = 2**SKETCH_LEVEL  # px: patches begin and end there, so that all levels halve them alike
_NAME = re.compile(r"(\d+)_y(\d+)_x(\d+)\.png")


@dataclass(frozen=True, eq=False)
class Patch:
    """A painted field.

    Attributes
    ----------
    window : Window
        Where, in pixels of level 0; corners are multiples of 256.
    levels : tuple of ndarray
        uint8 (y, x, 4) on each level: color and opacity.
    """

    window: Window
    levels: tuple[Pixels, ...]

    @classmethod
    def of(cls, pixels: Pixels, corner: tuple[int, int], opacity: npt.NDArray[np.float32]) -> Patch:
        """Return a field at a place.

        Parameters
        ----------
        pixels : ndarray
            uint8 (y, x, 3) at level 0.
        corner : tuple of int
            Row and column of its first pixel on the slide.
        opacity : ndarray
            float32 (y, x), 0 to 1.
        """
        height, width = opacity.shape
        inner = Window(corner[0], corner[0] + height, corner[1], corner[1] + width)
        window = inner.align(_GRID)
        finest = np.zeros((*window.shape, 4), np.uint8)
        cut = finest[inner.relative_to(window).slices]
        cut[..., :3] = pixels
        cut[..., 3] = np.rint(255 * np.clip(opacity, 0, 1))
        return cls(window, _levels_of(finest))


class Overlay:
    """The painted fields of a slide, the latest on top; may be read from any thread.

    Parameters
    ----------
    folder : Path, optional
        Where they are kept; without, they are in memory alone.

    Raises
    ------
    ImageError
        If a field in the folder is damaged.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._patches: list[tuple[int, Patch]] = []
        self.folder: Path | None = None
        if folder is not None:
            self._patches = _read_all(folder)
            self.folder = folder

    def __len__(self) -> int:
        return len(self._patches)

    def add(self, patch: Patch) -> None:
        """Lay a field over the slide, and keep it.

        Raises
        ------
        SaveError
            If it cannot be kept; then it is not laid.
        """
        with self._lock:
            number = self._patches[-1][0] + 1 if self._patches else 1
            if self.folder is not None:
                _write(self.folder, number, patch)
            self._patches = [*self._patches, (number, patch)]

    def take_back(self) -> Window | None:
        """Take away the field that was painted last; return where it was, None if there is none."""
        with self._lock:
            if not self._patches:
                return None
            number, patch = self._patches[-1]
            if self.folder is not None:
                _path(self.folder, number, patch).unlink(missing_ok=True)
            self._patches = self._patches[:-1]
            return patch.window

    def keep_in(self, folder: Path) -> None:
        """Keep the fields in a folder from now on.

        Raises
        ------
        SaveError
            If they cannot be written.
        """
        with self._lock:
            for number, patch in self._patches:
                _write(folder, number, patch)
            self.folder = folder

    def over(self, pixels: Pixels, window: Window, level: int) -> Pixels:
        """Return a window of a level with what was painted there.

        Parameters
        ----------
        pixels : ndarray
            uint8 (y, x, 3), the slide; not changed.
        window, level
            Where it is, in pixels of the level.
        """
        out = pixels
        for _, patch in self._patches:
            there = patch.window.coarsen(2**level)
            part = there.intersect(window)
            if part.is_empty:
                continue
            painted = patch.levels[level][part.relative_to(there).slices]
            if not painted[..., 3].any():
                continue
            out = np.array(out) if out is pixels else out
            under = out[part.relative_to(window).slices]
            share = painted[..., 3:].astype(np.int32)
            mixed = under.astype(np.int32) * (255 - share) + painted[..., :3].astype(np.int32) * share
            under[...] = (mixed + 127) // 255
        return out


class PaintedSlide:
    """A slide with what was painted into it, for all that reads slides.

    Parameters
    ----------
    slide : Slide
        The slide.
    overlay : Overlay
        What was painted.
    """

    def __init__(self, slide: Any, overlay: Overlay) -> None:
        self._slide, self._overlay = slide, overlay

    def __getattr__(self, name: str) -> Any:
        return getattr(self._slide, name)

    def read(self, level: int, window: Window) -> Pixels:
        """Return a window of a level, drawn; see :meth:`Slide.read`."""
        return self._overlay.over(self._slide.read(level, window), window, level)

    def glance(self, level: int, window: Window) -> Pixels:
        """Return what there is of a window of a level, at once; see :meth:`Slide.glance`."""
        return self._overlay.over(self._slide.glance(level, window), window, level)


def feathered(mask: npt.NDArray[np.bool_], feather: int = FEATHER, *, inwards: bool) -> Any:
    """Return an opacity that passes smoothly from what is painted to what is not.

    Parameters
    ----------
    mask : ndarray
        bool (y, x), what is painted.
    feather : int
        Pixels over which it passes.
    inwards : bool
        Whether it passes inside what is painted, or around it; at the border of the array always inside.

    Returns
    -------
    ndarray
        float32 (y, x), 0 to 1.
    """
    from scipy import ndimage

    framed = np.pad(mask if inwards else np.ones_like(mask), 1)
    edge = ndimage.distance_transform_edt(framed)[1:-1, 1:-1] / feather
    if inwards:
        return _smooth(edge)
    far = ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
    return np.minimum(_smooth(edge), _smooth(1 - far / feather))


def _smooth(share: Any) -> npt.NDArray[np.float32]:
    """Ease from 0 to 1."""
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _levels_of(finest: Pixels) -> tuple[Pixels, ...]:
    """Return color and opacity on all levels: means over 2 x 2 px, colors by their opacity."""
    levels = [finest]
    for _ in range(SKETCH_LEVEL):
        finer = levels[-1]
        height, width = finer.shape[0] // 2, finer.shape[1] // 2
        blocks = finer.reshape(height, 2, width, 2, 4).astype(np.uint32)
        share = blocks[..., 3:].sum((1, 3))
        color = (blocks[..., :3] * blocks[..., 3:]).sum((1, 3))
        coarser = np.zeros((height, width, 4), np.uint8)
        coarser[..., :3] = (color + share // 2) // np.maximum(share, 1)
        coarser[..., 3] = (share[..., 0] + 2) // 4
        levels.append(coarser)
    return tuple(levels)


def _path(folder: Path, number: int, patch: Patch) -> Path:
    return folder / f"{number:04d}_y{patch.window.y0}_x{patch.window.x0}.png"


def _write(folder: Path, number: int, patch: Patch) -> None:
    from PIL import Image

    from napari_histosynth.core.atomic import atomic_path, reason_of
    from napari_histosynth.core.errors import SaveError

    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SaveError(f"Cannot write {folder}: {reason_of(error)}.") from error
    with atomic_path(_path(folder, number, patch)) as temporary:
        Image.fromarray(patch.levels[0]).save(temporary, compress_level=3)


def _read_all(folder: Path) -> list[tuple[int, Patch]]:
    """Read the fields of a folder, in their order."""
    from PIL import Image

    found: list[tuple[int, Patch]] = []
    named: Callable[[str], re.Match[str] | None] = _NAME.fullmatch
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = named(path.name)
        if match is None:
            continue
        number, y, x = (int(part) for part in match.groups())
        try:
            with Image.open(path) as picture:
                finest = np.array(picture)
        except (OSError, ValueError, SyntaxError) as error:
            raise ImageError(
                f"The painted field {path} is damaged; delete it, and open the slide again."
            ) from error
        if (
            finest.ndim != 3
            or finest.shape[2] != 4
            or any(side % _GRID for side in (*finest.shape[:2], y, x))
        ):
            raise ImageError(f"The painted field {path} is none of a slide; delete it, and open again.")
        window = Window(y, y + finest.shape[0], x, x + finest.shape[1])
        found.append((number, Patch(window, _levels_of(np.asarray(finest, np.uint8)))))
    return sorted(found, key=lambda one: one[0])
