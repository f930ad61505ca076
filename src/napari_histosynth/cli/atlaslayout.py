"""``histosynth atlas build`` for models of layouts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.cli.console import progress, say, waiting

if TYPE_CHECKING:
    from napari_histosynth.zoo import ModelFolder


def build_layouts(
    folder: ModelFolder,
    data: Path,
    output: Path | None,
    config: Path | None,
    *,
    neighbors: bool,
    device: str,
) -> None:
    """Make the map of a model of layouts and its named places; see :mod:`napari_histosynth.layout.surveying`.

    Parameters
    ----------
    folder : ModelFolder
        The model.
    data : Path
        Folder of the training data.
    output, config : Path, optional
        Where to write, and how it was trained; the model's folder and its ``train.toml`` by default.
    neighbors : bool
        Whether the map is laid out by t-SNE, too.
    device : str
        Where to encode.
    """
    with waiting(f"Loading {folder.name}"):
        from napari_histosynth.latent.surveying import write_places
        from napari_histosynth.layout.model import load_layout_model
        from napari_histosynth.layout.surveying import build_layout_places, training_of_layouts

        settings = training_of_layouts(folder.path, config)
        loaded = load_layout_model(folder.path, device=device)
    with progress(f"Encoding the training pictures of {folder.name}") as tell:
        anchors, atlas = build_layout_places(loaded, settings, data, neighbors=neighbors, tell=tell)
    where = folder.path if output is None else output
    write_places(where, anchors, atlas)
    names = f": {', '.join(anchors.names)}" if len(anchors) else ", since no picture is graded"
    say(f"Wrote {len(anchors)} named places and a map of {len(atlas)} layouts to {where}{names}.")
