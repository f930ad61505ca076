"""Putting tensors into networks, with errors that name the tensor at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from napari_histosynth.core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn


def select(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names start with ``prefix``, under the rest of their names.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        All tensors of a model.
    prefix : str
        For instance ``"generator."``; the dot belongs to it.

    Returns
    -------
    dict of str to Tensor
        The same tensors; empty when none has the prefix.
    """
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def check_shapes(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], where: str
) -> None:
    """Compare the tensors that a network needs with those at hand.

    Parameters
    ----------
    expected, found : mapping of str to tuple of int
        Shapes by tensor name.
    where : str
        What holds the tensors, to begin the sentence with: ``"The model 'colon-3class'"``.

    Raises
    ------
    ModelError
        Naming the first tensor that is missing, has another shape, or is one too many, and how many more.
    """
    missing = [name for name in expected if name not in found]
    if missing:
        raise ModelError(f"{where} lacks the tensor '{missing[0]}'{_more(missing)}; get its file again.")
    misshapen = [name for name in expected if found[name] != expected[name]]
    if misshapen:
        name = misshapen[0]
        raise ModelError(
            f"{where} holds the tensor '{name}' in shape {found[name]} where {expected[name]} "
            f"is expected{_more(misshapen)}; it belongs to another architecture."
        )
    unexpected = [name for name in found if name not in expected]
    if unexpected:
        raise ModelError(
            f"{where} holds the tensor '{unexpected[0]}'{_more(unexpected)} that its architecture does not "
            "have; it belongs to another architecture."
        )


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load a network's state, all of it and nothing else.

    Parameters
    ----------
    module : nn.Module
        The network; where it was built on the meta device, it takes the tensors themselves instead of copies.
    tensors : mapping of str to Tensor
        Its state by name, without prefix (:func:`select`).
    where : str
        What holds the tensors, to begin an error's sentence with: ``"The model 'colon-3class'"``.

    Raises
    ------
    ModelError
        If a tensor is missing, unexpected or of another shape; the module is then unchanged.
    """
    state = module.state_dict()
    check_shapes(
        {name: tuple(tensor.shape) for name, tensor in state.items()},
        {name: tuple(tensor.shape) for name, tensor in tensors.items()},
        where,
    )
    on_meta = any(tensor.is_meta for tensor in state.values())
    module.load_state_dict(dict(tensors), strict=True, assign=on_meta)


def _more(names: list[str]) -> str:
    """Say how many others share the fault of the first."""
    return f" (and {len(names) - 1} more like it)" if len(names) > 1 else ""
