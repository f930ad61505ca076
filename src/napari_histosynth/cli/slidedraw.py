"""What commands of slides share: opening one, and having drawn what is missing by whoever draws."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.cli.console import progress, remark, say, waiting
from napari_histosynth.core.errors import ImageError, ModelError

if TYPE_CHECKING:
    from napari_histosynth.core.tiles import Window
    from napari_histosynth.slide.drawing import Crew
    from napari_histosynth.slide.model import SlideModel
    from napari_histosynth.slide.pyramid import Slide
    from napari_histosynth.slide.store import SlideStore


def open_slide(path: Path, model: str | None, device: str) -> Slide:
    """Return the slide of a store."""
    from napari_histosynth.slide.store import SlideStore

    store = SlideStore.open(path)
    with waiting(f"Loading {model or store.key.model}"):
        from napari_histosynth.slide.pyramid import Slide

        return Slide.of_store(store, _model_of(store, model, device))


def _model_of(store: SlideStore, model: str | None, device: str) -> SlideModel:
    """Return the model that a store was begun with."""
    from napari_histosynth.slide.model import load_slide_model

    try:
        return load_slide_model(model or store.key.model, device=device, precision=store.key.precision)
    except ModelError as error:
        if model is None and "damaged" not in str(error):
            raise ModelError(
                f"{store.path} was begun with the model {store.key.model!r}, which is not found by name; "
                "give its folder by --model."
            ) from error
        raise


def stored(slide: Slide) -> SlideStore:
    """Return the store of a slide that has one."""
    if slide.store is None:
        raise ImageError("The slide has no store.")
    return slide.store


def _crew(
    slide: Slide, workers: int, scheduler: str | None, model: str | None, device: str
) -> AbstractContextManager[Crew | None]:
    """Return who draws: workers of a cluster, processes, or this process."""
    from napari_histosynth.slide.drawing import Setup, default_workers, local_crew

    store = stored(slide)
    named = model or store.key.model
    if Path(named).is_dir():
        named = str(Path(named).resolve())
    setup = Setup(str(store.path.resolve()), named, device)
    if scheduler is not None:
        from napari_histosynth.slide.cluster import cluster_crew

        return cluster_crew(setup, scheduler)
    workers = workers or default_workers(slide.model.device.type)
    return local_crew(setup, workers) if workers > 1 else nullcontext()


def draw_missing(
    slide: Slide,
    level: int,
    window: Window | None,
    workers: int,
    scheduler: str | None,
    model: str | None,
    device: str,
    quiet: bool = False,
) -> None:
    """Draw what is missing, and say what was done."""
    from napari_histosynth.slide.drawing import Drawn, draw_slide, stages_of
    from napari_histosynth.slide.export import on_level

    store = stored(slide)
    part = None if window is None else on_level(slide.size, window, level)
    stages, kept = stages_of(slide, level, part)
    missing = sum(len(block) for stage in stages for block in stage)
    began, done = time.monotonic(), Drawn(0, kept, 0)
    if missing:
        try:
            with (
                _crew(slide, workers if missing > 1 else 1, scheduler, model, device) as crew,
                progress(f"Drawing {store.path.name}") as tell,
            ):
                done = draw_slide(slide, level, part, crew=crew, progress=tell)
        except KeyboardInterrupt:
            remark(f"What is finished is in {store.path}; the same command goes on from there.")
            raise
        store.tidy()
    if quiet:
        return
    took = time.monotonic() - began
    told = f"{took / 60:.1f} min" if took > 100 else f"{took:.1f} s"
    say(
        f"{store.path}: {done.tiles:,} tiles drawn in {told} by {done.evaluations:,} evaluations, "
        f"{done.kept:,} were there."
    )
