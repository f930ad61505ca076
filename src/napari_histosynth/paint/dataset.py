"""Data sets of synthetic H&E with label maps: items that are functions of their number.

This is painting, many times over, and needs nothing of what judges pictures; so it stands beside the renderer
and not in the study, which reads such folders as it reads real ones.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import HistosynthError, ModelError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.scheme_file import scheme_from_text
from napari_histosynth.core.scheme_note import scheme_note
from napari_histosynth.core.tissue import Labels, TissueScheme, convert_labels
from napari_histosynth.paint.layouts import (
    Layout,
    LayoutMaker,
    cut,
    example_layout,
    picture_beside,
    read_layout,
)

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel

LOOKS = ("random", "own", "mixed")
"""Where looks come from: the model's latents at random; those of the layouts' own H&E; between both."""

COLUMNS = (
    "name",
    "image",
    "labels",
    "layout",
    "layout_sha256",
    "y",
    "x",
    "degrees",
    "turns",
    "flip",
    "seed",
    "latent_seed",
    "look",
    "latent_sha256",
    "stain",
    "model",
    "model_sha256",
    "um_per_px",
    "width",
    "height",
    "image_sha256",
    "labels_sha256",
    "shares",
    "synthetic",
)
"""Columns of the manifest."""

_TRIES = 12  # places looked at for one that has tissue


@dataclass(frozen=True)
class DatasetSettings:
    """What decides the bytes of a data set; the number of items and of workers does not.

    Attributes
    ----------
    model : str
        Name or folder of the model.
    model_sha256 : str
        Hash of its weights.
    layouts : tuple of Layout
        Label maps to draw from.
    seed : int
        Chooses everything that is left to chance.
    size : int
        Side of the pictures in pixels, at the model's scale.
    looks : str
        One of :data:`LOOKS`.
    max_turn : float
        Layouts are turned by up to so many degrees to either side, beside quarter turns; 0 keeps pixels.
    stain : float
        Standard deviation of the change of each stain's density, as a share; 0 leaves it to the latent.
    least_tissue : float
        Share of a picture that is to be other than background, where a place can be found that has it.
    scheme : str
        Scheme of the layouts as TOML; empty where they are asked.
    device, precision : str
        Where and in which number format to draw.
    maker : callable, optional
        Makes the layouts that have no file; the examples are made without.
    """

    model: str
    model_sha256: str
    layouts: tuple[Layout, ...]
    seed: int = 0
    size: int = 512
    looks: str = "random"
    max_turn: float = 0.0
    stain: float = 0.04
    least_tissue: float = 0.3
    scheme: str = ""
    device: str = "cpu"
    precision: str = "auto"
    maker: LayoutMaker | None = None

    def __post_init__(self) -> None:
        if self.looks not in LOOKS:
            raise HistosynthError(f'There are no looks "{self.looks}"; choose one of {", ".join(LOOKS)}.')

    def identity(self) -> dict[str, Any]:
        """Return what decides the bytes, as JSON can hold it: layouts by name and hash, wherever they lie."""
        record = asdict(replace(self, maker=None))
        del record["maker"]
        if self.maker is not None:
            record["maker"] = self.maker.identity()
        record["model"] = Path(self.model).name
        record["layouts"] = [[layout.name, layout.sha256] for layout in self.layouts]
        return record

    @property
    def digest(self) -> str:
        """Hash of :meth:`identity`, written into every file."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """What item ``number`` is made of, all by the seed and the number."""

    number: int
    layout: Layout
    seed: int
    latent_seed: int
    turns: int
    flip: bool
    degrees: float

    @property
    def name(self) -> str:
        """Name of the item's files, without ending."""
        return f"{self.number:06d}"


@dataclass(frozen=True, eq=False)
class Item:
    """One pair of the set: picture uint8 (y, x, 3), label map uint8 (y, x), and where they come from."""

    name: str
    image: npt.NDArray[np.uint8]
    labels: Labels
    scheme: TissueScheme
    provenance: Provenance


