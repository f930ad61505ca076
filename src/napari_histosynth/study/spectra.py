"""Where the grain is wrong: power of drawn over real texture, octave by octave, on stroma and on glass."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.relabel import convert_labels
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.labels import BACKGROUND, EPITHELIUM, NUCLEI, STROMA
from napari_histosynth.paint.resample import resample_labels, scaled_shape
from napari_histosynth.study.flat import stroma_of
from napari_histosynth.study.real import GLAS_UM_PER_PX, RealField
from napari_histosynth.study.repetition import luminance

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.model import PaintModel

QUALITY = 94
"""Of the JPEG codec that the real fields went through; drawn pictures go through the same."""

_WINDOW_UM = 40.0
_BARE_NUCLEI = 0.03  # of a window of stroma that counts as bare
_MOST_WINDOWS = 60  # a field

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Octave:
    """Power of drawn over power of real luminance at wavelengths of ``low_um`` to ``high_um``.

    ``flat_stroma`` and ``flat_glass`` are of maps of one class alone, beside real stroma without nuclei and
    real glass; ``stroma`` and ``glass`` of real fields drawn again from their own labels in their own look.
    None where the data or the scheme give nothing to compare.
    """

    low_um: float
    high_um: float
    flat_stroma: float | None
    stroma: float | None
    flat_glass: float | None
    glass: float | None


def compare_grain(
    model: PaintModel,
    fields: Sequence[RealField],
    *,
    flat_side: int = 512,
    looks: int = 3,
    progress: Callable[[float], None] | None = None,
) -> list[Octave]:
    """Compare the power spectra of drawn and real stroma and glass.

    Parameters
    ----------
    model : PaintModel
        What draws.
    fields : sequence of RealField
        Real fields with labels.
    flat_side : int
        Side in pixels of the maps of one class.
    looks : int
        How many looks of them.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    list of Octave
        From the finest to the coarsest.
    """
    side = max(16, round(_WINDOW_UM / model.um_per_px) // 2 * 2)
    spectra: dict[str, list[npt.NDArray[np.float64]]] = {}
    total, done = 2 * looks + len(fields), 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done / total)

    for kind, index in (("flat stroma", stroma_of(model.scheme)), ("flat glass", model.scheme.background)):
        for look in range(looks):
            labels = np.full((flat_side, flat_side), index, np.uint8)
            drawn = through_codec(Canvas(model, labels, seed=look).render())
            everywhere = np.ones(labels.shape, bool)
            spectra.setdefault(kind, []).extend(_spectra(drawn, everywhere, None, side))
            step()
    for number, field in enumerate(fields):
        image, labels = _at_scale(field, model.um_per_px)
        stroma, glass = np.isin(labels, (STROMA, NUCLEI)), labels == BACKGROUND
        # nuclei in epithelium are no stroma, nor is what lies between them
        stroma &= ~_near(labels == EPITHELIUM, 4)
        nuclei = labels == NUCLEI
        spectra.setdefault("real bare stroma", []).extend(_spectra(image, stroma, nuclei, side))
        spectra.setdefault("real stroma", []).extend(_spectra(image, stroma, None, side))
        spectra.setdefault("real glass", []).extend(_spectra(image, glass, None, side))
        if (own := _in_scheme(labels, model.scheme)) is not None and model.encoder is not None:
            drawn = through_codec(Canvas(model, own, latent=model.encode(image), seed=number).render())
            spectra.setdefault("stroma", []).extend(_spectra(drawn, stroma, None, side))
            spectra.setdefault("glass", []).extend(_spectra(drawn, glass, None, side))
        step()
    bands = octaves(model.um_per_px, side)
    power = {
        kind: [_power(several, band, model.um_per_px) for band in bands] for kind, several in spectra.items()
    }

    def ratio(drawn: str, real: str, band: int) -> float | None:
        above, below = (power.get(kind, [0.0] * len(bands))[band] for kind in (drawn, real))
        return above / below if above > 0 and below > 0 else None

    return [
        Octave(
            *band,
            ratio("flat stroma", "real bare stroma", k),
            ratio("stroma", "real stroma", k),
            ratio("flat glass", "real glass", k),
            ratio("glass", "real glass", k),
        )
        for k, band in enumerate(bands)
    ]


def octaves(um_per_px: float, side: int) -> list[tuple[float, float]]:
    """Return the octaves of wavelength that windows of so many pixels hold, in um, finest first."""
    bands, low = [], 2.0
    while 2 * low <= side / 2:
        bands.append((low * um_per_px, 2 * low * um_per_px))
        low *= 2
    return bands


def through_codec(rgb: Picture) -> Picture:
    """Compress a picture as the real ones were."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return np.array(Image.open(buffer))


def _spectra(
    image: Picture, inside: npt.NDArray[np.bool_], without: npt.NDArray[np.bool_] | None, side: int
) -> list[npt.NDArray[np.float64]]:
    """Return power spectra of luminance in windows that lie inside, float64 (side, side) each."""
    gray = luminance(image)
    taper = np.hanning(side)[:, None] * np.hanning(side)[None, :]
    found: list[npt.NDArray[np.float64]] = []
    for y in range(0, gray.shape[0] - side + 1, side // 2):
        for x in range(0, gray.shape[1] - side + 1, side // 2):
            window = np.s_[y : y + side, x : x + side]
            if inside[window].mean() < 0.99:
                continue
            if without is not None and without[window].mean() > _BARE_NUCLEI:
                continue
            part = gray[window].astype(np.float64)
            part = (part - part.mean()) * taper
            found.append(np.abs(np.fft.fft2(part)) ** 2)
    step = max(1, len(found) // _MOST_WINDOWS)
    return found[::step]


def _power(spectra: list[npt.NDArray[np.float64]], band: tuple[float, float], um_per_px: float) -> float:
    """Return the mean power in an octave of wavelength, averaged over all directions."""
    if not spectra:
        return 0.0
    side = spectra[0].shape[0]
    frequency = np.fft.fftfreq(side, um_per_px)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    ring = (radius > 1 / band[1]) & (radius <= 1 / band[0] * 1.0001)
    return float(np.mean(spectra, axis=0)[ring].mean())


def _at_scale(field: RealField, um_per_px: float) -> tuple[Picture, Picture]:
    """Return a field and its labels at another scale."""
    if abs(um_per_px / GLAS_UM_PER_PX - 1) < 0.02:
        return field.image, field.labels
    shape = scaled_shape((field.labels.shape[0], field.labels.shape[1]), GLAS_UM_PER_PX, um_per_px)
    resized = Image.fromarray(field.image).resize(shape[::-1], Image.Resampling.LANCZOS)
    return np.asarray(resized), resample_labels(field.labels, shape)


def _in_scheme(labels: Picture, scheme: TissueScheme) -> Picture | None:
    """Return labels of ``colon-3`` in a scheme; None if it tells more than they do."""
    if scheme.n_classes > 4:
        return None
    try:
        return convert_labels(labels, get_scheme("colon-3"), scheme)
    except SchemeError:
        return None


def _near(mask: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[Any]:
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(mask, iterations=reach))
