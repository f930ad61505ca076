"""What every evaluation is asked for: a budget by its name, and how a model was trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_histosynth.core.errors import HistosynthError, TrainingError

if TYPE_CHECKING:
    from napari_histosynth.zoo import ModelFolder

Sizes = TypeVar("Sizes")


def named_budget(budgets: Mapping[str, Sizes], name: str) -> Sizes:
    """Return a budget by its name.

    Raises
    ------
    HistosynthError
        If there is none of that name.
    """
    if name not in budgets:
        raise HistosynthError(f'There is no budget "{name}"; choose one of {", ".join(budgets)}.')
    return budgets[name]


def trained_by(folder: ModelFolder, config: Path | None) -> Path:
    """Return the configuration that a model was trained by: the one given, or that in its folder.

    Raises
    ------
    TrainingError
        If there is none.
    """
    path = folder.path / "train.toml" if config is None else config
    if config is None and not path.exists():
        raise TrainingError(
            f"The model {folder.name!r} has no train.toml that says what it did not see; give the "
            "configuration that it was trained by with --config."
        )
    return path