def plan(settings: DatasetSettings, number: int) -> Plan:
    """Return what an item is made of; layouts take turns, in an order that changes with every round."""
    round_, place = divmod(number, len(settings.layouts))
    order = np.random.default_rng((settings.seed, 0, round_)).permutation(len(settings.layouts))
    rng = np.random.default_rng((settings.seed, 1, number))
    seed, latent_seed = (int(value) for value in rng.integers(2**31, size=2))
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    degrees = float(np.round(rng.uniform(-settings.max_turn, settings.max_turn), 2))
    return Plan(number, settings.layouts[order[place]], seed, latent_seed, turns, flip, degrees)


def make_item(model: PaintModel, settings: DatasetSettings, number: int) -> Item:
    """Draw one item of a data set: the same pixels whatever was drawn before, and by whom.

    Parameters
    ----------
    model : PaintModel
        That of the settings, loaded.
    settings : DatasetSettings
        What decides all.
    number : int
        Which item, from 0.

    Raises
    ------
    HistosynthError
        If its layout cannot be read or drawn; names the file.
    """
    from napari_histosynth.paint.canvas import Canvas

    planned = plan(settings, number)
    labels, place = _labels(model, settings, planned)
    latent, look = _latent(model, settings, planned)
    canvas = Canvas(model, labels, latent=latent, seed=planned.seed)
    image = canvas.render()
    stain = 0.0
    if settings.stain > 0:
        from napari_histosynth.paint.data import jitter_stain

        stain = settings.stain
        image = jitter_stain(image, np.random.default_rng((settings.seed, 3, number)), stain)
    made = canvas.provenance()
    facts = {
        **scheme_note(model.scheme),
        "dataset": settings.digest,
        "number": number,
        "layout": planned.layout.name,
        "layout_sha256": planned.layout.sha256,
        **place,
        "degrees": planned.degrees,
        "turns": planned.turns,
        "flip": planned.flip,
        "look": look,
        "stain": stain,
        "shares": {
            name: round(float((labels == index).mean()), 4) for index, name in enumerate(model.scheme.names)
        },
    }
    latent_seed = None if settings.looks == "own" else planned.latent_seed
    made = replace(made, latent_seed=latent_seed, extra={**made.extra, **facts})
    return Item(planned.name, image, labels, model.scheme, made)


def row_of(made: Provenance, image_sha256: str, labels_sha256: str) -> dict[str, Any]:
    """Return the row of the manifest of an item, from what its picture's file says of itself."""
    extra, name = made.extra, f"{int(made.extra['number']):06d}"
    height, width = made.size or (0, 0)
    row = {
        "name": name,
        "image": f"images/{name}.png",
        "labels": f"labels/{name}.png",
        "seed": made.seed,
        "latent_seed": made.latent_seed,
        "latent_sha256": made.latent_sha256,
        "model": made.model,
        "model_sha256": made.model_sha256,
        "um_per_px": made.um_per_px,
        "width": width,
        "height": height,
        "image_sha256": image_sha256,
        "labels_sha256": labels_sha256,
        "synthetic": "true",
        **{key: extra[key] for key in ("layout", "layout_sha256", "y", "x", "turns", "look", "stain")},
        "shares": "; ".join(f"{name} {share:g}" for name, share in extra["shares"].items()),
        "degrees": extra["degrees"],
        "flip": int(extra["flip"]),
    }
    return {column: row[column] for column in COLUMNS}


