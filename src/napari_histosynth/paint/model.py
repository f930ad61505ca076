"""A paint model, loaded and ready to draw."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from napari_histosynth.core.device import choose_device, choose_precision
from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.stain import LEAST_SIDE, STAIN_SIZE, check_he, read_stain
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.network import LocalGenerator, build_generator
from napari_histosynth.zoo import ModelCard, find_model, load_state, select

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.paper import PaperGenerator

#: Stream of the noise that latents are drawn from, apart from those of the generator.
LATENT_STREAM = 0x1A7E
#: How many of the known latents, the nearest, one is mixed with.
LIKE = 16


@dataclass(frozen=True, eq=False)
class PaintModel:
    """A generator with what is known of it; make one with :func:`load_model`.

    Attributes
    ----------
    card : ModelCard
        Name, system, preset, scheme, scale, data and terms.
    scheme : TissueScheme
        Classes of the label maps it draws.
    generator : LocalGenerator or PaperGenerator
        Frozen, on :attr:`device`, in :attr:`dtype`.
    encoder : StyleEncoder or None
        Reads the latent of an H&E picture; imported models have none.
    device : torch.device
        Where it draws.
    dtype : torch.dtype
        In which number format.
    latent_bank : ndarray or None
        Latents of real tissue, float32 (n, d), that random ones are mixed from; None for N(0, I).
    """

    card: ModelCard
    scheme: TissueScheme
    generator: LocalGenerator | PaperGenerator
    encoder: StyleEncoder | None
    device: torch.device
    dtype: torch.dtype
    latent_bank: npt.NDArray[np.float32] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def preset(self) -> str:
        """Generator preset, "local" or "paper"."""
        return self.card.preset

    @property
    def um_per_px(self) -> float:
        """Scale of the pictures it draws, micrometers a pixel."""
        return self.card.um_per_px

    @property
    def latent_size(self) -> int:
        """Length of the latent."""
        return self.card.latent_size

    @property
    def has_stain(self) -> bool:
        """Whether the last nine numbers of a latent are a stain (:mod:`napari_histosynth.core.stain`)."""
        return self.generator.stain

    @property
    def style_size(self) -> int:
        """Length of the latent without the stain."""
        return self.latent_size - STAIN_SIZE * self.has_stain

    @property
    def sha256(self) -> str:
        """Hash of the weights."""
        return self.card.sha256

    @property
    def precision(self) -> str:
        """Name of the number format, "bf16" or "fp32"."""
        return "bf16" if self.dtype == torch.bfloat16 else "fp32"

    def sample_latent(self, seed: int) -> npt.NDArray[np.float32]:
        """Draw a latent at random, the same for the same seed everywhere.

        Models that know latents of real tissue mix one of them with another that is like it: halfway between
        the stains of two laboratories lies a stain that nobody has. Where the stain is apart, it is mixed of
        two by itself: any stain suits any tissue. Others draw from N(0, I).

        Parameters
        ----------
        seed : int
            Any integer, of which 64 bits count.

        Returns
        -------
        ndarray
            float32 (latent_size,).
        """
        if self.latent_bank is None:
            return gaussian(seed, LATENT_STREAM, 0, Window(0, 1, 0, self.latent_size)).ravel()
        chances = np.random.Philox(key=seed % 2**64).random_raw(6)
        if not self.has_stain:
            return _mixed(self.latent_bank, chances[:3])
        style, stain = np.split(self.latent_bank, [-STAIN_SIZE], axis=1)
        return np.concatenate([_mixed(style, chances[:3]), _mixed(stain, chances[3:])])

    def encode(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Read the latent of an H&E picture, so that tissue can be drawn in its look.

        Parameters
        ----------
        rgb : ndarray
            uint8 (y, x, 3), in color, at the model's scale, at least 32 px a side.

        Returns
        -------
        ndarray
            float32 (latent_size,).

        Raises
        ------
        ModelError
            If the model has no encoder.
        ImageError
            If the picture is not uint8 (y, x, 3), gray or too small.
        """
        encoder = self.checked_encoder()
        rgb = np.asarray(rgb)
        check_he(rgb, LEAST_SIDE)
        with torch.inference_mode(), self._lock:
            latent = encode_picture(encoder, rgb, self.device, stain=self.has_stain)
        return np.asarray(latent[0].cpu().numpy(), np.float32)

    def checked_encoder(self) -> StyleEncoder:
        """Return the encoder, or raise ModelError if there is none."""
        if self.encoder is None:
            raise ModelError(f"The model {self.name!r} has no encoder; choose one trained with this program.")
        return self.encoder

    def draw(
        self, labels: npt.NDArray[np.uint8], latent: npt.NDArray[np.float32], noise: Sequence[Any] = ()
    ) -> npt.NDArray[np.uint8]:
        """Run the generator once; :class:`~napari_histosynth.paint.canvas.Canvas` is the way to use it.

        Parameters
        ----------
        labels : ndarray
            uint8 (y, x), all inside the scheme, margin included.
        latent : ndarray
            float32 (d,) or (d, y, x).
        noise : sequence of ndarray
            float32 (fields, y, x) a level; local models only.

        Returns
        -------
        ndarray
            uint8 (h, w, 3).
        """
        with torch.inference_mode(), self._lock:
            index = torch.from_numpy(np.ascontiguousarray(labels)).to(self.device).long()
            table = torch.eye(self.generator.n_classes, dtype=self.dtype, device=self.device)
            one_hot = table[index].permute(2, 0, 1)[None]
            style = torch.from_numpy(np.ascontiguousarray(latent)).to(self.device, self.dtype)[None]
            if isinstance(self.generator, LocalGenerator):
                fields = [torch.from_numpy(field)[None].to(self.device, self.dtype) for field in noise]
                drawn = self.generator(one_hot, style, fields)
            else:
                drawn = self.generator(one_hot, style)
            rgb: npt.NDArray[np.uint8] = to_rgb(drawn)[0]
        return rgb


