"""Named places in a model's latent: grades that pathologists named, and places of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.naming import beginning_with
from napari_histosynth.latent.space import check_style
from napari_histosynth.zoo.places import ANCHORS_NAME as ANCHORS_NAME  # beside a model's weights

if TYPE_CHECKING:
    from napari_histosynth.latent.owner import LatentOwner

_FORMAT = "histosynth-anchors-1"


@dataclass(frozen=True, eq=False)
class Anchor:
    """A named place.

    Attributes
    ----------
    name : str
        What people call it: "poorly differentiated".
    style : ndarray
        float32 (d,), the mean of the pictures that it stands for, without the stain.
    spread : ndarray or None
        float32 (d,), the standard deviation of these; None for a single one.
    pictures : int
        How many pictures it stands for.
    grade : float or None
        What it counts among grades, 0 to 1, if it is one.
    source : str
        Where the pictures are from.
    """

    name: str
    style: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32] | None = None
    pictures: int = 1
    grade: float | None = None
    source: str = ""


@dataclass(frozen=True, eq=False)
class Anchors:
    """The named places of one model.

    Attributes
    ----------
    model : str
        Its name.
    sha256 : str
        Hash of its weights: a place of other weights is another place.
    places : tuple of Anchor
        In order; names differ.
    """

    model: str
    sha256: str
    places: tuple[Anchor, ...] = field(default=())

    def __iter__(self) -> Iterator[Anchor]:
        """Go through the places in order."""
        return iter(self.places)

    def __len__(self) -> int:
        """Count the places."""
        return len(self.places)

    @property
    def names(self) -> list[str]:
        """Names of the places, in order."""
        return [place.name for place in self.places]

    def __getitem__(self, name: str) -> Anchor:
        """Return a place by its name, or by a beginning that only one has; upper case counts as lower.

        Whole words count before parts of them: "moderately" is "moderately differentiated", even where there
        is a "moderately-to-poorly differentiated".
        """
        found = beginning_with(name, self.names)
        if len(found) == 1:
            return self.places[found[0]]
        known = ", ".join(self.names) or "none yet"
        problem = "Several grades begin" if found else "No grade is named or begins"
        raise ModelError(f"{problem} with {name!r} in {self.model!r}; there are {known}.")

    def added(self, place: Anchor) -> Anchors:
        """Return these and one more; one of the same name is replaced."""
        rest = tuple(known for known in self.places if known.name != place.name)
        return Anchors(self.model, self.sha256, (*rest, place))

    def nearest(self, style: npt.ArrayLike) -> list[tuple[Anchor, float]]:
        """Return all places and how far they are from a style, the nearest first.

        Distances are Euclidean, in units of the spread that the places have in common.

        Raises
        ------
        ModelError
            If the style has another length than they, or holds what is no number.
        """
        at = check_style(style)
        if other := {len(place.style) for place in self.places} - {len(at)}:
            raise ModelError(f"A style of {self.model!r} has {other.pop()} numbers, not {len(at)}.")
        known = [place.spread for place in self.places if place.spread is not None]
        unit = np.sqrt(np.mean(np.square(known), axis=0)) + 1e-6 if known else np.ones(len(at))
        far = [float(np.linalg.norm((at - place.style) / unit)) for place in self.places]
        return sorted(zip(self.places, far, strict=True), key=lambda pair: pair[1])

    def write(self, path: Path) -> None:
        """Write them as JSON; a file that is there is replaced as a whole."""
        content = {
            "format": _FORMAT,
            "model": self.model,
            "model_sha256": self.sha256,
            "anchors": [_to_json(place) for place in self.places],
        }
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_anchors(path: Path, model: LatentOwner) -> Anchors:
    """Read places from a file.

    Parameters
    ----------
    path : Path
        JSON, as :meth:`Anchors.write` makes it.
    model : LatentOwner
        What they must be for.

    Raises
    ------
    ModelError
        If the file cannot be read, is malformed, or belongs to another model or other weights of it.
    """
    try:
        content = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"The grades {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ModelError(f"The grades {path} are damaged: {where}: {first['msg']}.") from error
    if content.model_sha256 != model.sha256:
        raise ModelError(
            f"The grades {path} belong to {content.model!r} {content.model_sha256[:12]}, not to "
            f"{model.name!r} {model.sha256[:12]}; make them anew with 'histosynth atlas build'."
        )
    names = [entry.name for entry in content.anchors]
    if len(set(names)) < len(names):
        raise ModelError(f"The grades {path} name one of them twice.")
    places = []
    for entry in content.anchors:
        if len(entry.style) != model.style_size or len(entry.spread) not in (0, model.style_size):
            raise ModelError(
                f"The grade {entry.name!r} of {path} has {len(entry.style)} numbers, but {model.name!r} "
                f"takes {model.style_size}."
            )
        spread = np.asarray(entry.spread, np.float32) if entry.spread else None
        style = np.asarray(check_style(entry.style), np.float32)
        places.append(Anchor(entry.name, style, spread, entry.pictures, entry.grade, entry.source))
    return Anchors(content.model, content.model_sha256, tuple(places))


def anchor_of(
    name: str,
    styles: Sequence[npt.ArrayLike] | npt.NDArray[Any],
    *,
    grade: float | None = None,
    source: str = "",
) -> Anchor:
    """Make a place of the styles of one or more pictures: their mean and spread.

    Raises
    ------
    ModelError
        If there are none, or they are no styles of one length.
    """
    rows = [check_style(style) for style in styles]
    if not rows or len({row.shape for row in rows}) > 1:
        raise ModelError(f"The grade {name!r} needs pictures of one model, at least one.")
    stacked = np.stack(rows)
    spread = np.asarray(stacked.std(0, ddof=1), np.float32) if len(rows) > 1 else None
    return Anchor(name, np.asarray(stacked.mean(0), np.float32), spread, len(rows), grade, source)


def joined(first: Anchors, others: Iterable[Anchor]) -> Anchors:
    """Return places of a model and more of the same; later ones replace those of the same name."""
    for place in others:
        first = first.added(place)
    return first


def _to_json(place: Anchor) -> dict[str, Any]:
    return {
        "name": place.name,
        "grade": place.grade,
        "pictures": place.pictures,
        "source": place.source,
        "style": [round(float(number), 5) for number in place.style],
        "spread": [] if place.spread is None else [round(float(number), 5) for number in place.spread],
    }


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    name: str = Field(min_length=1)
    grade: float | None = Field(None, ge=0, le=1)
    pictures: int = Field(1, ge=1)
    source: str = ""
    style: list[float]
    spread: list[float] = []


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: str = Field(pattern=f"^{_FORMAT}$")
    model: str
    model_sha256: str
    anchors: list[_Entry]
