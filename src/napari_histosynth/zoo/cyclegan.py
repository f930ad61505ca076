"""Import of the common CycleGAN checkpoints, ``latest_net_G_A.pth``, as model folders of the "resnet" preset.

The layout is that of the ResNet generators of pytorch-CycleGAN-and-pix2pix: a sequence of layers by number,
7 px convolution, two strided ones, six or nine residual blocks, two transposed ones, 7 px convolution.
Layers of InstanceNorm have no weights; running statistics that old versions of torch left in files are set
aside, as that code does itself. Checkpoints are read under the rules of
:mod:`napari_histosynth.zoo.shigan`: tensors alone.
"""

from __future__ import annotations

import hashlib
import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_histosynth.core.errors import ModelError
from napari_histosynth.zoo.card import ModelCard
from napari_histosynth.zoo.folder import CARD_NAME, ModelFolder, write_folder
from napari_histosynth.zoo.shigan import find_table, only_tensors, read_checkpoint
from napari_histosynth.zoo.state import check_shapes

if TYPE_CHECKING:
    from torch import Tensor

BLOCKS = (6, 9)
"""Residual blocks that the released code can build."""

_LANDMARK = "model.10.conv_block.1.weight"
_RUNNING = re.compile(r"\.(running_mean|running_var|num_batches_tracked)$")
_FIRST_BLOCK = 10  # number of the layer
_CITATION = (
    "Zhu J-Y, Park T, Isola P, Efros AA. Unpaired Image-to-Image Translation using Cycle-Consistent "
    "Adversarial Networks. ICCV 2017. https://arxiv.org/abs/1703.10593"
)
_TERMS = (
    "The weights are their authors' and not part of napari-histosynth; ask them what one may do with these."
)


