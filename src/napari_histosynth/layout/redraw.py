"""Fields and planes of tissue as a model of layouts draws them: laid out by the GAN, drawn anew by the flow.

The noise that the flow begins with is made of the latents, so that a latent alone says what a layout is, and
what lies between two latents lies between their layouts: noise at a pixel is the product of a latent with a
fixed direction of that pixel. Of a lattice of latents it is blended as the features that the GAN grows are
(``layout.spread``), with weights whose squares sum up to 1. A model without a flow has what its GAN draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.layout.flow import GUIDANCE, JOINING, START, STEPS, carried, carried_on
from napari_histosynth.layout.grading import laid_over
from napari_histosynth.layout.network import BASE
from napari_histosynth.layout.reading import apart, channels_of
from napari_histosynth.layout.spread import LEAD, STEP, Cells, draw_plane

if TYPE_CHECKING:
    from napari_histosynth.layout.flow import Flow
    from napari_histosynth.layout.model import LayoutModel

Floats = npt.NDArray[np.float32]
Progress = Callable[[float], None]

#: Pixels a side of a plane that the flow draws at once, without what it looks at beyond.
BLOCK = 768

_FIRST = 0.35  # share of the work that is the first flow's where there are two
_DIRECTIONS = 0x1A73  # stream of the noise that directions are


def drawn_field(
    model: LayoutModel, latent: Floats, weights: Floats, kept: float = START
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Draw the field of a latent.

    Parameters
    ----------
    model : LayoutModel
        What draws.
    latent, weights : ndarray
        float32 (d,) and (g,).
    kept : float
        How much the flow keeps of what the GAN has laid out, 0 to 1.

    Returns
    -------
    image : ndarray
        uint8 (s, s, 3), H&E, s that of :attr:`LayoutModel.drawn_size`.
    labels : ndarray
        float32 (k, s, s), how much there is of each class, about -1 to 1.
    """
    images, amounts = model.draw(latent[None], weights[None])

    def noise_of(latents: Floats) -> Floats:
        return field_noise(latents, len(amounts[0]) + 3, model.size)

    return _redrawn(model, images[0], amounts[0], latent, noise_of, weights, kept)


