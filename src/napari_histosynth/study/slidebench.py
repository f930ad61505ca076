"""What the measurements of a model of slides share: the model, real tissue, and what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.data import Field
from napari_histosynth.slide.layout import draw_layout
from napari_histosynth.slide.levels import LAYOUT_LEVEL, STEP, TILE
from napari_histosynth.slide.model import SlideModel, load_slide_model
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.study.material import through_codec
from napari_histosynth.study.slidematerial import (
    INSET,
    MEASURED,
    TISSUE,
    Parent,
    Piece,
    SlideBudget,
    SlideMaterial,
    SlideSubject,
    corners,
    layout_share,
)
from napari_histosynth.study.stainmaterial import tissue_share

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from napari_histosynth.slide.lattice import Place
    from napari_histosynth.slide.pyramid import Setting

    Pixels = npt.NDArray[np.uint8]

Watch = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Opens a progress bar for what is being done; the bar is told the share that is done."""

KINDS = ("biopsies", "polyp", "resection")
"""Kinds of synthetic slides, in turns."""

FIRST, SECOND = 0, 1
"""Seeds of what is drawn from real parents."""

_TRIES = 3  # places that are tried for a square of tissue


class RealParents:
    """Stands where the store of a slide does: tiles of one level are finished, from a real picture."""

    def __init__(self, image: Pixels, level: int) -> None:
        self._image, self._level = image, level

    def check(self, key: Any) -> None:
        """Take any slide."""

    def has(self, place: Place) -> bool:
        """Return whether a tile is one of the real picture."""
        return place.level == self._level

    def get(self, place: Place) -> Pixels | None:
        """Return a tile of the real picture."""
        if place.level != self._level:
            return None
        return np.ascontiguousarray(self._image[place.window.clip(self._image.shape).slices])

    def put(self, place: Place, tile: Pixels) -> None:
        """Keep nothing."""


def slide_on(model: SlideModel, parent: Parent, seed: int, setting: Setting) -> Slide:
    """Return a slide of which one level is real: what is read of the next finer one is drawn from it."""
    store = cast("Any", RealParents(parent.image, parent.level + 2))
    # a real parent shows its own glands
    return Slide(model, seed, parent.size, layout=parent.layout, setting=setting, store=store, glands=False)


def as_fields(pieces: Sequence[Piece]) -> list[Field]:
    """Return real squares as fields, each through the codec that drawn ones go through."""
    return [Field(one.name, one.slide, through_codec(one.image), ()) for one in pieces]


