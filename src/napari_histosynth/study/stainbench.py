"""What the measurements of one model of two stains share: the model, its material, and what it drew of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.stain.model import StainModel, load_stain_model
from napari_histosynth.stain.steering import he_nuclei, ki67_nuclei, planes_of
from napari_histosynth.study.stainmaterial import (
    ALONE,
    TOLD,
    TOLD_SHARE,
    StainBudget,
    StainMaterial,
    StainSubject,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Planes = npt.NDArray[np.float32]

Watch = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Opens a progress bar for what is being done; the bar is told the share that is done."""


@dataclass(frozen=True, eq=False)
class StainBench:
    """A model on held-out tissue; what it draws is drawn once, when it is first needed.

    Attributes
    ----------
    subject : StainSubject
        The model and how it was trained.
    material : StainMaterial
        What it never saw.
    sizes : StainBudget
        How much of it.
    out : Path
        Folder for sheets.
    device : str
        "auto", "cpu", "cuda" or "mps".
    watch : callable
        Opens a progress bar.
    """

    subject: StainSubject
    material: StainMaterial
    sizes: StainBudget
    out: Path
    device: str
    watch: Watch

    @cached_property
    def model(self) -> StainModel:
        """The model."""
        return load_stain_model(self.subject.model, device=self.device)

    @property
    def um_per_px(self) -> float:
        """Scale of everything."""
        return self.subject.config.model.um_per_px

    @property
    def returns(self) -> bool:
        """Whether the model also turns Ki-67 into H&E."""
        return self.model.reverse is not None

    @property
    def steered(self) -> bool:
        """Whether the model can be told which nuclei are positive."""
        return bool(self.model.generator().steering)

    @cached_property
    def he(self) -> list[Pixels]:
        """Held-out H&E."""
        return [one.image for one in self.material.he]

    @cached_property
    def ki67(self) -> list[Pixels]:
        """Held-out Ki-67."""
        return [one.image for one in self.material.ki67]

    @cached_property
    def as_ki67(self) -> list[Pixels]:
        """Ki-67 drawn from held-out H&E, with nothing told of the nuclei."""
        return self._drawn("Drawing Ki-67 from H&E", self.he)

    @cached_property
    def as_ki67_told(self) -> list[Pixels]:
        """The same, told that one nucleus in five is positive, always the same ones."""
        from napari_histosynth.stain.asked import choose

        planes = []
        for number, picture in enumerate(self.he):
            known = choose(he_nuclei(picture, self.um_per_px), TOLD_SHARE, number, self.um_per_px)
            planes.append(planes_of(known.nuclei, known.positive))
        return self._drawn("Drawing Ki-67 from H&E, told its nuclei", self.he, planes)

    @property
    def drawn(self) -> dict[str, list[Pixels]]:
        """Ki-67 drawn from held-out H&E, in each of :data:`MODES` that the model can be drawn in."""
        return {ALONE: self.as_ki67} | ({TOLD: self.as_ki67_told} if self.steered else {})

    @cached_property
    def he_again(self) -> list[Pixels]:
        """H&E drawn as Ki-67 and as H&E again."""
        return self._drawn("Drawing it as H&E again", self.as_ki67, reverse=True)

    @cached_property
    def he_again_told(self) -> list[Pixels]:
        """The same by way of Ki-67 that was told its nuclei."""
        return self._drawn("Drawing it as H&E again", self.as_ki67_told, reverse=True)

    @cached_property
    def as_he(self) -> list[Pixels]:
        """H&E drawn from held-out Ki-67."""
        return self._drawn("Drawing H&E from Ki-67", self.ki67, reverse=True)

    @cached_property
    def ki67_again(self) -> list[Pixels]:
        """The same, drawn as Ki-67 again, with nothing told of the nuclei."""
        return self._drawn("Drawing it as Ki-67 again", self.as_he)

    @cached_property
    def ki67_again_told(self) -> list[Pixels]:
        """The same, told which nuclei of the real Ki-67 are positive."""
        planes = [planes_of(*ki67_nuclei(one, self.um_per_px)) for one in self.ki67]
        return self._drawn("Drawing it as Ki-67 again, told its nuclei", self.as_he, planes)

    def _drawn(
        self, doing: str, pictures: list[Pixels], planes: list[Planes] | None = None, *, reverse: bool = False
    ) -> list[Pixels]:
        drawn = []
        with self.watch(f"{self.subject.label}: {doing}") as tell:
            for number, picture in enumerate(pictures):
                told = None if planes is None else planes[number]
                drawn.append(self.model.draw(picture, told, reverse=reverse))
                tell((number + 1) / len(pictures))
        return drawn

    def crops(self, pictures: list[Pixels]) -> list[Pixels]:
        """Cut the middles of fields into crops of the size of those of real Ki-67."""
        side = self.sizes.crop
        cut = []
        for picture in pictures:
            y, x = ((length % side) // 2 for length in picture.shape[:2])
            for top in range(y, picture.shape[0] - side + 1, side):
                for left in range(x, picture.shape[1] - side + 1, side):
                    cut.append(np.ascontiguousarray(picture[top : top + side, left : left + side]))
        return cut
