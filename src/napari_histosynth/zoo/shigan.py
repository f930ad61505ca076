"""Import of the checkpoints that SHI-GAN's authors released, as model folders of the "paper" preset.

A checkpoint is a pickle, which can hold programs: it is read by torch's unpickler for tensors alone. In
it the convolutions of the residual blocks are spectrally normalized (``weight_orig``, ``weight_u``,
``weight_v``); evaluation always divides by the same number, so the quotient is kept instead.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tissue import TissueScheme, get_scheme, scheme_names
from napari_histosynth.zoo.card import ModelCard
from napari_histosynth.zoo.folder import CARD_NAME, SCHEME_NAME, ModelFolder, write_folder
from napari_histosynth.zoo.state import check_shapes

if TYPE_CHECKING:
    from torch import Tensor

# Widths that enter and leave each residual block, as divisors of the generator's width.
_BLOCKS = {
    "head_0": (1, 1),
    "G_middle_0": (1, 1),
    "G_middle_1": (1, 1),
    "up_0": (1, 2),
    "up_1": (2, 4),
    "up_2": (4, 8),
    "up_3": (8, 16),
}
_LANDMARK = "head_0."  # no other network of such a checkpoint has this block
_SPARE_CHANNELS = 1  # the released two-class prostate generator has one that its labels never use
_CITATION = (
    "Falahkheirkhah K, Tiwari S, Yeh K, et al. Deepfake Histologic Images for Enhancing Digital Pathology. "
    "Laboratory Investigation 2023;103(1):100006. https://doi.org/10.1016/j.labinv.2022.100006"
)
_TERMS = (
    "The weights are their authors' and not part of napari-histosynth; the code that they were released with "
    "carries CC BY-NC-SA 4.0 headers. Ask the authors before any use that these terms do not cover."
)


class PaperShape(NamedTuple):
    """The numbers that fix every shape in a generator of the paper preset (see ``paint.paper``)."""

    n_classes: int
    latent_size: int = 256
    width: int = 1024
    hidden: int = 128
    start: int = 8

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the generator's state by name, spectral normalization folded away."""
        shapes: dict[str, tuple[int, ...]] = {
            "fc.weight": (self.width * self.start**2, self.latent_size),
            "fc.bias": (self.width * self.start**2,),
        }
        for block, (divisor_in, divisor_out) in _BLOCKS.items():
            n_in, n_out = self.width // divisor_in, self.width // divisor_out
            n_middle = min(n_in, n_out)
            shapes |= _convolution(f"{block}.conv_0", n_in, n_middle)
            shapes |= _convolution(f"{block}.conv_1", n_middle, n_out)
            shapes |= self._norm(f"{block}.norm_0", n_in)
            shapes |= self._norm(f"{block}.norm_1", n_middle)
            if n_in != n_out:
                shapes[f"{block}.conv_s.weight"] = (n_out, n_in, 1, 1)
                shapes |= self._norm(f"{block}.norm_s", n_in)
        return shapes | _convolution("conv_img", self.width // 16, 3)

    def _norm(self, name: str, channels: int) -> dict[str, tuple[int, ...]]:
        return {
            f"{name}.param_free_norm.running_mean": (channels,),
            f"{name}.param_free_norm.running_var": (channels,),
            f"{name}.param_free_norm.num_batches_tracked": (),
            **_convolution(f"{name}.mlp_shared.0", self.n_classes, self.hidden),
            **_convolution(f"{name}.mlp_gamma", self.hidden, channels),
            **_convolution(f"{name}.mlp_beta", self.hidden, channels),
        }


def import_shi_gan(
    checkpoint: str | PathLike[str],
    scheme: str | PathLike[str] | TissueScheme,
    out: str | PathLike[str],
    um_per_px: float = 1.0,
    *,
    name: str | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> ModelFolder:
    """Turn a released SHI-GAN generator into a model folder.

    Parameters
    ----------
    checkpoint : str or path-like
        A ``.pth`` with the generator's state: plain, under ``module.``, or inside of dictionaries
        (``{"state_dict": ...}``, ``{"netG": ...}``). Width, latent size, number of label channels and size of
        the picture are read off it.
    scheme : str, path-like or TissueScheme
        The tissue scheme of its labels; one that is not built in is copied into the folder. The released
        two-class prostate generator takes 4 channels though its scheme has 3 values: one spare channel is
        accepted, and stays zero when drawing.
    out : str or path-like
        The folder to write.
    um_per_px : float
        Micrometers per pixel of its pictures: 1 for the released 512 px generators.
    name : str, optional
        Name of the model; the folder's by default.
    half : bool
        Store float16, half the size; its pictures then differ from the original's by more than 1e-4.
    overwrite : bool
        Replace a model that is in ``out`` already.

    Returns
    -------
    ModelFolder
        The imported model.

    Raises
    ------
    ModelError
        If the file is missing, damaged, holds anything but tensors in plain containers, is no SHI-GAN
        generator (naming the tensor that is missing, unexpected or misshapen), does not fit the scheme, or
        ``out`` holds a model already.
    SchemeError
        If the scheme is unknown.
    SaveError
        If the folder cannot be written.
    """
    path, out = Path(checkpoint), Path(out)
    tissue = get_scheme(scheme)
    if (out / CARD_NAME).exists() and not overwrite:
        raise ModelError(f"The folder {out} holds a model already; choose another, or allow overwriting.")
    where = f"The checkpoint {path.name}"
    tensors, shape = generator_state(read_checkpoint(path), where)
    if not 0 <= shape.n_classes - tissue.n_classes <= _SPARE_CHANNELS:
        raise ModelError(
            f"{where} takes {shape.n_classes} label channels where the scheme '{tissue.name}' has "
            f"{tissue.n_classes} classes; choose the scheme that it was trained with."
        )
    built_in = _is_built_in(tissue)
    card = _card(path, tissue.name if built_in else SCHEME_NAME, shape, um_per_px, name or out.resolve().name)
    return write_folder(
        out,
        card,
        {f"generator.{key}": tensor for key, tensor in tensors.items()},
        dtype="float16" if half else "float32",
        notes=_notes(card, tissue),
        scheme=None if built_in else tissue,
    )


def read_checkpoint(path: str | PathLike[str]) -> Any:
    """Read a ``.pth`` without running anything that it may hold.

    Parameters
    ----------
    path : str or path-like
        A checkpoint, in torch's old (one pickle after another) or new (zip) layout.

    Returns
    -------
    object
        Tensors, on the CPU, in plain containers.

    Raises
    ------
    ModelError
        If the file is missing, damaged or no checkpoint, or asks for anything but tensors.
    """
    import torch

    path = Path(path)
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path}; give the path of a .pth file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says about foreign pickles, the errors below say
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise ModelError(f"The checkpoint {path.name} {_refusal(path, error)}.") from error


def _refusal(path: Path, error: Exception) -> str:
    """Say why torch would not read a file, after its name."""
    wanted = re.search(r"(?:Unsupported global: GLOBAL|Trying to load unsupported GLOBAL) (\S+)", str(error))
    remedy = "get one that holds nothing but a state_dict of tensors"
    if wanted is not None:
        return f"was refused because it asks to run '{wanted[1]}', which may be harmful; {remedy}"
    with path.open("rb") as file:
        is_pickle = file.read(1) == pickle.PROTO
    if is_pickle and isinstance(error, pickle.UnpicklingError):
        return f"was refused because it holds more than tensors, which may be harmful; {remedy}"
    size = path.stat().st_size
    return f"({size:,} bytes) is damaged or was not written by torch.save; get the file again"


def generator_state(content: Any, where: str) -> tuple[dict[str, Tensor], PaperShape]:
    """Find SHI-GAN's generator in a checkpoint and fold its spectral normalization.

    Parameters
    ----------
    content : object
        What :func:`read_checkpoint` gives.
    where : str
        What it was read from, to begin an error's sentence with: ``"The checkpoint prostate3.pth"``.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of a ``PaperGenerator``, float32 but for the counters.
    shape : PaperShape
        The numbers to build it with.

    Raises
    ------
    ModelError
        If there is none, or a tensor is missing, unexpected, misshapen or not finite; names it.
    """
    import torch

    state = _find_generator(content, where)
    shape = _infer_shape(state, where)
    expected = shape.tensors()
    for name in expected:
        if name.endswith(".num_batches_tracked"):  # only counts training steps, and old files lack it
            state.setdefault(name, torch.tensor(0))
    check_shapes(
        dict(_stored_shapes(expected, state)),
        {name: tuple(tensor.shape) for name, tensor in state.items()},
        where,
    )
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{where} holds values in '{name}' that are not finite; get the file again.")
    return {name: state[name] if name in state else _fold(state, name, where) for name in expected}, shape


def _find_generator(content: Any, where: str) -> dict[str, Tensor]:
    """Return the tensors of the first dictionary with SHI-GAN's blocks, under the released names."""
    table, prefix = find_table(content, _LANDMARK)
    if table is None:
        raise ModelError(
            f"{where} holds no SHI-GAN generator, since no tensor of it is named '{_LANDMARK}…'; "
            "choose a generator's checkpoint."
        )
    return only_tensors(table, prefix, where)


def find_table(content: Any, landmark: str) -> tuple[Mapping[Any, Any] | None, str]:
    """Return the first dictionary in a checkpoint with a name that begins so, and what stands before it.

    Parameters
    ----------
    content : object
        What :func:`read_checkpoint` gives.
    landmark : str
        Beginning of a name that no other network has, behind a prefix like ``module.``.

    Returns
    -------
    table : mapping or None
        None if there is none.
    prefix : str
        Such as ``"module."``, or empty.
    """
    for table in _tables(content):
        for key in table:
            if isinstance(key, str) and (key.startswith(landmark) or f".{landmark}" in key):
                return table, key[: key.index(landmark)]
    return None, ""


def _tables(content: Any, depth: int = 3) -> Iterator[Mapping[Any, Any]]:
    """Yield a dictionary and those inside of it, outer ones first."""
    if isinstance(content, Mapping):
        yield content
        if depth > 0:
            for value in content.values():
                yield from _tables(value, depth - 1)


def only_tensors(table: Mapping[Any, Any], prefix: str, where: str) -> dict[str, Tensor]:
    """Strip a prefix from names, leave out what lacks it, and refuse what is no tensor of numbers."""
    import torch

    state: dict[str, Tensor] = {}
    for key, value in table.items():
        if not isinstance(key, str) or not key.startswith(prefix):
            continue
        name = key.removeprefix(prefix)
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_complex():
            kind = type(value).__name__
            raise ModelError(
                f"{where} holds {kind} where '{key}' should be a plain tensor; get another file."
            )
        state[name] = value.detach().to(torch.float32) if value.is_floating_point() else value
    return state


def _stored_shapes(
    expected: Mapping[str, tuple[int, ...]], state: Mapping[str, Tensor]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the shapes that a checkpoint should hold: three tensors for a spectrally normalized weight."""
    for name, dimensions in expected.items():
        if any(f"{name}_{part}" in state for part in ("orig", "u", "v")):
            yield f"{name}_orig", dimensions
            yield f"{name}_u", dimensions[:1]
            yield f"{name}_v", (math.prod(dimensions[1:]),)
        else:
            yield name, dimensions


def _fold(state: Mapping[str, Tensor], name: str, where: str) -> Tensor:
    """Return the weight that evaluation uses: ``weight_orig / (u^T W v)``.

    W is the weight as a matrix of one row an output channel, u and v the vectors that training arrived at.
    """
    weight = state[f"{name}_orig"]
    sigma = float(state[f"{name}_u"] @ (weight.flatten(1) @ state[f"{name}_v"]))
    if not math.isfinite(sigma) or sigma == 0:
        raise ModelError(f"{where} gives '{name}_orig' the spectral norm {sigma}; get the file again.")
    return weight / sigma


def _infer_shape(state: Mapping[str, Tensor], where: str) -> PaperShape:
    """Read the numbers of the architecture off the tensors that show them."""
    names = ("fc.weight", "head_0.norm_0.mlp_shared.0.weight", "head_0.norm_0.mlp_gamma.weight")
    for name, n_dimensions in zip(names, (2, 4, 4), strict=True):
        if name not in state:
            raise ModelError(f"{where} lacks the tensor '{name}'; get its file again.")
        if state[name].ndim != n_dimensions:
            raise ModelError(
                f"{where} holds the tensor '{name}' in shape {tuple(state[name].shape)} where {n_dimensions} "
                "dimensions are expected; it belongs to another architecture."
            )
    (n_projected, latent_size), (hidden, n_classes, *_), (width, *_) = (state[name].shape for name in names)
    start = math.isqrt(n_projected // width) if width else 0
    if start < 1 or width % 16 or width * start**2 != n_projected:
        raise ModelError(
            f"{where} holds the tensor 'fc.weight' for {n_projected} components, which make no square map of "
            f"{width} channels; it belongs to another architecture."
        )
    return PaperShape(int(n_classes), int(latent_size), int(width), int(hidden), start)


def _convolution(name: str, n_in: int, n_out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (n_out, n_in, 3, 3), f"{name}.bias": (n_out,)}


def _is_built_in(tissue: TissueScheme) -> bool:
    return tissue.name in scheme_names() and get_scheme(tissue.name) == tissue


def _card(path: Path, scheme: str, shape: PaperShape, um_per_px: float, name: str) -> ModelCard:
    """Write down where the model comes from."""
    from pydantic import ValidationError

    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        return ModelCard(
            name=name,
            title=f"SHI-GAN as released ({path.name})",
            system="shi-gan",
            preset="paper",
            scheme=scheme,
            um_per_px=um_per_px,
            latent_size=shape.latent_size,
            data="See section 2.1 of the citation.",
            trained=f"By SHI-GAN's authors; imported from {path.name}, sha256 {sha256}.",
            terms=_TERMS,
            license="CC BY-NC-SA 4.0 (headers of the released code)",
            citation=_CITATION,
            architecture={
                "n_classes": shape.n_classes,
                "width": shape.width,
                "hidden": shape.hidden,
                "start": shape.start,
            },
        )
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise ModelError(
            f"The model cannot have the {fault['loc'][0]} {fault['input']!r}; choose another."
        ) from error


def _notes(card: ModelCard, tissue: TissueScheme) -> str:
    """Return the card for people to read, as Markdown."""
    classes = "\n".join(f"- {entry.index}: {entry.name}" for entry in tissue.classes)
    return (
        f"# {card.name}\n\n{card.title}. Its pictures are synthetic.\n\n"
        f"Draws H&E at {card.um_per_px:g} um/px from label maps of the scheme {tissue.name}:\n\n{classes}\n\n"
        f"{card.trained}\n\n## Terms\n\n{card.terms}\n\n## Cite\n\n{card.citation}\n"
    )
