"""Draw all of a slide, or a part of it: coarse to fine, in blocks of tiles, by one worker or many.

A block is drawn when all that it needs is finished, so that no two workers draw the same tile; which worker
draws it, and when, changes nothing in the pixels. Blocks go to whatever runs functions as
:mod:`concurrent.futures` does: this process, some processes of this machine, or those of a cluster
(:mod:`napari_histosynth.slide.cluster`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.lattice import Place, counts, is_on, places_in
from napari_histosynth.slide.levels import DRAWN, LEVELS, SKETCH_LEVEL

if TYPE_CHECKING:
    from napari_histosynth.slide.pyramid import Slide

Block = tuple[Place, ...]

#: Rows and columns of tiles that are drawn together: a tile of the parent has as many children.
BLOCK = 4
#: Most worker processes that are started if nobody says how many: each holds a model.
MOST_WORKERS = 8

_WAIT_S = 0.2
_AHEAD = 2  # blocks a worker that are handed out before it asks for them


@dataclass(frozen=True)
class Drawn:
    """What was done.

    Attributes
    ----------
    tiles : int
        Tiles that were drawn.
    kept : int
        Tiles that were finished before.
    evaluations : int
        How often a network was evaluated.
    """

    tiles: int
    kept: int
    evaluations: int


@dataclass(frozen=True)
class Setup:
    """What a worker needs to draw into a store.

    Attributes
    ----------
    store : str
        Folder of the store; the same for all workers.
    model : str
        Name or folder of the model.
    device : str
        Where to draw.
    """

    store: str
    model: str
    device: str = "auto"


@dataclass(frozen=True)
class Crew:
    """Who draws blocks.

    Attributes
    ----------
    executor : Executor
        Runs :func:`draw_block`.
    setup : Setup
        What it is told.
    workers : int
        How many blocks are drawn at once.
    """

    executor: Executor
    setup: Setup
    workers: int


def draw_slide(
    slide: Slide,
    level: int = 0,
    window: Window | None = None,
    *,
    crew: Crew | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Drawn:
    """Draw what is missing of a slide down to a level.

    Parameters
    ----------
    slide : Slide
        With a store.
    level : int
        The finest level to draw.
    window : Window, optional
        The part of that level, in its px; by default all of it, and of the levels above.
    crew : Crew, optional
        Who draws; by default this process.
    is_cancelled : callable, optional
        Asked now and then whether to stop; what is finished is kept.
    progress : callable, optional
        Told the share of the missing tiles that is done, 0 to 1.

    Raises
    ------
    SaveError
        If the store cannot be written.
    Cancelled
        If ``is_cancelled`` returned true.
    """
    stages, kept = stages_of(slide, level, window)
    total = sum(len(block) for stage in stages for block in stage)
    done = evaluations = 0

    def finish(block: Block, took: int) -> None:
        nonlocal done, evaluations
        done, evaluations = done + len(block), evaluations + took
        if progress is not None:
            progress(done / total)

    def check() -> None:
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("Drawing was stopped; what is finished is kept.")

    for stage in stages:
        if crew is None:
            for block in stage:
                check()
                finish(block, draw_block_of(slide, block))
        else:
            _hand_out(stage, crew, finish, check)
    return Drawn(done, kept, evaluations)


def stages_of(slide: Slide, level: int, window: Window | None = None) -> tuple[list[list[Block]], int]:
    """Return the blocks to draw, and how many tiles are finished already.

    Parameters
    ----------
    slide, level, window
        As for :func:`draw_slide`.

    Returns
    -------
    stages : list of list
        Blocks of one stage need those of earlier ones only.
    kept : int
        Finished tiles.
    """
    wanted = _wanted(slide, level, window)
    order: dict[tuple[int, int, int], list[Place]] = defaultdict(list)
    kept = 0
    for one in range(LEVELS):
        finished = None if slide.store is None else slide.store.finished(one)
        for place in wanted[one]:
            if finished[place.row, place.col] if finished is not None else slide.has(*place):
                kept += 1
                continue
            # odd levels last, from fine to coarse: they fill themselves while the others are drawn
            odd = one % 2
            order[(odd, one if odd else -one, slide.turn(*place))].append(place)
    return [_blocks(order[key]) for key in sorted(order)], kept


def draw_block_of(slide: Slide, block: Iterable[Place]) -> int:
    """Draw the tiles of a block; return how often a network was evaluated."""
    before = slide.evaluations
    slide.tiles(block)
    return slide.evaluations - before


def draw_block(setup: Setup, block: Block) -> int:
    """Draw a block in a worker, which loads the model at its first; return the evaluations."""
    return draw_block_of(_slide_of(setup), block)


@contextlib.contextmanager
def local_crew(setup: Setup, workers: int) -> Iterator[Crew]:
    """Give processes of this machine, each with one thread.

    Parameters
    ----------
    setup : Setup
        What they are told.
    workers : int
        How many.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")  # threads of torch do not live through a fork
    executor = ProcessPoolExecutor(workers, context, initializer=_begin_worker)
    try:
        yield Crew(executor, setup, workers)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def default_workers(device: str) -> int:
    """Return how many processes to draw with: one a core, one if a GPU draws."""
    if device != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def _wanted(slide: Slide, level: int, window: Window | None) -> list[set[Place]]:
    """Return the tiles to be finished, by level."""
    wanted: list[set[Place]] = [set() for _ in range(LEVELS)]
    if window is None:
        for one in range(level - level % 2, LEVELS):
            rows, cols = counts(slide.size, one)
            wanted[one] = {Place(one, row, col) for row in range(rows) for col in range(cols)}
        return wanted
    inside = window.clip(slide.shape(level))
    wanted[level] = {place for place in places_in(level, inside) if is_on(slide.size, place)}
    # an odd level needs the finer one, which needs the next coarser that is drawn
    for one in ([level] if level % 2 else []) + sorted(DRAWN):
        if one == SKETCH_LEVEL:
            break
        for place in wanted[one]:
            for need in slide.tiles_needed(*place):
                wanted[need.level].add(need)
    return wanted


