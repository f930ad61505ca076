"""The way as a film, and as a layer whose slider is the grade."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt

from napari_histosynth.io import read_image, read_provenance
from napari_histosynth.latent.anchors import Anchor
from napari_histosynth.latent.known import keep_anchor
from napari_histosynth.paint.canvas import Canvas

STYLES = {"healthy": [0, 0, 0, 1], "poor": [4, 2, 0, 1]}


@pytest.fixture
def desk(model: Any, painted: Any) -> Any:
    from napari_histosynth.ui.gradedesk import GradeDesk

    for number, (name, style) in enumerate(STYLES.items()):
        keep_anchor(model, Anchor(name, np.array(style, np.float32), grade=float(number)))
    painted.painter.stage.labels.data[20:90, 30:120] = 2
    return GradeDesk(painted.painter)


@pytest.fixture
def bar(desk: Any, qtbot: Any) -> Any:
    from napari_histosynth.ui.gradefilm import FilmBar

    bar = FilmBar(desk)
    qtbot.addWidget(bar)
    bar.count.setValue(5)
    return bar


def as_drawn(desk: Any, t: float) -> np.ndarray:
    """Return what the canvas shows at a share of the way."""
    painter = desk.painter
    return Canvas(painter.model, np.array(painter.stage.labels.data), latent=desk.latent(t), seed=0).render()


def test_a_strip_shows_the_way_from_end_to_end_and_says_what_made_it(
    bar: Any, desk: Any, wait: Any, tmp_path: Path
) -> None:
    bar.save_to(tmp_path / "way.png")
    wait(lambda: not bar.job.is_busy)
    assert bar.status.text() == f"Saved way.png in {tmp_path}."
    strip = read_image(tmp_path / "way.png")
    height, width = desk.painter.stage.shape
    for number, t in ((0, 0.0), (2, 0.5), (4, 1.0)):
        left = number * (width + 4)
        shown = strip[:height, left : left + width].astype(int)
        assert np.abs(shown - as_drawn(desk, t)).max() <= 1
    made = read_provenance(tmp_path / "way.png")
    assert made is not None
    assert made.synthetic
    captions = [frame["caption"] for frame in made.extra["frames"]]
    assert captions == [
        "healthy", "25% from healthy to poor", "50% from healthy to poor", "75% from healthy to poor", "poor"
    ]  # fmt: skip


def test_a_film_goes_there_and_back_at_its_speed(bar: Any, wait: Any, tmp_path: Path) -> None:
    bar.per_second.setValue(4)
    for name, back in (("back.gif", True), ("once.gif", False)):
        bar.back.setChecked(back)
        bar.save_to(tmp_path / name)
        wait(lambda: not bar.job.is_busy)
        with Image.open(tmp_path / name) as film:
            assert getattr(film, "n_frames", 1) == (8 if back else 5)
            assert film.info["duration"] == 250
            assert json.loads(film.info["comment"])["synthetic"] is True


def test_strengths_of_classes_hold_in_a_film_too(bar: Any, desk: Any, wait: Any, tmp_path: Path) -> None:
    desk.set_strength(2, 0.0)
    plan = bar.plan()
    first, last = (plan.canvas(number).render() for number in (0, 4))
    change = np.abs(first.astype(int) - last).mean(2)
    assert change[45:65, 60:90].mean() < 0.3 * change[120:, 130:].mean()


def test_a_film_can_be_cancelled_and_leaves_no_file(
    bar: Any, qtbot: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()
    render = Canvas.render

    def slow(self: Canvas, *rest: Any, cancel: Any = None, **more: Any) -> Any:
        if threading.current_thread().name != "histosynth-job":
            return render(self, *rest, cancel=cancel, **more)
        begun.set()
        while not cancel():
            threading.Event().wait(0.01)
        return render(self, *rest, cancel=cancel, **more)

    monkeypatch.setattr(Canvas, "render", slow)
    bar.save_to(tmp_path / "way.gif")
    wait(begun.is_set)
    assert not bar.save.isEnabled()
    bar.job_row.stop.click()
    wait(lambda: not bar.job.is_busy)
    assert bar.status.text() == "Saving the film was cancelled."
    assert not list(tmp_path.iterdir())
    assert bar.save.isEnabled()


def test_a_film_that_cannot_be_written_is_one_sentence(bar: Any, wait: Any, tmp_path: Path) -> None:
    bar.save_to(tmp_path / "none" / "way.gif")
    wait(lambda: not bar.job.is_busy)
    assert "none" in bar.status.text()
    assert bar.status.text().endswith(".")
    bar.count.setValue(120)
    bar._desk.painter.stage.labels.data = np.ones((2500, 2500), np.uint8)
    assert bar.plan() is None
    assert "take 2.1 GB" in bar.status.text()


def test_without_a_way_nothing_is_offered(painted: Any, qtbot: Any) -> None:
    from napari_histosynth.ui.gradedesk import GradeDesk
    from napari_histosynth.ui.gradefilm import FilmBar

    bar = FilmBar(GradeDesk(painted.painter))
    qtbot.addWidget(bar)
    assert not bar.save.isEnabled()
    assert not bar.stack.isEnabled()
    assert bar.plan() is None
    assert "no way" in bar.status.text()


def test_a_stack_is_drawn_where_its_slider_is(
    bar: Any, desk: Any, viewer: Any, qtbot: Any, wait: Any
) -> None:
    active = viewer.layers.selection.active
    qtbot.mouseClick(bar.stack, Qt.MouseButton.LeftButton)
    (stack,) = bar.stacks
    wait(lambda: not stack.is_drawing)
    layer = stack.layer
    assert layer.name == "healthy to poor"
    assert layer.data.shape == (5, *desk.painter.stage.shape, 3)
    assert stack.stack.drawn == 1
    assert viewer.layers.selection.active is active
    assert viewer.dims.axis_labels == ("grade", "y", "x")
    np.testing.assert_allclose(layer.scale, (25, 0.62, 0.62))
    viewer.dims.set_current_step(0, 4)
    assert "poor" in bar.status.text()
    wait(lambda: not stack.is_drawing)
    shown = np.asarray(layer.data[4]).astype(int)
    assert np.abs(shown - as_drawn(desk, 1)).max() <= 1
    assert stack.stack.drawn == 2
    np.testing.assert_array_equal(np.asarray(layer.data.dask()[4]), layer.data[4])
    viewer.layers.remove(layer)
    assert not stack.is_drawing
    assert viewer.dims.ndim == 2


def test_a_stack_stays_what_it_was_while_one_paints_on(
    bar: Any, desk: Any, viewer: Any, settle: Any, wait: Any
) -> None:
    before = as_drawn(desk, 0)
    bar.lay_stack()
    (stack,) = bar.stacks
    labels = desk.painter.stage.labels
    labels.paint((100, 100), 0)
    settle()
    np.testing.assert_allclose(stack.stack.picture(0).astype(int), before, atol=1)
    now = desk.painter.stage.pixels.astype(int)
    assert np.abs(now - before).max() > 5


def test_a_step_that_is_not_there_yet_is_answered_at_once(
    bar: Any, desk: Any, viewer: Any, wait: Any
) -> None:
    bar.lay_stack()
    (stack,) = bar.stacks
    wait(lambda: not stack.is_drawing)
    stack.close()  # nobody draws any more
    drawn = stack.stack.drawn
    assert np.asarray(stack.view[3]).shape == stack.stack.shape[1:]
    assert stack.view[1:3, 5:9, 2:4].shape == (2, 4, 2, 3)
    assert stack.stack.drawn == drawn
