"""The dock "Map of looks": hovering, taking, dragging, following, naming, and what it says without a map."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.latent.atlas import Atlas, read_atlas
from napari_histosynth.latent.known import user_anchors_path
from napari_histosynth.latent.thumbnail import ThumbnailArtist

COUNTS = {"healthy": 0.0, "adenomatous": 0.4, "poor": 1.0}


def write_stained_model(folder: Path) -> None:
    """Write a tiny local model that keeps the stain apart: four numbers of style, nine of stain."""
    import torch

    from napari_histosynth.paint.network import build_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    architecture = {"widths": [8, 8, 8], "hidden": [8, 8, 8], "stain": True}
    torch.manual_seed(3)
    generator = build_generator("local", get_scheme("colon-3").n_classes, 13, **architecture)
    tensors = {f"generator.{key}": value for key, value in generator.state_dict().items()}
    for key, value in tensors.items():
        if key.endswith("weight"):
            tensors[key] = value * 2.5
    card = ModelCard(
        name="stained",
        preset="local",
        scheme="colon-3",
        um_per_px=0.62,
        latent_size=13,
        architecture=architecture,
    )
    write_folder(folder / "stained", card, tensors)


@pytest.fixture
def folders(model_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of the tiny models and a stained one, none of which has a map."""
    folder = tmp_path / "models"
    shutil.copytree(model_folders, folder)
    write_stained_model(folder)
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(folder))
    return folder