def _labels(
    model: PaintModel, settings: DatasetSettings, planned: Plan
) -> tuple[Labels, dict[str, float | None]]:
    """Return the label map of an item in the model's scheme and scale, and where it was cut out."""
    from napari_histosynth.paint.nuclei import scatter_nuclei
    from napari_histosynth.paint.resample import resample_labels

    side = settings.size
    shape = side, side
    place: dict[str, float | None] = {"y": None, "x": None}
    if not planned.layout.path and settings.maker is not None:
        square, scheme = _made(model, settings, planned)
    elif not planned.layout.path:
        whole = side if planned.degrees == 0 else math.ceil(side * math.sqrt(2))
        made, scheme = example_layout(planned.layout.name, whole, model.um_per_px, planned.seed)
        square = cut(made, whole / 2, whole / 2, side, planned.degrees, planned.turns, planned.flip)
    else:
        asked = scheme_from_text(settings.scheme) if settings.scheme else None
        given = read_layout(planned.layout, model.scheme, model.um_per_px, asked)
        scheme = given.scheme
        reach = side * model.um_per_px / given.um_per_px
        for y, x in _places(settings, planned, given.labels.shape, reach):
            square = cut(given.labels, y, x, reach, planned.degrees, planned.turns, planned.flip)
            place = {"y": y, "x": x}
            if (square != scheme.background).mean() >= settings.least_tissue:
                break
    try:
        converted = convert_labels(square, scheme, model.scheme)
    except HistosynthError as error:
        raise type(error)(f"{planned.layout.name}: {error}") from None
    labels = resample_labels(converted, shape)
    if "nuclei" in model.scheme.names and "nuclei" not in scheme.names:
        labels = scatter_nuclei(labels, scheme=model.scheme, um_per_px=model.um_per_px, seed=planned.seed)
    return labels, place


def _made(model: PaintModel, settings: DatasetSettings, planned: Plan) -> tuple[Labels, TissueScheme]:
    """Make the label map of an item, several if need be for one that has tissue, and turn it."""
    assert settings.maker is not None
    side = settings.size
    whole = side if planned.degrees == 0 else math.ceil(side * math.sqrt(2))
    rng = np.random.default_rng((settings.seed, 2, planned.number))
    seed = planned.seed
    for _ in range(_TRIES):
        made, scheme = settings.maker(planned.layout.name, whole, model.um_per_px, seed, model.scheme)
        square = cut(made, whole / 2, whole / 2, side, planned.degrees, planned.turns, planned.flip)
        if (square != scheme.background).mean() >= settings.least_tissue:
            break
        seed = int(rng.integers(2**31))
    return square, scheme


def _places(
    settings: DatasetSettings, planned: Plan, shape: tuple[int, ...], reach: float
) -> Iterator[tuple[float, float]]:
    """Yield middles of squares to try, inside of the layout where it is large enough."""
    rng = np.random.default_rng((settings.seed, 2, planned.number))
    turn = np.deg2rad(planned.degrees)
    half = reach / 2 * (abs(np.sin(turn)) + abs(np.cos(turn)))  # of the box around the turned square
    for _ in range(_TRIES):
        middle = []
        for size in shape:
            low, high = (half, size - half) if size > 2 * half else (size / 2, size / 2)
            middle.append(float(np.round(rng.uniform(low, high), 1)))
        yield middle[0], middle[1]


def _latent(
    model: PaintModel, settings: DatasetSettings, planned: Plan
) -> tuple[npt.NDArray[np.float32], str]:
    """Return the look of an item, and what it is."""
    random = model.sample_latent(planned.latent_seed)
    if settings.looks == "random":
        return random, "random"
    picture = picture_beside(planned.layout)
    if picture is None:
        raise ModelError(
            f"{planned.layout.name} has no H&E of its own to take the look from: it belongs into a folder "
            "labels, the H&E into images beside it; or choose random looks."
        )
    own = _encoded(model, str(picture))
    if settings.looks == "own":
        return own, f"own: {picture.name}"
    share = np.float32(np.random.default_rng((settings.seed, 4, planned.number)).uniform(0.2, 0.8))
    return np.asarray(own * (1 - share) + random * share, np.float32), f"{1 - share:.2f} own: {picture.name}"


@lru_cache(maxsize=64)
def _encoded(model: PaintModel, path: str) -> npt.NDArray[np.float32]:
    """Return the latent of an H&E picture; the latest are kept."""
    from napari_histosynth.paint.inputs import latent_of_file

    return latent_of_file(path, model)
