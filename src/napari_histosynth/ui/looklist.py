"""The looks that a canvas can be laid out with: from seeds, from the present look, from H&E pictures."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.paint.lookfile import MOST_LOOKS, NamedLook
from napari_histosynth.ui.layers import layer_um_per_px
from napari_histosynth.ui.painter import Painter

_FRESH = 10_000  # new seeds have four digits


class LookList(QObject):
    """A list of looks for a painter's model.

    Parameters
    ----------
    painter : Painter
        Has the model, and the look of the canvas as a whole.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    added : Signal of int
        A look was added; its number.
    entries : list of NamedLook
        Looks 1, 2, ...
    """

    added = Signal(int)

    def __init__(self, painter: Painter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.painter = painter
        self.entries: list[NamedLook] = []
        self._sha256 = ""
        self._chance = random.Random()

    def __len__(self) -> int:
        """Return how many looks there are."""
        return len(self.entries)

    def add_seed(self, seed: int, name: str = "") -> None:
        """Add the look of a seed."""
        if self.painter.model is not None:
            self._add(NamedLook.of_seed(self.painter.model, seed, name))

    def add_present(self) -> None:
        """Add the look that the canvas has as a whole."""
        if self.painter.model is not None:
            self._add(self.painter.looks.present.named(self.painter.model))

    def add_random(self) -> None:
        """Add a look drawn by chance."""
        self.add_seed(self._chance.randrange(_FRESH))

    def add_layer(self) -> None:
        """Add the look of an H&E layer: the selected one, or the only one besides the canvas's own."""
        stage = self.painter.stage
        own = None if stage is None else stage.picture
        active = self.painter.viewer.layers.selection.active
        found = [layer for layer in self.painter.viewer.layers if _is_rgb(layer) and layer is not own]
        if active in found:
            found = [active]
        if len(found) != 1:
            self.painter.failed.emit("Select the Image layer of an H&E picture (RGB) to take its look.")
            return
        layer = found[0]
        levels = layer.data if layer.multiscale else [layer.data]
        rgb = np.asarray(levels[0])[..., :3]
        self._read_picture(layer.name, lambda: rgb, layer_um_per_px(layer))

    def add_file(self, path: str | Path) -> None:
        """Add the look of an H&E picture in a file."""
        from napari_histosynth.io import read_image
        from napari_histosynth.paint.inputs import read_scale

        self._read_picture(Path(path).name, lambda: read_image(path), read_scale(path))

    def rename(self, number: int, name: str) -> None:
        """Give a look another name."""
        if 1 <= number <= len(self.entries) and name.strip():
            self.entries[number - 1] = replace(self.entries[number - 1], name=name.strip())

    def follow_model(self) -> bool:
        """Make the looks anew for another model, those of seeds; return whether there is another."""
        model = self.painter.model
        if model is None or model.sha256 == self._sha256:
            return False
        self._sha256 = model.sha256
        lost = [look.name for look in self.entries if look.seed is None]
        own = self.painter.looks.present.latent_seed
        self.entries = [
            replace(look, latent=model.sample_latent(own if look.seed is None else look.seed))
            for look in self.entries
        ]
        if lost:
            self.painter.warned.emit(
                f"The looks of {', '.join(lost)} were read for another model and are the canvas's own now; "
                "add them again."
            )
        return True

    def _add(self, look: NamedLook) -> None:
        if len(self.entries) >= MOST_LOOKS:
            self.painter.failed.emit(f"A canvas has at most {MOST_LOOKS} looks; remove one first.")
            return
        self.entries.append(look)
        self.added.emit(len(self.entries))

    def _read_picture(self, name: str, read: Callable[[], Any], um_per_px: float | None) -> None:
        """Add the look of a picture, read in the background."""
        model = self.painter.model
        if model is None:
            return

        def work() -> NamedLook:
            from napari_histosynth.paint.inputs import latent_of_picture

            latent = latent_of_picture(read(), um_per_px or model.um_per_px, model)
            return NamedLook(latent, name, None, name)

        def then(look: NamedLook) -> None:
            if self.painter.model is model:
                self._add(look)

        self.painter.tasks.run(f"Reading the look of {name}", work, then, self.painter.failed.emit)


def _is_rgb(layer: Any) -> bool:
    return bool(getattr(layer, "rgb", False))
