"""Sheets of samples of a training of layouts: H&E above labels, drawn beside real."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_histosynth.layout.flow import GUIDANCE, START, STEPS, carried, carried_on
from napari_histosynth.layout.redraw import field_noise, finer_noise

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    from napari_histosynth.layout.config import LayoutConfig, Phase
    from napari_histosynth.layout.data import PairSampler
    from napari_histosynth.layout.flow import Flow
    from napari_histosynth.layout.network import Encoder, Generator

#: Pixels a side of a sample on a sheet, samples of a grade, and pairs of the encoder.
_SIDE, _SEEDS, _ENCODED = 128, 4, 10


def grades_sheet(
    path: Path,
    config: LayoutConfig,
    draw: Callable[[Tensor, Tensor | None], Tensor],
    phase: Phase,
    shown: PairSampler,
    device: torch.device | str,
) -> None:
    """Draw a row of layouts for each grade, the same latents in each, and a row of real ones below."""
    from napari_histosynth.io import save_image

    grades = max(1, len(config.model.grades))
    latents = _latents(config, _SEEDS, device)
    rows = []
    for grade in range(grades):
        weights = torch.eye(grades, device=device)[grade].expand(_SEEDS, -1)
        with torch.no_grad():
            rows.append(draw(latents, weights if config.model.grades else None))
    batches = [shown.batch(phase.start + number)["pictures"] for number in range(-(-_SEEDS // phase.batch))]
    real = torch.from_numpy(np.concatenate(batches)[:_SEEDS]).to(device)
    save_image(path, np.vstack([_row(pictures, config) for pictures in [*rows, real]]))


def drawn_anew(generator: Generator, flows: Sequence[Flow], latents: Tensor, given: Tensor | None) -> Tensor:
    """Draw layouts, (n, channels, size, size), as a model with one flow or two draws new tissue."""
    begun = generator(latents, given)

    def noise_of(one: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return field_noise(one, generator.channels, generator.size)

    def noises(make: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(np.stack([make(z) for z in latents.cpu().numpy()])).to(latents.device)

    made = carried(flows[0], begun, noises(noise_of), given, start=START, steps=STEPS, guidance=GUIDANCE)
    for fine in flows[1:]:
        made = carried_on(fine, made, noises(lambda z: finer_noise(z, noise_of)), given)
    return made


def encoder_sheet(
    path: Path,
    config: LayoutConfig,
    generator: Generator,
    encoder: Encoder,
    shown: PairSampler,
    step: int,
    device: torch.device | str,
) -> None:
    """Draw real pairs and, below, what is drawn from the latents found for them (paper, Fig. 4)."""
    from napari_histosynth.io import save_image

    batch = shown.batch(step - 1)
    real = torch.from_numpy(batch["pictures"][:_ENCODED]).to(device)
    with torch.no_grad():
        found = encoder(real)
        size = config.model.latent_size
        grade = found[:, size:].softmax(1) if config.model.grades else None
        drawn = generator(found[:, :size], grade)
    save_image(path, np.vstack([_row(real, config), _row(drawn, config)]))


def picture_of(drawn: Tensor, config: LayoutConfig) -> list[npt.NDArray[np.uint8]]:
    """Return one drawn pair, (channels, y, x), as RGB pictures, uint8 (y, x, 3): image, then labels."""
    values = drawn.float().cpu().numpy()
    model = config.model
    image, maps = values[: model.image], values[model.image :]
    parts = [_rgb(image) if model.image == 3 else _rgb(np.repeat(image[:1], 3, 0))]
    if len(maps) and model.scheme:
        from napari_histosynth.core.tissue import get_scheme

        parts.append(get_scheme(model.scheme).palette[maps.argmax(0)])
    elif len(maps):
        parts.append(_rgb(np.repeat(maps[:1], 3, 0) if len(maps) < 3 else maps[:3]))
    return parts


def _row(pictures: Tensor, config: LayoutConfig) -> npt.NDArray[np.uint8]:
    columns = [np.vstack([_enlarged(part) for part in picture_of(one, config)]) for one in pictures]
    return np.hstack(columns)


def _enlarged(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    factor = max(1, _SIDE // len(rgb))
    return rgb.repeat(factor, 0).repeat(factor, 1)


def _rgb(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    scaled = np.clip((np.moveaxis(values, 0, 2) + 1) * 127.5, 0, 255)
    return np.asarray(np.rint(scaled), np.uint8)


def _latents(config: LayoutConfig, count: int, device: torch.device | str) -> Tensor:
    rng = np.random.default_rng(config.loop.seed)
    return torch.from_numpy(rng.standard_normal((count, config.model.latent_size), np.float32)).to(device)