def _blocks(places: Iterable[Place]) -> list[Block]:
    """Return tiles of a level in blocks, from top to bottom."""
    blocks: dict[tuple[int, int], list[Place]] = defaultdict(list)
    for place in sorted(places):
        blocks[place.row // BLOCK, place.col // BLOCK].append(place)
    return [tuple(blocks[key]) for key in sorted(blocks)]


def _hand_out(
    blocks: Iterable[Block], crew: Crew, finish: Callable[[Block, int], None], check: Callable[[], None]
) -> None:
    """Have blocks drawn by a crew; when it ends, no block is at work, however it ends."""
    left = iter(blocks)
    pending: dict[Future[int], Block] = {}
    try:
        while True:
            check()
            while len(pending) < crew.workers * _AHEAD and (block := next(left, None)) is not None:
                pending[crew.executor.submit(draw_block, crew.setup, block)] = block
            if not pending:
                return
            done, _ = wait(pending, timeout=_WAIT_S, return_when=FIRST_COMPLETED)
            for future in done:
                finish(pending.pop(future), _result_of(future))
    finally:
        for future in pending:
            future.cancel()
        wait([future for future in pending if not future.cancelled()])


def _result_of(future: Future[int]) -> int:
    """Return what a worker answered.

    Raises
    ------
    HistosynthError
        If it could not, or is gone.
    """
    try:
        return future.result()
    except (HistosynthError, KeyboardInterrupt):
        raise
    except Exception as error:  # a worker that was killed, a connection that broke: each library has its own
        raise HistosynthError(
            f"A worker could not draw ({type(error).__name__}: {str(error)[:200] or 'it ended'}); what is "
            "finished is kept, so draw again, with fewer workers if memory ran out."
        ) from error


_slides: dict[Setup, Slide] = {}
_slides_lock = threading.Lock()


def _slide_of(setup: Setup) -> Slide:
    """Return the slide that a worker draws, opened once."""
    with _slides_lock:
        if setup not in _slides:
            from napari_histosynth.slide.model import load_slide_model
            from napari_histosynth.slide.pyramid import Slide
            from napari_histosynth.slide.store import SlideStore

            store = SlideStore.open(Path(setup.store))
            model = load_slide_model(setup.model, device=setup.device, precision=store.key.precision)
            _slides.clear()  # the one before is done with
            _slides[setup] = Slide.of_store(store, model)
        return _slides[setup]


def _begin_worker() -> None:
    """Take one thread, leave Ctrl-C to the parent, and end when it ends, however it ends."""
    import multiprocessing
    import signal

    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
