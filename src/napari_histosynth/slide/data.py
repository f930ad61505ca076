"""Real slides at their magnifications, as pairs of a picture and what it looks like four times smaller."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.data import PICTURES, draw_density, scale_density, turned
from napari_histosynth.slide.layout import fractions, layout_of_picture
from napari_histosynth.slide.levels import DRAWN, LAYOUT_LEVEL, SKETCH_LEVEL, STEP
from napari_histosynth.slide.owndata import OwnCrop, OwnField, like

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.slide.config import SlideConfig

#: Level of the pictures that a slide's folder holds.
_OVERVIEW, _FIELDS, _REGIONS = 4, 2, 0
#: Tries to find a crop that is not all glass, and the share of pixels that must be darker than glass.
_TRIES, _TISSUE = 8, 0.03
_GLASS = 225


@dataclass(frozen=True)
class Child:
    """A picture at a drawn level.

    Attributes
    ----------
    slide : str
        Which slide it is of.
    step : int
        Which step draws it: 0 at level 6 to 3 at level 0.
    image : ndarray
        uint8 (y, x, 3), sides multiples of 4.
    layout : ndarray
        uint8 (y / 4, x / 4, 5), class fractions in 255ths on the lattice of its parent.
    """

    slide: str
    step: int
    image: npt.NDArray[np.uint8]
    layout: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class RealSlide:
    """The overview of a slide at the level of the layout, with weak labels.

    Attributes
    ----------
    name : str
        Of its folder.
    overview : ndarray
        uint8 (y, x, 3) at level 6.
    layout : ndarray
        uint8 (y, x), classes of "slide-layout".
    """

    name: str
    overview: npt.NDArray[np.uint8]
    layout: npt.NDArray[np.uint8]


def load_slides(
    data: Path, config: SlideConfig, *, held_out: bool = False, say: Callable[[str], None] | None = None
) -> tuple[list[RealSlide], list[Child]]:
    """Read the slides of a configuration, or those that it holds out, at all drawn levels.

    Raises
    ------
    TrainingError
        If the folder or a file is missing, or no slide is left.
    """
    folder = data / config.data.path
    slides, children = [], []
    found = sorted(p.parent for p in folder.glob("*/overview_8um.*")) if folder.is_dir() else []
    for path in found:
        if (path.name in config.data.held_out) != held_out:
            continue
        slide, pictures = _read(path, config)
        slides.append(slide)
        children += pictures
        if say is not None:
            say(f"{path.name}: {len(pictures)} pictures.")
    if not slides:
        held = "held out" if held_out else "to train on"
        raise TrainingError(f"No slide in {folder} is {held}; a slide is a folder with overview_8um.jpg.")
    return slides, children


def reduced(rgb: npt.NDArray[np.uint8], factor: int = STEP) -> npt.NDArray[np.uint8]:
    """Average blocks of ``factor`` x ``factor`` pixels, uint8 (y, x, 3); what is left over is cut off."""
    height, width = (size // factor for size in rgb.shape[:2])
    blocks = rgb[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    return np.asarray(np.rint(blocks.mean((1, 3), dtype=np.float32)), np.uint8)


class PairSampler:
    """Pairs of a crop and its parent; batch ``step`` is always the same.

    Parameters
    ----------
    config : SlideConfig
        The run.
    children : sequence of Child
        What to crop from.
    margin : int
        Pixels beyond each side of a crop of which the parent and the layout are given; a multiple of 4.
    stride : int
        Sides of what the network draws are multiples of this.
    own : sequence of OwnField
        Fields of slides that a model drew, for ``data.own``.

    Attributes
    ----------
    parent : int
        Pixels a side of the parent of a crop with its margin.
    drawn, rim : int
        Pixels a side of one that the network draws itself, a multiple of the stride, and where in it
        the parent begins.
    """

    def __init__(
        self,
        config: SlideConfig,
        children: Sequence[Child],
        margin: int,
        stride: int = STEP,
        own: Sequence[OwnField] = (),
    ) -> None:
        self.config, self.margin, self.crop = config, margin, config.loop.crop
        if self.crop % STEP or margin % STEP:
            raise TrainingError(f"Crops of slides are multiples of {STEP} px, not {self.crop}.")
        reach = self.crop + 2 * margin
        self.children: list[list[Child]] = [[] for _ in DRAWN[1:]]
        for child in children:
            if 3 * min(child.image.shape[:2]) >= reach + 3 * STEP:  # mirrored, it is large enough
                self.children[child.step].append(_padded(child, reach))
        self.parent = reach // STEP
        self.drawn = -(-self.parent // stride) * stride
        self.rim = (self.drawn - self.parent) // 2
        self.wide = STEP * (self.drawn + 2 * margin)
        self.chained = round(config.data.chain * config.loop.batch)
        self._own, self.owned = own, round(config.data.own * config.loop.batch) if own else 0
        chances = np.array(
            [share * bool(some) for share, some in zip(config.data.steps, self.children, strict=True)]
        )
        if not chances.sum():
            raise TrainingError(f"No picture of a slide is large enough for crops of {self.crop} px.")
        if self.owned and not self.children[-1]:
            raise TrainingError("No picture at 0.5 um a pixel is large enough to learn from one's own.")
        self._chances = chances / chances.sum()
        self._areas = [
            np.array([child.image.shape[0] * child.image.shape[1] for child in some], float)
            for some in self.children
        ]

    def batch(self, step: int) -> dict[str, npt.NDArray[Any]]:
        """Return the crops of a step.

        Returns
        -------
        dict
            ``image`` uint8 (n, crop, crop, 3); ``parent`` uint8 (n, p, p, 3) and ``layout`` float32
            (n, 5, p, p), p = (crop + 2 margin) / 4; ``step`` int64 (n,), 0 for level 6 to 3 for level 0.
            Of those whose parents the network has to draw itself, ``chained`` int64 (m,) says which they
            are, ``above`` uint8 (m, q, q, 3) and ``layout_above`` float32 (m, 5, q, q) what from;
            q = (drawn + 2 margin) / 4. Of those that are compared to what is drawn from one's own parents,
            ``own`` int64 (m,) says which they are, ``own_parent`` and ``own_layout`` are as ``parent`` and
            ``layout``, and ``own_child`` as ``image``, if diffusion drew of all fields.
        """
        rng = np.random.default_rng((self.config.loop.seed, step))
        images, parents, layouts, steps = [], [], [], []
        above, layouts_above, chained = [], [], []
        own: list[int] = []
        crops: list[OwnCrop] = []
        n, inner = self.config.loop.batch, slice(self.margin, -self.margin or None)
        paired = n - self.owned
        for index in range(n):
            taken = int(rng.choice(len(self._chances), p=self._chances))
            if index >= paired:
                taken = len(self._chances) - 1
            image, layout = self._crop(rng, taken, wide=paired - self.chained <= index < paired)
            turns, flip = int(rng.integers(4)), bool(rng.integers(2))
            image = turned(scale_density(image, draw_density(rng, self.config.data.jitter)), turns, flip)
            layout = turned(layout, turns, flip)
            if len(image) == self.wide:
                chained.append(index)
                above.append(reduced(image, STEP * STEP))
                layouts_above.append(_planes(reduced(layout)))
                part = slice(self.margin + self.rim, self.margin + self.rim + self.parent)
                layout = layout[part, part]
                part = slice(STEP * part.start, STEP * part.stop)
                image = image[part, part]
            if index >= paired:
                own.append(index)
                crops.append(like(self._own, rng, reduced(image), layout, self.margin // STEP))
            images.append(image[inner, inner])
            parents.append(reduced(image))
            layouts.append(_planes(layout))
            steps.append(taken)
        batch: dict[str, npt.NDArray[Any]] = {
            "image": np.stack(images),
            "parent": np.stack(parents),
            "layout": np.stack(layouts),
            "step": np.array(steps, np.int64),
        }
        if chained:
            batch["chained"] = np.array(chained, np.int64)
            batch["above"], batch["layout_above"] = np.stack(above), np.stack(layouts_above)
        if own:
            batch["own"] = np.array(own, np.int64)
            batch["own_parent"] = np.stack([one.parent for one in crops])
            batch["own_layout"] = np.stack([_planes(one.layout) for one in crops])
            drawn = [one.child for one in crops if one.child is not None]
            if len(drawn) == len(crops):
                batch["own_child"] = np.stack(drawn)
        return batch

    def _crop(
        self, rng: np.random.Generator, step: int, *, wide: bool
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return a crop with its margin, and the layout on the lattice of its parent.

        If it is to be wide, it is so wide that its parent can be drawn: where there is so much, and something
        was drawn before (the coarsest parents are sketches).
        """
        some, areas = self.children[step], self._areas[step]
        for _ in range(_TRIES):
            child = some[int(rng.choice(len(some), p=areas / areas.sum()))]
            fits = wide and step > 0 and min(child.image.shape[:2]) >= self.wide
            reach = self.wide if fits else self.crop + 2 * self.margin
            y, x = (STEP * int(rng.integers((side - reach) // STEP + 1)) for side in child.image.shape[:2])
            image = child.image[y : y + reach, x : x + reach]
            rim = (reach - self.crop) // 2
            middle = image[rim : rim + self.crop, rim : rim + self.crop]
            if (middle[::4, ::4].mean(2) < _GLASS).mean() > _TISSUE:  # white patches are not drawn
                break
        part = slice(y // STEP, (y + reach) // STEP), slice(x // STEP, (x + reach) // STEP)
        return image, child.layout[part]


def _planes(layout: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return class fractions, uint8 (y, x, 5), as networks take them, float32 (5, y, x)."""
    return np.asarray(np.moveaxis(layout, 2, 0).astype(np.float32) / 255, np.float32)


def _padded(child: Child, reach: int) -> Child:
    """Mirror a picture beyond its borders, by half of what a crop reaches."""
    pads = [(min(-(-reach // (2 * STEP)), side),) * 2 for side in child.layout.shape[:2]]
    image = np.pad(child.image, [(STEP * p, STEP * p) for p, _ in pads] + [(0, 0)], mode="symmetric")
    return Child(child.slide, child.step, image, np.pad(child.layout, [*pads, (0, 0)], mode="symmetric"))


def _read(path: Path, config: SlideConfig) -> tuple[RealSlide, list[Child]]:
    from napari_histosynth.io import read_image

    overview = read_image(next(iter(sorted(path.glob("overview_8um.*")))))
    coarse = reduced(overview, 2 ** (LAYOUT_LEVEL - _OVERVIEW))
    name = path.name
    layout = layout_of_picture(coarse, tumor=name in config.data.tumor, muscle=name in config.data.muscle)
    whole = ((coarse, LAYOUT_LEVEL), (overview, _OVERVIEW))
    children = [_child(name, image, layout, level, (0, 0)) for image, level in whole]
    note = path / "slide.json"
    places = {}
    if note.exists():
        record = json.loads(note.read_text())
        for kind, key in (("fields_2um", "fields"), ("regions_0.5um", "regions")):
            places.update({(kind, one["file"]): (one["y"], one["x"]) for one in record.get(key, [])})
    for kind, level in (("fields_2um", _FIELDS), ("regions_0.5um", _REGIONS)):
        for file in sorted(p for p in (path / kind).glob("*") if p.suffix.lower() in PICTURES):
            place = places.get((kind, file.name))
            if place is None:
                raise TrainingError(f"{note} does not say where on the slide {file.name} lies.")
            image = read_image(file)
            children.append(_child(name, image, layout, level, place))
            if level == _REGIONS:  # the same, cleaner than a field that was saved at this level
                children.append(_child(name, reduced(image), layout, level + 2, place))
    return RealSlide(name, coarse, layout), children


def _child(
    slide: str,
    image: npt.NDArray[np.uint8],
    layout: npt.NDArray[np.uint8],
    level: int,
    place: tuple[int, int],
) -> Child:
    """Pair a picture at a level, its corner at ``place`` (y, x) of level 0, with the layout there."""
    height, width = (side // STEP for side in image.shape[:2])
    y, x = (edge >> (level + 2) for edge in place)
    known = fractions(layout, Window(y, y + height, x, x + width), level + 2)
    step = DRAWN.index(level) - 1
    return Child(
        slide,
        step,
        image[: height * STEP, : width * STEP],
        np.ascontiguousarray(np.moveaxis(np.rint(255 * known).astype(np.uint8), 0, 2)),
    )


def palette_pictures(
    slides: Sequence[RealSlide],
) -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]]:
    """Return the overviews at the level of the sketch with their class fractions, for a palette."""
    factor = 2 ** (SKETCH_LEVEL - LAYOUT_LEVEL)
    pairs = []
    for slide in slides:
        picture = reduced(slide.overview, factor)
        window = Window.of_shape(picture.shape)
        pairs.append((picture, fractions(slide.layout, window, SKETCH_LEVEL)))
    return pairs
