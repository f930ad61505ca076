"""What a pathologist grades by, measured: size and variation of nuclei, hematoxylin, nuclei to cytoplasm.

The same recipe for real and for drawn pictures: nuclei by hematoxylin (SHI-GAN, section 2.1), those that
touch divided by a watershed, in epithelium alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.stain import SPREAD, TYPICAL, hematoxylin_weights, optical_density, read_stain
from napari_histosynth.paint.labels import nuclei_mask, part_nuclei

if TYPE_CHECKING:
    import numpy.typing as npt

#: What is measured, as people read it.
NAMES = {
    "nuclear_area": "nuclear area, µm²",
    "area_variation": "variation of nuclear area (standard deviation over mean)",
    "hematoxylin": "hematoxylin in epithelium (1: as in nuclei)",
    "nuclear_share": "nuclei to cytoplasm (nuclear share of epithelium)",
    "density": "nuclei per mm² of epithelium",
}

#: Areas of a piece that counts as one nucleus, in um^2.
_SMALLEST, _LARGEST = 12.0, 250.0
#: Nuclei from which their mean says something.
_FEWEST = 12
#: Brightness, as a share of the picture's white, from which epithelium is lumen after all.
_LUMEN = 0.88


@dataclass(frozen=True)
class Correlates:
    """Measures of the epithelium in one picture; NaN where there is too little of it; see :data:`NAMES`."""

    nuclear_area: float
    area_variation: float
    hematoxylin: float
    nuclear_share: float
    density: float

    def to_dict(self) -> dict[str, float]:
        """Return them by name."""
        return asdict(self)


def measure(
    rgb: npt.NDArray[np.uint8],
    epithelium: npt.NDArray[np.bool_],
    um_per_px: float,
    stain: npt.NDArray[np.float32] | None = None,
) -> Correlates:
    """Measure a picture.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3), H&E.
    epithelium : ndarray
        bool (y, x), where glands are; lumina inside do not matter.
    um_per_px : float
        Micrometers a pixel.
    stain : ndarray, optional
        float32 (9,), what hematoxylin is measured in, as :func:`~napari_histosynth.core.stain.read_stain`
        gives it; the picture's own by default. Pictures along one slider are measured in one stain, since a
        picture's own rises with its hematoxylin.
    """
    nothing = Correlates(*([float("nan")] * 5))
    white = np.percentile(rgb.mean(2), 99.5)
    tissue = epithelium & (rgb.mean(2) < _LUMEN * white)
    if tissue.sum() * um_per_px**2 < 2000:
        return nothing
    nuclei = nuclei_mask(rgb, um_per_px=um_per_px) & tissue
    areas = nuclear_areas(nuclei, um_per_px)
    if len(areas) < _FEWEST:
        return nothing
    amount = hematoxylin_of(rgb, read_stain(rgb) if stain is None else stain)
    return Correlates(
        nuclear_area=float(areas.mean()),
        area_variation=float(areas.std() / areas.mean()),
        hematoxylin=float(amount[tissue].mean()),
        nuclear_share=float(nuclei.sum() / tissue.sum()),
        density=len(areas) / (tissue.sum() * um_per_px**2 * 1e-6),
    )


def nuclear_areas(nuclei: npt.NDArray[np.bool_], um_per_px: float) -> npt.NDArray[np.float64]:
    """Return the areas of single nuclei in um^2, (n,), from where nuclei are, bool (y, x).

    Those that the border of the picture may cut are left out.
    """
    pieces = part_nuclei(nuclei, um_per_px, smooth_um=0.8, apart_um=2.5)
    whole = np.ones(int(pieces.max()) + 1, bool)
    for rim in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1], np.zeros(1, int)):
        whole[rim] = False
    areas = np.bincount(pieces.ravel())[whole] * um_per_px**2
    return np.asarray(areas[(areas >= _SMALLEST) & (areas <= _LARGEST)], np.float64)


def hematoxylin_of(rgb: npt.NDArray[np.uint8], stain: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how much hematoxylin each pixel holds, float32 (y, x): 1 is the stain's own color of nuclei."""
    densities = np.maximum(stain * SPREAD + TYPICAL, 0.02).reshape(3, 3)
    above = optical_density(rgb) - densities[2].astype(np.float32)
    return np.asarray(np.maximum(above @ hematoxylin_weights(densities).astype(np.float32), 0), np.float32)
