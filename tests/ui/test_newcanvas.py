"""The questions about a new canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui import prepare
from napari_histosynth.ui.newcanvas import BlankDialog, ImportDialog

UM = 0.62


@pytest.fixture
def blank(qtbot: Any, model: Any) -> BlankDialog:
    dialog = BlankDialog(model)
    qtbot.addWidget(dialog)
    return dialog


@pytest.fixture
def ask(qtbot: Any, model: Any) -> Callable[..., ImportDialog]:
    def asked(labels: Any, scheme: str = "colon-2", um_per_px: float = UM) -> ImportDialog:
        dialog = ImportDialog(prepare.Origin(labels, get_scheme(scheme), um_per_px, "map"), model)
        qtbot.addWidget(dialog)
        return dialog

    return asked


def test_micrometers_follow_pixels(blank: BlankDialog) -> None:
    blank.size_fields.width_px.setValue(1000)
    assert blank.size_fields.width_um.value() == pytest.approx(620)


def test_pixels_follow_micrometers_to_whole_pixels(blank: BlankDialog) -> None:
    blank.size_fields.height_um.setValue(500)
    assert blank.size_fields.height_px.value() == round(500 / UM)
    assert blank.size_fields.height_um.value() == pytest.approx(round(500 / UM) * UM, abs=0.05)


def test_the_other_side_stays(blank: BlankDialog) -> None:
    blank.size_fields.width_px.setValue(300)
    assert blank.shape == (1024, 300)


def test_a_common_size_sets_both_sides(blank: BlankDialog) -> None:
    fields = blank.size_fields
    fields.common.setCurrentIndex(fields.common.findData(2048))
    fields.common.activated.emit(fields.common.currentIndex())
    assert blank.shape == (2048, 2048)
    fields.width_px.setValue(300)
    assert fields.common.currentText() == "other"


def test_a_blank_canvas_is_offered_as_stroma_with_nuclei(blank: BlankDialog) -> None:
    assert blank.fill.currentText() == "non-epithelium"
    assert blank.class_index == 1
    assert blank.nuclei.isChecked()


def test_nuclei_are_offered_for_a_map_of_two_classes(ask: Callable[..., ImportDialog]) -> None:
    dialog = ask(np.full((64, 64), 2, np.uint8))
    assert dialog.nuclei.isEnabled()
    assert dialog.nuclei.isChecked()


def test_nuclei_are_not_offered_where_the_map_has_them(ask: Callable[..., ImportDialog]) -> None:
    assert not ask(np.full((64, 64), 3, np.uint8), "colon-3").nuclei.isEnabled()


def test_only_schemes_that_hold_all_values_are_offered(ask: Callable[..., ImportDialog]) -> None:
    dialog = ask(np.full((64, 64), 7, np.uint8), "colon-10")
    offered = [dialog.scheme.itemData(index).name for index in range(dialog.scheme.count())]
    assert offered == ["colon-3", "colon-10"]  # the model's own is always there
    assert dialog.origin.scheme.name == "colon-10"


def test_the_size_to_come_is_told(ask: Callable[..., ImportDialog]) -> None:
    dialog = ask(np.ones((100, 200), np.uint8), um_per_px=UM)
    assert dialog.becomes.text() == "200 × 100 px."
    dialog.um_per_px.setValue(1.24)
    assert "become 400 × 200 px" in dialog.becomes.text()
    assert dialog.origin.um_per_px == pytest.approx(1.24)


def test_a_scale_that_nobody_touched_stays_exact(ask: Callable[..., ImportDialog]) -> None:
    assert ask(np.ones((64, 64), np.uint8), um_per_px=0.2512345).origin.um_per_px == 0.2512345