@pytest.fixture
def put_map(folders: Path) -> Callable[..., Atlas]:
    """Return what writes a map of twelve latents and the places of three grades beside a model."""

    def write(name: str, sha256: str = "") -> Atlas:
        from napari_histosynth.ui.models import load_cached

        model = load_cached(name)
        rng = np.random.default_rng(1)
        styles = rng.normal(np.repeat([0.0, 2.0, 4.0], 4)[:, None], 0.3, (12, model.style_size))
        stains = rng.normal(0, 0.2, (12, model.latent_size - model.style_size))
        grades = ("healthy",) * 4 + ("adenomatous",) * 4 + ("poor",) * 4
        places = rng.normal(np.repeat([[0, 0], [6, 1], [12, 0]], 4, axis=0), 0.8)
        arrays = [np.asarray(array, np.float16).astype(np.float32) for array in (styles, stains, places)]
        sha256 = sha256 or model.sha256
        atlas = Atlas(name, sha256, arrays[0], arrays[1], grades, ("glas", "ebhi-seg") * 6, arrays[2])
        atlas.write(folders / name / "atlas.safetensors")
        if sha256 == model.sha256:
            atlas.anchors(COUNTS).write(folders / name / "anchors.json")
        return atlas

    return write


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the errors that the dock shows."""
    sentences: list[str] = []
    monkeypatch.setattr("napari_histosynth.ui.atlas.show_error", sentences.append)
    return sentences


@pytest.fixture
def open_map(viewer: Any, told: list[str], wait: Any, request: Any) -> Callable[[], Any]:
    """Return a function that docks the map and waits until it has been read."""

    def dock_in() -> Any:
        from napari_histosynth.ui.atlas import AtlasDock

        dock = AtlasDock(viewer)
        viewer.window.add_dock_widget(dock, name="Map of looks", area="right")
        wait(lambda: not dock.tasks.is_busy)
        dock.form.map.resize(420, 320)
        request.addfinalizer(dock.shut_down)
        return dock

    return dock_in


@pytest.fixture
def working(put_map: Any, open_dock: Any, open_map: Any, wait: Any) -> Any:
    """Return the map of the stained model, on whose canvas something is painted."""
    put_map("stained")
    paint = open_dock(model="stained")
    paint.painter.new_canvas(np.full((96, 96), 1, np.uint8))
    wait(lambda: not paint.painter.is_drawing)
    dock = open_map()
    assert dock.atlas is not None
    return dock


def at(dock: Any, number: int) -> QPointF:
    """Return where a point is on the widget."""
    spot: QPointF = dock.form.map.position_of(dock.atlas.places(dock.by)[number])
    return spot


def shown_pixels(dock: Any) -> np.ndarray[Any, Any]:
    """Return what the card shows, uint8 (y, x, 3); an empty array if nothing yet."""
    image = dock.form.card.picture.pixmap().toImage().convertToFormat(QImage.Format.Format_RGB32)
    if image.isNull():
        return np.zeros((0, 0, 3), np.uint8)
    data = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    return data.reshape(image.height(), image.bytesPerLine() // 4, 4)[:, : image.width(), 2::-1]


def test_without_the_paint_dock_it_says_what_to_open(open_map: Any, folders: Path) -> None:
    dock = open_map()
    assert "Open the dock Paint tissue" in dock.form.state.text()
    assert not dock.form.paint.isHidden()


def test_a_model_without_a_map_is_one_sentence_that_says_how_to_make_one(
    open_dock: Any, open_map: Any, folders: Path
) -> None:
    open_dock(model="tiny")
    dock = open_map()
    assert dock.atlas is None
    assert "histosynth atlas build --model tiny" in dock.form.state.text()
    assert dock.form.paint.isHidden()


def test_a_map_of_other_weights_is_refused_in_one_sentence(
    open_dock: Any, open_map: Any, put_map: Any
) -> None:
    put_map("tiny", sha256="0" * 64)
    open_dock(model="tiny")
    dock = open_map()
    assert dock.atlas is None
    assert "belongs to 'tiny' 000000000000" in dock.form.state.text()


def test_the_map_comes_and_goes_with_the_model(
    open_dock: Any, open_map: Any, put_map: Any, wait: Any
) -> None:
    dock = open_map()
    put_map("stained")
    paint = open_dock(model="stained")
    wait(lambda: dock.atlas is not None)
    assert len(dock.form.map.places) == 12
    assert [button.text() for button in dock.form.legend.buttons] == [
        "healthy (4)",
        "adenomatous (4)",
        "poor (4)",
    ]
    paint.painter.choose_model("tiny")
    wait(lambda: paint.painter.model.name == "tiny" and not dock.tasks.is_busy)
    assert dock.atlas is None
    assert "tiny has no map" in dock.form.state.text()


def test_hovering_shows_grade_source_and_a_thumbnail_of_the_latent(
    working: Any, mouse: Any, wait: Any
) -> None:
    model = working.link.model
    mouse.move(working.form.map, at(working, 9))
    assert "poor" in working.form.card.title.text()
    assert "ebhi-seg" in working.form.card.lines.text()
    style, present = working.atlas.styles[9], working.link.latent()
    latent = np.concatenate([style, present[4:]])
    expected = ThumbnailArtist(model).draw(latent)
    wait(lambda: np.array_equal(shown_pixels(working), expected))
    working.form.with_stain.setChecked(True)
    own = ThumbnailArtist(model).draw(working.atlas.latent(9))
    assert (own != expected).any()
    wait(lambda: np.array_equal(shown_pixels(working), own))


def test_a_click_draws_the_canvas_in_that_style_and_keeps_the_stain(
    working: Any, mouse: Any, wait: Any
) -> None:
    painter = working.link.painter
    before = working.link.latent()
    mouse.click(working.form.map, at(working, 9))
    wait(lambda: not painter.is_drawing)
    latent = painter.looks.present.latent(painter.model)
    np.testing.assert_array_equal(latent[:4], working.atlas.styles[9])
    np.testing.assert_array_equal(latent[4:], before[4:])
    assert painter.looks.present.given.name == "poor (ebhi-seg)"
    assert working.form.map._present == pytest.approx(tuple(working.atlas.places()[9]))
    assert working.form.nearest.numbers[0] == 9
    QTest.mouseClick(working.form.back, Qt.MouseButton.LeftButton)
    wait(lambda: not painter.is_drawing)
    np.testing.assert_array_equal(working.link.latent(), before)


def test_with_its_stain_a_click_takes_the_whole_latent(working: Any, mouse: Any, wait: Any) -> None:
    working.form.with_stain.setChecked(True)
    mouse.click(working.form.map, at(working, 2))
    wait(lambda: not working.link.painter.is_drawing)
    np.testing.assert_array_equal(working.link.latent(), working.atlas.latent(2))
    working.form.with_stain.setChecked(False)
    mouse.click(working.form.map, at(working, 9))
    np.testing.assert_array_equal(working.link.latent()[4:], working.atlas.stains[2])


def test_dragging_previews_what_is_under_the_mouse_and_draws_where_it_ends(
    working: Any, mouse: Any, wait: Any
) -> None:
    painter, surface = working.link.painter, working.form.map
    start, end = at(working, 1), at(working, 10)
    half = start + (end - start) * 0.5
    steps: list[Any] = []
    painter.previewed.connect(lambda: steps.append(painter.shown))
    before = painter.looks.present
    mouse.press(surface, start)
    mouse.move(surface, half, mouse.left)
    wait(lambda: len(steps) > 0)
    expected = working.atlas.style_at(surface.view.to_map(half.x(), half.y()))
    np.testing.assert_allclose(painter.shown.latent(painter.model)[:4], expected, atol=1e-6)
    assert painter.looks.present == before, "a preview is no step of Back"
    mouse.move(surface, end, mouse.left)
    mouse.release(surface, end)
    wait(lambda: not painter.is_drawing)
    assert painter.shown is None
    place = surface.view.to_map(end.x(), end.y())
    np.testing.assert_allclose(working.link.latent()[:4], working.atlas.style_at(place), atol=1e-6)
    assert surface._present == pytest.approx(place), "the ring stays where it was dropped"


def test_escape_gives_the_drag_up(working: Any, mouse: Any, wait: Any) -> None:
    painter, surface = working.link.painter, working.form.map
    before, pixels = painter.looks.present, painter.stage.pixels.copy()
    mouse.press(surface, at(working, 1))
    mouse.move(surface, at(working, 10), mouse.left)
    wait(lambda: bool((painter.stage.pixels != pixels).any()))
    QTest.keyClick(surface, Qt.Key.Key_Escape)
    mouse.release(surface, at(working, 10))
    wait(lambda: not painter.is_drawing)
    assert painter.looks.present == before
    np.testing.assert_array_equal(painter.stage.pixels, pixels)


def test_the_nearest_are_shown_and_one_can_be_taken(working: Any, mouse: Any, wait: Any) -> None:
    mouse.click(working.form.map, at(working, 5))
    row = working.form.nearest
    expected = working.atlas.nearest(working.atlas.styles[5], len(row.numbers))
    assert row.numbers == list(expected)
    if len(row.numbers) < 2:
        row.resize(400, row.height())
    wait(lambda: not row.buttons[1].icon().isNull())
    number = row.numbers[1]
    QTest.mouseClick(row.buttons[1], Qt.MouseButton.LeftButton)
    np.testing.assert_array_equal(working.link.latent()[:4], working.atlas.styles[number])
    assert working.form.nearest.numbers[0] == number


def test_the_ring_follows_the_grade_desk_and_clicks_go_through_it(
    working: Any, mouse: Any, wait: Any, request: Any
) -> None:
    from napari_histosynth.ui.gradedesk import GradeDesk

    desk = GradeDesk(working.link.painter)
    request.addfinalizer(desk.close)
    desk.set_ends("healthy", "poor")
    desk.set_share(0.0)
    wait(lambda: not desk.painter.is_drawing)
    start = working.form.map._present
    desk.set_share(1.0, dragging=True)
    wait(lambda: working.form.map._present != start)
    expected = working.atlas.find(working.named["poor"].style)
    assert working.form.map._present == pytest.approx(tuple(expected), abs=1e-4)
    mouse.click(working.form.map, at(working, 5))
    assert desk.carried == "adenomatous (ebhi-seg)"
    np.testing.assert_allclose(desk.latent()[:4], working.atlas.styles[5])


def test_a_named_place_is_kept_marked_and_not_named_twice(
    working: Any, mouse: Any, told: list[str], wait: Any
) -> None:
    mouse.click(working.form.map, at(working, 5))
    working.keep_place("  our signet ring ")
    assert "our signet ring" in working.named.names
    assert user_anchors_path(working.link.model).exists()
    np.testing.assert_allclose(working.form.map._marks[-1], working.atlas.places()[5], atol=1e-3)
    working.keep_place("Poor")
    working.keep_place(" ")
    assert len(told) == 2
    assert "'Poor'" in told[0]
    place = working.form.map.position_of(working.form.map._marks[0])
    mouse.click(working.form.map, place)
    assert working.link.painter.looks.present.given.name in (
        "healthy",
        "healthy (glas)",
        "healthy (ebhi-seg)",
    )


def test_colors_and_layout_can_be_others(working: Any) -> None:
    form = working.form
    form.color_box.setCurrentIndex(1)
    form.color_box.activated.emit(1)
    assert [button.text() for button in form.legend.buttons] == ["ebhi-seg (6)", "glas (6)"]
    form.layout_box.setCurrentIndex(1)
    form.layout_box.activated.emit(1)
    np.testing.assert_array_equal(form.map.places, working.atlas.components)


def test_neighbors_are_computed_where_the_map_has_none(
    put_map: Any, folders: Path, open_dock: Any, open_map: Any, wait: Any
) -> None:
    pytest.importorskip("sklearn")
    atlas = put_map("tiny")
    plain = Atlas(atlas.model, atlas.sha256, atlas.styles, atlas.stains, atlas.grades, atlas.sources)
    plain.write(folders / "tiny" / "atlas.safetensors")
    open_dock(model="tiny")
    dock = open_map()
    assert dock.by == "components", "what is there at once"
    assert dock.form.with_stain.isHidden(), "this model has no stain apart"
    dock.form.layout_box.setCurrentIndex(0)
    dock.form.layout_box.activated.emit(0)
    wait(lambda: not dock.tasks.is_busy)
    assert dock.atlas.neighbors is not None
    np.testing.assert_array_equal(dock.form.map.places, dock.atlas.neighbors)
    assert read_atlas(folders / "tiny" / "atlas.safetensors", dock.link.model).neighbors is None


def test_without_scikit_learn_a_map_by_neighbors_is_refused_and_the_other_stays(
    put_map: Any,
    folders: Path,
    open_dock: Any,
    open_map: Any,
    wait: Any,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    atlas = put_map("tiny")
    plain = Atlas(atlas.model, atlas.sha256, atlas.styles, atlas.stains, atlas.grades, atlas.sources)
    plain.write(folders / "tiny" / "atlas.safetensors")
    open_dock(model="tiny")
    dock = open_map()
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    dock.form.layout_box.setCurrentIndex(0)
    dock.form.layout_box.activated.emit(0)
    wait(lambda: len(told) > 0)
    assert told == ["A map by neighbors needs scikit-learn: pip install 'napari-histosynth[atlas]'."]
    assert dock.by == "components"
    np.testing.assert_array_equal(dock.form.map.places, dock.atlas.components)


def test_a_closed_dock_leaves_no_thread_and_hears_nothing(working: Any, mouse: Any, wait: Any) -> None:
    mouse.move(working.form.map, at(working, 5))
    painter = working.link.painter
    working.shut_down()
    working.shut_down()
    wait(lambda: not [one for one in threading.enumerate() if one.name == "histosynth-thumbnails"])
    painter.new_look()
    assert working.link.painter is None


def test_napari_finds_the_dock_and_it_opens_the_one_that_paints(
    viewer: Any, folders: Path, monkeypatch: pytest.MonkeyPatch, wait: Any
) -> None:
    monkeypatch.setattr("napari_histosynth.ui.models.FAVORITE", "tiny")
    _, dock = viewer.window.add_plugin_dock_widget("napari-histosynth", "Map of looks")
    QTest.mouseClick(dock.form.paint, Qt.MouseButton.LeftButton)
    wait(lambda: dock.link.model is not None and not dock.tasks.is_busy)
    assert "tiny has no map" in dock.form.state.text()
    dock.shut_down()
