"""Filling a part of a canvas with new tissue: worked out in a thread, written as one step of undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.errors import ImageError
from napari_histosynth.ui import layoutwork
from napari_histosynth.ui.jobs import Asked, Tell
from napari_histosynth.ui.layoutdesk import LayoutDesk
from napari_histosynth.ui.layoutnote import note_in
from napari_histosynth.ui.layoutput import Change, change_of, data_of, locked_of
from napari_histosynth.ui.layoutwork import Place

_DRAWN = 0.9  # share of the work that drawing is


def fill(
    desk: LayoutDesk,
    inside: Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]],
    place: Place,
    nuclei: bool,
) -> None:
    """Fill a part of the canvas of a desk with new tissue that joins what is around it.

    Parameters
    ----------
    desk : LayoutDesk
        Has canvas and model.
    inside : callable
        Given the labels of the canvas, returns where, bool (y, x); called in a thread.
    place : Place
        Seed and grade of what is filled in.
    nuclei : bool
        Whether nuclei are placed in it.
    """
    painter, data, sheet, model = desk.painter, data_of(desk.painter), desk.canvas_sheet(nuclei), desk.model
    if not model:
        desk.failed.emit(layoutwork.NO_MODEL)
        return
    if painter is None or painter.stage is None or data is None or sheet is None:
        desk.failed.emit("There is no canvas to fill; make new tissue first.")
        return
    locked, noted = locked_of(painter), note_in(painter.stage.labels) or {}

    def work(tell: Tell, is_cancelled: Asked) -> tuple[Change, int]:
        where = inside(data)
        if not where.any():
            raise ImageError("The region is empty; draw around a part of the canvas, or choose a class.")
        sampler = layoutwork.load_sampler_cached(model)
        before, _ = sheet.scheme.sanitize(data)
        told: Tell = lambda share: tell(_DRAWN * share)  # noqa: E731
        labels = layoutwork.filled(sampler, np.array(before), where, place, sheet, locked, told, is_cancelled)
        labels = np.where(labels == before, data, labels).astype(data.dtype)  # values of no class stay, too
        change = change_of(labels, None, data, locked)
        if change.data is None:
            raise ImageError(
                f"A canvas of {data.shape[1]:,} x {data.shape[0]:,} px is too large for one step of undo; "
                "fill a smaller one."
            )
        step = {"seed": place.seed, "grade": place.grade, "pixels": int(where.sum())}
        made = {"model": sampler.model.name, "model_sha256": sampler.model.sha256}
        fills = [*noted.get("fills", []), {**made, **step}]
        note = {**noted, "synthetic": True, "fills": fills}
        return replace(change, note=note), sum(len(part[0]) for part in change.parts)

    def put(done: tuple[Change, int]) -> None:
        change, pixels = done
        if desk.painter is not painter:
            return
        if not desk.putter.put(
            painter, change, lambda: desk.said.emit(f"Filled: {pixels:,} pixels changed.")
        ):
            desk.failed.emit("The canvas became another one meanwhile; nothing was filled.")

    desk.start("Filling the region", work, put)
