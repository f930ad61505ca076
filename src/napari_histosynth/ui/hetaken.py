"""H&E to take a look from: in a file or an open layer, of which only the middle is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.ui.hepicture import HePicture

if TYPE_CHECKING:
    from napari_histosynth.latent.refine import Refined
    from napari_histosynth.paint.model import PaintModel

_READ = 1024  # px a side at the model's scale: a look does not get clearer by more


@dataclass(frozen=True, eq=False)
class TakenHe:
    """The middle of an H&E picture, and the look that was read from it.

    Attributes
    ----------
    name : str
        What it is called.
    rgb : ndarray
        uint8 (y, x, 3).
    um_per_px : float
        Its scale.
    assumed : bool
        Whether nobody said that scale, so that the model's was taken.
    latent : ndarray
        float32 (latent_size,): as the encoder says, or fitted.
    model : PaintModel
        Whose latent it is.
    fitted : Refined or None
        What fitting gave, if it was fitted.
    """

    name: str
    rgb: npt.NDArray[np.uint8]
    um_per_px: float
    assumed: bool
    latent: npt.NDArray[np.float32]
    model: PaintModel
    fitted: Refined | None = None

    @property
    def style(self) -> npt.NDArray[np.float32]:
        """The latent without the stain."""
        return self.latent[: self.model.style_size]

    @property
    def stain(self) -> npt.NDArray[np.float32] | None:
        """The stain, None where the model has it in its style."""
        return self.latent[self.model.style_size :] if self.model.has_stain else None

    def at_scale(self, um_per_px: float) -> TakenHe:
        """Return the same picture with its look read at another scale."""
        return _taken(self.name, self.rgb, um_per_px, False, self.model)

    def refined(self, fitted: Refined) -> TakenHe:
        """Return it with a fitted latent."""
        return replace(self, latent=fitted.latent, fitted=fitted)


def take_file(path: Path, model: PaintModel) -> TakenHe:
    """Read the look of H&E in a file.

    Raises
    ------
    HistosynthError
        If there is none, or it is too small, or the model has no encoder.
    """
    from napari_histosynth.paint.middle import read_he_middle

    rgb, scale = read_he_middle(path, model.um_per_px, _READ)
    return _taken(path.name, rgb, scale or model.um_per_px, scale is None, model)


def take_layer(picture: HePicture, model: PaintModel) -> TakenHe:
    """Read the look of H&E in a layer; see :func:`take_file`."""
    from napari_histosynth.paint.middle import middle_of

    scale = picture.um_per_px
    known = picture if scale is not None else picture.asked(model.um_per_px, None)
    pixels, um_per_px, _ = known.source(model.um_per_px)
    rgb = middle_of(pixels, um_per_px, model.um_per_px, _READ)
    return _taken(picture.name, rgb, um_per_px, scale is None, model)


def in_words(fitted: Refined) -> str:
    """Say how much nearer fitting came."""
    colors, before = fitted.error, fitted.error_before
    times, times_before = np.exp(fitted.texture), np.exp(fitted.texture_before)
    if (colors, fitted.texture) == (before, fitted.texture_before):
        return (
            "Fitting found nothing nearer: drawn in what the encoder read, the picture is missed by "
            f"{colors:.1f} gray levels in color and by a factor of {times:.1f} in texture."
        )
    return (
        f"Fitted: drawn from its labels, the picture is missed by {colors:.1f} gray levels in color (before: "
        f"{before:.1f}) and by a factor of {times:.1f} in texture (before: {times_before:.1f})."
    )


def _taken(name: str, rgb: Any, um_per_px: float, assumed: bool, model: PaintModel) -> TakenHe:
    from napari_histosynth.paint.inputs import latent_of_picture

    latent = latent_of_picture(rgb, um_per_px, model)
    return TakenHe(name, np.asarray(rgb), um_per_px, assumed, latent, model)
