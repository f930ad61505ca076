"""What stays of the tissue when it is stained otherwise: nuclei found again, densities, glass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.stain.findnuclei import Nuclei
    from napari_histosynth.study.stainbench import Pixels, StainBench

    Floats = npt.NDArray[np.float32]

WITHIN_UM = 3.0
"""Distance of centers up to which a nucleus counts as found again."""

BINS = np.linspace(0, 1.5, 31)
"""Borders of the bins of the histograms of densities; the last one also holds what is denser."""

_STAINED = 0.1  # optical density, mean of the colors, from which a pixel holds stain
_EDGE_PX = 2  # how far from tissue glass is looked at


def structure(bench: StainBench) -> dict[str, Any]:
    """Find nuclei in held-out H&E and in the Ki-67 drawn from it, and match them.

    Returns
    -------
    dict
        For each mode: ``he`` and ``ki67``, nuclei of each; ``matched``, share of those of H&E that are found
        again; ``lost`` and ``invented``, shares of those of H&E and of Ki-67; ``f1``; ``chance``, the F1 with
        the Ki-67 mirrored, as many nuclei at wrong places; ``distance``, median of the matched, um;
        ``correlation`` of nuclear densities, pixel by pixel, mean over fields.
    """
    from napari_histosynth.stain.findnuclei import find_nuclei

    drawn = bench.drawn
    with bench.watch(f"{bench.subject.label}: finding nuclei again") as tell:
        of_he = [find_nuclei(he, bench.um_per_px, "he") for he in bench.he]
        found = {}
        for number, (mode, pictures) in enumerate(drawn.items()):
            of_ki67 = [find_nuclei(ki67, bench.um_per_px, "hdab") for ki67 in pictures]
            found[mode] = found_again(of_he, of_ki67, bench.he) | {
                "correlation": float(np.mean([*map(density_correlation, bench.he, pictures)]))
            }
            tell((number + 1) / len(drawn))
    return found


def found_again(of_he: list[Nuclei], of_ki67: list[Nuclei], pictures: list[Pixels]) -> dict[str, Any]:
    """Match the nuclei of pictures of H&E with those of the Ki-67 of each; see :func:`structure`."""
    from napari_histosynth.stain.matching import match_nuclei

    counts, mirrored = np.zeros(3, int), np.zeros(3, int)
    distances = [np.zeros(0)]
    for first, second, picture in zip(of_he, of_ki67, pictures, strict=True):
        match = match_nuclei(first, second, within_um=WITHIN_UM)
        counts += (match.matched, len(match.lost), len(match.invented))
        distances.append(match.distance_um)
        wrong = match_nuclei(first, mirror(second, picture.shape[1]), within_um=WITHIN_UM)
        mirrored += (wrong.matched, len(wrong.lost), len(wrong.invented))
    matched, lost, invented = (int(count) for count in counts)
    apart = np.concatenate(distances)
    return {
        "he": matched + lost,
        "ki67": matched + invented,
        "matched": _share(matched, matched + lost),
        "lost": _share(lost, matched + lost),
        "invented": _share(invented, matched + invented),
        "f1": _share(2 * matched, 2 * matched + lost + invented),
        "chance": _share(2 * int(mirrored[0]), int(2 * mirrored[0] + mirrored[1] + mirrored[2])),
        "distance": float(np.median(apart)) if len(apart) else float("nan"),
    }


def density_correlation(he: Pixels, ki67: Pixels) -> float:
    """Return Pearson's correlation of the nuclear densities of two pictures, by the training's measure."""
    import torch

    from napari_histosynth.paint.model import from_rgb
    from napari_histosynth.stain.losses import structure_loss

    with torch.inference_mode():
        return 1 - float(structure_loss(from_rgb(he[None], "cpu"), from_rgb(ki67[None], "cpu")))


def mirror(nuclei: Nuclei, width: int) -> Nuclei:
    """Return nuclei as if the picture, so many px wide, were seen in a mirror."""
    return replace(nuclei, x=np.asarray(width - 1 - nuclei.x, np.float32), outlines=())


def densities(bench: StainBench) -> dict[str, Any]:
    """Compare the hematoxylin and DAB of stained pixels of drawn and of real Ki-67, and look at glass.

    Returns
    -------
    dict
        For ``hematoxylin`` and ``dab``: earth mover's distances, in optical density, from real Ki-67 to that
        drawn in each mode, to ``source`` (H&E, seen with the same eyes) and between its own halves
        (``real``), and ``histogram`` with the shares of pixels in each of :data:`BINS`; ``index``, labelling
        indices of ``real`` Ki-67 and in each mode; ``glass`` in each mode, see :func:`glass_stays_pale`.
    """
    from scipy.stats import wasserstein_distance

    from napari_histosynth.stain.ki67 import count_ki67

    halves = [[one.image for one in half] for half in bench.material.halves]
    sets = {"real": bench.ki67, "source": bench.he, **bench.drawn}
    found: dict[str, Any] = {}
    with bench.watch(f"{bench.subject.label}: comparing densities") as tell:
        stained = {name: stained_densities(pictures) for name, pictures in sets.items()}
        parts = [stained_densities(half) for half in halves if half]
        for stain, name in enumerate(("hematoxylin", "dab")):
            own = {key: values[:, stain] for key, values in stained.items()}
            found[name] = {
                key: _distance(wasserstein_distance, own["real"], values)
                for key, values in own.items()
                if key != "real"
            }
            pair = [part[:, stain] for part in parts]
            found[name]["real"] = _distance(wasserstein_distance, *pair) if len(pair) == 2 else None
            found[name]["histogram"] = {key: histogram(values) for key, values in own.items()}
        tell(0.5)
        found["index"] = {}
        for name, pictures in sets.items():
            if name != "source":
                counted = [count_ki67(one, bench.um_per_px, labels=False) for one in pictures]
                total = sum(one.total for one in counted)
                found["index"][name] = _share(sum(one.positive for one in counted), total)
        found["glass"] = {
            mode: glass_stays_pale(bench.he, pictures) for mode, pictures in bench.drawn.items()
        }
    return found


def stained_densities(pictures: list[Pixels]) -> Floats:
    """Return hematoxylin and DAB, float32 (n, 2), of the pixels of pictures that hold any stain.

    With the usual colors on clear glass for all pictures, so that nothing is adapted to what is compared.
    """
    from napari_histosynth.stain.unmix import StainBasis, optical_density

    basis = StainBasis.usual("hdab")
    found = [np.zeros((0, 2), np.float32)]
    for rgb in pictures:
        density = optical_density(rgb[::2, ::2]).reshape(-1, 3)
        density = density[density.mean(1) > _STAINED]
        found.append(np.stack(basis.unmix(density), -1))
    return np.concatenate(found)


def histogram(values: npt.NDArray[np.floating[Any]]) -> list[float]:
    """Return the shares of values in each of :data:`BINS`."""
    counts, _ = np.histogram(np.clip(values, BINS[0], BINS[-1]), BINS)
    return [float(share) for share in counts / max(1, counts.sum())]


def glass_stays_pale(sources: list[Pixels], drawn: list[Pixels]) -> dict[str, Any]:
    """Measure what becomes of glass and lumen, a few pixels off the tissue.

    Returns
    -------
    dict
        ``pixels``; ``pale``, share that is drawn pale (by the measure of the training's loss); mean gray
        level and tint (largest minus least color) of glass in the ``source`` and as ``drawn``; None where
        there is no glass.
    """
    from scipy import ndimage

    from napari_histosynth.core.stain import optical_density
    from napari_histosynth.stain.losses import GLASS, PALE

    before, after = [], []
    for source, picture in zip(sources, drawn, strict=True):
        glass = ndimage.binary_erosion(optical_density(source).sum(2) < GLASS, iterations=_EDGE_PX)
        before.append(source[glass])
        after.append(picture[glass])
    there, made = np.concatenate(before), np.concatenate(after)
    if not len(there):
        return {"pixels": 0, "pale": None, "source": None, "drawn": None}
    return {
        "pixels": len(there),
        "pale": float((optical_density(made).sum(1) < PALE).mean()),
        "source": {"gray": float(there.mean()), "tint": float(np.ptp(there, axis=1).mean())},
        "drawn": {"gray": float(made.mean()), "tint": float(np.ptp(made, axis=1).mean())},
    }


def _distance(measure: Any, one: Floats, other: Floats) -> float:
    return float(measure(one, other)) if len(one) and len(other) else float("nan")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
