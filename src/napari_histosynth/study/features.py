"""Distances in the features of a network trained on tissue, and the nearest training neighbors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.study.metrics import frechet_distance
from napari_histosynth.study.segmentation import autocast, whole_strides

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.data import Field
    from napari_histosynth.paint.unet import SegmentationNet

WINDOW = 128
"""Pixels a side of what one feature vector describes."""
STEP = WINDOW // 2
CELL = 16
"""Pixels a side of a cell of the low-resolution pictures that neighbors are looked for in as well."""


@dataclass(frozen=True)
class Described:
    """Windows of pictures as vectors.

    Attributes
    ----------
    vectors : ndarray
        float32 (n, d).
    place : ndarray
        int (n, 3): number of the picture, y and x of the window's corner.
    """

    vectors: npt.NDArray[np.float32]
    place: npt.NDArray[np.int64]

    def of_pictures(self, numbers: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return the vectors of some pictures."""
        return self.vectors[np.isin(self.place[:, 0], np.asarray(numbers))]

    def __len__(self) -> int:
        return len(self.vectors)


def describe_by_network(
    network: SegmentationNet, fields: Sequence[Field], tell: Callable[[float], None] = lambda share: None
) -> Described:
    """Describe windows of pictures by the deepest features of a segmentation network.

    The features of the bridge, averaged over windows of 128 px that overlap by half.

    Raises
    ------
    TrainingError
        If a picture is smaller than a window.
    """
    device = next(network.parameters()).device
    side, step = WINDOW // network.stride, STEP // network.stride
    caught: list[torch.Tensor] = []
    hook = network.down[-1].register_forward_hook(lambda module, given, features: caught.append(features))
    vectors, place = [], []
    try:
        for number, field in enumerate(fields):
            _check_size(field)
            caught.clear()
            with torch.inference_mode(), autocast(device):
                network(from_rgb(whole_strides(field.image, network.stride)[None], device))
            # cells that are all inside of the picture
            rows, columns = (length // network.stride for length in field.image.shape[:2])
            means = F.avg_pool2d(caught[0].float()[..., :rows, :columns], side, step)[0].permute(1, 2, 0)
            vectors.append(means.reshape(-1, means.shape[-1]).cpu().numpy())
            place.append(_places(number, means.shape[0], means.shape[1], STEP))
            tell((number + 1) / len(fields))
    finally:
        hook.remove()
    return Described(np.concatenate(vectors), np.concatenate(place))


def describe_by_pixels(fields: Sequence[Field], step: int = 1) -> Described:
    """Describe windows of 128 px by their picture at a sixteenth of the size, whatever its colors.

    Each window has mean 0 and length 1, so that a distance of 0 is the same picture in any stain, and one of
    1.41 a picture that has nothing to do with it.

    Parameters
    ----------
    fields : sequence of Field
        Pictures.
    step : int
        Cells of 16 px from window to window.
    """
    side = WINDOW // CELL
    vectors, place = [], []
    for number, field in enumerate(fields):
        _check_size(field)
        rows, columns = (length // CELL for length in field.image.shape[:2])
        cells = field.image[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL, 3)
        small = cells.mean((1, 3), dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(small, (side, side), (0, 1))[::step, ::step]
        flat = windows.reshape(*windows.shape[:2], -1).reshape(-1, 3, side * side)
        flat = (flat - flat.mean(2, keepdims=True)).reshape(len(flat), -1)
        # bare glass has no picture to compare: its noise must not count as one
        flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 60.0)
        vectors.append(flat.astype(np.float32))
        place.append(_places(number, windows.shape[0], windows.shape[1], step * CELL))
    return Described(np.concatenate(vectors), np.concatenate(place))


def with_tissue(described: Described, fields: Sequence[Field], background: int) -> Described:
    """Keep the windows of fields that are background in less than a third: bare glass is alike everywhere.

    Raises
    ------
    TrainingError
        If none are.
    """
    kept = []
    for number, y, x in described.place:
        window = fields[number].labels[0][y : y + WINDOW, x : x + WINDOW]
        kept.append(np.count_nonzero(window == background) < window.size / 3)
    if not any(kept):
        raise TrainingError(
            f"No window of {WINDOW} px in the held-out fields is tissue for the most part; give other fields."
        )
    return Described(described.vectors[kept], described.place[kept])


def scaled_by(reference: Described, *others: Described) -> list[Described]:
    """Divide each component by its standard deviation in the reference, so that all count alike."""
    spread = np.maximum(reference.vectors.std(0), 1e-6)
    return [Described(one.vectors / spread, one.place) for one in (reference, *others)]


def distances_of_halves(
    real: Described, drawn: Described, n_fields: int, halvings: int
) -> dict[str, list[float]]:
    """Compare Fréchet distances between halves of the fields, as many windows on every side.

    Parameters
    ----------
    real, drawn : Described
        Real fields, and those drawn from their label maps, in the same order and of the same sizes.
    n_fields : int
        How many fields, at least 2.
    halvings : int
        Random divisions of the fields into halves A and B.

    Returns
    -------
    dict of str to list of float
        A distance a halving: ``"real"``, real A to real B, the floor; ``"drawn"``, real A to drawn B;
        ``"paired"``, real A to drawn A, of the same tissue.

    Raises
    ------
    TrainingError
        If there are fewer than 2 fields, or 2 windows a field.
    """
    if n_fields < 2:
        raise TrainingError("The Fréchet distance needs at least two fields that were held out.")
    if len(real) < 2 * n_fields:
        raise TrainingError(
            f"The {n_fields} fields that were held out hold {len(real)} windows of {WINDOW} px in all; the "
            "Fréchet distance needs 2 of each at least, so give larger pictures."
        )
    rng = np.random.default_rng(3)
    found: dict[str, list[float]] = {"real": [], "drawn": [], "paired": []}
    for _ in range(halvings):
        order = rng.permutation(n_fields)
        half, other = order[: n_fields // 2], order[n_fields // 2 :]
        first = real.of_pictures(half)
        found["real"].append(frechet_distance(first, real.of_pictures(other)))
        found["drawn"].append(frechet_distance(first, drawn.of_pictures(other)))
        found["paired"].append(frechet_distance(first, drawn.of_pictures(half)))
    return found


def nearest(queries: Described, known: Described) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return Euclidean distances to the nearest known window, float32 (n,), and which it is, int64 (n,)."""
    reference = torch.from_numpy(known.vectors)
    squares = (reference**2).sum(1)
    distances, which = [], []
    for part in torch.split(torch.from_numpy(queries.vectors), 512):
        squared = (part**2).sum(1, keepdim=True) - 2 * part @ reference.T + squares
        best, index = squared.min(1)
        distances.append(best.clamp(min=0).sqrt())
        which.append(index)
    return torch.cat(distances).numpy(), torch.cat(which).numpy()


def nearest_in_any_turn(
    queries: Described, known: Described
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the distance to the nearest known low-resolution picture in any of the eight symmetries."""
    side = WINDOW // CELL
    pictures = queries.vectors.reshape(-1, 3, side, side)
    distances = np.full(len(pictures), np.inf, np.float32)
    which = np.zeros(len(pictures), np.int64)
    for turns in range(4):
        for flip in (False, True):
            turned = np.rot90(pictures, turns, (2, 3))
            turned = turned[..., ::-1] if flip else turned
            flat = np.ascontiguousarray(turned).reshape(len(pictures), -1)
            found, index = nearest(Described(flat, queries.place), known)
            closer = found < distances
            distances[closer], which[closer] = found[closer], index[closer]
    return distances, which


def _places(number: int, rows: int, columns: int, step: int) -> npt.NDArray[np.int64]:
    """Return picture, y and x of windows in reading order, int64 (n, 3)."""
    y, x = np.meshgrid(np.arange(rows) * step, np.arange(columns) * step, indexing="ij")
    return np.stack([np.full(y.size, number), y.ravel(), x.ravel()], axis=1).astype(np.int64)


def _check_size(field: Field) -> None:
    if min(field.image.shape[:2]) < WINDOW:
        raise TrainingError(
            f"{field.name} is {min(field.image.shape[:2])} px a side; nearest neighbors are looked for in "
            f"windows of {WINDOW} px, so give larger pictures."
        )