@dataclass(frozen=True, eq=False)
class SlideBench:
    """A model in one setting, beside real slides; what it draws is drawn once.

    Attributes
    ----------
    subject : SlideSubject
        The model and how it was trained.
    setting : "fast" or "diffusion"
        How it draws.
    sizes : SlideBudget
        How much.
    out : Path
        Folder for sheets, and in its ``cache`` for what was drawn.
    key : str
        Stands for subject, setting and budget in the names of what is kept.
    device : str
        "auto", "cpu", "cuda" or "mps".
    watch : callable
        Opens a progress bar.
    read : callable
        Reads the real slides.
    """

    subject: SlideSubject
    setting: Setting
    sizes: SlideBudget
    out: Path
    key: str
    device: str
    watch: Watch
    read: Callable[[], SlideMaterial]

    @cached_property
    def material(self) -> SlideMaterial:
        """Real tissue."""
        return self.read()

    @cached_property
    def model(self) -> SlideModel:
        """The model, in the number format whose pictures are the same everywhere."""
        return load_slide_model(self.subject.model, device=self.device)

    @cached_property
    def slides(self) -> list[Slide]:
        """Synthetic slides of all kinds, nothing of them drawn yet."""
        side = self.sizes.side
        found = []
        with self.watch(f"{self.setting}: laying out {self.sizes.slides} slides") as tell:
            for seed in range(self.sizes.slides):
                layout = draw_layout(seed, (side, side), kind=cast("Any", self.kind_of(seed)))
                found.append(Slide(self.model, seed, side, layout=layout, setting=self.setting))
                tell((seed + 1) / self.sizes.slides)
        return found

    def kind_of(self, seed: int) -> str:
        """Return the kind of a synthetic slide."""
        return KINDS[seed % len(KINDS)]

    @cached_property
    def real(self) -> dict[int, list[Field]]:
        """Real squares by level."""
        return {level: as_fields(self.material.pieces[level]) for level in MEASURED}

    @cached_property
    def refined(self) -> dict[int, list[Pixels]]:
        """The same squares drawn from their real parents, by level."""
        return {
            level: self._kept(f"refined-{level}", partial(self._refined, level, FIRST)) for level in MEASURED
        }

    @cached_property
    def again(self) -> dict[int, list[Pixels]]:
        """Those of slides held out, with other noise."""
        return {
            level: self._kept(f"again-{level}", partial(self._refined, level, SECOND)) for level in MEASURED
        }

    @cached_property
    def refined_fields(self) -> dict[int, list[Field]]:
        """Squares drawn from real parents, as fields, in the order of the real ones."""
        return {
            level: [
                Field(f"{one.name}, drawn", one.slide, through_codec(drawn), ())
                for one, drawn in zip(self.material.pieces[level], self.refined[level], strict=True)
            ]
            for level in MEASURED
        }

    @cached_property
    def enlarged(self) -> dict[int, list[Pixels]]:
        """Real parents enlarged, what a level adds nothing to, in the order of the real squares."""
        return {level: [enlarged_parent(one) for one in self.material.pieces[level]] for level in MEASURED}

    @cached_property
    def whole(self) -> dict[int, list[Field]]:
        """Squares of wholly synthetic slides by level; the group is the slide's number."""
        per_slide = [
            {level: self._kept(f"whole-{seed}-{level}", None) for level in MEASURED}
            for seed in range(self.sizes.slides)
        ]
        if not all(all(found.values()) for found in per_slide):
            with self.watch(f"{self.setting}: drawing tissue of synthetic slides") as tell:
                for seed, found in enumerate(per_slide):
                    if not all(found.values()):
                        found |= self._drawn_whole(seed)
                    tell((seed + 1) / self.sizes.slides)
        return {
            level: [
                Field(f"slide {seed}, {self.kind_of(seed)}", str(seed), through_codec(image), ())
                for seed, found in enumerate(per_slide)
                for image in found[level]
            ]
            for level in MEASURED
        }

    def _refined(self, level: int, seed: int) -> list[Pixels]:
        pieces = self.material.pieces[level] if seed == FIRST else self.material.held_out(level)
        slides: dict[int, Slide] = {}
        drawn = []
        with self.watch(f"{self.setting}: drawing level {level} from real parents") as tell:
            for number, piece in enumerate(pieces):
                slide = slides.setdefault(
                    id(piece.parent), slide_on(self.model, piece.parent, seed, self.setting)
                )
                (y, x), tile = piece.corner, self.sizes.tile
                drawn.append(slide.read(level, Window(y, y + tile, x, x + tile)))
                tell((number + 1) / len(pieces))
        return drawn

    def _drawn_whole(self, seed: int) -> dict[int, list[Pixels]]:
        """Draw squares of tissue of a synthetic slide, those of coarse levels around those of finer ones."""
        slide, tile = self.slides[seed], self.sizes.tile
        rng = np.random.default_rng(seed)
        taken: dict[int, list[Pixels]] = {level: [] for level in MEASURED}
        spare: dict[int, list[Pixels]] = {level: [] for level in MEASURED}
        for y, x in self._places(slide, rng):
            if all(len(taken[level]) >= self.sizes.tiles for level in MEASURED[1:]):
                break
            for level in MEASURED[1:]:
                if len(taken[level]) < self.sizes.tiles:
                    row, col = (
                        at * TILE // self.sizes.lattice * self.sizes.lattice + INSET
                        for at in (y >> level, x >> level)
                    )
                    self._take(slide, level, (row, col), taken, spare)
        some = corners(slide.shape(LAYOUT_LEVEL), LAYOUT_LEVEL, tile)
        for index in rng.permutation(len(some)):
            place = some[index]
            share = layout_share(slide.layout, LAYOUT_LEVEL, place, tile)
            if len(taken[LAYOUT_LEVEL]) < self.sizes.tiles and share >= TISSUE[LAYOUT_LEVEL]:
                self._take(slide, LAYOUT_LEVEL, place, taken, spare)
        for level in MEASURED:
            lacking = self.sizes.tiles - len(taken[level])
            found = (taken[level] + spare[level][:lacking]) or [self._middle(slide, level)]
            taken[level] = self._kept(f"whole-{seed}-{level}", partial(list, found))
        return taken

    def _places(self, slide: Slide, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Return tiles of level 0 with tissue, row and column, in an order by chance."""
        cells = TILE >> LAYOUT_LEVEL
        rows, cols = (side // cells for side in slide.layout.shape)
        blocks = slide.layout[: rows * cells, : cols * cells].reshape(rows, cells, cols, cells)
        share = (blocks != 0).mean((1, 3))
        places = np.argwhere(share >= TISSUE[0])
        chosen = rng.permutation(len(places))[: _TRIES * self.sizes.tiles]
        return [(int(places[one][0]), int(places[one][1])) for one in chosen]

    def _take(
        self,
        slide: Slide,
        level: int,
        corner: tuple[int, int],
        taken: dict[int, list[Pixels]],
        spare: dict[int, list[Pixels]],
    ) -> None:
        """Draw a square; one of too little tissue is only used where there are no others."""
        (y, x), tile = corner, self.sizes.tile
        height, width = slide.shape(level)
        y, x = max(0, min(y, height - tile)), max(0, min(x, width - tile))
        image = slide.read(level, Window(y, y + tile, x, x + tile))
        if image.shape[0] == image.shape[1] == tile:
            (taken if tissue_share(image) >= TISSUE[level] else spare)[level].append(image)

    def _middle(self, slide: Slide, level: int) -> Pixels:
        height, width = slide.shape(level)
        y, x, tile = (
            max(0, height - self.sizes.tile) // 2,
            max(0, width - self.sizes.tile) // 2,
            self.sizes.tile,
        )
        return slide.read(level, Window(y, y + tile, x, x + tile))

    def _kept(self, name: str, draw: Callable[[], list[Pixels]] | None) -> list[Pixels]:
        """Return pictures of one size from the cache, or draw and keep them."""
        path = self.out / "cache" / f"{name}-{self.key}.npz"
        if path.exists():
            with np.load(path) as held:
                return list(held["pictures"])
        if draw is None:
            return []
        drawn = draw()
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, pictures=np.stack(drawn))
        return drawn


def enlarged_parent(piece: Piece) -> Pixels:
    """Return the parent of a real square, enlarged bilinearly to its size."""
    from PIL import Image

    (y, x), side = piece.corner, piece.image.shape[0]
    small = Image.fromarray(piece.parent.image)
    box = (x / STEP, y / STEP, (x + side) / STEP, (y + side) / STEP)
    return np.asarray(small.resize((side, side), Image.Resampling.BILINEAR, box=box))
