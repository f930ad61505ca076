"""Label maps of ten colon classes from H&E by rules: weak labels, where nobody has drawn any.

There are no public label maps in SHI-GAN's ten classes. These rules read what can be read from the stain,
from a mask of the glands and from the grade; where tissue cannot be told by them (muscle from other dense
stroma, debris from fibrin), areas drawn on the field by a person decide. ``docs/weak-labels.md`` has the
rules as a table, with how far each class can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_histosynth.core.errors import ImageError, LabelMapError
from napari_histosynth.paint.weakmeasures import (
    as_painted,
    find_nuclei,
    local_mean,
    measure_stains,
    opened,
    smooth,
    within,
    without_small,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.weakmeasures import Mask, Stains

MUCIN, MATURE, PROLIFERATIVE, NECROSIS, REACTIVE, BLOOD = range(6)
INFLAMMATION, LOOSE, MUSCLE, NON_REACTIVE, BACKGROUND = range(6, 11)

Grade = Literal["mature", "proliferative", "carcinoma", "mixed"]

#: What the grades and stages of the public data sets say about the epithelium.
GRADES: dict[str, Grade] = {
    "healthy": "mature",
    "normal": "mature",
    "polyp": "mature",
    "serrated-adenoma": "mature",
    "adenomatous": "proliferative",
    "low-grade-in": "proliferative",
    "high-grade-in": "proliferative",
    "moderately differentiated": "carcinoma",
    "moderately-to-poorly differentated": "carcinoma",  # spelled so in GlaS
    "poorly differentiated": "carcinoma",
    "adenocarcinoma": "carcinoma",
}

#: Blur in um before each pixel goes to the strongest class, and least areas in um^2.
SIGMA = dict.fromkeys(range(11), 3.0) | {BACKGROUND: 1.5, BLOOD: 1.5, MUCIN: 2.0}
LEAST = {
    MUCIN: 80.0,
    MATURE: 150.0,
    PROLIFERATIVE: 150.0,
    NECROSIS: 250.0,
    REACTIVE: 300.0,
    BLOOD: 45.0,
    INFLAMMATION: 500.0,
    LOOSE: 300.0,
    MUSCLE: 1500.0,
    NON_REACTIVE: 500.0,
    BACKGROUND: 60.0,
}

#: Green density, over some 20 um, above which stroma without its nuclei is dense, and below which stroma with
#: them is too faint to be reactive; below which cytoplasm is mucous.
DENSE, PALE, PALE_CYTOPLASM = 0.25, 0.15, 0.2

#: Share of stroma that nuclei cover over some 30 um where it is called inflamed.
CROWDED = 0.31

_RULES_SHARE = 0.8  # of the time: the rest smooths regions

#: How much coarser the second degree of detail is.
SKETCHED = 2.0


@dataclass(frozen=True)
class Area:
    """A part of a field where a person says what tissue is.

    Attributes
    ----------
    label : int
        A class of ``colon-10``.
    polygon : tuple
        Corners (x, y) as shares of the field's width and height; empty for all of the field. All stroma
        inside becomes the class; of muscle, what is too faint for it does not.
    """

    label: int
    polygon: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Hints:
    """What is known of a field beyond its pixels.

    Attributes
    ----------
    grade : str
        "mature", "proliferative", "carcinoma" or "mixed"; "mixed" decides gland by gland: those with much
        mucin are mature.
    pools : bool
        Whether mucus lies outside of epithelium (mucinous carcinoma, or mucus on the surface).
    areas : tuple of Area
        Tissue that rules cannot tell.
    """

    grade: Grade = "mature"
    pools: bool = False
    areas: tuple[Area, ...] = ()


#: What a person may know of a picture, by name: a line for lists, and what it tells the rules.
TISSUES: dict[str, tuple[str, Hints]] = {
    "unknown": ("Not known: each gland by its mucin", Hints("mixed")),
    "healthy": ("Healthy, inflamed or hyperplastic mucosa", Hints("mature")),
    "adenoma": ("Adenoma, dysplasia", Hints("proliferative")),
    "carcinoma": ("Adenocarcinoma", Hints("carcinoma")),
    "mucinous-carcinoma": ("Mucinous carcinoma, mucus outside of glands", Hints("carcinoma", pools=True)),
}

#: What is taken for known of a picture of which nobody said anything.
UNKNOWN = "unknown"


def hints_of(tissue: str) -> Hints:
    """Return what a tissue's name tells the rules.

    Parameters
    ----------
    tissue : str
        A key of :data:`TISSUES` or of :data:`GRADES`.

    Raises
    ------
    LabelMapError
        If there is no such tissue.
    """
    if tissue in TISSUES:
        return TISSUES[tissue][1]
    if tissue in GRADES:
        return Hints(GRADES[tissue])
    raise LabelMapError(f"There is no tissue {tissue!r}; there are {', '.join(TISSUES)}.")


def weak_labels(
    rgb: npt.NDArray[np.uint8],
    um_per_px: float,
    *,
    epithelium: npt.NDArray[np.bool_] | None = None,
    grade: str | None = None,
    tissue: Hints | None = None,
) -> npt.NDArray[np.uint8]:
    """Label H&E of colon in the ten classes by rules.

    Parameters
    ----------
    rgb : ndarray
        uint8 (y, x, 3), H&E.
    um_per_px : float
        Micrometers a pixel; the rules were set at 1.
    epithelium : ndarray, optional
        (y, x), nonzero where glands are, lumen included. Without it all tissue is stroma.
    grade : str, optional
        A key of :data:`GRADES`, or "mature", "proliferative", "carcinoma", "mixed"; overrides the hints'.
    tissue : Hints, optional
        What is known of the field.

    Returns
    -------
    ndarray
        uint8 (y, x) of the scheme ``colon-10``.

    Raises
    ------
    ImageError
        If the picture is not uint8 (y, x, 3), or the scale is not positive.
    LabelMapError
        If the mask has another size than the picture, or the grade is unknown.
    """
    return weak_label_maps(rgb, um_per_px, epithelium=epithelium, grade=grade, tissue=tissue)[0]


def weak_label_maps(
    rgb: npt.NDArray[np.uint8],
    um_per_px: float,
    *,
    epithelium: npt.NDArray[np.bool_] | None = None,
    grade: str | None = None,
    tissue: Hints | None = None,
    details: tuple[float, ...] = (1.0, SKETCHED),
    progress: Callable[[float], None] | None = None,
) -> tuple[npt.NDArray[np.uint8], ...]:
    """Do as :func:`weak_labels` in several degrees of detail.

    Parameters
    ----------
    rgb, um_per_px, epithelium, grade, tissue
        As there.
    details : tuple of float
        1 for regions as fine as the rules see them, 2 for regions drawn twice as coarsely.
    progress : callable, optional
        Told the share that is done, 0 to 1, between rules; what it raises ends the work.
    """
    rgb = np.asarray(rgb)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ImageError(f"An H&E picture must be uint8 (y, x, 3), not {rgb.dtype} {rgb.shape}.")
    if um_per_px <= 0:
        raise ImageError(f"um_per_px must be positive, not {um_per_px}.")
    glands = np.zeros(rgb.shape[:2], bool) if epithelium is None else np.asarray(epithelium) != 0
    if glands.shape != rgb.shape[:2]:
        raise LabelMapError(
            f"The epithelium mask has shape {glands.shape}, the picture {rgb.shape[:2]}; they must agree."
        )
    tissue = tissue or Hints()
    known = tissue.grade if grade is None else GRADES.get(grade, grade)
    if known not in ("mature", "proliferative", "carcinoma", "mixed"):
        raise LabelMapError(f"There is no grade {grade!r}; there are {', '.join(GRADES)} and mixed.")
    tell = progress or (lambda _: None)
    raw = _raw(rgb, um_per_px, glands, known, tissue, lambda share: tell(_RULES_SHARE * share))
    made = []
    for number, detail in enumerate(details):
        tell(_RULES_SHARE + (1 - _RULES_SHARE) * number / len(details))
        sigma = {label: value * detail for label, value in SIGMA.items()}
        least = {label: value * detail**2 for label, value in LEAST.items()}
        made.append(as_painted(raw, sigma, least, um_per_px))
    return tuple(made)


def _raw(
    rgb: npt.NDArray[np.uint8],
    um_per_px: float,
    glands: Mask,
    grade: str,
    hints: Hints,
    tell: Callable[[float], None],
) -> npt.NDArray[np.uint8]:
    """Label pixel by pixel, later rules over earlier ones."""
    tell(0.0)
    stains = measure_stains(rgb)
    tell(0.1)
    px = 1 / um_per_px
    glass = _glass(stains, px)
    # thin mucus, in a goblet, a crypt or a pool, is nearly as bright as glass
    mucous = np.ones_like(glands) if hints.pools else glands & (grade != "carcinoma")
    if mucous.any():
        glass &= ~mucous | without_small(_is_clear(stains, px), 60 * px**2)
    tell(0.25)
    nuclei = find_nuclei(stains, ~glass, px)
    tell(0.35)
    stroma = ~glands & ~glass
    labels = np.full(glands.shape, LOOSE, np.uint8)

    # the eosin of stroma without its nuclei, and how much of it nuclei cover
    eosin = local_mean(stains.green, stroma & ~nuclei, 9 * px)
    cells = local_mean(nuclei, stroma, 10 * px)
    dense = stroma & (eosin > DENSE) & (cells < 0.30)
    labels[dense] = NON_REACTIVE
    for area in hints.areas:
        inside = inside_polygon(area.polygon, glands.shape) & stroma
        labels[inside & (eosin > PALE) if area.label == MUSCLE else inside] = area.label
    if grade == "carcinoma":
        near = within(glands, 100 * px) & np.isin(labels, (NON_REACTIVE, LOOSE))
        labels[near & (local_mean(stains.green, stroma, 8 * px) > PALE)] = REACTIVE
    labels[stroma & (cells > CROWDED) & np.isin(labels, (LOOSE, NON_REACTIVE, REACTIVE))] = INFLAMMATION

    tell(0.5)
    mucin = _mucus(stains, glands, glass, nuclei, grade, px)
    labels[glands] = _of_glands(glands, mucin, grade, px)[glands]
    labels[mucin] = MUCIN
    tell(0.65)
    if grade == "carcinoma":
        labels[_debris(stains, glands, px)] = NECROSIS
    if hints.pools:
        pools = _pools(stains, stroma, nuclei, px)
        # thin mucus looks like glass: small bright patches in a pool are part of it
        pools |= glass & ~without_small(glass, 400 * px**2) & within(pools, 4 * px)
        labels[pools] = MUCIN
        mucin |= pools
    tell(0.9)
    labels[_red_cells(stains, nuclei, px)] = BLOOD
    labels[glass & ~mucin] = BACKGROUND
    return labels


def _glass(stains: Stains, px: float) -> Mask:
    """Bright and without color; smaller patches belong to the tissue around them."""
    bright = smooth(stains.brightness, 1.0 * px)
    colored = smooth(stains.saturation, 1.5 * px)
    return without_small((bright > 0.89) & (colored < 0.06), 60 * px**2)


def _is_clear(stains: Stains, px: float) -> Mask:
    """Return where nothing at all lies in the light."""
    return np.asarray((smooth(stains.brightness, 2 * px) > 0.95) & (smooth(stains.saturation, 2 * px) < 0.04))


def _mucus(stains: Stains, glands: Mask, glass: Mask, nuclei: Mask, grade: str, px: float) -> Mask:
    """Pale cytoplasm and mucus inside of glands; also white ones no larger than a goblet."""
    density = smooth(stains.green, 1.5 * px)
    pale = glands & ~glass & ~nuclei & (density < PALE_CYTOPLASM)
    # the rim of a lumen is as pale by mixture: what is thinner than half a goblet is none
    pale = opened(pale, 2.5 * px)
    white = glands & glass
    if grade == "carcinoma":
        return pale
    goblets = white & ~without_small(white, 500 * px**2)
    if grade == "proliferative":  # most have none: white beside mucus only
        goblets &= within(pale, 4 * px)
    return np.asarray(pale | goblets)


def _of_glands(glands: Mask, mucin: Mask, grade: str, px: float) -> npt.NDArray[np.uint8]:
    if grade != "mixed":
        return np.full(glands.shape, MATURE if grade == "mature" else PROLIFERATIVE, np.uint8)
    share = local_mean(mucin, glands, 30 * px)
    return np.where(share > 0.22, MATURE, PROLIFERATIVE).astype(np.uint8)


def _debris(stains: Stains, glands: Mask, px: float) -> Mask:
    """Contents of carcinoma glands that are eosinophilic and coarsely granular over some 15 um.

    The cytoplasm of the cells is as eosinophilic, yet even; rims of lumina are uneven, yet thin.
    """
    if not glands.any():
        return glands
    eosin = np.maximum(stains.green - 0.7 * stains.red, 0)
    mean = smooth(eosin, 4 * px)
    grain = np.sqrt(np.maximum(smooth(eosin**2, 4 * px) - mean**2, 0))
    granular = grain > max(0.11, 1.45 * float(np.median(grain[glands])))
    inner = glands & ~within(~glands, 12 * px)
    core = opened(inner & granular & (mean > 0.12), 7 * px)
    return without_small(inner & within(core, 4 * px), 500 * px**2)


def _pools(stains: Stains, stroma: Mask, nuclei: Mask, px: float) -> Mask:
    """Mucus outside of epithelium: bluish gray, pale, smooth and without nuclei."""
    red, green = (smooth(one, 3 * px) for one in (stains.red, stains.green))
    cells = smooth(nuclei, 6 * px)
    found = stroma & (green > 0.02) & (green < 0.2) & (red > 0.65 * green) & (cells < 0.12)
    return without_small(found, 600 * px**2)


def _red_cells(stains: Stains, nuclei: Mask, px: float) -> Mask:
    """Orange-red: red is absorbed little, and more blue for the green than by the eosin of the picture."""
    red, green, blue = (smooth(one, 1.2 * px) for one in (stains.red, stains.green, stains.blue))
    pink = (green > 0.12) & (red < 0.6 * green)
    if np.count_nonzero(pink) < 300:
        return pink & False
    eosin = np.percentile(blue[pink][::4] / green[pink][::4], 10)
    found = (green > 0.2) & (blue > (eosin + 0.12) * green) & (red < 0.5 * green) & ~nuclei
    return without_small(found, 25 * px**2)


def inside_polygon(polygon: tuple[tuple[float, float], ...], shape: tuple[int, ...]) -> Mask:
    """Fill a polygon of shares of the field, bool (y, x); all of it without corners."""
    from PIL import Image, ImageDraw

    if not polygon:
        return np.ones(shape[:2], bool)
    height, width = shape[:2]
    picture = Image.new("1", (width, height))
    ImageDraw.Draw(picture).polygon([(x * width, y * height) for x, y in polygon], fill=1)
    return np.array(picture, bool)
