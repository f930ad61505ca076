"""The dock "Virtual stain": staining, following the canvas, comparing, steering, there and back, saving."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_histosynth.core.tiles import Window
from napari_histosynth.io import read_image, read_provenance
from napari_histosynth.stain.translator import Translator
from napari_histosynth.ui.stainmodels import NO_MODEL, load_stain_cached


def write_stain_model(folder: Path, name: str, **architecture: Any) -> None:
    """Write a tiny model of two stains with random weights, both ways."""
    import torch

    from napari_histosynth.stain.network import build_stain_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    torch.manual_seed(1)
    shape = {"widths": [8, 16], "blocks": 1, "steering": 3, **architecture}
    back = {key: value for key, value in shape.items() if key != "steering"}
    tensors = {}
    for direction, own in (("forward", shape), ("reverse", back)):
        generator = build_stain_generator("compact", **own)
        tensors |= {f"{direction}.{key}": value for key, value in generator.state_dict().items()}
    card = ModelCard(
        name=name, system="stain", preset="compact", latent_size=0, stains=("H&E", "Ki-67"), um_per_px=0.62,
        architecture=shape,
    )  # fmt: skip
    write_folder(folder / name, card, tensors)


@pytest.fixture(scope="module")
def stain_models(tmp_path_factory: pytest.TempPathFactory, model_folders: Path) -> Path:
    """Return a folder of the tiny models that paint, and of two that stain."""
    folder = tmp_path_factory.mktemp("stains") / "models"
    shutil.copytree(model_folders, folder)
    write_stain_model(folder, "tiny-stain")
    write_stain_model(folder, "unsteered", steering=0)
    return folder


@pytest.fixture
def found(stain_models: Path, tiny_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(stain_models))
    from napari_histosynth.ui import stainmodels

    monkeypatch.setattr(stainmodels, "FAVORITE", "tiny-stain")


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def slicing(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Run with napari's asynchronous slicing off and on."""
    from napari.settings import get_settings

    settings = get_settings().experimental
    before, settings.async_ = settings.async_, request.param
    yield request.param
    settings.async_ = before


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], said: list[tuple[str, str]]) -> Any:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1100, 750)
    return viewer


@pytest.fixture
def dock(found: None, viewer: Any) -> Iterator[Any]:
    from napari_histosynth.ui.stain import StainDock

    dock = StainDock(viewer)
    dock.which.way.setCurrentIndex(0)  # the network decides, as the translators of the tests do
    viewer.window.add_dock_widget(dock, name="Virtual stain", area="right")
    yield dock
    dock.shut_down()


@pytest.fixture
def rest(dock: Any, wait: Any) -> Callable[[], None]:
    """Return a function that waits until all that is wanted is drawn."""

    def rested() -> bool:
        painter = dock.desk.painter
        return not dock.desk.is_drawing and not (painter is not None and painter.is_drawing)

    return lambda: wait(rested)