class ResnetShape(NamedTuple):
    """The numbers that fix every shape in such a generator."""

    width: int
    blocks: int
    second: int = 5
    """Number, within a block, of its second convolution: 6 where dropout lies before it."""

    def names(self) -> dict[str, str]:
        """Return the layers with weights, by their names here, as the file names them."""
        last = _FIRST_BLOCK + self.blocks
        names = {"enter.conv": "model.1", "down.0.conv": "model.4", "down.1.conv": "model.7"}
        for block in range(self.blocks):
            there = f"model.{_FIRST_BLOCK + block}.conv_block"
            names |= {f"blocks.{block}.first.conv": f"{there}.1"}
            names |= {f"blocks.{block}.second": f"{there}.{self.second}"}
        return names | {
            "up.0.conv": f"model.{last}",
            "up.1.conv": f"model.{last + 3}",
            "leave": f"model.{last + 7}",
        }

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the tensors in the file, by their names there."""
        width, names = self.width, self.names()
        kernels = {"enter.conv": (width, 3, 7, 7), "leave": (3, width, 7, 7)}
        kernels |= {"down.0.conv": (2 * width, width, 3, 3), "down.1.conv": (4 * width, 2 * width, 3, 3)}
        kernels |= {"up.0.conv": (4 * width, 2 * width, 3, 3), "up.1.conv": (2 * width, width, 3, 3)}
        shapes: dict[str, tuple[int, ...]] = {}
        for ours, theirs in names.items():
            shapes[f"{theirs}.weight"] = kernels.get(ours, (4 * width, 4 * width, 3, 3))
            kernel = shapes[f"{theirs}.weight"]
            shapes[f"{theirs}.bias"] = (kernel[1] if ours.startswith("up.") else kernel[0],)
        return shapes

    @property
    def norms(self) -> set[str]:
        """The layers of InstanceNorm, whose running statistics are set aside, as the file names them."""
        last = _FIRST_BLOCK + self.blocks
        within = (2, self.second + 1)
        blocks = range(_FIRST_BLOCK, last)
        return {f"model.{number}" for number in (2, 5, 8, last + 1, last + 4)} | {
            f"model.{block}.conv_block.{number}" for block in blocks for number in within
        }


def import_cyclegan(
    checkpoint: str | PathLike[str],
    stains: tuple[str, str],
    out: str | PathLike[str],
    um_per_px: float,
    *,
    reverse: str | PathLike[str] | None = None,
    name: str | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> ModelFolder:
    """Turn the generators of a CycleGAN into a model folder.

    Parameters
    ----------
    checkpoint : str or path-like
        ``latest_net_G_A.pth`` or its like: the generator from the first stain to the second.
    stains : tuple of str
        The two stains, such as ``("H&E", "Ki-67")``.
    out : str or path-like
        The folder to write.
    um_per_px : float
        Micrometers a pixel of the pictures that it was trained on.
    reverse : str or path-like, optional
        ``latest_net_G_B.pth``: the way back. Without it, the model goes one way.
    name : str, optional
        Name of the model; the folder's by default.
    half : bool
        Store float16, half the size; its pictures then differ a little.
    overwrite : bool
        Replace a model that is in ``out`` already.

    Returns
    -------
    ModelFolder
        The imported model.

    Raises
    ------
    ModelError
        If a file is missing, damaged, holds anything but tensors in plain containers, is no such generator
        (naming the tensor that is missing, unexpected or misshapen), the two differ in size, or ``out``
        holds a model.
    SaveError
        If the folder cannot be written.
    """
    out = Path(out)
    if (out / CARD_NAME).exists() and not overwrite:
        raise ModelError(f"The folder {out} holds a model already; choose another, or allow overwriting.")
    files = {"forward": Path(checkpoint)} | ({} if reverse is None else {"reverse": Path(reverse)})
    tensors: dict[str, Tensor] = {}
    found: dict[str, ResnetShape] = {}
    for direction, path in files.items():
        where = f"The checkpoint {path.name}"
        state, found[direction] = generator_state(read_checkpoint(path), where)
        tensors |= {f"{direction}.{key}": tensor for key, tensor in state.items()}
    shape = found["forward"]
    other = found.get("reverse", shape)
    if (other.width, other.blocks) != (shape.width, shape.blocks):
        raise ModelError(
            f"{files['forward'].name} has {shape.blocks} blocks of {4 * shape.width} channels and "
            f"{files['reverse'].name} {other.blocks} of {4 * other.width}; give two of one training."
        )
    card = _card(files, shape, stains, um_per_px, name or out.resolve().name)
    return write_folder(out, card, tensors, dtype="float16" if half else "float32", notes=_notes(card))


def generator_state(content: Any, where: str) -> tuple[dict[str, Tensor], ResnetShape]:
    """Find a CycleGAN's generator in a checkpoint and give its tensors our names.

    Parameters
    ----------
    content : object
        What :func:`~napari_histosynth.zoo.shigan.read_checkpoint` gives.
    where : str
        What it was read from, to begin an error's sentence with: ``"The checkpoint latest_net_G_A.pth"``.

    Returns
    -------
    tensors : dict of str to Tensor
        The state of a ``StainGenerator`` of the "resnet" preset, float32.
    shape : ResnetShape
        The numbers to build it with.

    Raises
    ------
    ModelError
        If there is none, or a tensor is missing, unexpected, misshapen or not finite; names it.
    """
    import torch

    table, prefix = find_table(content, _LANDMARK)
    if table is None:
        raise ModelError(
            f"{where} holds no CycleGAN generator, since no tensor of it is named '{_LANDMARK}'; "
            "choose one such as latest_net_G_A.pth with 6 or 9 residual blocks."
        )
    state = only_tensors(table, prefix, where)
    shape = _infer_shape(state, where)
    kept = {}
    for key, tensor in state.items():
        norm = _RUNNING.sub("", key)
        if norm != key and norm in shape.norms:
            continue  # InstanceNorm goes by the picture's own statistics
        if key.rpartition(".")[0] in shape.norms:
            raise ModelError(
                f"{where} holds the tensor '{key}' of a normalization with weights (batch "
                "normalization); give a generator with InstanceNorm."
            )
        kept[key] = tensor
    expected = shape.shapes()
    check_shapes(expected, {key: tuple(tensor.shape) for key, tensor in kept.items()}, where)
    for key, tensor in kept.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{where} holds values in '{key}' that are not finite; get the file again.")
    return {
        f"{ours}.{part}": kept[f"{theirs}.{part}"].float()
        for ours, theirs in shape.names().items()
        for part in ("weight", "bias")
    }, shape


def _infer_shape(state: dict[str, Tensor], where: str) -> ResnetShape:
    """Read the numbers of the architecture off the names and the first tensor."""
    numbers = {int(found[1]) for key in state if (found := re.match(r"model\.(\d+)\.conv_block\.", key))}
    blocks = len(numbers)
    if numbers != set(range(_FIRST_BLOCK, _FIRST_BLOCK + blocks)):
        missing = min(set(range(_FIRST_BLOCK, max(numbers))) - numbers, default=min(numbers))
        raise ModelError(
            f"{where} lacks the tensor 'model.{missing}.conv_block.1.weight' between its blocks; "
            "get its file again."
        )
    if blocks not in BLOCKS:
        known = " or ".join(map(str, BLOCKS))
        raise ModelError(
            f"{where} has {blocks} residual blocks, up to 'model.{max(numbers)}', where {known} can be."
        )
    first = state.get("model.1.weight")
    if first is None:
        raise ModelError(f"{where} lacks the tensor 'model.1.weight'; get its file again.")
    dropout = f"model.{_FIRST_BLOCK}.conv_block.6.weight" in state
    second = 6 if dropout and f"model.{_FIRST_BLOCK}.conv_block.5.weight" not in state else 5
    return ResnetShape(int(first.shape[0]) if first.ndim else 0, blocks, second)


def _card(
    files: dict[str, Path], shape: ResnetShape, stains: tuple[str, str], um_per_px: float, name: str
) -> ModelCard:
    """Write down where the model comes from."""
    from pydantic import ValidationError

    imported = []
    for path in files.values():
        with path.open("rb") as file:
            imported.append(f"{path.name}, sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}")
    try:
        return ModelCard(
            name=name,
            title=f"CycleGAN, {stains[0]} to {stains[1]}" + (" and back" if "reverse" in files else ""),
            system="stain",
            preset="resnet",
            scheme="",
            stains=stains,
            um_per_px=um_per_px,
            latent_size=0,
            data="Not known here; ask the authors.",
            trained=f"By others; imported from {' and '.join(imported)}.",
            terms=_TERMS,
            citation=_CITATION,
            architecture={"widths": [shape.width, 2 * shape.width, 4 * shape.width], "blocks": shape.blocks},
        )
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise ModelError(
            f"The model cannot have the {fault['loc'][0]} {fault['input']!r}; choose another."
        ) from error


def _notes(card: ModelCard) -> str:
    """Return the card for people to read, as Markdown."""
    first, second = card.stains
    return (
        f"# {card.name}\n\n{card.title}. Its pictures are synthetic.\n\n"
        f"Turns {first} into {second} at {card.um_per_px:g} um/px.\n\n{card.trained}\n\n"
        f"## Terms\n\n{card.terms}\n\n## Cite\n\n{card.citation}\n"
    )
