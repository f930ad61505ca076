"""Does a texture repeat itself? Peaks of its autocorrelation away from zero, against what chance gives.

SPADE generators repeat texture on maps of one class (SHI-GAN's paper, Supplementary Fig. 7). A texture that
repeats looks like itself at some shift, so its autocorrelation has a peak there. Any texture has peaks by
chance, the higher the coarser it is and the smaller the picture; so each picture is compared with surrogates:
Gaussian random fields of the same size and mask, with the same autocorrelation up to the shift at which we
begin to look and none beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

SHIFT_UM = 40.0
"""Shifts shorter than this are the texture itself, in micrometers: cells, fibers and their neighbors."""

ANALYSIS_UM_PER_PX = 1.25
"""Pictures are analyzed at this scale: finer grain, and the block marks of JPEG, do not repeat visibly."""

COARSEST_UM = 12.0
"""Structures coarser than a few times this (sigma of the high-pass filter) are not counted as texture."""

_LEAST_OVERLAP = 0.2  # of the largest overlap; shifts with less are left to chance

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Repetition:
    """How much a texture repeats.

    Parameters
    ----------
    peak : float
        Highest autocorrelation at shifts of :data:`SHIFT_UM` and more, 0 to 1; each shift weighed by the root
        of the share of the picture that overlaps.
    chance : float
        95th percentile of the same in surrogates.
    p : float
        Share of surrogates (and the picture itself) that reach ``peak``.
    shift_um : tuple of float
        Where the peak is, (y, x) in micrometers.
    contrast : float
        Standard deviation of the texture, in gray levels.
    """

    peak: float
    chance: float
    p: float
    shift_um: tuple[float, float]
    contrast: float

    @property
    def excess(self) -> float:
        """Height of the peak over what chance gives; one in twenty textures without repetition exceeds 1."""
        return self.peak / max(self.chance, 1e-6)

    @property
    def visible(self) -> float:
        """Contrast of what repeats beyond chance, in gray levels."""
        return float(self.contrast * np.sqrt(max(self.peak - self.chance, 0.0)))


def measure(
    rgb: npt.NDArray[np.uint8],
    um_per_px: float,
    *,
    mask: Mask | None = None,
    surrogates: int = 39,
    seed: int = 0,
) -> Repetition:
    """Measure how much the texture of a picture repeats.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3), at least four times :data:`SHIFT_UM` a side.
    um_per_px : float
        Micrometers a pixel.
    mask : ndarray, optional
        bool (y, x), true where the texture is; everywhere if not given.
    surrogates : int
        How many random fields it is compared with, at least 19.
    seed : int
        Of the random fields.

    Returns
    -------
    Repetition
    """
    texture, weight, contrast = _texture(rgb, um_per_px, mask)
    field = _Autocorrelation(weight)
    surface = field.of(texture)
    index = int(np.argmax(np.where(field.looked_at, surface, -np.inf)))
    row, column = np.unravel_index(index, surface.shape)
    peak = float(surface[row, column])
    rng = np.random.default_rng(seed)
    draw = _surrogates(field.plain(texture), texture.shape, rng)
    by_chance = np.array(
        [float(np.max(field.of(next(draw) * weight)[field.looked_at])) for _ in range(surrogates)]
    )
    height, width = surface.shape
    shift = (row - height if row > height // 2 else row, column - width if column > width // 2 else column)
    return Repetition(
        peak=peak,
        chance=float(np.quantile(by_chance, 0.95)),
        p=float((1 + np.count_nonzero(by_chance >= peak)) / (1 + surrogates)),
        shift_um=(float(shift[0] * ANALYSIS_UM_PER_PX), float(shift[1] * ANALYSIS_UM_PER_PX)),
        contrast=contrast,
    )


def luminance(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the luminance of a picture (Rec. 709), float32 (y, x) in gray levels."""
    return np.asarray(rgb[..., :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32), dtype=np.float32)


