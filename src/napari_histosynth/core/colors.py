"""Colors to class indices: every pixel to the nearest color, or an error that says which is foreign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import LabelMapError, UnknownColorError

MAX_TOLERANCE = 16.0
"""Wander that decoding ever forgives, Euclidean in RGB counts; published label maps need 12.8."""

_COLORS = 1 << 24
_STRIP_PIXELS = 1 << 20  # packing a megapixel at a time keeps the temporaries at a few MB


def hex_to_rgb(color: str) -> tuple[int, int, int]:
    """Return ``"#rrggbb"`` as three counts, 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def look_up(table: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return ``table[labels]``, a strip at a time: NumPy would widen all of ``labels`` to 64 bits.

    Parameters
    ----------
    table : ndarray
        uint8 (n,) or (n, channels).
    labels : ndarray
        uint8 (y, x), values below n.

    Returns
    -------
    ndarray
        uint8 (y, x) or (y, x, channels).
    """
    found = np.empty(labels.shape + table.shape[1:], dtype=np.uint8)
    for rows in _strips(labels.shape):
        found[rows] = table[labels[rows]]
    return found


def tolerance_between(colors: npt.NDArray[np.int64], indices: npt.NDArray[np.int64]) -> float:
    """Return the Euclidean distance within which a pixel is read as a color.

    Parameters
    ----------
    colors : ndarray
        int64 (m, 3), 0 to 255.
    indices : ndarray
        int64 (m,), the class that each color stands for.

    Returns
    -------
    float
        A third of the smallest distance between colors of different classes, at most
        :data:`MAX_TOLERANCE`.
    """
    between = np.linalg.norm(colors[:, None] - colors[None], axis=-1)
    of_two_classes = between[indices[:, None] != indices[None]]
    return float(min(MAX_TOLERANCE, of_two_classes.min(initial=np.inf) / 3))


def decode_colors(
    rgb: npt.ArrayLike,
    colors: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int64],
    tolerance: float,
    scheme: str,
    names: Sequence[str],
) -> npt.NDArray[np.uint8]:
    """Give every pixel the class of the nearest color.

    Time is linear in the pixels and memory is a table of 2**24 colors, whatever the size of the picture.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3), or (y, x, 4) with alpha 255.
    colors, indices : ndarray
        int64 (m, 3) colors, and int64 (m,) the class of each.
    tolerance : float
        Farthest that a pixel may lie from its color, Euclidean.
    scheme, names : str, sequence of str
        Name of the scheme and of its classes by index, for the error's sentence.

    Returns
    -------
    ndarray
        uint8 (y, x) class indices.

    Raises
    ------
    UnknownColorError
        If a pixel is farther than ``tolerance`` from every color.
    LabelMapError
        If the array is not a picture, or not opaque.
    """
    picture = _checked_picture(rgb)
    present = np.zeros(_COLORS, dtype=bool)
    for _, packed in _packed_strips(picture):
        present[packed] = True
    found = np.flatnonzero(present)  # every color of the picture, packed, rising
    classes, distances = _nearest(found, colors, indices)
    foreign = found[distances > tolerance * tolerance]
    if foreign.size:
        raise UnknownColorError(_describe(picture, foreign, colors, indices, scheme, names))
    table = present.view(np.uint8)  # reused: only entries of colors that occur are ever read
    table[found] = classes
    labels = np.empty(picture.shape[:2], dtype=np.uint8)
    for rows, packed in _packed_strips(picture):
        labels[rows] = table[packed]
    return labels


def _checked_picture(rgb: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return a non-empty, opaque uint8 (y, x, 3) picture, or raise LabelMapError."""
    picture = np.asarray(rgb)
    if picture.ndim != 3 or picture.shape[2] not in (3, 4):
        shape = " x ".join(map(str, picture.shape))
        raise LabelMapError(
            f"A color label picture is y x x x 3 (or 4), but this array is {shape}; pass RGB pixels."
        )
    if picture.dtype != np.uint8:
        raise LabelMapError(
            f"A color label picture is uint8, but this one is {picture.dtype}; scale it to 0-255."
        )
    if picture.size == 0:
        raise LabelMapError(
            f"The label picture is empty, {picture.shape[0]} x {picture.shape[1]}; give it a pixel or more."
        )
    if picture.shape[2] == 4:
        clear = picture[..., 3] != 255
        if clear.any():
            row, column = divmod(int(clear.argmax()), picture.shape[1])
            raise LabelMapError(
                f"The label picture is transparent at {np.count_nonzero(clear):,} pixels, the first at "
                f"row {row}, column {column}; flatten it before loading."
            )
    return picture[..., :3]


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices of rows that hold about a megapixel each."""
    step = max(1, _STRIP_PIXELS // max(1, shape[1]))
    for top in range(0, shape[0], step):
        yield slice(top, min(top + step, shape[0]))


def _packed_strips(
    picture: npt.NDArray[np.uint8],
) -> Iterator[tuple[slice, npt.NDArray[np.uint32]]]:
    """Yield strips of rows with their colors packed as 0xRRGGBB, uint32 (rows, x)."""
    for rows in _strips(picture.shape):
        strip = picture[rows].astype(np.uint32)
        packed = strip[..., 0] << np.uint32(16) | strip[..., 1] << np.uint32(8) | strip[..., 2]
        yield rows, packed


def _unpack(packed: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Return packed colors (n,) as int64 (n, 3)."""
    return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.int64)


def _nearest(
    packed: npt.NDArray[np.intp], colors: npt.NDArray[np.int64], indices: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return, for packed colors (n,), the nearest class, uint8 (n,), and the squared distance, int64 (n,)."""
    best = np.full(packed.shape, np.iinfo(np.int64).max)
    classes = np.zeros(packed.shape, dtype=np.uint8)
    pixels = _unpack(packed)
    for color, index in zip(colors, indices, strict=True):
        distance = ((pixels - color) ** 2).sum(axis=-1)
        closer = distance < best
        best[closer] = distance[closer]
        classes[closer] = index
    return classes, best


def _describe(
    picture: npt.NDArray[np.uint8],
    foreign: npt.NDArray[np.intp],
    colors: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int64],
    scheme: str,
    names: Sequence[str],
) -> str:
    """Say which colors belong to no class, in how many pixels and where, and what is nearest."""
    is_foreign = np.zeros(_COLORS, dtype=bool)
    is_foreign[foreign] = True
    counts = np.zeros(foreign.shape, dtype=np.int64)
    first: tuple[int, int] | None = None
    for rows, packed in _packed_strips(picture):
        off = is_foreign[packed]
        if first is None and off.any():
            row, column = divmod(int(off.argmax()), picture.shape[1])
            first = rows.start + row, column
        values, occurrences = np.unique(packed[off], return_counts=True)
        counts[np.searchsorted(foreign, values)] += occurrences
    assert first is not None  # there is a foreign color, so it is somewhere
    commonest = foreign[counts.argmax()]
    nearest = int(_nearest(np.array([commonest]), colors, indices)[0][0])
    total = int(counts.sum())
    red, green, blue = colors[indices == nearest][0]
    subject = f"The color #{int(commonest):06x} belongs"
    if foreign.size > 1:
        subject = f"The color #{int(commonest):06x} and {foreign.size - 1:,} more belong"
    pixels = "1 pixel is off" if total == 1 else f"{total:,} pixels are off, the first"
    return (
        f"{subject} to no class of {scheme} (nearest: {names[nearest]}, #{red:02x}{green:02x}{blue:02x}): "
        f"{pixels} at row {first[0]}, column {first[1]}; recolor them or choose another scheme."
    )
