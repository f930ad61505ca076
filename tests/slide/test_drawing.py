"""Drawing all of a slide: stages, crews, stopping and going on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled, HistosynthError, SaveError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.drawing import Crew, Setup, draw_slide, local_crew, stages_of
from napari_histosynth.slide.lattice import Place, counts
from napari_histosynth.slide.levels import LEVELS
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.slide.store import SlideStore

SIZE = (600, 900)
TILES = sum(counts(SIZE, level)[0] * counts(SIZE, level)[1] for level in range(LEVELS))
Begin = Callable[[str], Slide]


@pytest.fixture
def begin(tiny_slide_model: Any, tmp_path: Path) -> Begin:
    layout = np.zeros((10, 15), np.uint8)
    layout[2:9, 1:6] = 1

    def begin(name: str) -> Slide:
        slide = Slide(tiny_slide_model, 7, SIZE, layout=layout)
        slide.begin_store(tmp_path / f"{name}.ome.zarr")
        return slide

    return begin


def setup_of(slide: Slide, folder: Path) -> Setup:
    assert slide.store is not None
    return Setup(str(slide.store.path), str(folder), "cpu")


def files_of(slide: Slide) -> dict[str, bytes]:
    assert slide.store is not None
    path = slide.store.path
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("c/**/*") if file.is_file()}


def test_blocks_of_a_stage_need_earlier_ones_only(begin: Begin) -> None:
    slide = begin("a")
    stages, kept = stages_of(slide, 0)
    assert kept == 0
    finished: set[Place] = set()
    for stage in stages:
        for block in stage:
            assert {need for place in block for need in slide.tiles_needed(*place)} <= finished
        finished |= {place for block in stage for place in block}
    assert len(finished) == TILES


def test_a_window_takes_no_more_than_it_needs(begin: Begin) -> None:
    slide = begin("a")
    done = draw_slide(slide, 0, Window(300, 400, 300, 500))
    assert slide.has(0, 1, 1)
    assert not slide.has(0, 0, 0)
    assert done.tiles == 5  # one a drawn level
    stages, _ = stages_of(slide, 1, Window(0, 100, 0, 100))
    assert {place.level for stage in stages for block in stage for place in block} == {0, 1}


def test_all_is_drawn_and_nothing_twice(begin: Begin) -> None:
    slide = begin("a")
    told: list[float] = []
    done = draw_slide(slide, progress=told.append)
    assert done.tiles == TILES
    assert done.evaluations == slide.evaluations
    assert told == sorted(told)
    assert told[-1] == 1
    assert all(slide.store.finished(level).all() for level in range(LEVELS) if slide.store)
    again = draw_slide(slide)
    assert (again.tiles, again.kept, again.evaluations) == (0, TILES, 0)


def test_it_goes_on_where_it_was_stopped(begin: Begin) -> None:
    slide, whole = begin("a"), begin("b")
    draw_slide(whole)
    calls = iter(range(100))
    with pytest.raises(Cancelled, match="what is finished is kept"):
        draw_slide(slide, is_cancelled=lambda: next(calls) >= 3)
    _, kept = stages_of(slide, 0)
    assert 0 < kept < TILES
    done = draw_slide(slide)
    assert done.tiles + done.kept == TILES
    assert files_of(slide) == files_of(whole)


def test_two_slides_on_one_store_do_no_harm(begin: Begin, tiny_slide_model: Any) -> None:
    slide, whole = begin("a"), begin("b")
    draw_slide(whole)
    assert slide.store is not None
    other = Slide.of_store(SlideStore.open(slide.store.path), tiny_slide_model)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(draw_slide, one) for one in (slide, other)]:
            done.result()
    assert files_of(slide) == files_of(whole)


def test_a_crew_draws_the_same_bytes(begin: Begin, slide_folder: Path) -> None:
    slide, whole = begin("a"), begin("b")
    draw_slide(whole)
    with ThreadPoolExecutor(3) as pool:
        done = draw_slide(slide, crew=Crew(pool, setup_of(slide, slide_folder), 3))
    assert done.tiles == TILES
    assert slide.evaluations == 0
    assert files_of(slide) == files_of(whole)


class Answers(Executor):
    """Fails as workers do."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(self.error)
        return future


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (SaveError("The disk is full."), SaveError, "disk is full"),
        (RuntimeError("killed"), HistosynthError, r"RuntimeError: killed\); what is finished is kept"),
    ],
)
def test_what_befell_a_worker_is_one_sentence(
    begin: Begin, error: Exception, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        draw_slide(begin("a"), crew=Crew(Answers(error), Setup("", ""), 2))


@pytest.mark.slow
def test_processes_draw_the_same_bytes_as_this_one(begin: Begin, slide_folder: Path) -> None:
    slide, whole = begin("a"), begin("b")
    draw_slide(whole)
    with local_crew(setup_of(slide, slide_folder), 2) as crew:
        done = draw_slide(slide, crew=crew)
    assert done.tiles == TILES
    assert files_of(slide) == files_of(whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_draws_the_same_bytes_as_one_machine(begin: Begin, slide_folder: Path) -> None:
    distributed = pytest.importorskip("distributed")
    from napari_histosynth.slide.cluster import cluster_crew

    slide, whole = begin("a"), begin("b")
    draw_slide(whole)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options, host="127.0.0.1", protocol="tcp") as cluster,
        cluster_crew(setup_of(slide, slide_folder), cluster.scheduler_address) as crew,
    ):
        assert crew.workers == 2
        done = draw_slide(slide, crew=crew)
    assert done.tiles == TILES
    assert files_of(slide) == files_of(whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    from napari_histosynth.slide import cluster

    monkeypatch.setattr(cluster, "_TIMEOUT_S", 0.2)
    with (
        pytest.raises(HistosynthError, match=r"No scheduler answers at tcp://127\.0\.0\.1:9"),
        cluster.cluster_crew(Setup("", ""), "tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.slow
def test_a_kill_loses_nothing_but_tiles_in_flight(begin: Begin, slide_folder: Path) -> None:
    slide, whole = begin("a"), begin("b")
    draw_slide(whole)
    assert slide.store is not None
    code = f"""
import os, signal
from pathlib import Path
from napari_histosynth.slide.drawing import draw_slide
from napari_histosynth.slide.model import load_slide_model
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.slide.store import SlideStore
model = load_slide_model({str(slide_folder)!r}, device="cpu", precision="fp32")
slide = Slide.of_store(SlideStore.open(Path({str(slide.store.path)!r})), model)
put, count = slide.store.put, 0
def put_some(place, tile):
    global count
    count += 1
    if count == 9:
        (slide.store.path / "0/c/0/0").mkdir(parents=True, exist_ok=True)
        os.kill(os.getpid(), signal.SIGKILL)
    put(place, tile)
slide.store.put = put_some
draw_slide(slide)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    stages, kept = stages_of(slide, 0)
    assert kept == 8
    assert stages
    draw_slide(slide)
    assert files_of(slide) == files_of(whole)
    assert os.path.isdir(slide.store.path)
