"""A map of layouts: where real H&E with its labels lies among latents (Beers et al., Figure 5).

A place of such a map is a latent and the weights of grades side by side, as the encoder finds them. No
picture is kept: thumbnails are label maps that are drawn from the latents.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import ModelError, TrainingError
from napari_histosynth.latent.surveying import Survey, check_neighbors
from napari_histosynth.latent.thumbnail import SIDE
from napari_histosynth.layout.finish import finished
from napari_histosynth.layout.flow import ALIKE
from napari_histosynth.layout.redraw import drawn_field

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.latent.anchors import Anchors
    from napari_histosynth.latent.atlas import Atlas
    from napari_histosynth.layout.config import LayoutConfig
    from napari_histosynth.layout.model import LayoutModel
    from napari_histosynth.paint.data import Field

    Floats = npt.NDArray[np.float32]


def training_of_layouts(folder: Path, config: Path | None = None) -> LayoutConfig:
    """Read how a model of layouts was trained: from a configuration, or from ``train.toml`` in its folder.

    Raises
    ------
    TrainingError
        If there is none, or it cannot be read.
    """
    from napari_histosynth.layout.config import read_layout_config

    path = folder / "train.toml" if config is None else config
    if config is None and not path.exists():
        raise TrainingError(
            f"The model in {folder} has no train.toml that says what it was trained on; give the "
            "configuration that it was trained by with --config."
        )
    return read_layout_config(path)


def build_layout_places(
    model: LayoutModel,
    config: LayoutConfig,
    data: Path,
    *,
    neighbors: bool = True,
    tell: Callable[[float], None] = lambda share: None,
) -> tuple[Anchors, Atlas]:
    """Make the map of a model's layouts and a named place for each grade of each source.

    Parameters
    ----------
    model : LayoutModel
        With an encoder.
    config : LayoutConfig
        How it was trained: pictures, and who is held out.
    data : Path
        Folder of the training data.
    neighbors : bool
        Whether the map is also laid out by t-SNE (scikit-learn).
    tell : callable
        Told the share that is done, 0 to 1.

    Returns
    -------
    anchors : Anchors
        Means of patients; no places where no picture is graded.
    atlas : Atlas
        A latent for each picture that the model was trained on: of the middle of it, a field.

    Raises
    ------
    TrainingError
        If data are missing, or there are no pictures with labels of tissue.
    ModelError
        If the model has no encoder, or there are fewer than three pictures.
    HistosynthError
        If scikit-learn is not installed and neighbors are asked for.
    """
    from napari_histosynth.layout.data import grade_index
    from napari_histosynth.paint.sources import load_sources

    if model.encoder is None:
        raise ModelError(f"The model {model.name!r} has no encoder; choose one that was trained with it.")
    if not config.data.sources:
        raise TrainingError(
            "A map of layouts needs H&E with labels, but the configuration names no data.sources; add one."
        )
    if neighbors:
        check_neighbors()
    part = 0.85 if neighbors else 1.0
    fields = load_sources(data, config.data.sources, model.scheme, model.um_per_px)
    styles = []
    for number, field in enumerate(fields, 1):
        styles.append(style_of(model, field))
        tell(part * number / len(fields))

    def grade_of(field: Field) -> str:
        index = grade_index(field.grade, model.grades, field.name)
        return model.grades[index] if index >= 0 else ""

    survey = Survey(
        np.stack(styles),
        np.zeros((len(styles), 0), np.float32),
        tuple(grade_of(field) for field in fields),
        tuple(field.group for field in fields),
        tuple(field.source for field in fields),
    )
    atlas = survey.atlas(model.owner)
    if neighbors:
        atlas = atlas.with_neighbors()
    tell(1.0)
    steps = max(1, len(model.grades) - 1)
    counts_as = {grade: number / steps for number, grade in enumerate(model.grades)}
    return survey.anchors(model.owner, counts_as), atlas


def style_of(model: LayoutModel, field: Field) -> Floats:
    """Return the place of a picture with its labels on a map of layouts, float32 (d + g,)."""
    return np.concatenate(model.encode(field.image, field.labels[0], model.um_per_px))


def split_style(model: LayoutModel, style: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the latent and the weights of grades that a place on a map stands for.

    Parameters
    ----------
    model : LayoutModel
        Whose map it is.
    style : array_like
        float (d + g,): of a picture, or a mixture of some.

    Returns
    -------
    latent : ndarray
        float32 (d,).
    weights : ndarray
        float32 (g,), 0 or more, summing up to 1.

    Raises
    ------
    ModelError
        If it has another length or holds what is no number.
    """
    numbers = model.checked(np.asarray(style)[None], model.style_size, "A place on a map of layouts")[0]
    weights = np.clip(numbers[model.latent_size :], 0, None)
    if weights.size and weights.sum() <= 0:
        weights = model.grade_weights("")
    return numbers[: model.latent_size], np.asarray(weights / max(float(weights.sum()), 1e-9), np.float32)


class LayoutArtist:
    """Draws thumbnails of places on a map of layouts: their label maps, in the colors of the scheme.

    Parameters
    ----------
    model : LayoutModel
        What draws.
    """

    def __init__(self, model: LayoutModel) -> None:
        self.model = model

    def draw(self, latent: Floats) -> npt.NDArray[np.uint8]:
        """Draw one.

        Parameters
        ----------
        latent : ndarray
            float32 (d + g,), as the map has it.

        Returns
        -------
        ndarray
            uint8 (SIDE, SIDE, 3).
        """
        model = self.model
        z, weights = split_style(model, latent)
        image, amounts = drawn_field(model, z, weights, ALIKE)
        scale = model.drawn_um_per_px * model.drawn_size / SIDE
        labels, _ = finished(image, amounts, model.scheme, model.drawn_um_per_px, (SIDE, SIDE), scale)
        return model.scheme.encode(labels)
