"""The ground that procedural tissue grows on: a grid in micrometers, noise, cells around random sites."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import ndtr

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.fields import Field, cell_of, layered_noise


@dataclass(frozen=True)
class Sites:
    """Random sites, and for each place on the grid the two nearest.

    Parameters
    ----------
    y, x : ndarray
        float (n,), positions in micrometers.
    nearest : ndarray
        intp (y, x), index of the nearest site.
    edge : ndarray
        float32 (y, x), distance to where the next site becomes the nearest, in micrometers.
    chance : ndarray
        float32 (n, 8), numbers in 0 to 1 that belong to each site.
    """

    y: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    nearest: npt.NDArray[np.intp]
    edge: Field
    chance: Field


@dataclass(frozen=True)
class Ground:
    """A canvas to be, seen on the cells of :data:`fields.CELL_UM`.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the canvas, in pixels.
    um_per_px : float
        Micrometers a pixel.
    seed : int
        Chooses everything that is left to chance.
    """

    shape: tuple[int, int]
    um_per_px: float
    seed: int

    @cached_property
    def cell(self) -> int:
        """Pixels a grid step."""
        return cell_of(self.um_per_px)

    @property
    def step_um(self) -> float:
        """Micrometers a grid step."""
        return self.cell * self.um_per_px

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Height and width of the grid; it may reach beyond the canvas by less than a step."""
        return -(-self.shape[0] // self.cell), -(-self.shape[1] // self.cell)

    @property
    def extent_um(self) -> tuple[float, float]:
        """Height and width of the canvas in micrometers."""
        return self.shape[0] * self.um_per_px, self.shape[1] * self.um_per_px

    @cached_property
    def places(self) -> tuple[Field, Field]:
        """Position of each grid point, two float32 (y, x) of micrometers from the canvas's corner."""
        y = (np.arange(self.grid_shape[0], dtype=np.float32) + 0.5) * np.float32(self.step_um)
        x = (np.arange(self.grid_shape[1], dtype=np.float32) + 0.5) * np.float32(self.step_um)
        return np.broadcast_to(y[:, None], self.grid_shape), np.broadcast_to(x[None, :], self.grid_shape)

    def noise(self, stream: int, scale_um: float, layers: int = 1) -> Field:
        """Draw smooth noise on the grid, standard normal; see :func:`fields.layered_noise`."""
        return layered_noise(
            self.seed, stream, self.grid_shape, um_per_px=self.step_um, scale_um=scale_um, layers=layers
        )

    def chance(self, stream: int) -> np.random.Generator:
        """Return a source of chance of its own for each stream."""
        return np.random.default_rng([self.seed % 2**64, stream])

    def distance(self, mask: npt.NDArray[np.bool_]) -> Field:
        """Return the distance from the border of a mask in micrometers, positive inside, float32 (y, x)."""
        if mask.all() or not mask.any():
            return np.full(mask.shape, 1e3 if mask.all() else -1e3, np.float32)
        inward = ndimage.distance_transform_edt(mask)
        outward = ndimage.distance_transform_edt(~mask)
        # half a step: the border runs between the grid points on its two sides
        return np.asarray((np.where(mask, inward - 0.5, 0.5 - outward)) * self.step_um, dtype=np.float32)

    def without_specks(self, mask: npt.NDArray[np.bool_], least_um2: float) -> npt.NDArray[np.bool_]:
        """Return a mask without patches smaller than an area in um2, unless the canvas cuts them."""
        patches, count = ndimage.label(mask)
        size = np.bincount(patches.ravel(), minlength=count + 1) * self.step_um**2
        for edge in (patches[0], patches[-1], patches[:, 0], patches[:, -1]):
            size[edge] = np.inf
        size[0] = 0
        return np.asarray((size >= least_um2)[patches])

    def smooth(self, field: Field, sigma_um: float) -> Field:
        """Return a field blurred by a Gaussian of a width in micrometers."""
        return np.asarray(ndimage.gaussian_filter(field, sigma_um / self.step_um), dtype=np.float32)

    def draw(self, field: Field) -> npt.NDArray[np.bool_]:
        """Return where a field is positive, bool (y, x) of the canvas's shape, with smooth outlines."""
        if self.cell == 1:
            return field > 0
        full = ndimage.zoom(field, self.cell, order=1, mode="nearest", grid_mode=True, output=np.float32)
        return np.asarray(full[: self.shape[0], : self.shape[1]] > 0)

    def sites(
        self,
        stream: int,
        spacing_um: float,
        *,
        jitter: float,
        at: tuple[Field, Field] | None = None,
    ) -> Sites:
        """Scatter sites on a jittered hexagonal lattice and find the nearest for each grid point.

        Parameters
        ----------
        stream : int
            Chooses the arrangement.
        spacing_um : float
            Distance of neighbors on the lattice.
        jitter : float
            Standard deviation of the sites around it, as a share of the spacing.
        at : tuple of ndarray, optional
            Bent coordinates of the grid points, float (y, x) each, in micrometers.
        """
        y, x = self.places if at is None else at
        pitch_y = spacing_um * np.sqrt(3) / 2
        rows = Window(int(y.min() // pitch_y) - 3, int(y.max() // pitch_y) + 4, 0, 1)
        columns = (int(x.min() // spacing_um) - 3, int(x.max() // spacing_um) + 4)
        lattice = Window(rows.y0, rows.y1, *columns)
        row, column = np.mgrid[lattice.y0 : lattice.y1, lattice.x0 : lattice.x1]
        offset = [gaussian(self.seed, stream, level, lattice).clip(-2, 2) for level in (0, 1)]
        site_y = ((row + jitter * offset[0]) * pitch_y).ravel()
        site_x = ((column + 0.5 * (row % 2) + jitter * offset[1]) * spacing_um).ravel()
        # eight numbers a site, by its place on the lattice, whatever the size of the canvas
        chance = np.stack(
            [_share_below(gaussian(self.seed, stream, 2 + k, lattice)).ravel() for k in range(8)],
            axis=1,
        )
        tree = cKDTree(np.stack([site_y, site_x], axis=1))
        distance, index = tree.query(np.stack([y.ravel(), x.ravel()], axis=1), k=2)
        first, second = index[:, 0], index[:, 1]
        apart = np.hypot(site_y[first] - site_y[second], site_x[first] - site_x[second])
        edge = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * apart)
        return Sites(
            site_y,
            site_x,
            first.reshape(self.grid_shape),
            edge.reshape(self.grid_shape).astype(np.float32),
            chance.astype(np.float32),
        )


def _share_below(values: Field) -> Field:
    """Turn standard normal numbers into uniform ones, 0 to 1."""
    return np.asarray(ndtr(values), dtype=np.float32)