def he(shape: tuple[int, int] = (300, 420), seed: int = 5) -> np.ndarray:
    """Return pink tissue with grain and blue nuclei."""
    rng = np.random.default_rng(seed)
    rgb = np.full((*shape, 3), (222, 160, 200), np.int16)
    y, x = np.mgrid[:15, :15] - 7
    disk = y * y + x * x < 36
    for cy, cx in rng.uniform((8, 8), np.subtract(shape, 8), (shape[0] * shape[1] // 1000, 2)).astype(int):
        rgb[cy - 7 : cy + 8, cx - 7 : cx + 8][disk] = (96, 66, 150)
    return np.clip(rgb + rng.normal(0, 6, rgb.shape), 0, 255).astype(np.uint8)


def stained(dock: Any, layer: Any, rest: Callable[[], None]) -> Any:
    """Stain a layer by the dock, to the end, and return what shows it."""
    dock.choice.choose(layer)
    dock.choice.go.click()
    rest()
    assert dock.desk.shown is not None, dock.status.text()
    return dock.desk.shown


def whole(pixels: np.ndarray, um: float = 0.62, reverse: bool = False) -> np.ndarray:
    """Stain a picture in one go, by the translator alone."""
    return Translator(load_stain_cached("tiny-stain"), pixels, um, reverse=reverse).translate()


def native(viewer: Any) -> Any:
    return viewer.window._qt_viewer.canvas.native


def drag(viewer: Any, layer: Any, start: tuple[float, float], end: tuple[float, float], qtbot: Any) -> None:
    """Drag the mouse from one pixel (y, x) of a layer to another."""
    widget, left, plain = native(viewer), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    places = [at(viewer, layer, np.add(start, t * np.subtract(end, start))) for t in np.linspace(0, 1, 6)]
    QTest.mouseMove(widget, places[0])
    qtbot.wait(50)
    QTest.mousePress(widget, left, plain, places[0])
    for place in places[1:]:
        qtbot.wait(20)
        QTest.mouseMove(widget, place)
    qtbot.wait(20)
    QTest.mouseRelease(widget, left, plain, places[-1])


def at(viewer: Any, layer: Any, place: Any) -> QPoint:
    """Return where a pixel (y, x) of a layer is on the canvas widget."""
    y, x = layer.data_to_world(place)[-2:]
    _, cy, cx = (0, *viewer.scene.camera.center)[-3:]
    widget, zoom = native(viewer), viewer.scene.camera.zoom
    return QPoint(round(widget.width() / 2 + (x - cx) * zoom), round(widget.height() / 2 + (y - cy) * zoom))


def test_a_picture_is_stained_where_it_lies(dock: Any, viewer: Any, rest: Any, slicing: bool) -> None:
    picture = he()
    layer = viewer.add_image(picture, rgb=True, scale=(0.62, 0.62), translate=(30, -7), name="biopsy")
    viewer.add_points([[1, 1]])
    shown = stained(dock, layer, rest)
    assert shown.layer.name == "Ki-67 of biopsy"
    assert viewer.layers.index(shown.layer) == viewer.layers.index(layer) + 1
    np.testing.assert_array_equal(shown.layer.scale, layer.scale)
    np.testing.assert_array_equal(shown.layer.translate, layer.translate)
    np.testing.assert_array_equal(np.asarray(shown.layer.data), whole(picture))
    assert shown.share == 1
    assert shown.layer.metadata["histosynth"]["provenance"]["synthetic"] is True


def test_a_large_picture_is_drawn_where_one_looks(
    dock: Any, viewer: Any, rest: Any, wait: Any, qtbot: Any, slicing: bool
) -> None:
    picture = he((2100, 600))
    levels = [picture, picture[::2, ::2], picture[::4, ::4], picture[::8, ::8]]
    layer = viewer.add_image(levels, multiscale=True, rgb=True, scale=(0.62, 0.62), name="slide")
    viewer.scene.camera.center, viewer.scene.camera.zoom = (700 * 0.62, 300 * 0.62), 3 / 0.62
    qtbot.wait(300)
    shown = stained(dock, layer, rest)
    assert shown.layer.multiscale
    wait(lambda: shown.layer.data_level == 0 and (1, 0) in shown.levels._exact[0])
    wait(lambda: shown.share == 1 and not dock.desk.is_drawing)
    drawn = {
        place for place in shown.levels.places(Window(0, 2100, 0, 600)) if place in shown.levels._exact[0]
    }
    assert (1, 0) in drawn
    assert len(drawn) <= 2, "what is not in sight is not drawn"
    tile = shown.levels.window((1, 0))
    expected = Translator(load_stain_cached("tiny-stain"), picture, 0.62).translate(tile)
    np.testing.assert_array_equal(np.asarray(shown.layer.data[0][tile.slices]), expected)
    viewer.reset_view()
    wait(lambda: shown.levels.drawn == shown.levels.count and shown.layer.data_level >= 1)
    rest()
    seen = viewer.screenshot(canvas_only=True, flash=False)
    assert seen[seen.shape[0] // 2, seen.shape[1] // 2, :3].any()


def test_nothing_waits_on_the_main_thread(dock: Any, viewer: Any, rest: Any, monkeypatch: Any) -> None:
    import threading

    threads = set()
    translate = Translator.translate

    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        threads.add(threading.current_thread() is threading.main_thread())
        return translate(self, *args, **kwargs)

    monkeypatch.setattr(Translator, "translate", noted)
    stained(dock, viewer.add_image(he(), rgb=True), rest)
    assert threads == {False}


def test_the_stain_follows_strokes_undo_and_new_looks(
    dock: Any, open_dock: Any, rest: Any, wait: Any
) -> None:
    paint = open_dock()
    painter = paint.painter
    painter.new_canvas(np.full((160, 192), 1, np.uint8))
    rest()
    shown = stained(dock, painter.stage.picture, rest)
    assert "(canvas)" in dock.choice.picture.currentText()

    def follows() -> bool:
        return not dock.desk.is_drawing and bool(
            np.array_equal(shown.layer.data, whole(painter.stage.pixels.copy()))
        )

    before = np.array(shown.layer.data)
    wait(follows)
    layer = painter.stage.labels
    layer.selected_label = 3
    layer.paint((40, 40), 3)
    rest()
    wait(follows)
    assert not np.array_equal(before, shown.layer.data)
    layer.undo()
    rest()
    wait(follows)
    painter.new_look()
    rest()
    wait(follows)
    layer.data = np.where(layer.data == 1, 2, 1).astype(np.uint8)
    rest()
    wait(follows)


def test_without_the_canvas_the_stain_stays_as_a_picture(
    dock: Any, open_dock: Any, viewer: Any, rest: Any
) -> None:
    painter = open_dock().painter
    painter.new_canvas(np.full((160, 192), 1, np.uint8))
    rest()
    shown = stained(dock, painter.stage.picture, rest)
    pixels = np.array(shown.layer.data)
    viewer.layers.remove(painter.stage.labels)
    rest()
    assert dock.desk.link is None
    assert shown.layer in viewer.layers
    assert "follows no more" in dock.status.text()
    np.testing.assert_array_equal(shown.layer.data, pixels)


def test_another_direction_goes_on_in_the_same_layer(dock: Any, viewer: Any, rest: Any) -> None:
    picture = he()
    layer = viewer.add_image(picture, rgb=True, scale=(0.62, 0.62), name="field")
    shown = stained(dock, layer, rest)
    count = len(viewer.layers)
    dock.choice.direction.setCurrentIndex(1)
    assert not dock.which.isEnabled()
    assert stained(dock, layer, rest) is shown
    assert len(viewer.layers) == count
    assert shown.layer.name == "H&E of field"
    np.testing.assert_array_equal(shown.layer.data, whole(picture, reverse=True))


def test_the_scale_is_that_of_the_layer_and_can_be_corrected(dock: Any, viewer: Any, rest: Any) -> None:
    picture = he()
    layer = viewer.add_image(picture, rgb=True, scale=(0.31, 0.31), units=("um", "um"))
    dock.choice.choose(layer)
    assert dock.choice.scale.value() == 0.31
    dock.choice.scale.setValue(1.24)
    shown = stained(dock, layer, rest)
    np.testing.assert_array_equal(shown.layer.data, whole(picture, 1.24))


def test_the_curtain_is_dragged_with_the_mouse(
    dock: Any, viewer: Any, rest: Any, qtbot: Any, slicing: bool
) -> None:
    layer = viewer.add_image(np.full((300, 420, 3), 200, np.uint8), rgb=True)
    shown = stained(dock, layer, rest)
    viewer.reset_view()
    dock.compare.hang.setChecked(True)
    qtbot.wait(300)
    assert shown.layer.data.shape == (300, 420, 4)
    center = tuple(viewer.scene.camera.center)
    painted = viewer.add_labels(np.zeros((300, 420), np.uint8))
    painted.mode = "paint"
    drag(viewer, shown.layer, (150, 210), (150, 300), qtbot)
    qtbot.wait(300)
    assert shown.curtain.column == pytest.approx(300, abs=2)
    assert dock.compare.curtain.value() == pytest.approx(714, abs=5)
    assert tuple(viewer.scene.camera.center) == center, "the picture is not dragged along"
    assert not painted.data.any(), "the brush does not paint along"
    assert viewer.layers.selection.active is painted
    painted.mode = "pan_zoom"
    rgba = np.asarray(shown.layer.data)
    assert not rgba[:, :290, 3].any()
    assert (rgba[:, 290:, 3] == 255)[:, 20:].all()
    drag(viewer, shown.layer, (100, 100), (100, 150), qtbot)
    assert tuple(viewer.scene.camera.center) != center, "elsewhere the mouse moves the picture, as ever"
    dock.compare.curtain.setValue(250)
    assert shown.curtain.column == 105
    dock.compare.hang.setChecked(False)
    assert shown.layer.data.shape == (300, 420, 3)


def test_a_curtain_before_a_slide_hides_every_level(dock: Any, viewer: Any, rest: Any, qtbot: Any) -> None:
    picture = he((2100, 500))
    layer = viewer.add_image([picture, picture[::4, ::4]], multiscale=True, rgb=True, scale=(0.62, 0.62))
    shown = stained(dock, layer, rest)
    viewer.reset_view()
    dock.compare.hang.setChecked(True)
    dock.compare.curtain.setValue(800)
    qtbot.wait(400)
    for level in range(len(shown.levels.shapes)):
        alpha = np.asarray(shown.layer.data[level])[..., 3]
        edge = round(0.8 * alpha.shape[1])
        assert not alpha[:, : edge - 8].any()
        assert alpha[:, edge + 8 :].all()


def test_layers_side_by_side_are_laid_over_each_other_to_compare(
    dock: Any, open_dock: Any, rest: Any, viewer: Any
) -> None:
    from napari_histosynth.ui.arrange import is_side_by_side

    painter = open_dock().painter
    painter.new_canvas(np.full((160, 192), 1, np.uint8))
    rest()
    assert is_side_by_side(viewer)
    stained(dock, painter.stage.picture, rest)
    assert is_side_by_side(viewer), "the stain may lie beside the H&E while one paints"
    dock.compare.hang.setChecked(True)
    assert not is_side_by_side(viewer)
    assert painter.stage.labels.opacity == 0
    assert "over each other" in dock.status.text()


def test_blend_and_key(dock: Any, viewer: Any, rest: Any, qtbot: Any) -> None:
    shown = stained(dock, viewer.add_image(he(), rgb=True), rest)
    dock.compare.blend.setValue(40)
    assert shown.layer.opacity == 0.4
    native(viewer).setFocus()
    QTest.keyClick(native(viewer), Qt.Key.Key_V)
    assert not shown.layer.visible
    QTest.keyClick(native(viewer), Qt.Key.Key_V)
    assert shown.layer.visible


def test_no_model_is_one_clear_sentence(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_histosynth.ui.stain import StainDock

    monkeypatch.setattr("napari_histosynth.ui.stainchoice.stain_cards", dict)
    dock = StainDock(viewer)
    assert dock.choice.note.text() == NO_MODEL
    assert not dock.choice.go.isEnabled()
    dock.shut_down()
    dock.shut_down()


def test_what_cannot_be_stained_is_said_and_the_old_stain_stays(dock: Any, viewer: Any, rest: Any) -> None:
    shown = stained(dock, viewer.add_image(he(), rgb=True, name="good"), rest)
    float_layer = viewer.add_image(he() / 255, rgb=True, name="bright")
    dock.choice.choose(float_layer)
    dock.choice.go.click()
    rest()
    assert "holds float64 values" in dock.status.text()
    assert dock.desk.shown is shown
    dock.choice.choose(viewer.add_image(np.full((1, 1, 3), 9, np.uint8), rgb=True, name="dot"))
    dock.choice.go.click()
    rest()
    assert dock.desk.shown is not None


def test_there_and_back_says_how_far_off_it_is(dock: Any, viewer: Any, rest: Any, wait: Any) -> None:
    from skimage.metrics import structural_similarity

    picture = he()
    stained(dock, viewer.add_image(picture, rgb=True, scale=(0.62, 0.62), name="field"), rest)
    dock.cycle.go.click()
    wait(lambda: not dock.cycle.job.is_busy)
    back = whole(whole(picture), reverse=True)
    mae = np.abs(picture.astype(float) - back).mean()
    ssim = structural_similarity(picture, back, channel_axis=2, data_range=255)
    assert f"{mae:.1f} of 255 gray levels" in dock.cycle.status.text()
    assert f"(SSIM) {ssim:.3f}" in dock.cycle.status.text()
    np.testing.assert_array_equal(viewer.layers["H&E again"].data, back)
    residual = viewer.layers["Residual of H&E"]
    assert residual.data.mean() == pytest.approx(mae, rel=1e-5)


@pytest.mark.parametrize("ending", [".png", ".ome.tif", ".ome.zarr"])
def test_the_stained_picture_is_saved_with_what_made_it(
    dock: Any, viewer: Any, rest: Any, wait: Any, tmp_path: Path, ending: str
) -> None:
    from napari_histosynth.io import open_slide

    picture = he()
    stained(dock, viewer.add_image(picture, rgb=True, scale=(0.62, 0.62)), rest)
    path = tmp_path / f"ki67{ending}"
    dock.save.save_to(path)
    wait(lambda: not dock.save.job.is_busy)
    assert dock.save.status.text() == f"Saved {path.name} in {tmp_path}."
    pixels = read_image(path) if ending == ".png" else np.asarray(open_slide(path).levels[0])
    np.testing.assert_array_equal(pixels, whole(picture))
    if ending == ".png":
        made = read_provenance(path)
        assert made is not None
        assert (made.model, made.extra["stain"]) == ("tiny-stain", "Ki-67")
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_dock_is_offered_in_the_menu() -> None:
    from npe2 import PluginManifest

    import napari_histosynth

    manifest = PluginManifest.from_file(Path(napari_histosynth.__file__).with_name("napari.yaml"))
    widgets = {widget.display_name: widget.command for widget in manifest.contributions.widgets or ()}
    commands = {command.id: command.python_name for command in manifest.contributions.commands or ()}
    assert commands[widgets["Virtual stain"]] == "napari_histosynth.ui.stain:StainDock"


def test_everything_has_a_hint_and_a_name(dock: Any) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QPushButton, QSlider

    for kind in (QAbstractSpinBox, QCheckBox, QComboBox, QPushButton, QSlider):
        for widget in dock.findChildren(kind):
            if widget.objectName().startswith(("stain", "count")):
                assert widget.toolTip(), widget.objectName()
                text = getattr(widget, "text", str)()
                assert widget.accessibleName() or text, widget.objectName()


def test_one_nucleus_of_five_is_positive_unless_one_says_otherwise(found: None, viewer: Any) -> None:
    from napari_histosynth.ui.stain import StainDock

    dock = StainDock(viewer)
    assert dock.which.way.currentData() == "share"
    assert dock.which.share.value() == 20
    dock.shut_down()
