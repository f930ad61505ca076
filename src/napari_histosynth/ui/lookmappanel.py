"""What one sees of the looks on a canvas: their list, how they are placed, and how they blend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.paint.lookfile import look_color
from napari_histosynth.ui.lookmap import LookMapper
from napari_histosynth.ui.widgets import button

_WIDEST_UM = 2000
_PAUSE = 80  # ms that the slider rests before the canvas is drawn anew
_ICON = 14


class LookMapPanel(QWidget):
    """Shows and changes a :class:`~napari_histosynth.ui.lookmap.LookMapper`."""

    def __init__(self, mapper: LookMapper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("look-map")
        self._mapper = mapper
        self._build()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(lambda: mapper.set_width(float(self.width_um.value())))
        self._connect()
        self.refresh()

    def _build(self) -> None:
        """Lay out the panel."""
        self.list = QListWidget()
        self.list.setObjectName("looks")
        self.list.setToolTip("Click: place and paint with this look. Double click: rename it.")
        self.list.setIconSize(QSize(_ICON, _ICON))
        self.list.setFixedHeight(84)
        self.add = button("Add look", "add-look", "Add a look to the list")
        self.add.setMenu(self._menu())
        self.remove = button("Remove", "remove-look", "Remove the look that is chosen in the list")
        self.points = button(
            "Place points",
            "look-points",
            "Click on the canvas to place points that carry the chosen look; drag them, or delete them with "
            "the Delete key, in napari's own select mode",
        )
        self.regions = button(
            "Paint regions", "look-regions", "Paint areas that have the chosen look, in a layer of their own"
        )
        self.radius = QDoubleSpinBox()
        self.radius.setObjectName("look-radius")
        self.radius.setRange(0, 5000)
        self.radius.setDecimals(0)
        self.radius.setSingleStep(25)
        self.radius.setSuffix(" µm")
        self.radius.setSpecialValueText("to the next")
        self.radius.setToolTip(
            "How far a new or selected point reaches: a spot of this radius, or all up to the next point"
        )
        self.share = QSpinBox()
        self.share.setObjectName("look-share")
        self.share.setRange(0, 100)
        self.share.setValue(100)
        self.share.setSuffix(" %")
        self.share.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.share.setToolTip(
            "How much of its look a new or selected point has; the rest is the canvas's own look"
        )
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("look-width-slider")
        self.slider.setRange(0, _WIDEST_UM)
        self.width_um = QSpinBox()
        self.width_um.setObjectName("look-width")
        self.width_um.setRange(0, _WIDEST_UM)
        self.width_um.setSuffix(" µm")
        self.width_um.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.width_um.setKeyboardTracking(False)
        for field in (self.slider, self.width_um):
            field.setToolTip("Over which distance one look gives way to another")
        self.open = button("Open …", "open-looks", "Lay the looks of a file on this canvas")
        self.save = button("Save …", "save-looks", "Save the looks, points and regions; Save all does too")
        self.reset = button("Reset", "reset-looks", "Take all looks off: the canvas has its own everywhere")
        self._arrange()

    def _arrange(self) -> None:
        """Put the widgets in their places."""
        layout = QGridLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.add, 0, 0, 1, 3)
        layout.addWidget(self.remove, 0, 3, 1, 3)
        layout.addWidget(self.points, 1, 0, 1, 3)
        layout.addWidget(self.regions, 1, 3, 1, 3)
        layout.addWidget(QLabel("Point"), 2, 0)
        layout.addWidget(self.radius, 2, 1, 1, 3)
        layout.addWidget(self.share, 2, 4, 1, 2)
        layout.addWidget(QLabel("Blend"), 3, 0)
        layout.addWidget(self.slider, 3, 1, 1, 3)
        layout.addWidget(self.width_um, 3, 4, 1, 2)
        for column, pressed in enumerate((self.open, self.save, self.reset)):
            layout.addWidget(pressed, 4, 2 * column, 1, 2)
        for column in range(6):
            layout.setColumnStretch(column, 1)
        column_of_all = QVBoxLayout(self)
        column_of_all.setContentsMargins(0, 0, 0, 0)
        column_of_all.addWidget(self.list)
        column_of_all.addLayout(layout)

    def _menu(self) -> QMenu:
        """Return the ways to a look."""
        menu = QMenu(self)
        for title, act in (
            ("The canvas's present look", self._mapper.looks.add_present),
            ("A random look", self._mapper.looks.add_random),
            ("That of the selected H&&E layer", self._mapper.looks.add_layer),
            ("That of an H&&E file …", self.ask_picture),
        ):
            action = menu.addAction(title)
            assert action is not None
            action.triggered.connect(_without_arguments(act))
        return menu

    def _connect(self) -> None:
        """Connect what is pressed to the mapper, and what it says to what is shown."""
        mapper = self._mapper
        self.list.currentRowChanged.connect(self._choose)
        self.list.itemChanged.connect(self._rename)
        self.remove.clicked.connect(lambda: mapper.remove(mapper.current))
        self.points.clicked.connect(self._place_points)
        self.regions.clicked.connect(mapper.paint_regions)
        self.radius.valueChanged.connect(lambda um: mapper.set_point(radius_um=float(um)))
        self.share.valueChanged.connect(lambda share: mapper.set_point(share=share / 100))
        self.slider.valueChanged.connect(self.width_um.setValue)
        self.width_um.valueChanged.connect(self._show_width)
        self.open.clicked.connect(self.ask_open)
        self.save.clicked.connect(self.ask_save)
        self.reset.clicked.connect(mapper.reset)
        mapper.changed.connect(self.refresh)
        mapper.painter.canvas_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the looks and what can be done with them."""
        mapper = self._mapper
        for widget in (self.list, self.slider, self.width_um):
            widget.blockSignals(True)
        self.list.clear()
        for number, look in enumerate(mapper.looks.entries, start=1):
            item = QListWidgetItem(_icon(look_color(number)), look.name or f"look {number}")
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.list.addItem(item)
        self.list.setCurrentRow(mapper.current - 1)
        self.slider.setValue(round(mapper.width_um))
        self.width_um.setValue(round(mapper.width_um))
        for widget in (self.list, self.slider, self.width_um):
            widget.blockSignals(False)
        on = mapper.painter.stage is not None
        for pressed in (self.add, self.points, self.regions, self.open):
            pressed.setEnabled(on)
        self.remove.setEnabled(mapper.current > 0)
        for field in (self.radius, self.share):
            field.setEnabled(mapper.points is not None)
        self.save.setEnabled(on and len(mapper.looks) > 0)
        self.reset.setEnabled(len(mapper.looks) > 0)

    def ask_picture(self) -> None:
        """Ask for the file of an H&E picture and add its look."""
        path, _ = QFileDialog.getOpenFileName(
            self, "H&E picture", "", "Pictures (*.png *.jpg *.jpeg *.tif *.tiff *.bmp *.webp);;All files (*)"
        )
        if path:
            self._mapper.looks.add_file(path)

    def ask_open(self) -> None:
        """Ask for a file of looks and lay them on the canvas."""
        path, _ = QFileDialog.getOpenFileName(self, "Looks", "", "Looks (*.json);;All files (*)")
        if path:
            self._mapper.open(path)

    def ask_save(self) -> None:
        """Ask for a file and save the looks."""
        path, _ = QFileDialog.getSaveFileName(
            self, "Save looks", str(Path.home() / "tissue_looks.json"), "Looks (*.json)"
        )
        if path:
            self._mapper.save(path if path.lower().endswith(".json") else f"{path}.json")

    def _place_points(self) -> None:
        """Have points ready, with the reach and share that are shown."""
        self._mapper.place_points()
        self._mapper.set_point(radius_um=float(self.radius.value()), share=self.share.value() / 100)

    def _choose(self, row: int) -> None:
        if row >= 0:
            self._mapper.choose(row + 1)

    def _rename(self, item: Any) -> None:
        self._mapper.looks.rename(self.list.row(item) + 1, item.text())
        self.refresh()

    def _show_width(self, um: int) -> None:
        """Keep slider and field in step; draw once they rest."""
        self.slider.blockSignals(True)
        self.slider.setValue(um)
        self.slider.blockSignals(False)
        self._timer.start()


def _icon(color: str) -> QIcon:
    """Return a square of one color."""
    pixmap = QPixmap(_ICON, _ICON)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)


def _without_arguments(act: Callable[[], None]) -> Callable[..., None]:
    """Return a slot that leaves out what a signal brings along."""
    return lambda *_: act()
