"""Start a training run from a model that exists, also one of another scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_histosynth.core.errors import LabelMapError, SchemeError, TrainingError
from napari_histosynth.core.relabel import convert_labels
from napari_histosynth.zoo import find_model
from napari_histosynth.zoo.state import load_state, select

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme


def start_from(
    model: str, scheme: TissueScheme, generator: nn.Module, encoder: nn.Module
) -> dict[str, Tensor]:
    """Load the weights of a model into networks that are about to be trained.

    Classes that the model does not know begin as those that it has in their place: every stroma of ten
    classes as the non-epithelium of three (:func:`~napari_histosynth.core.relabel.convert_labels`).

    Parameters
    ----------
    model : str
        Name or folder of a local model of the same widths and latent size.
    scheme : TissueScheme
        Of the run.
    generator, encoder : Module
        The run's networks; changed in place.

    Returns
    -------
    dict
        The model's tensors that belong to neither network, such as ``latent.bank``.

    Raises
    ------
    TrainingError
        If the model is of another kind, or none of its classes stands for one of the run's.
    ModelError
        If the model is not found or its sizes are others.
    """
    folder = find_model(model)
    if folder.card.preset != "local":
        raise TrainingError(
            f"A run can start from a local model only; {folder.name} is the paper's generator."
        )
    tensors, where = folder.read_tensors(), f"The model '{folder.name}'"
    known = folder.scheme()
    places = [_place(index, scheme, known) for index in range(scheme.n_classes)]
    drawn = _for_classes(select(tensors, "generator."), generator.state_dict(), places)
    load_state(generator, drawn, where)
    load_state(encoder, select(tensors, "encoder."), where)
    return {name: value for name, value in tensors.items() if name.startswith("latent.")}


def _place(index: int, scheme: TissueScheme, known: TissueScheme) -> int:
    """Return the class of ``known`` that a class of ``scheme`` begins as."""
    try:
        return int(convert_labels([[index]], scheme, known)[0, 0])
    except (SchemeError, LabelMapError) as error:
        name = scheme.names[index]
        raise TrainingError(
            f"No class of {known.name} stands for {name!r} of {scheme.name}; start from another model."
        ) from error


def _for_classes(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], places: list[int]
) -> dict[str, Tensor]:
    """Reorder the weights that read one-hot labels: their second axis counts classes."""
    chosen = torch.tensor(places)
    reading = ("start_labels.weight", ".shared.weight")
    return {
        name: value[:, chosen] if name in wanted and name.endswith(reading) else value
        for name, value in tensors.items()
    }
