"""The slider between two layouts: dragged by the mouse, beside the grade slider, as a film, from H&E."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_histosynth.io import read_provenance
from napari_histosynth.latent.anchors import Anchor
from napari_histosynth.latent.known import keep_anchor
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.ui.layers import METADATA_KEY
from napari_histosynth.ui.layoutwork import Place

_spec = spec_from_file_location("layoutfake", Path(__file__).with_name("layoutfake.py"))
assert _spec is not None
assert _spec.loader is not None
_fakes = module_from_spec(_spec)
_spec.loader.exec_module(_fakes)
SIDE, stripes = _fakes.SIDE, _fakes.stripes
errors, engine, canvas = _fakes.errors, _fakes.engine, _fakes.canvas  # fixtures
A, B = Place(3, "healthy"), Place(4, "poor")


@pytest.fixture
def dock(viewer: Any, canvas: Any) -> Iterator[Any]:
    """Return the dock, with a layout at either end of the way."""
    from napari_histosynth.ui.layout import LayoutDock

    dock = LayoutDock(viewer)
    viewer.window.add_dock_widget(dock, name="New tissue", area="right")
    dock.way.set_end("B", B)
    dock.way.set_end("A", A)
    yield dock
    dock.shut_down()


@pytest.fixture
def rest(dock: Any, wait: Any) -> Callable[[], None]:
    """Return a function that waits until all is drawn and written."""

    def is_done() -> bool:
        painter = dock.desk.painter
        return not (dock.desk.job.is_busy or dock.way.is_busy or painter.is_drawing)

    return lambda: wait(is_done)


def between(share: float) -> np.ndarray:
    """Return the labels of a share of the way, as the fake engine has them."""
    labels, edge = stripes(3, "healthy", (SIDE, SIDE)), round(share * SIDE)
    labels[:, :edge] = stripes(4, "poor", (SIDE, SIDE))[:, :edge]
    return labels


def labels_of(canvas: Any) -> np.ndarray:
    return np.asarray(canvas.painter.stage.labels.data)


def test_dragging_shows_labels_and_picture_and_letting_go_is_one_step_of_undo(
    canvas: Any, dock: Any, rest: Any, mouse: Any, wait: Any, engine: Any, draw_whole: Any
) -> None:
    slider, painter = dock.morph.slider, canvas.painter
    slider.resize(300, slider.sizeHint().height())
    before = painter.stage.pixels.copy()
    at = slider.place_of
    seen: list[bool] = []
    dock.way.previewed.connect(lambda: seen.append((labels_of(canvas) != 1).any()))
    mouse.press(slider, at(0.1))
    for share in (0.2, 0.3, 0.4):
        mouse.move(slider, at(share), mouse.left)
    assert dock.way.share == pytest.approx(0.4, abs=0.01)
    wait(lambda: len(seen) > 0 and not dock.way.job.is_busy and dock.way._wish is None)
    np.testing.assert_array_equal(labels_of(canvas), between(slider.value() / 1000))
    wait(lambda: not painter.is_drawing)
    assert (painter.stage.pixels != before).any(), "the H&E follows while one drags"
    mouse.move(slider, at(0.5), mouse.left)
    mouse.release(slider, at(0.5))
    rest()
    np.testing.assert_array_equal(labels_of(canvas), between(0.5))
    assert int(np.abs(painter.stage.pixels.astype(int) - draw_whole(painter)).max()) <= 1
    assert engine.threads == {False}
    note = painter.stage.labels.metadata[METADATA_KEY]["layout"]["between"]
    assert (note["A"]["seed"], note["B"]["seed"], note["share"]) == (3, 4, 0.5)
    painter.stage.labels.undo()
    assert (labels_of(canvas) == 1).all(), "as before the mouse was pressed"
    painter.stage.labels.redo()
    np.testing.assert_array_equal(labels_of(canvas), between(0.5))


def test_ends_are_the_layouts_themselves_and_are_taken_from_the_canvas(
    canvas: Any, dock: Any, rest: Any
) -> None:
    QTest.keyClick(dock.morph.slider, Qt.Key.Key_End)
    rest()
    QTest.qWait(400)  # the keys rest
    rest()
    np.testing.assert_array_equal(labels_of(canvas), stripes(4, "poor", (SIDE, SIDE)))
    dock.morph.swap.click()
    assert dock.way.share == 0
    assert dock.way.ends["A"] is B
    assert dock.morph.caption.text() == "0% of the way from A to B"
    for seed in (5, 8):
        dock.form.seed.setValue(seed)
        dock.form.go.click()
        rest()
    dock.morph.take["A"].click()
    canvas.painter.stage.labels.undo()
    dock.morph.take["B"].click()
    assert [dock.way.ends[end].seed for end in "AB"] == [8, 5], "as undo has left it"


def test_locked_classes_stay_while_one_drags_and_a_dock_closed_then_gives_the_canvas_back(
    canvas: Any, dock: Any, rest: Any, wait: Any
) -> None:
    layer = canvas.painter.stage.labels
    layer.data[40:80, 40:80] = 3
    layer.refresh()
    rest()
    dock.locks.locks.buttons[3].click()
    expected = between(0.6)
    expected[40:80, 40:80] = 3
    dock.way.set_share(0.6, dragging=True)
    wait(lambda: not dock.way.is_busy)
    np.testing.assert_array_equal(labels_of(canvas), expected)
    dock.way.set_share(0.6)
    rest()
    np.testing.assert_array_equal(labels_of(canvas), expected)
    dock.way.set_share(0.1, dragging=True)
    wait(lambda: not dock.way.is_busy)
    assert (labels_of(canvas) != expected).any()
    dock.shut_down()
    np.testing.assert_array_equal(labels_of(canvas), expected)


def test_layout_slider_and_grade_slider_leave_each_other_alone(
    canvas: Any, dock: Any, rest: Any, viewer: Any, model: Any
) -> None:
    from napari_histosynth.ui.grade import GradeDock

    styles = {"healthy": [0, 0, 0, 1], "poor": [4, 2, 0, 1]}
    for number, (name, style) in enumerate(styles.items()):
        keep_anchor(model, Anchor(name, np.array(style, np.float32), grade=float(number)))
    grade = GradeDock(viewer)
    painter = canvas.painter

    def assert_shown(labels: np.ndarray, share: float) -> None:
        rest()
        np.testing.assert_array_equal(labels_of(canvas), labels)
        assert grade.desk.share == share
        style = share * np.array(styles["poor"]) + (1 - share) * np.array(styles["healthy"])
        drawn = Canvas(model, labels, latent=style.astype(np.float32), seed=painter.looks.present.seed)
        assert int(np.abs(painter.stage.pixels.astype(int) - drawn.render()).max()) <= 1

    dock.way.set_share(0.5)
    rest()
    grade.desk.set_share(0.25)
    assert_shown(between(0.5), 0.25)
    dock.way.set_share(0.75)
    assert_shown(between(0.75), 0.25)
    grade.desk.set_share(0.5, dragging=True)
    dock.way.set_share(0.25, dragging=True)
    dock.way.set_share(0.25)
    grade.desk.set_share(0.75)
    assert_shown(between(0.25), 0.75)
    assert dock.way.share == 0.25
    grade.shut_down()


def test_a_film_is_drawn_in_the_look_of_the_canvas_and_cancelled_without_a_file(
    canvas: Any, dock: Any, rest: Any, tmp_path: Path, wait: Any, draw_whole: Any, engine: Any
) -> None:
    dock.film.count.setValue(3)
    dock.film.save_to(tmp_path / "way.png")
    wait(lambda: not dock.film.job.is_busy)
    assert dock.film.status.text().startswith("Saved way.png")
    strip = np.asarray(Image.open(tmp_path / "way.png"))
    assert strip.shape[1] > 3 * SIDE
    dock.way.set_share(0)
    rest()
    first = draw_whole(canvas.painter)
    assert int(np.abs(strip[:SIDE, :SIDE].astype(int) - first).max()) <= 1
    made = read_provenance(tmp_path / "way.png")
    assert made is not None
    assert made.synthetic
    engine.seconds = 1.0
    dock.film.save_to(tmp_path / "other.gif")
    dock.film.job_row.stop.click()
    wait(lambda: not dock.film.job.is_busy)
    assert dock.film.status.text() == "Saving the film was cancelled."
    assert not (tmp_path / "other.gif").exists()


def test_the_nearest_layout_of_the_canvas_becomes_an_end(
    canvas: Any, dock: Any, rest: Any, engine: Any, viewer: Any, wait: Any, errors: list[str]
) -> None:
    layer = canvas.painter.stage.labels
    layer.data[:64] = 3  # nuclei, which layouts do not know
    layer.refresh()
    rest()
    dock.origin.go["B"].click()
    rest()
    image, labels, um_per_px = engine.read[0]
    np.testing.assert_array_equal(image, canvas.painter.stage.pixels)
    assert (labels == 1).all()
    assert um_per_px == canvas.painter.model.um_per_px
    assert dock.morph.names["B"].text() == "nearest to the canvas (poor)"
    dock.way.set_share(1)
    rest()
    assert (labels_of(canvas) == 2).all(), "the latent that was found"
    viewer.add_image(np.zeros((80, 200, 3), np.uint8), name="plain", rgb=True)
    wait(lambda: dock.origin.picture.findText("plain") >= 0)
    dock.origin.picture.setCurrentText("plain")
    dock.origin.go["A"].click()
    assert errors == ['The layer "plain" does not say its scale; set its scale in um first.']
    viewer.layers["plain"].scale = (0.5, 0.5)
    dock.origin.go["A"].click()
    assert errors[1].startswith('The labels "Tissue" are not those of plain')