def _mixed(
    bank: npt.NDArray[np.float32], chances: npt.NDArray[np.uint64] | Sequence[int]
) -> npt.NDArray[np.float32]:
    """Mix one of some vectors, (n, d), with one of those that are most like it; float32 (d,)."""
    first, second, share = (int(chance) for chance in chances)
    one = bank[first % len(bank)]
    distance = np.square(bank.astype(np.float64) - one).sum(axis=1)
    alike = np.argsort(distance, kind="stable")[1 : LIKE + 1]
    other = bank[alike[second % len(alike)]] if len(alike) else one
    weight = np.float32((share >> 40) / 2**24)
    return np.asarray(one * (1 - weight) + other * weight, np.float32)


def load_model(name_or_path: str | Path, *, device: str = "auto", precision: str = "auto") -> PaintModel:
    """Load a paint model.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a model that :func:`napari_histosynth.list_models` lists, or its folder.
    device : str
        "auto", "cpu", "cuda" or "mps".
    precision : str
        "auto", "bf16" or "fp32". Pictures are the same to the bit on one device in one precision.

    Returns
    -------
    PaintModel

    Raises
    ------
    ModelError
        If there is no such model, or its card or weights are damaged.
    DeviceError
        If the device or precision is not to be had.
    """
    folder = find_model(name_or_path)
    where = choose_device(device)
    card = folder.card
    dtype = choose_precision(precision, where)
    if card.preset == "paper" and precision == "auto":
        dtype = torch.float32  # its weights come from fp32; nothing about it is live
    tensors = folder.read_tensors()
    # weights are read, not drawn: the meta device spares initializing millions of them
    with torch.device("meta"):
        generator = build_generator(**folder.generator_arguments())
    load_state(generator, select(tensors, "generator."), folder.where)
    encoder = None
    if encoding := select(tensors, "encoder."):
        encoder = StyleEncoder(generator.style_size)
        load_state(encoder, encoding, folder.where)
        encoder = encoder.eval().requires_grad_(False).to(where)
    if isinstance(generator, LocalGenerator):
        generator = generator.frozen(dtype)
    else:
        generator = generator.eval().requires_grad_(False).to(dtype=dtype)
    bank = tensors.get("latent.bank")
    if bank is not None and (bank.ndim != 2 or bank.shape[1] != card.latent_size or len(bank) == 0):
        raise ModelError(
            f"{folder.where} holds 'latent.bank' of shape {tuple(bank.shape)} where (n, {card.latent_size}) "
            "belongs."
        )
    return PaintModel(
        card=card,
        scheme=folder.scheme(),
        generator=generator.to(where),
        encoder=encoder,
        device=where,
        dtype=dtype,
        latent_bank=None if bank is None else np.asarray(bank.float().numpy(), np.float32),
    )


def encode_picture(
    encoder: StyleEncoder, rgb: npt.NDArray[np.uint8], device: torch.device | str, *, stain: bool
) -> Tensor:
    """Return the latent, (1, d), of a whole picture, uint8 (y, x, 3); if asked for, its stain at the end."""
    picture = from_rgb(rgb[None], device)
    if not stain:
        return cast("Tensor", encoder(picture)[0])
    read = torch.from_numpy(read_stain(rgb)[None]).to(device)
    return torch.cat([encoder(picture, read)[0], read], 1)


def from_rgb(pictures: npt.NDArray[np.uint8], device: torch.device | str) -> Tensor:
    """Turn pictures, uint8 (n, y, x, 3), into a tensor (n, 3, y, x) in [-1, 1], channels last."""
    tensor = torch.from_numpy(np.array(pictures, order="C")).to(device)  # a copy: they may be read-only
    return tensor.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_rgb(pictures: Tensor) -> npt.NDArray[np.uint8]:
    """Turn pictures (n, 3, y, x) in [-1, 1] into uint8 (n, y, x, 3)."""
    levels = torch.clamp(torch.round((pictures.float() + 1) * 127.5), 0, 255)
    return np.asarray(levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