def _texture(rgb: npt.NDArray[np.uint8], um_per_px: float, mask: Mask | None) -> tuple[Floats, Floats, float]:
    """Return high-passed luminance of unit variance, zero outside of the mask; the mask; the contrast."""
    gray = luminance(rgb)
    inside = np.ones(gray.shape, np.float32) if mask is None else np.asarray(mask, np.float32)
    factor = um_per_px / ANALYSIS_UM_PER_PX
    if factor < 1:  # average before pixels are left out
        sigma = 0.5 / factor
        blurred = ndimage.gaussian_filter(inside, sigma)
        gray = np.where(
            blurred > 1e-3, ndimage.gaussian_filter(gray * inside, sigma) / np.maximum(blurred, 1e-3), gray
        )
    shape = tuple(max(1, round(side * factor)) for side in gray.shape)
    zoom = (shape[0] / gray.shape[0], shape[1] / gray.shape[1])
    gray = ndimage.zoom(gray, zoom, order=1, grid_mode=True, mode="nearest")
    weight = (ndimage.zoom(inside, zoom, order=1, grid_mode=True, mode="nearest") > 0.5).astype(np.float32)
    sigma = COARSEST_UM / ANALYSIS_UM_PER_PX
    around = np.maximum(ndimage.gaussian_filter(weight, sigma, mode="constant"), 1e-3)
    slow = ndimage.gaussian_filter(gray * weight, sigma, mode="constant") / around
    fast = (gray - slow) * weight
    count = max(float(weight.sum()), 1.0)
    fast -= weight * (fast.sum() / count)
    contrast = float(np.sqrt((fast**2).sum() / count))
    return fast / max(contrast, 1e-6), weight, contrast


class _Autocorrelation:
    """Autocorrelations of pictures with one mask."""

    def __init__(self, weight: Floats) -> None:
        self._shape = tuple(fft.next_fast_len(2 * side, real=True) for side in weight.shape)
        overlap = self._raw(weight)
        share = np.maximum(overlap / overlap[0, 0], 0)
        y, x = (np.abs(np.fft.fftfreq(side) * side) * ANALYSIS_UM_PER_PX for side in self._shape)
        far = np.hypot(y[:, None], x[None, :]) >= SHIFT_UM
        half = np.zeros(self._shape, bool)  # the other half is the same, seen backwards
        half[: self._shape[0] // 2] = True
        self.looked_at: Mask = far & half & (share >= _LEAST_OVERLAP)
        self._count = overlap[0, 0]
        # at shifts of little overlap chance is large: weighed so that it is alike everywhere
        scale = np.where(share > 1e-3, 1 / np.sqrt(np.maximum(share, 1e-3)), 0) / self._count
        self._scale = scale.astype(np.float32)
        self._plain = (scale**2 * self._count).astype(np.float32)

    def of(self, texture: Floats) -> Floats:
        """Return the autocorrelation by shift, modulo the shape, weighed by the root of the overlap."""
        return np.asarray(self._raw(texture) * self._scale)

    def plain(self, texture: Floats) -> Floats:
        """Return the autocorrelation as it is."""
        return np.asarray(self._raw(texture) * self._plain)

    def _raw(self, texture: Floats) -> Floats:
        waves = fft.rfft2(np.asarray(texture, np.float32), self._shape)
        return np.asarray(fft.irfft2(waves.real**2 + waves.imag**2, self._shape))


def _surrogates(correlation: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Yield random fields of unit variance whose autocorrelation is that given, but ends at the shift.

    A taper on the autocorrelation smooths the spectrum: lines, which are what repeats, become broad.
    """
    y, x = (np.abs(np.fft.fftfreq(side) * side) * ANALYSIS_UM_PER_PX for side in correlation.shape)
    distance = np.hypot(y[:, None], x[None, :])
    taper = np.where(distance < SHIFT_UM, 0.5 + 0.5 * np.cos(np.pi * distance / SHIFT_UM), 0)
    spectrum = np.maximum(fft.rfft2(correlation * taper).real, 0)
    amplitude = np.sqrt(spectrum).astype(np.float32)
    while True:
        # phases and strengths by chance; that two columns of the half plane mirror themselves is no matter
        random = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
        drawn = fft.irfft2((random[0] + 1j * random[1]) * amplitude, correlation.shape)
        drawn = drawn[: shape[0], : shape[1]]
        yield drawn / max(float(drawn.std()), 1e-9)
