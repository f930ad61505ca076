"""Small pictures of latents: one small field of tissue, the same for all, drawn in each.

Nothing of the pictures that a latent was read from is in them: the labels are made by rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.relabel import convert_labels
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.examples import example_labels, example_names, example_scheme

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.model import PaintModel

#: Side of a thumbnail in pixels of the model's scale.
SIDE = 176
#: Where it lies in the label map of :func:`sample_labels`.
WINDOW = Window(16, 16 + SIDE, 84, 84 + SIDE)
# a dysplastic field with glands of both kinds, and what is around so that its border is drawn as well
_FIELD, _SEED = 448, 3
_PREFERRED = ("dysplasia", "moderate")


class Artist(Protocol):
    """What draws thumbnails."""

    def draw(self, latent: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Draw a latent, uint8 (SIDE, SIDE, 3)."""
        ...


class ThumbnailArtist:
    """Draws thumbnails of latents.

    Parameters
    ----------
    model : PaintModel
        What draws.
    """

    def __init__(self, model: PaintModel) -> None:
        self.model = model
        self._labels: npt.NDArray[np.uint8] | None = None

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """The label map that all are drawn from, with what is around it; made when it is first asked for."""
        if self._labels is None:
            self._labels = sample_labels(self.model.scheme, self.model.um_per_px)
        return self._labels

    def draw(self, latent: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Draw one.

        Parameters
        ----------
        latent : ndarray
            float32 (latent_size,).

        Returns
        -------
        ndarray
            uint8 (SIDE, SIDE, 3).
        """
        return Canvas(self.model, self.labels, latent=latent, seed=0).render(WINDOW)


def sample_labels(scheme: TissueScheme, um_per_px: float) -> npt.NDArray[np.uint8]:
    """Return the label map that thumbnails of a scheme are drawn from.

    Parameters
    ----------
    scheme : TissueScheme
        Classes of the model.
    um_per_px : float
        Its scale.

    Returns
    -------
    ndarray
        uint8 (y, x): an example where the scheme can hold one, patches of its classes else.
    """
    names = example_names(scheme)
    name = next((wanted for wanted in _PREFERRED if wanted in names), names[0])
    try:
        labels = example_labels(name, (_FIELD, _FIELD), um_per_px, _SEED)
        return convert_labels(labels, example_scheme(name), scheme)
    except HistosynthError:  # classes or a scale of its own
        cells = gaussian(_SEED, 1, 0, Window(0, 8 * scheme.n_classes, 0, 8))
        patches = cells.reshape(scheme.n_classes, 8, 8).argmax(0).astype(np.uint8)
        return np.ascontiguousarray(np.kron(patches, np.ones((_FIELD // 8,) * 2, np.uint8)))
