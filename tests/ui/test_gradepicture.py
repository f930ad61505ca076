"""The look of a real picture: taken from files and layers, put on the canvas, fitted, named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import save_image
from napari_histosynth.latent.refine import Refined
from napari_histosynth.paint.fromhe import Found


def he(side: int = 220) -> np.ndarray:
    """Return pink tissue with blue nuclei."""
    rgb = np.full((side, side, 3), (225, 160, 200), np.uint8)
    rgb[::7, ::5] = rgb[1::7, ::5] = (90, 50, 130)
    return rgb


@pytest.fixture(scope="session")
def reader(model_folders: Path) -> str:
    """Write a model that reads pictures and has the stain apart; return its name."""
    import torch

    from napari_histosynth.paint.encoder import StyleEncoder
    from napari_histosynth.paint.network import build_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    torch.manual_seed(3)
    shape = {"widths": [8] * 3, "hidden": [8] * 3, "stain": True}
    card = ModelCard(
        name="reader", preset="local", scheme="colon-2", um_per_px=1.0, latent_size=13, architecture=shape
    )
    tensors = {f"encoder.{k}": v for k, v in StyleEncoder(4).state_dict().items()}
    generator = build_generator("local", 3, 13, **shape).state_dict()
    tensors |= {f"generator.{k}": v * 2.5 if k.endswith("weight") else v for k, v in generator.items()}
    if not (model_folders / "reader").exists():
        write_folder(model_folders / "reader", card, tensors)
    return card.name


@pytest.fixture
def panel(reader: str, open_dock: Callable[..., Any], qtbot: Any, wait: Any) -> Any:
    from napari_histosynth.ui.gradedesk import GradeDesk
    from napari_histosynth.ui.gradepicture import PictureStyle

    dock = open_dock(model=reader)
    dock.painter.new_canvas(np.full((160, 192), 1, np.uint8))
    wait(lambda: not dock.painter.is_drawing)
    panel = PictureStyle(GradeDesk(dock.painter))
    panel.dock = dock
    qtbot.addWidget(panel)
    return panel


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "biopsy.png"
    save_image(path, he())
    return path


def done(panel: Any, wait: Any) -> None:
    wait(lambda: not (panel.job.is_busy or panel._desk.painter.is_drawing))


def test_a_dropped_file_gives_the_canvas_its_look(panel: Any, picture: Path, qtbot: Any, wait: Any) -> None:
    painter = panel._desk.painter
    before = painter.stage.pixels.copy()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(picture))])
    args = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    entering = QDragEnterEvent(QPoint(5, 5), *args)
    panel.place.dragEnterEvent(entering)
    assert entering.isAccepted()
    panel.place.dropEvent(QDropEvent(QPointF(5, 5), *args))
    done(panel, wait)
    np.testing.assert_allclose(
        painter.looks.present.latent(painter.model), painter.model.encode(he()), atol=1e-5
    )
    assert np.abs(painter.stage.pixels.astype(int) - before).mean() > 1
    assert "look of biopsy.png, taken for 1 µm per pixel" in panel.status.text()
    assert panel._desk.caption() == "biopsy.png"
    assert not panel.place.pixmap().isNull()


def test_what_is_no_file_is_not_taken(panel: Any) -> None:
    data = QMimeData()
    data.setText("a word")
    entering = QDragEnterEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    entering.ignore()
    panel.place.dragEnterEvent(entering)
    assert not entering.isAccepted()


def test_the_stain_can_be_left(panel: Any, picture: Path, wait: Any) -> None:
    painter = panel._desk.painter
    own = painter.looks.present.latent(painter.model)[4:]
    panel.take_file(picture)
    done(panel, wait)
    read = painter.model.encode(he())
    np.testing.assert_allclose(painter.looks.present.latent(painter.model), read, atol=1e-5)
    panel.stain.click()
    now = painter.looks.present.latent(painter.model)
    np.testing.assert_allclose(now[:4], read[:4], atol=1e-5)
    np.testing.assert_allclose(now[4:], own, atol=1e-5)


def test_a_stain_of_ones_own_stays_where_only_the_tissue_is_taken(
    panel: Any, picture: Path, wait: Any
) -> None:
    own = np.linspace(-1, 1, 9, dtype=np.float32)
    panel._desk.set_stain(own)
    panel.stain.setChecked(False)
    panel.take_file(picture)
    done(panel, wait)
    np.testing.assert_allclose(panel._desk.stain(), own)


def test_an_open_layer_is_listed_and_taken(panel: Any, viewer: Any, wait: Any) -> None:
    assert not panel.layers.isEnabled()
    layer = viewer.add_image(he(440), name="slide", scale=(0.5, 0.5), units=("um", "um"))
    assert [panel.layers.itemText(i) for i in range(panel.layers.count())] == [
        "From an open layer …",
        "slide",
    ]
    panel.layers.setCurrentIndex(1)
    panel.layers.activated.emit(1)
    done(panel, wait)
    assert panel.taken.um_per_px == 0.5
    assert panel.status.text() == "The canvas has the look of slide."
    viewer.layers.remove(layer)
    assert panel.layers.count() == 1


def test_a_scale_that_is_corrected_is_read_anew(panel: Any, picture: Path, wait: Any) -> None:
    panel.take_file(picture)
    done(panel, wait)
    before = panel.taken.latent
    panel.scale.setValue(0.5)
    done(panel, wait)
    assert panel.taken.um_per_px == 0.5
    assert np.abs(panel.taken.latent[:4] - before[:4]).max() > 1e-4
    assert "taken for" not in panel.status.text()


@pytest.mark.parametrize(
    ("rgb", "said"),
    [
        (np.full((64, 64, 3), 120, np.uint8), "is gray"),
        (np.full((3, 3, 3), (225, 160, 200), np.uint8), "3 x 3 px"),
        (None, "no such file"),
    ],
)
def test_what_has_no_look_is_one_sentence_and_the_canvas_stays(
    panel: Any, tmp_path: Path, wait: Any, rgb: np.ndarray | None, said: str
) -> None:
    before = panel._desk.painter.looks.present
    if rgb is not None:
        save_image(tmp_path / "he.png", rgb)
    panel.take_file(tmp_path / "he.png")
    done(panel, wait)
    assert said in panel.status.text()
    assert panel.status.text().count(".") >= 1
    assert panel._desk.painter.looks.present == before
    assert panel.taken is None
    assert not panel.refine.isEnabled()


def test_a_gray_layer_is_one_sentence(panel: Any, viewer: Any) -> None:
    panel.take_layer(viewer.add_image(np.zeros((64, 64), np.uint8), name="gray one"))
    assert 'The layer "gray one" is gray' in panel.status.text()


def test_refining_labels_the_picture_fits_and_says_how_near(
    panel: Any, picture: Path, qtbot: Any, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def label(rgb: np.ndarray, *_: Any, progress: Any, **__: Any) -> Found:
        progress(1.0)
        return Found(np.full(rgb.shape[:2], 2, np.uint8), get_scheme("colon-3"), "test")

    monkeypatch.setattr("napari_histosynth.paint.fromhe.labels_of", label)
    monkeypatch.setattr("napari_histosynth.ui.gradepicture.STEPS", 3)
    panel.take_file(picture)
    done(panel, wait)
    encoded = panel.taken.latent
    qtbot.mouseClick(panel.refine, Qt.MouseButton.LeftButton)
    done(panel, wait)
    painter = panel._desk.painter
    assert panel.taken.fitted is not None
    np.testing.assert_allclose(painter.looks.present.latent(painter.model), panel.taken.latent, atol=1e-6)
    np.testing.assert_array_equal(panel.taken.latent[4:], encoded[4:])
    assert "gray levels" in panel.status.text()


def test_refining_can_be_cancelled(
    panel: Any, picture: Path, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.core.errors import Cancelled

    def label(*_: Any, cancel: Any, **__: Any) -> Found:
        while not cancel():
            pass
        raise Cancelled("Labeling was stopped.")

    monkeypatch.setattr("napari_histosynth.paint.fromhe.labels_of", label)
    panel.take_file(picture)
    done(panel, wait)
    before = panel._desk.painter.looks.present
    panel.fit()
    assert not panel.refine.isEnabled()
    panel.job_row.stop.click()
    done(panel, wait)
    assert panel.status.text() == "Fitting the look was cancelled."
    assert panel._desk.painter.looks.present == before


def test_a_look_is_kept_under_a_name(panel: Any, picture: Path, wait: Any) -> None:
    panel.take_file(picture)
    done(panel, wait)
    panel.keep_as("our signet ring")
    place = panel._desk.anchors["our signet ring"]
    np.testing.assert_allclose(place.style, panel.taken.style, atol=1e-5)
    assert place.source == "biopsy.png"
    assert "choose it as an end" in panel.status.text()


def test_a_model_that_reads_no_pictures_says_so(painted: Any, qtbot: Any) -> None:
    from napari_histosynth.ui.gradedesk import GradeDesk
    from napari_histosynth.ui.gradepicture import PictureStyle

    panel = PictureStyle(GradeDesk(painted.painter))
    qtbot.addWidget(panel)
    assert not panel.open.isEnabled()
    assert "tiny has no encoder" in panel.status.text()


def test_how_near_fitting_came_is_told_in_words() -> None:
    from napari_histosynth.ui.hetaken import in_words

    latent = np.zeros(4, np.float32)
    nearer = in_words(Refined(latent, 6.0, 9.8, float(np.log(1.2)), float(np.log(1.5))))
    assert "6.0 gray levels in color (before: 9.8)" in nearer
    assert "factor of 1.2 in texture (before: 1.5)" in nearer
    assert "nothing nearer" in in_words(Refined(latent, 6.0, 6.0, 0.1, 0.1))