def drawn_plane(
    model: LayoutModel,
    cells: Cells,
    places: tuple[int, int],
    progress: Progress = lambda share: None,
    known: tuple[Floats, npt.NDArray[np.bool_]] | None = None,
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Draw a canvas of any size, beginning with :func:`~napari_histosynth.layout.spread.draw_plane`.

    Parameters
    ----------
    model, cells, places, progress
        As there.
    known : tuple of ndarray, optional
        How much there is of each class, float32 (k, y, x) from -1 to 1, and bool (y, x), where that is not
        known and tissue is drawn that joins it. A model without a flow takes no notice.

    Returns
    -------
    image : ndarray
        uint8 (y, x, 3), at :attr:`LayoutModel.drawn_um_per_px`, as are ``known`` and the labels.
    labels : ndarray
        float32 (k, y, x).
    """
    if model.flow is None:
        return draw_plane(model, cells, places, progress)
    image, labels = draw_plane(model, cells, places, lambda done: progress(0.1 * done))

    def noise_of(latents: Floats) -> Floats:
        return plane_noise(replace(cells, latents=latents), places, len(labels) + 3, model.size)

    grades = plane_weights(cells, places, model.cell)
    done = partial(_part, progress, 0.1, 1.0)
    return _redrawn(model, image, labels, cells.latents, noise_of, grades, cells.kept, done, known)


def field_noise(latent: Floats, channels: int, size: int) -> Floats:
    """Return the noise of a latent, float32 (channels, size, size), of which only the direction counts."""
    directions = _directions(len(latent), channels, size)
    length = max(float(np.linalg.norm(latent)), 1e-6)
    # a library of matrices may add up in another order with another number of threads
    made = np.einsum("d,dp->p", np.float32(latent / length), directions, optimize=False)
    return np.asarray(made, np.float32).reshape(channels, size, size)


def plane_noise(cells: Cells, places: tuple[int, int], channels: int, size: int) -> Floats:
    """Return the noise of a lattice of latents over a canvas, float32 (channels, y, x).

    Parameters
    ----------
    cells : Cells
        The lattice.
    places : tuple of int
        Height and width of the canvas, in places of a base.
    channels, size : int
        Of a field.
    """
    side = size // BASE
    whole = Window(0, places[0] * side, 0, places[1] * side)
    taper = np.sin(np.pi * (np.arange(size, dtype=np.float32) + 0.5) / size) ** 2
    weight = np.outer(taper, taper)
    made = np.zeros((channels, *whole.shape), np.float32)
    power = np.zeros(whole.shape, np.float32)
    for row, column in np.ndindex(*cells.latents.shape[:2]):
        y, x = (STEP * side * (at - LEAD) for at in (row, column))
        at = Window(y, y + size, x, x + size)
        seen = at.intersect(whole)
        if seen.is_empty:
            continue
        part = seen.relative_to(at).slices
        made[:, *seen.slices] += (weight * field_noise(cells.latents[row, column], channels, size))[:, *part]
        power[seen.slices] += weight[part] ** 2
    return np.asarray(made / np.sqrt(power), np.float32)


def finer_noise(latents: Floats, noise_of: Callable[[Floats], Floats]) -> Floats:
    """Return noise of twice as many pixels a side that latents stand for.

    Each of the four pixels in the place of one has the noise of the same latents, turned by a quarter: at
    right angles to one another, so that their noise is independent.

    Parameters
    ----------
    latents : ndarray
        float32 (..., d), d a multiple of 4.
    noise_of : callable
        Makes noise, float32 (channels, y, x), of such latents.

    Returns
    -------
    ndarray
        float32 (channels, 2 y, 2 x).
    """
    quarters = [noise_of(one) for one in turned_by_quarters(latents)]
    channels, height, width = quarters[0].shape
    made = np.empty((channels, 2 * height, 2 * width), np.float32)
    for number, (row, column) in enumerate(np.ndindex(2, 2)):
        made[:, row::2, column::2] = quarters[number]
    return made


def turned_by_quarters(latents: Floats) -> list[Floats]:
    """Return latents, (..., d), themselves and turned three ways, all at right angles: as quaternions are."""
    a, b, c, d = np.moveaxis(latents.reshape(*latents.shape[:-1], -1, 4), -1, 0)
    turns = ((a, b, c, d), (-b, a, -d, c), (-c, d, a, -b), (-d, -c, b, a))
    return [np.stack(parts, -1).reshape(latents.shape) for parts in turns]


def plane_weights(cells: Cells, places: tuple[int, int], side: int) -> Floats:
    """Return the weights of the grades over a canvas: float32 (g,) where all are alike, else (g, y, x)."""
    first = cells.weights[0, 0]
    if (cells.weights == first).all():
        return np.asarray(first)

    def shares_of_lattice(axis: int) -> npt.NDArray[np.float64]:
        pixels = np.arange(places[axis] * side) + 0.5
        places_there = (pixels / side - BASE / 2) / STEP + LEAD + 0.5
        return np.asarray(places_there / cells.weights.shape[axis])

    shape = places[0] * side, places[1] * side
    planes = laid_over(cells.weights, shape, (shares_of_lattice(0), shares_of_lattice(1)))
    return np.ascontiguousarray(planes.transpose(2, 0, 1))


@lru_cache(maxsize=2)
def _directions(latent_size: int, channels: int, size: int) -> Floats:
    """Return a direction for each number of a field, float32 (latent_size, channels * size * size)."""
    window = Window(0, latent_size, 0, channels * size * size)
    return gaussian(0, _DIRECTIONS, 0, window)


def _redrawn(
    model: LayoutModel,
    image: npt.NDArray[np.uint8],
    labels: Floats,
    latents: Floats,
    noise_of: Callable[[Floats], Floats],
    grades: Floats,
    kept: float,
    progress: Progress = lambda share: None,
    known: tuple[Floats, npt.NDArray[np.bool_]] | None = None,
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Draw anew what was laid out, with all flows that there are; ``noise_of`` makes noise of latents."""
    if model.flow is None:
        return image, labels
    begun = torch.from_numpy(channels_of(image, labels))[None].to(model.device)
    given = torch.from_numpy(np.ascontiguousarray(grades))[None].to(model.device) if len(grades) else None
    first = 1.0 if model.fine is None else _FIRST
    joins = known is not None
    coarse = _halved(*known) if known is not None and model.fine is not None else known
    with torch.inference_mode():
        made = carried(
            in_blocks(model.flow, BLOCK),
            begun,
            torch.from_numpy(noise_of(latents))[None].to(model.device),
            given,
            start=kept,
            steps=JOINING if joins else STEPS,
            guidance=0.0 if joins else GUIDANCE,
            progress=partial(_part, progress, 0.0, first),
            held=_held(coarse, model.device),
        )
        if model.fine is not None:
            made = carried_on(
                in_blocks(model.fine, BLOCK),
                made,
                torch.from_numpy(finer_noise(latents, noise_of))[None].to(model.device),
                given,
                progress=partial(_part, progress, first, 1.0),
                held=_held(known, model.device),
            )
    return apart(made[0].float().cpu().numpy())


def _part(progress: Progress, begin: float, end: float, done: float) -> None:
    progress(begin + (end - begin) * done)


def _halved(amounts: Floats, free: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return what is known in pixels twice as large, of which those are free that are so in part."""
    k, y, x = amounts.shape
    blocks = np.asarray(free.reshape(y // 2, 2, x // 2, 2).any((1, 3)))
    return np.asarray(amounts.reshape(k, y // 2, 2, x // 2, 2).mean((2, 4)), np.float32), blocks


def _held(
    known: tuple[Floats, npt.NDArray[np.bool_]] | None, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return what a flow has to hold, and where it has not, as channels: no image is known anywhere."""
    if known is None:
        return None
    amounts, free = known
    of_image = np.zeros((3, *free.shape), np.float32)
    everywhere = np.concatenate([np.ones(of_image.shape, bool), np.broadcast_to(free, amounts.shape)])
    held = torch.from_numpy(np.concatenate([of_image, amounts]))[None]
    return held.to(device), torch.from_numpy(everywhere)[None].to(device)


def in_blocks(
    flow: Flow, block: int
) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]:
    """Return a flow that draws large planes in blocks, each with what it looks at beyond its borders."""

    def direction(x: torch.Tensor, time: torch.Tensor, grade: torch.Tensor | None = None) -> torch.Tensor:
        whole = Window.of_shape((x.shape[-2], x.shape[-1]))
        if max(whole.shape) <= block:
            return torch.as_tensor(flow(x, time, grade))
        made = torch.empty_like(x)
        for tile in tile_windows(whole, block):
            seen = tile.grow(flow.reach).clip(whole.shape)
            rows, columns = seen.slices
            told = grade[..., rows, columns] if grade is not None and grade.ndim == 4 else grade
            drawn = flow(x[..., rows, columns], time, told)
            made[..., *tile.slices] = drawn[..., *tile.relative_to(seen).slices]
        return made

    return direction
