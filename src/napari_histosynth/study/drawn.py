"""Synthetic fields: label maps, as they are or changed, drawn in many looks; kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.data import Field
from napari_histosynth.study.material import jpeg_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel

OTHER, OWN, RANDOM = -1, 0, 1
"""Rounds of drawing: another random look, the field's own, a random one; later ones change the labels too."""

SCALES = (0.8, 1.25)  # of tissue on a changed label map
BEND_UM, BEND_REACH_UM = 5.0, 40.0  # how far and how smoothly a changed label map is bent


@dataclass(frozen=True)
class Order:
    """A picture to draw.

    Attributes
    ----------
    number : int
        Which field, by its place among its fellows.
    round : int
        :data:`OTHER`, :data:`OWN`, :data:`RANDOM`, or later.
    """

    number: int
    round: int

    @property
    def seed(self) -> int:
        """Of noise, look and change of labels."""
        return self.number if self.round in (OWN, RANDOM) else 10_000 * abs(self.round) + self.number


def orders(n_fields: int, count: int) -> list[Order]:
    """Return what to draw: all fields once in each round, until there are ``count`` pictures."""
    return [Order(index % n_fields, index // n_fields) for index in range(count)]


def draw_fields(
    model: PaintModel,
    fields: Sequence[Field],
    wanted: Sequence[Order],
    folder: Path,
    tell: Callable[[float], None] = lambda share: None,
) -> list[Field]:
    """Draw fields, or read them where they were drawn before.

    Parameters
    ----------
    model : PaintModel
        What draws.
    fields : sequence of Field
        Real fields: looks and label maps are theirs.
    wanted : sequence of Order
        What to draw.
    folder : Path
        Where the pictures are kept as JPEG, each with its provenance as comment.
    tell : callable
        Told the share that is done, 0 to 1.

    Returns
    -------
    list of Field
        In the order of ``wanted``: the drawn picture as it comes out of the codec, and the label map that it
        was drawn from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for done, order in enumerate(wanted, 1):
        field = fields[order.number]
        labels = field.labels[0]
        if order.round > RANDOM:
            labels = change_labels(labels, model.scheme.n_classes, model.um_per_px, order.seed)
        path = folder / f"{field.name.replace('/', '_')}-{order.round}-{_hash(labels)}.jpg"
        if not path.exists():
            look = model.encode(field.image) if order.round == OWN else model.sample_latent(order.seed)
            canvas = Canvas(model, labels, latent=look, seed=order.seed)
            made = replace(canvas.provenance(), extra={"labels_of": field.name, "round": order.round})
            payload = jpeg_bytes(canvas.render(), made.to_json())
            with atomic_path(path) as temporary:
                temporary.write_bytes(payload)
        with Image.open(path) as picture:
            drawn.append(replace(field, image=np.array(picture), labels=(labels,)))
        tell(done / len(wanted))
    return drawn


def change_labels(
    labels: npt.NDArray[np.uint8], n_classes: int, um_per_px: float, seed: int
) -> npt.NDArray[np.uint8]:
    """Turn, scale and bend a label map, so that the tissue on it is another.

    Parameters
    ----------
    labels : ndarray
        uint8 (y, x); mirrored beyond its borders.
    n_classes : int
        Classes that it may hold.
    um_per_px : float
        Micrometers a pixel.
    seed : int
        Chooses the change.

    Returns
    -------
    ndarray
        uint8 (y, x), the same size, contours smooth.
    """
    from scipy import ndimage

    rng = np.random.default_rng((seed, 77))
    scale = np.exp(rng.uniform(*np.log(SCALES)))
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    middle = (np.array(labels.shape) - 1) / 2
    grid = np.stack(np.meshgrid(*(np.arange(side) for side in labels.shape), indexing="ij")).astype(float)
    source = np.einsum("ij,jyx->iyx", turn, grid - middle[:, None, None]) + middle[:, None, None]
    for axis in range(2):
        knots = [max(2, round(side * um_per_px / BEND_REACH_UM) + 2) for side in labels.shape]
        bend = rng.standard_normal(knots)
        at = [grid[i] * (knots[i] - 1) / max(1, labels.shape[i] - 1) for i in range(2)]
        source[axis] += BEND_UM / um_per_px * ndimage.map_coordinates(bend, at, order=3, mode="nearest")
    best = np.full(labels.shape, -1.0, np.float32)
    changed = np.zeros(labels.shape, np.uint8)
    for value in range(n_classes):
        mask = (labels == value).astype(np.float32)
        if not mask.any():
            continue
        share = ndimage.map_coordinates(mask, source, order=1, mode="reflect")
        wins = share > best
        changed[wins], best[wins] = value, share[wins]
    return changed


def _hash(labels: npt.NDArray[np.uint8]) -> str:
    """Return a few digits that stand for a label map: what is on disk must be of the labels at hand."""
    return hashlib.sha256(np.ascontiguousarray(labels).tobytes()).hexdigest()[:10]
