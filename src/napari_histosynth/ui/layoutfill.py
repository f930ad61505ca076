"""New tissue in a part of the canvas: which part, and the button that fills it; and which classes stay."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFormLayout, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.tools import Area
from napari_histosynth.ui.area import draw_area, drawn_area
from napari_histosynth.ui.layers import AREA_NAME
from napari_histosynth.ui.layoutdesk import LayoutDesk
from napari_histosynth.ui.layoutfilling import fill
from napari_histosynth.ui.layoutform import LayoutForm
from napari_histosynth.ui.locks import Locks
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.widgets import button, row

Inside = Callable[[npt.NDArray[Any]], npt.NDArray[np.bool_]]

_AREA = ("area", None)


class FillPanel(QWidget):
    """Fills a region of the canvas with new tissue.

    Parameters
    ----------
    desk : LayoutDesk
        Has it filled.
    form : LayoutForm
        Says seed, grade and nuclei.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, desk: LayoutDesk, form: LayoutForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-fill")
        self._desk, self._form = desk, form
        self.region = button(
            "Draw region",
            "layout-region",
            f'Lasso the region to fill, in the layer "{AREA_NAME}"; the one drawn before is forgotten',
        )
        self.where = choice_box(
            "layout-where",
            "Where",
            "What is filled: what you drew around, all of a class (paint the region in it first), or where "
            "another Labels layer is not 0",
        )
        self.go = button(
            "Fill region",
            "layout-fill-go",
            "New tissue of the seed and grade above in the region, joined to what is around: one undo step",
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        lines = QFormLayout()
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addRow("Where", self.where)
        column.addLayout(lines)
        column.addLayout(row(self.region, self.go))
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.list_regions)
        self.region.clicked.connect(self.draw_region)
        self.go.clicked.connect(self.fill)
        for signal in (desk.changed, desk.job.begun, desk.job.ended):
            signal.connect(self._show)
        desk.changed.connect(self.list_regions)
        self.list_regions()

    def draw_region(self) -> None:
        """Add a layer to draw the region in, and have the lasso ready."""
        stage = None if self._desk.painter is None else self._desk.painter.stage
        if stage is None:
            self._desk.failed.emit("There is no canvas to draw on; make new tissue first.")
            return
        draw_area(self._desk.viewer, stage.labels)
        self.where.setCurrentIndex(0)
        self._desk.said.emit("Draw around the region, then press Fill region.")

    def fill(self) -> None:
        """Have the region filled."""
        inside = self.inside()
        if inside is not None:
            fill(self._desk, inside, self._form.place, self._form.with_nuclei)

    def inside(self) -> Inside | None:
        """Return what finds the region in the labels; None, after saying so, if there is none."""
        painter = self._desk.painter
        if painter is None or painter.stage is None:
            self._desk.failed.emit("There is no canvas to fill; make new tissue first.")
            return None
        kind, what = cast("tuple[str, Any]", self.where.currentData() or _AREA)
        if kind == "class":
            return partial(_of_class, int(what))
        if kind == "mask":
            return partial(_of_mask, np.asarray(what.data), str(what.name))
        area = drawn_area(self._desk.viewer, painter.stage.labels)
        if area is None or area.window.is_empty:
            self._desk.failed.emit(
                "No region is drawn yet; press Draw region and draw around a part of the canvas."
            )
            return None
        return partial(_of_area, area)

    # ---- what there is

    def list_regions_soon(self, _event: Any = None) -> None:
        """List regions once napari is done with what it does."""
        self._later.start(0)

    def list_regions(self) -> None:
        """Offer the drawn region, the classes of the canvas, and other Labels layers of its size."""
        from napari.layers import Labels

        painter, chosen = self._desk.painter, self.where.currentText()
        self.where.blockSignals(True)
        self.where.clear()
        self.where.addItem("what I drew around", _AREA)
        if painter is not None and painter.model is not None and painter.stage is not None:
            for entry in painter.model.scheme.classes:
                self.where.addItem(f"all {entry.name}", ("class", entry.index))
            for layer in self._desk.viewer.layers:
                plain = isinstance(layer, Labels) and layer is not painter.stage.labels
                if plain and not layer.multiscale and layer.data.shape == painter.stage.shape:
                    self.where.addItem(f"mask: {layer.name}", ("mask", layer))
        self.where.setCurrentIndex(max(0, self.where.findText(chosen)))
        self.where.blockSignals(False)
        self._show()

    def _show(self) -> None:
        can = self._desk.shape is not None
        self.go.setEnabled(can and bool(self._desk.model) and not self._desk.job.is_busy)
        self.region.setEnabled(can)


class LockRow(QWidget):
    """Padlocks for the classes of the canvas: new tissue, the way and filling leave what is locked as it is.

    They are the same locks as in the dock that paints.

    Parameters
    ----------
    desk : LayoutDesk
        Has the canvas.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    locks : Locks
        The padlocks.
    """

    def __init__(self, desk: LayoutDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-locks")
        self._desk = desk
        self.locks = Locks(self)
        self._names: tuple[str, ...] = ()
        self._texts: list[QLabel] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        desk.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the canvas."""
        self._desk.changed.disconnect(self._show)
        self.locks.follow(None)

    def _show(self) -> None:
        """Show the classes of the canvas, and which are locked."""
        painter = self._desk.painter
        model = None if painter is None else painter.model
        names = () if model is None else model.scheme.names
        if names != self._names:
            self._names = names
            for text in self._texts:
                text.deleteLater()
            self._texts = [QLabel(name) for name in names]
            for index, lock in enumerate(self.locks.set_classes(names)):
                self._grid.addWidget(lock, index // 2, 2 * (index % 2))
                self._grid.addWidget(self._texts[index], index // 2, 2 * (index % 2) + 1)
        stage = None if painter is None else painter.stage
        self.locks.follow(None if stage is None else stage.labels)
        self.setEnabled(stage is not None)


def _of_class(index: int, labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(labels == index)


def _of_area(area: Area, labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return area.within(Window.of_shape((labels.shape[0], labels.shape[1])))


def _of_mask(mask: npt.NDArray[Any], name: str, labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if mask.shape != labels.shape:
        raise ImageError(
            f'The mask "{name}" has {mask.shape[1]:,} x {mask.shape[0]:,} px, the canvas '
            f"{labels.shape[1]:,} x {labels.shape[0]:,}; choose one of the same size."
        )
    return np.asarray(mask != 0)
