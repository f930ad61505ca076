"""Draws the way between two layouts as H&E, in the look that the canvas has, and writes a film of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.latent.film import Frame, check_film, save_film
from napari_histosynth.ui import layoutwork
from napari_histosynth.ui.jobs import Asked, Tell
from napari_histosynth.ui.layoutnote import KEY, note_of
from napari_histosynth.ui.layoutput import data_of, locked_of, spared
from napari_histosynth.ui.layoutway import LayoutWay
from napari_histosynth.ui.models import engine_maker

_DRAWN = 0.97  # share of the work that drawing is


def film_work(
    way: LayoutWay,
    path: Path,
    *,
    count: int,
    per_second: float,
    back: bool,
    failed: Callable[[str], object],
) -> Callable[[Tell, Asked], Path] | None:
    """Return what draws and saves a film, for a thread; None, after saying why, if it cannot be.

    Parameters
    ----------
    way : LayoutWay
        Both of its ends are there; its desk has the canvas, whose look and locked classes are kept.
    path : Path
        Where; the ending says as what.
    count : int
        Pictures from A to B, 2 or more.
    per_second : float
        Of a film.
    back : bool
        Whether a film goes back the way it came.
    failed : callable
        Told one sentence.
    """
    desk = way.desk
    painter, sheet = desk.painter, desk.canvas_sheet(way.nuclei)
    if painter is None or painter.model is None or sheet is None or not way.is_whole:
        failed("A film needs a canvas and both ends of the way; make new tissue, and set A and B.")
        return None
    try:
        check_film(count, sheet.shape)
    except HistosynthError as error:
        failed(str(error))
        return None
    model, data, locked = desk.model, data_of(painter), locked_of(painter)
    before = None if data is None or not locked else data.copy()
    make = engine_maker(painter.model, painter.looks.present, painter.desk)

    def work(tell: Tell, is_cancelled: Asked) -> Path:
        go_on = layoutwork.stoppable(tell, is_cancelled)
        sampler = layoutwork.load_sampler_cached(model)
        first, second = way.made_ends(sampler, sheet, is_cancelled)
        frames = []
        for number, share in enumerate(np.linspace(0, 1, count)):
            go_on(_DRAWN * number / count)
            made = layoutwork.between(sampler, first, second, float(share), layoutwork.ignored, is_cancelled)
            labels = made.layout.labels
            labels = labels if before is None else spared(labels, before, locked)
            engine = make(labels)
            image = engine.render(cancel=is_cancelled)
            origin = engine.provenance()
            note = note_of(made, sampler.model, labels)
            caption = (made.place.grade if share in (0, 1) else "") or f"{share:.0%}"
            frames.append(Frame(image, caption, replace(origin, extra={**origin.extra, KEY: note})))
        go_on(_DRAWN)
        save_film(path, frames, per_second=per_second, back=back)
        return path

    return work
