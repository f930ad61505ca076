"""How near drawn tissue is to real tissue at each magnification: Fréchet distance, and a judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.device import choose_device
from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.paint.segment import load_segmenter
from napari_histosynth.study.features import STEP, WINDOW, Described
from napari_histosynth.study.metrics import frechet_distance
from napari_histosynth.study.slidematerial import MEASURED
from napari_histosynth.study.two_sample import tell_apart

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.unet import SegmentationNet
    from napari_histosynth.study.slidebench import SlideBench

    Pair = tuple[Sequence[Field], Sequence[Field]]

_BATCH = 8


def likeness(bench: SlideBench) -> dict[str, Any]:
    """Measure Fréchet distances in the features of the network that names tissue.

    Features of each level are scaled by their spread over its real squares. Every distance of a level is
    between equally many windows, since it is biased by their number.

    Returns
    -------
    dict
        ``features``, in words; for each level ``whole``: ``real`` (one half of the real slides to the other)
        and ``drawn`` (one half to synthetic slides), and ``refined``, on held-out slides: ``real``,
        ``drawn`` (to the same places drawn from their real parents), ``enlarged`` (to the parents enlarged);
        each a median with the middle 90 %, and ``windows``.
    """
    segmenter = load_segmenter(device=bench.device, precision="fp32")
    found: dict[str, Any] = {
        "features": f"bridge of {segmenter.name}, {segmenter.um_per_px:g} um per px whatever the level",
        "inception": False,
    }
    rng = np.random.default_rng(0)
    real, drawn, whole = bench.real, bench.refined_fields, bench.whole
    with bench.watch(f"{bench.setting}: describing tissue") as tell:
        for number, level in enumerate(MEASURED):
            held = [index for index, one in enumerate(bench.material.pieces[level]) if one.held_out]
            plain = [
                Field(one.name, one.group, bench.enlarged[level][at], ())
                for at, one in enumerate(real[level])
            ]
            sets = {
                "real": real[level],
                "whole": whole[level],
                "refined": [drawn[level][index] for index in held],
                "enlarged": [plain[index] for index in held],
            }
            vectors = {name: describe(segmenter.network, some) for name, some in sets.items()}
            spread = np.maximum(vectors["real"].vectors.std(0), 1e-6)
            clouds = {name: Described(one.vectors / spread, one.place) for name, one in vectors.items()}
            groups = [one.group for one in real[level]]
            found[str(level)] = {
                "whole": _whole(clouds, groups, bench.sizes.halvings, rng),
                "refined": _refined(clouds, groups, held, bench.sizes.halvings, rng),
            }
            tell((number + 1) / len(MEASURED))
    return found


def told_apart(bench: SlideBench) -> dict[str, Any]:
    """Measure how well a small network tells drawn from real on slides that it did not learn from.

    Returns
    -------
    dict
        For each level and each of ``whole``, ``refined`` and ``real`` (slides divided in two, mean over
        rounds): the area under the ROC curve by the number of steps.
    """
    device, sizes = choose_device(bench.device), bench.sizes
    found: dict[str, Any] = {}
    for level in MEASURED:
        seen = [not one.held_out for one in bench.material.pieces[level]]
        real, drawn, whole = bench.real[level], bench.refined_fields[level], bench.whole[level]
        slides = sorted({one.group for one in whole}, key=int)
        pairs: dict[str, list[tuple[Pair, Pair]]] = {
            "whole": [
                (
                    (_where(real, seen), [one for one in whole if one.group in slides[::2]]),
                    (_where(real, seen, False), [one for one in whole if one.group in slides[1::2]]),
                )
            ],
            "refined": [
                (
                    (_where(real, seen), _where(drawn, seen)),
                    (_where(real, seen, False), _where(drawn, seen, False)),
                )
            ],
            "real": [
                (_divided(_where(real, seen), round_), _divided(_where(real, seen, False), round_))
                for round_ in range(sizes.rounds)
            ],
        }
        found[str(level)] = {}
        for kind, rounds in pairs.items():
            with bench.watch(f"{bench.setting}: telling {kind} from real at level {level}") as tell:
                areas = [tell_apart(*pair, sizes.steps, sizes.judged, device, tell) for pair in rounds]
            found[str(level)][kind] = {
                str(step): float(np.mean([one[step] for one in areas])) for step in sizes.steps
            }
    return found


def describe(network: SegmentationNet, fields: Sequence[Field]) -> Described:
    """Describe windows of squares of one size as :func:`.features.describe_by_network` does, in fp32.

    On CPUs that do not multiply bf16 that is many times as fast.
    """
    device, stride = next(network.parameters()).device, network.stride
    caught: list[torch.Tensor] = []
    hook = network.down[-1].register_forward_hook(lambda module, given, features: caught.append(features))
    vectors, place = [], []
    try:
        for start in range(0, len(fields), _BATCH):
            caught.clear()
            some = np.stack([one.image for one in fields[start : start + _BATCH]])
            side = some.shape[1] // stride * stride
            with torch.inference_mode():
                network(from_rgb(np.ascontiguousarray(some[:, :side, :side]), device))
            means = F.avg_pool2d(caught[0].float(), WINDOW // stride, STEP // stride)
            each = means.permute(0, 2, 3, 1).cpu().numpy()
            for number, one in enumerate(each):
                vectors.append(one.reshape(-1, one.shape[-1]))
                rows, cols = np.mgrid[: one.shape[0], : one.shape[1]].reshape(2, -1) * STEP
                place.append(np.stack([np.full_like(rows, start + number), rows, cols], axis=1))
    finally:
        hook.remove()
    return Described(np.concatenate(vectors), np.concatenate(place))


def halves_of_slides(
    groups: Sequence[str], rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divide pictures in two by their slides, at random; returns the numbers of the pictures of each half."""
    names = rng.permutation(sorted(set(groups)))
    first = set(names[: len(names) // 2].tolist())
    inside = np.array([one in first for one in groups])
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def _whole(
    clouds: dict[str, Described], groups: Sequence[str], halvings: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Compare one half of all real slides with the other, and with synthetic ones."""
    distances: dict[str, list[float]] = {"real": [], "drawn": []}
    least = 0
    for _ in range(halvings):
        parts = [clouds["real"].of_pictures(half) for half in halves_of_slides(groups, rng)]
        first, other, synthetic = _as_many([*parts, clouds["whole"].vectors], rng)
        least = len(first)
        distances["real"].append(frechet_distance(first, other))
        distances["drawn"].append(frechet_distance(first, synthetic))
    return {name: summary(values) for name, values in distances.items()} | {"windows": least}


def _refined(
    clouds: dict[str, Described],
    groups: Sequence[str],
    held: Sequence[int],
    halvings: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Compare held-out slides with the same places drawn, beside one half of them with the other."""
    distances: dict[str, list[float]] = {"real": [], "drawn": [], "enlarged": []}
    own = [groups[index] for index in held]
    numbers = np.asarray(held)
    least = 0
    for _ in range(halvings):
        half, rest = halves_of_slides(own, rng)
        first, other, drawn, plain = _as_many(
            [
                clouds["real"].of_pictures(numbers[half]),
                clouds["real"].of_pictures(numbers[rest]),
                clouds["refined"].of_pictures(half),
                clouds["enlarged"].of_pictures(half),
            ],
            rng,
        )
        least = len(first)
        for name, cloud in (("real", other), ("drawn", drawn), ("enlarged", plain)):
            distances[name].append(frechet_distance(first, cloud))
    return {name: summary(values) for name, values in distances.items()} | {"windows": least}


def _as_many(
    clouds: Sequence[npt.NDArray[np.float32]], rng: np.random.Generator
) -> list[npt.NDArray[np.float32]]:
    """Return equally many vectors of each, drawn at random."""
    count = min(len(cloud) for cloud in clouds)
    if count < 2:
        raise TrainingError(
            f"A Fréchet distance needs two windows of {WINDOW} px of tissue on every side at least; give "
            "larger slides, or a larger budget."
        )
    return [cloud[rng.permutation(len(cloud))[:count]] for cloud in clouds]


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the middle 90 % of values."""
    low, median, high = np.percentile(values, [5, 50, 95])
    return {"median": float(median), "low": float(low), "high": float(high)}


def _where(fields: Sequence[Field], seen: Sequence[bool], wanted: bool = True) -> list[Field]:
    return [field for field, one in zip(fields, seen, strict=True) if one == wanted]


def _divided(fields: Sequence[Field], round_: int) -> tuple[list[Field], list[Field]]:
    """Divide fields in two by their slides, another way each round."""
    first, other = halves_of_slides([one.group for one in fields], np.random.default_rng(round_))
    return [fields[index] for index in first], [fields[index] for index in other]
