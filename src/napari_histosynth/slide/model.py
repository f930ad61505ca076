"""A model of slides, loaded and ready to draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_histosynth.core.device import choose_device, choose_precision
from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.paint.network import START_NOISE
from napari_histosynth.slide.levels import DRAWN, STEP
from napari_histosynth.slide.network import LAYOUT_CLASSES, Refiner, build_refiner
from napari_histosynth.zoo import ModelCard, find_model, load_state, select

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.sketch import Palette

#: What is used where nobody names a model.
DEFAULT_SLIDE_MODEL = "colon-slide"
#: Levels of noise of the network that a drawn level of a slide has room for.
NOISE_LEVELS = 16


@dataclass(frozen=True, eq=False)
class SlideModel:
    """What slides are drawn with; make one with :func:`load_slide_model`.

    Attributes
    ----------
    card : ModelCard
        Name, preset, scale, data and terms.
    refiner : Refiner
        Draws a window from the level before in one evaluation; frozen, on :attr:`device`, in :attr:`dtype`.
    palette : Palette
        Colors of the classes of a layout on real slides.
    device : torch.device
        Where it draws.
    dtype : torch.dtype
        In which number format.
    diffusion : dict of str to Tensor
        Weights of the diffusion U-Net that the setting "diffusion" draws with; empty if the model has none.
    """

    card: ModelCard
    refiner: Refiner
    palette: Palette
    device: torch.device
    dtype: torch.dtype
    diffusion: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def sha256(self) -> str:
        """Hash of the weights."""
        return self.card.sha256

    @property
    def precision(self) -> str:
        """Name of the number format, "bf16" or "fp32"."""
        return "bf16" if self.dtype == torch.bfloat16 else "fp32"

    @property
    def margin(self) -> int:
        """Pixels beyond each side of a window, at its own level, where the parent and the layout are read."""
        return self.refiner.margin

    @property
    def stride(self) -> int:
        """Corners of windows are multiples of this, in pixels of the drawn level."""
        return self.refiner.stride

    def refine(
        self,
        level: int,
        seed: int,
        window: Window,
        parent: npt.NDArray[np.uint8],
        layout: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.uint8]:
        """Draw a window of a level from the level before, in one evaluation.

        Any thread may call it. Every pixel depends on the arguments within :attr:`margin` of it and on its
        place alone; cut along one lattice, windows are the same to the bit whatever was drawn before.

        Parameters
        ----------
        level : int
            Which one to draw: 6, 4, 2 or 0.
        seed : int
            Of the noise.
        window : Window
            In pixels of that level, corners multiples of :attr:`stride`.
        parent : ndarray
            uint8 (y, x, 3), ``window.grow(margin).coarsen(4)`` of level ``level + 2``.
        layout : ndarray
            float32 (5, y, x), class fractions over the same extent.

        Returns
        -------
        ndarray
            uint8 (height, width, 3).

        Raises
        ------
        ModelError
            If the level is none that is drawn from another, or sizes do not fit.
        """
        if level not in DRAWN[1:]:
            raise ModelError(f"Levels {list(DRAWN[1:])} are drawn from the one before, not level {level}.")
        extent = window.grow(self.margin).coarsen(STEP)
        if any(edge % self.stride for edge in window) or window.is_empty:
            raise ModelError(f"Corners of a window are multiples of {self.stride} px, not {tuple(window)}.")
        if parent.shape != (*extent.shape, 3) or layout.shape != (LAYOUT_CLASSES, *extent.shape):
            raise ModelError(
                f"The window {tuple(window)} needs {extent.height} x {extent.width} px of parent and layout, "
                f"not {parent.shape[0]} x {parent.shape[1]} and {layout.shape[1]} x {layout.shape[2]}."
            )
        noise = [
            torch.from_numpy(one)[None].to(self.device, self.dtype)
            for one in self._noise(level, seed, window)
        ]
        with torch.inference_mode():
            drawn = self.refiner(
                from_rgb(parent[None], self.device),
                torch.from_numpy(np.ascontiguousarray(layout, np.float32))[None].to(self.device),
                torch.tensor([DRAWN.index(level) - 1], device=self.device),
                noise,
            )
            picture: npt.NDArray[np.uint8] = to_rgb(drawn)[0]
        return picture

    def _noise(self, level: int, seed: int, window: Window) -> list[npt.NDArray[np.float32]]:
        noise = []
        for number, planned in enumerate(self.refiner.body.plan(window)):
            streams = 2 + (START_NOISE if number == 0 else 0)
            place = NOISE_LEVELS * level + number
            noise.append(
                np.stack([gaussian(seed, stream, place, planned.inputs) for stream in range(streams)])
            )
        return noise


def load_slide_model(
    name_or_path: str | Path = DEFAULT_SLIDE_MODEL, *, device: str = "auto", precision: str = "auto"
) -> SlideModel:
    """Load a model of slides.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a model that :func:`napari_histosynth.list_models` lists, or its folder.
    device : str
        "auto", "cpu", "cuda" or "mps".
    precision : str
        "auto", "bf16" or "fp32". Pictures are the same to the bit on one device in one precision.

    Raises
    ------
    ModelError
        If there is no such model, it is of another kind, or its card or weights are damaged.
    DeviceError
        If the device or precision is not to be had.
    """
    from napari_histosynth.slide.sketch import Palette

    folder = find_model(name_or_path)
    card = folder.card
    if card.system != "slide":
        raise ModelError(f"{folder.where} is no model of slides; choose one such as {DEFAULT_SLIDE_MODEL!r}.")
    where = choose_device(device)
    dtype = choose_precision(precision, where)
    tensors = folder.read_tensors()
    with torch.device("meta"):  # weights are read, not drawn
        refiner = build_refiner(card.preset, **card.architecture)
    load_state(refiner, select(tensors, "refiner."), folder.where)
    palette = select(tensors, "palette.")
    if set(palette) != {"mean", "covariance"}:
        raise ModelError(f"{folder.where} holds no palette of real slides; get the model again.")
    colors = Palette(*(palette[name].float().cpu().numpy() for name in ("mean", "covariance")))
    frozen = refiner.float().eval().requires_grad_(False).frozen(dtype).to(where)
    return SlideModel(card, frozen, colors, where, dtype, select(tensors, "diffusion."))
