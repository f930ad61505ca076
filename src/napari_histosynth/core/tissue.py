"""Tissue schemes: which classes a label map may hold, and the colors that stand for them.

A label map is a ``uint8`` (y, x) array of class indices. Pictures of label maps are decoded to indices
at the door and encoded only to be shown; a color that belongs to no class is an error, never a guess.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.colors import decode_colors, hex_to_rgb, look_up, tolerance_between
from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.relabel import convert_labels

__all__ = [
    "MAX_CLASSES",
    "Labels",
    "TissueClass",
    "TissueScheme",
    "convert_labels",
    "get_scheme",
    "scheme_names",
]

Labels = npt.NDArray[np.uint8]
"""A label map: ``uint8`` (y, x) class indices."""

MAX_CLASSES = 255
"""A label map is ``uint8``, and 255 stays free to mean "no class"."""

_HEX = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class TissueClass:
    """One kind of tissue that a label map may hold.

    Parameters
    ----------
    index : int
        Value of the class in label maps, from 0.
    name : str
        The field's own word for it, such as ``"reactive stroma"``.
    color : str
        Color that stands for it in pictures, ``"#rrggbb"``.
    description : str
        What belongs to the class, in a sentence.
    aliases : tuple of str
        Further colors, ``"#rrggbb"``, that are read as this class.

    Raises
    ------
    SchemeError
        If the name is empty or a color is not of the form ``#rrggbb``.
    """

    index: int
    name: str
    color: str
    description: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise SchemeError(f"Class {self.index} has no name; give it one.")
        object.__setattr__(self, "color", self._checked_color(self.color))
        object.__setattr__(self, "aliases", tuple(self._checked_color(alias) for alias in self.aliases))

    def _checked_color(self, color: str) -> str:
        lowered = color.strip().lower()
        if not _HEX.fullmatch(lowered):
            raise SchemeError(
                f'"{color}" is no color for the class "{self.name}"; write six hexadecimal digits, '
                'like "#5ac6e9".'
            )
        return lowered

    @property
    def colors(self) -> tuple[str, ...]:
        """The color of the class, then its aliases."""
        return (self.color, *self.aliases)


@dataclass(frozen=True)
class TissueScheme:
    """The classes that a label map is written in.

    Parameters
    ----------
    name : str
        Short name, such as ``"prostate-3"``.
    title : str
        Name for people, such as ``"Prostate, 3 classes"``.
    classes : tuple of TissueClass
        Classes, in any order, with the indices 0, 1, 2, ... without a gap.
    background : int
        Index of the class for bare glass.
    um_per_px : float, optional
        Scale that the scheme's published label maps have, in micrometers per pixel; a hint for files
        that carry no scale of their own.

    Raises
    ------
    SchemeError
        If names, colors or indices repeat, an index is missing, there are no classes or more than 255,
        the background is none of them, or the scale is not positive.
    """

    name: str
    title: str
    classes: tuple[TissueClass, ...]
    background: int = 0
    um_per_px: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(sorted(self.classes, key=lambda entry: entry.index)))
        _validate(self)

    @property
    def n_classes(self) -> int:
        """How many classes there are; label maps hold 0 to ``n_classes - 1``."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, by index."""
        return tuple(entry.name for entry in self.classes)

    @cached_property
    def palette(self) -> npt.NDArray[np.uint8]:
        """Colors of the classes by index, uint8 (n_classes, 3), read-only."""
        palette = np.array([hex_to_rgb(entry.color) for entry in self.classes], dtype=np.uint8)
        palette.flags.writeable = False
        return palette

    @cached_property
    def tolerance(self) -> float:
        """Farthest that a pixel may lie from a class color and still be read as it, Euclidean in RGB.

        At most 16: the label maps published with SHI-GAN wander by up to 12.8. Never more than a third of
        the distance between the closest colors of two classes, so that no pixel is within reach of both.
        """
        return tolerance_between(self._decodable[0], self._decodable[1])

    @cached_property
    def _decodable(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """All colors that decode, int64 (m, 3), and the class of each, int64 (m,)."""
        pairs = [(hex_to_rgb(color), entry.index) for entry in self.classes for color in entry.colors]
        return (
            np.array([rgb for rgb, _ in pairs], dtype=np.int64),
            np.array([index for _, index in pairs], dtype=np.int64),
        )

    def index_of(self, name: str) -> int:
        """Return the index of a class by its name.

        Raises
        ------
        SchemeError
            If the scheme has no such class; the message lists those it has.
        """
        for entry in self.classes:
            if entry.name == name:
                return entry.index
        raise SchemeError(f'{self.name} has no class "{name}"; its classes are {", ".join(self.names)}.')

    def decode(self, rgb: npt.ArrayLike) -> Labels:
        """Turn a color picture of a label map into class indices.

        Every pixel becomes the class whose color, or alias, is nearest, if it is within :attr:`tolerance`.

        Parameters
        ----------
        rgb : array_like
            uint8 (y, x, 3), or (y, x, 4) with an alpha that is 255 throughout.

        Returns
        -------
        ndarray
            uint8 (y, x).

        Raises
        ------
        UnknownColorError
            If pixels match no class; names the commonest such color, how many pixels and where the first is.
        LabelMapError
            If the array has another shape or dtype, is empty, or is transparent somewhere.
        """
        colors, indices = self._decodable
        return decode_colors(rgb, colors, indices, self.tolerance, self.name, self.names)

    def encode(self, labels: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Draw a label map (y, x) in the colors of the scheme, uint8 (y, x, 3).

        Raises
        ------
        LabelMapError
            As for :meth:`check`.
        """
        return look_up(self.palette, self.check(labels))

    def check(self, labels: npt.ArrayLike) -> Labels:
        """Return a label map as uint8 (y, x) after checking that it is one.

        Parameters
        ----------
        labels : array_like
            (y, x) of any integer dtype or bool, values 0 to ``n_classes - 1``.

        Returns
        -------
        ndarray
            uint8 (y, x); the very same array if it was uint8 already, so that edits in place are seen.

        Raises
        ------
        LabelMapError
            If it is not 2-D, empty, not of integers, or holds a value outside the scheme.
        """
        array = _checked_array(labels)
        if int(array.min()) < 0 or int(array.max()) >= self.n_classes:
            strays = np.flatnonzero((array < 0) | (array >= self.n_classes))
            row, column = divmod(int(strays[0]), array.shape[1])
            raise LabelMapError(
                f"The label map holds the value {array[row, column]}, which is no class of {self.name} "
                f"(0 to {self.n_classes - 1}): {_pixels(strays.size)} outside it, the first at row {row}, "
                f"column {column}; relabel them or choose another scheme."
            )
        return array.astype(np.uint8, copy=False)

    def sanitize(self, labels: npt.ArrayLike) -> tuple[Labels, dict[int, int]]:
        """Return a label map with every value outside the scheme replaced by background.

        For live painting, where any value may be on the canvas; :meth:`describe_strays` says what was done.

        Parameters
        ----------
        labels : array_like
            (y, x) of any integer dtype or bool.

        Returns
        -------
        labels : ndarray
            uint8 (y, x); the very same array if it was uint8 and nothing had to be replaced.
        strays : dict of int to int
            For each value outside the scheme, in rising order, how many pixels held it.

        Raises
        ------
        LabelMapError
            If it is not 2-D, empty, or not of integers.
        """
        array = _checked_array(labels)
        if int(array.min()) >= 0 and int(array.max()) < self.n_classes:
            return array.astype(np.uint8, copy=False), {}
        outside = (array < 0) | (array >= self.n_classes)
        values, counts = np.unique(array[outside], return_counts=True)
        cleaned = np.where(outside, self.background, array).astype(np.uint8)
        return cleaned, {int(value): int(count) for value, count in zip(values, counts, strict=True)}

    def describe_strays(self, strays: Mapping[int, int]) -> str:
        """Say in one sentence which values :meth:`sanitize` replaced; empty if none."""
        if not strays:
            return ""
        shown = [f"{value} ({_pixels(count)})" for value, count in list(strays.items())[:3]]
        more = f" and {len(strays) - 3} more" if len(strays) > 3 else ""
        subject = "Value" if len(strays) == 1 else "Values"
        verb = "is" if len(strays) == 1 else "are"
        return (
            f"{subject} {', '.join(shown)}{more} {verb} outside {self.name} (0 to {self.n_classes - 1}) "
            f"and {verb} drawn as {self.names[self.background]}."
        )

    def to_toml(self) -> str:
        """Return the scheme as TOML text that :meth:`from_toml` reads back."""
        from napari_histosynth.core.scheme_file import scheme_to_toml

        return scheme_to_toml(self)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> TissueScheme:
        """Read a scheme from a TOML file; the format is described in ``core/scheme_file.py``.

        Raises
        ------
        SchemeError
            If the file cannot be read or does not describe a scheme; names the file and the fault.
        """
        from napari_histosynth.core.scheme_file import scheme_from_toml

        return scheme_from_toml(path)


def scheme_names() -> tuple[str, ...]:
    """Return the names of the built-in schemes."""
    from napari_histosynth.core.schemes import BUILT_IN

    return tuple(BUILT_IN)


def get_scheme(name_or_path: str | os.PathLike[str] | TissueScheme) -> TissueScheme:
    """Return a built-in scheme by its name, or read one from a TOML file.

    Parameters
    ----------
    name_or_path : str or path-like or TissueScheme
        One of :func:`scheme_names`, or a path to a ``.toml`` file; a scheme is returned as it is.

    Raises
    ------
    SchemeError
        If there is no such scheme, or the file does not describe one.
    """
    from napari_histosynth.core.schemes import BUILT_IN

    if isinstance(name_or_path, TissueScheme):
        return name_or_path
    asked = os.fspath(name_or_path)
    if asked in BUILT_IN:
        return BUILT_IN[asked]
    if asked.lower().endswith(".toml") or Path(asked).is_file():
        return TissueScheme.from_toml(asked)
    raise SchemeError(
        f'There is no tissue scheme "{asked}"; choose one of {", ".join(BUILT_IN)}, or give a .toml file.'
    )


def _validate(scheme: TissueScheme) -> None:
    """Raise SchemeError unless the classes make a scheme."""
    count = scheme.n_classes
    where = f'scheme "{scheme.name}"'
    if not scheme.name.strip():
        raise SchemeError("The scheme has no name; give it one.")
    if not 1 <= count <= MAX_CLASSES:
        raise SchemeError(f"The {where} has {count} classes; it needs 1 to {MAX_CLASSES}.")
    indices = [entry.index for entry in scheme.classes]
    if repeated := _first_repeated(indices):
        raise SchemeError(
            f"Two classes of the {where} have the index {repeated[0]}; number them 0 to {count - 1}."
        )
    if indices != list(range(count)):
        missing = next(k for k in range(count) if k not in indices)
        raise SchemeError(
            f"The {where} has {count} classes but none of index {missing}; number them 0 to {count - 1}."
        )
    if repeated := _first_repeated([entry.name.strip().casefold() for entry in scheme.classes]):
        raise SchemeError(f'Two classes of the {where} are named "{repeated[0]}"; rename one.')
    if repeated := _first_repeated([color for entry in scheme.classes for color in entry.colors]):
        raise SchemeError(f"The {where} uses the color {repeated[0]} twice; change one of them.")
    if not 0 <= scheme.background < count:
        raise SchemeError(
            f"The {where} calls {scheme.background} its background; it must be a class, 0 to {count - 1}."
        )
    if scheme.um_per_px is not None and not 0 < scheme.um_per_px < float("inf"):
        raise SchemeError(
            f"The {where} has {scheme.um_per_px} um per px; the scale must be a positive number, or left out."
        )


def _first_repeated(items: Iterable[object]) -> list[object]:
    """Return the first item that occurs again, in a list; an empty list if all differ."""
    seen: set[object] = set()
    for item in items:
        if item in seen:
            return [item]
        seen.add(item)
    return []


def _checked_array(labels: npt.ArrayLike) -> npt.NDArray[np.integer]:
    """Return labels as a 2-D, non-empty integer array, or raise LabelMapError."""
    array = np.asarray(labels)
    shape = " x ".join(map(str, array.shape)) or "a single value"
    if array.ndim != 2:
        raise LabelMapError(
            f"A label map has two dimensions (y, x), but this one is {shape}; pass one plane of it."
        )
    if array.size == 0:
        raise LabelMapError(f"The label map is empty, {shape}; give it at least one pixel.")
    if array.dtype == np.bool_:
        return array.astype(np.uint8)  # not a view: booleans of Pillow are 0 and 255 in memory
    if not np.issubdtype(array.dtype, np.integer):
        raise LabelMapError(
            f"A label map holds whole numbers, but this one is {array.dtype}; convert it to uint8 indices."
        )
    return array


def _pixels(count: int) -> str:
    """Return ``"1 pixel"``, ``"1,234 pixels"``."""
    return f"{count:,} pixel{'' if count == 1 else 's'}"
