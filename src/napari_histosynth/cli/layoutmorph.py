"""The pictures of a film from one layout to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.latent.film import Frame

if TYPE_CHECKING:
    from napari_histosynth.layout.sampler import Layout, Sampler
    from napari_histosynth.paint.model import PaintModel


def morph_frames(
    sampler: Sampler,
    first: Layout,
    last: Layout,
    steps: int,
    painter: PaintModel | None = None,
    *,
    spherical: bool = True,
    tell: Callable[[float], None] = lambda share: None,
) -> list[Frame]:
    """Draw layouts from one to another, each as its label map, or with the H&E painted from it at its right.

    Parameters
    ----------
    sampler : Sampler
        What draws layouts.
    first, last : Layout
        Both ends.
    steps : int
        Pictures, ends included.
    painter : PaintModel, optional
        What paints, all in the look and texture of the first layout's seed.
    spherical : bool
        Whether latents go along a circle or a line.
    tell : callable
        Told the share that is done, 0 to 1.
    """
    from napari_histosynth.paint.render import render_labels

    frames = []
    scheme = get_scheme(first.scheme)
    for number, share in enumerate(np.linspace(0, 1, steps)):
        layout = sampler.between(first, last, float(share), spherical=spherical)
        made = sampler.provenance(layout)
        picture = scheme.encode(layout.labels)
        if painter is not None:
            painted = render_labels(
                painter,
                layout.labels,
                scheme=scheme,
                um_per_px=layout.um_per_px,
                seed=first.seed,
                latent_seed=first.seed,
            )
            picture = np.concatenate([picture, painted.image], axis=1)
            note = {"painter": painter.name, "painter_sha256": painter.sha256}
            made = replace(made, size=picture.shape[:2], extra={**made.extra, **note})
        captions = {0: first.grade, steps - 1: last.grade}
        frames.append(Frame(picture, captions.get(number) or f"{share:.0%}", made))
        tell((number + 1) / steps)
    return frames
