"""A model of two stains, loaded and ready to draw one from the other."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_histosynth.core.device import choose_device, choose_precision
from napari_histosynth.core.errors import ModelError
from napari_histosynth.paint.model import from_rgb, to_rgb
from napari_histosynth.stain.network import StainGenerator, build_stain_generator
from napari_histosynth.zoo import ModelCard, find_model, load_state, select

if TYPE_CHECKING:
    import numpy.typing as npt

#: What is used where nobody names a model.
DEFAULT_STAIN_MODEL = "ki67-he"


@dataclass(frozen=True, eq=False)
class StainModel:
    """Generators between two stains, with what is known of them; make one with :func:`load_stain_model`.

    Attributes
    ----------
    card : ModelCard
        Name, preset, the two stains, scale, data and terms.
    forward, reverse : StainGenerator or None
        From the first stain to the second, and back; frozen, on :attr:`device`, in :attr:`dtype`.
    device : torch.device
        Where they draw.
    dtype : torch.dtype
        In which number format.
    """

    card: ModelCard
    forward: StainGenerator | None
    reverse: StainGenerator | None
    device: torch.device
    dtype: torch.dtype
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def um_per_px(self) -> float:
        """Scale of the pictures that it draws, micrometers a pixel."""
        return self.card.um_per_px

    @property
    def sha256(self) -> str:
        """Hash of the weights."""
        return self.card.sha256

    @property
    def stains(self) -> tuple[str, str]:
        """The two stains: what it draws from and what it draws, ``("H&E", "Ki-67")``."""
        first, second = self.card.stains
        return first, second

    @property
    def precision(self) -> str:
        """Name of the number format, "bf16" or "fp32"."""
        return "bf16" if self.dtype == torch.bfloat16 else "fp32"

    def generator(self, *, reverse: bool = False) -> StainGenerator:
        """Return the generator of a direction.

        Raises
        ------
        ModelError
            If the model has none.
        """
        found = self.reverse if reverse else self.forward
        if found is None:
            first, second = reversed(self.stains) if reverse else self.stains
            raise ModelError(
                f"The model {self.name!r} does not turn {first} into {second}; choose the other direction."
            )
        return found

    def draw(
        self,
        rgb: npt.NDArray[np.uint8],
        steering: npt.NDArray[np.float32] | None = None,
        *,
        reverse: bool = False,
    ) -> npt.NDArray[np.uint8]:
        """Run a generator once; :class:`~napari_histosynth.stain.translator.Translator` is the way to use it.

        Parameters
        ----------
        rgb : ndarray
            uint8 (y, x, 3) at the model's scale; sides are multiples of the generator's stride.
        steering : ndarray, optional
            float32 (3, y, x): positive nuclei, negative nuclei, and where they are known; without it the
            network decides. Ignored by generators that take none.
        reverse : bool
            From the second stain to the first.

        Returns
        -------
        ndarray
            uint8 (y, x, 3).
        """
        generator = self.generator(reverse=reverse)
        with torch.inference_mode(), self._lock:
            image = from_rgb(rgb[None], self.device).to(self.dtype)
            planes = None
            if steering is not None and generator.steering:
                planes = torch.from_numpy(np.ascontiguousarray(steering))[None].to(self.device, self.dtype)
            drawn: npt.NDArray[np.uint8] = to_rgb(generator(image, planes))[0]
        return drawn


def load_stain_model(
    name_or_path: str | Path = DEFAULT_STAIN_MODEL, *, device: str = "auto", precision: str = "auto"
) -> StainModel:
    """Load a model of two stains.

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
    folder = find_model(name_or_path)
    card = folder.card
    if not card.stains:
        raise ModelError(
            f"{folder.where} is no model of two stains; choose one such as {DEFAULT_STAIN_MODEL!r}."
        )
    where = choose_device(device)
    dtype = choose_precision(precision, where)
    tensors = folder.read_tensors()
    generators: dict[str, StainGenerator | None] = {}
    for direction in ("forward", "reverse"):
        state = select(tensors, f"{direction}.")
        generators[direction] = None
        if state:
            with torch.device("meta"):  # weights are read, not drawn
                steered = direction == "forward"
                architecture = dict(card.architecture)
                if not steered:
                    architecture.pop("steering", None)
                generator = build_stain_generator(card.preset, **architecture)
            load_state(generator, state, f"{folder.where} ({direction})")
            generator = generator.eval().requires_grad_(False)
            generators[direction] = generator.to(where, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if not any(generators.values()):
        raise ModelError(f"{folder.where} holds the weights of neither direction; get the model again.")
    return StainModel(card, generators["forward"], generators["reverse"], where, dtype)
