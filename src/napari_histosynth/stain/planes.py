"""What steers a generator, the same for every tile that sees it.

Nuclei that are found in a picture depend on how much of it was looked at: two tiles that overlap would find
some of them a little differently, and draw them so. Where steering goes by what it sees, the picture is
therefore looked at on a lattice of its own, once, and tiles are given parts of what was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tilecache import TileCache
from napari_histosynth.core.tiles import Window, tile_windows

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.scaledpicture import ScaledPicture
    from napari_histosynth.stain.steering import Steering

    Planes = npt.NDArray[np.float32]

#: Side of the lattice's cells in px at the model's scale, how far it is shifted against that of tiles, so
#: that a tile meets four of them and not nine, and how much is looked at around a cell.
CELL, SHIFT, AROUND = 512, 256, 128

_KEPT_BYTES = 128 << 20


class SteadyPlanes:
    """Planes of any window of a picture, which do not depend on the window.

    Parameters
    ----------
    steering : Steering
        Who says which nuclei are positive; looked at on a lattice if it has a true ``by_window``.
    picture : ScaledPicture
        The picture at the model's scale.
    """

    def __init__(self, steering: Steering, picture: ScaledPicture) -> None:
        self._steering, self._picture = steering, picture
        self._cells: TileCache[Window, npt.NDArray[np.float16]] = TileCache(_KEPT_BYTES)
        self._changes = 0

    @property
    def by_window(self) -> bool:
        """Whether the lattice is needed."""
        return bool(getattr(self._steering, "by_window", False))

    def planes(self, window: Window, rgb: npt.NDArray[np.uint8]) -> Planes | None:
        """Return the planes of a window, float32 (3, y, x), mirrored beyond the borders of the picture."""
        if not self.by_window:
            return self._steering.planes(window, rgb)
        inside = window.clip(self._picture.shape)
        planes = np.empty((3, *inside.shape), np.float32)
        for part in tile_windows(inside.shift(SHIFT, SHIFT), CELL):
            here = part.shift(-SHIFT, -SHIFT)
            cell = self._cell_of(here)
            planes[(slice(None), *here.relative_to(inside).slices)] = self._found(cell)[
                (slice(None), *here.relative_to(cell).slices)
            ]
        beyond = (
            (0, 0),
            (inside.y0 - window.y0, window.y1 - inside.y1),
            (inside.x0 - window.x0, window.x1 - inside.x1),
        )
        return np.pad(planes, beyond, mode="symmetric")

    def forget(self, changed: Window) -> Window:
        """Drop what was found in a window that has changed; return where planes may be others now."""
        if not self.by_window:
            return changed
        self._changes += 1
        self._cells.forget(lambda cell: not cell.grow(AROUND).intersect(changed).is_empty)
        reached = changed
        for part in tile_windows(changed.grow(AROUND).clip(self._picture.shape).shift(SHIFT, SHIFT), CELL):
            reached = reached.unite(self._cell_of(part.shift(-SHIFT, -SHIFT)))
        return reached

    def _cell_of(self, part: Window) -> Window:
        """Return the cell that holds a part of it, without what lies off the picture."""
        top, left = ((low + SHIFT) // CELL * CELL - SHIFT for low in (part.y0, part.x0))
        return Window(top, top + CELL, left, left + CELL).clip(self._picture.shape)

    def _found(self, cell: Window) -> npt.NDArray[np.float16]:
        """Return the planes of a cell, looked at with what is around it."""
        known = self._cells.get(cell)
        if known is None:
            changes = self._changes
            seen = cell.grow(AROUND)
            found = self._steering.planes(seen, self._picture.read(seen))
            if found is None:  # nothing is known
                found = np.zeros((3, *seen.shape), np.float32)
            known = found[(slice(None), *cell.relative_to(seen).slices)].astype(np.float16)
            if changes == self._changes:
                self._cells.put(cell, known)
        return known
