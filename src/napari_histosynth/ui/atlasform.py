"""How the dock "Map of looks" is laid out: the map, legend, thumbnails, and what to do with a look."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QFrame,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.ui.atlascard import AtlasCard, NearestRow
from napari_histosynth.ui.atlaslegend import AtlasLegend
from napari_histosynth.ui.atlasmap import AtlasMap
from napari_histosynth.ui.widgets import button, row, small

_WIDE, _BESIDE = 720, 350  # px: from where thumbnails stand beside the map, and how wide they are there
_UNBOUND = 16_777_215  # Qt's own limit

_HELP = (
    "Click: take that look. Drag: go between. Wheel: zoom. Right button: move the map. Keys: arrows go from "
    "point to point, Enter takes one, + and - zoom, 0 shows all."
)


class AtlasForm:
    """The widgets of the dock.

    Parameters
    ----------
    dock : QWidget
        What they are put into.
    """

    def __init__(self, dock: QWidget) -> None:
        self.state = QLabel()
        self.state.setObjectName("atlas-state")
        self.state.setWordWrap(True)
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.state.setToolTip("Why there is no map yet")
        self.paint = button("Open Paint tissue", "atlas-paint", "Open the dock that has model and canvas")
        self.map = AtlasMap()
        self.legend = AtlasLegend()
        self.card = AtlasCard()
        self.nearest = NearestRow()
        self._add_choices()
        self.with_stain = QCheckBox("with its stain")
        self.with_stain.setObjectName("atlas-with-stain")
        self.with_stain.setToolTip("Take the stain of a picture as well, not its tissue alone")
        self.back = button("Back", "atlas-back", "Return to the look before")
        self.keep = button(
            "Keep as a named place …", "atlas-keep", "Name the present look, and find it again on the map"
        )
        self.status = small("atlas-status")
        self.status.setToolTip(_HELP)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._state_page())
        self._pages.addWidget(self._map_page())
        outer = QVBoxLayout(dock)
        outer.setContentsMargins(6, 4, 6, 4)
        outer.addWidget(self._pages, 1)
        outer.addWidget(self.status)
        dock.setMinimumWidth(340)

    def show_state(self, sentence: str, *, painting: bool) -> None:
        """Show one sentence instead of the map; with a button for the other dock unless one paints."""
        self.state.setText(sentence)
        self.paint.setVisible(not painting)
        self._pages.setCurrentIndex(0)
        self.status.setText("")

    def show_map(self) -> None:
        """Show the map."""
        self._pages.setCurrentIndex(1)
        self.status.setText(_HELP)

    def show_busy(self, what: str) -> None:
        """Say what is being done."""
        if what:
            self.status.setText(what)
        elif self.status.text().endswith("…"):
            self.status.setText(_HELP)

    def _add_choices(self) -> None:
        """Make what chooses how the map looks."""
        self.layout_box, self.color_box = QComboBox(), QComboBox()
        self.layout_box.setObjectName("atlas-layout")
        self.layout_box.addItem("by neighbors", "neighbors")
        self.layout_box.addItem("by components", "components")
        self.layout_box.setToolTip(
            "By neighbors (t-SNE): looks that are alike lie together, distances mean little. By components "
            "(PCA): the two directions in which looks differ most."
        )
        self.color_box.setObjectName("atlas-color")
        self.color_box.addItem("color: grade", "grade")
        self.color_box.addItem("color: source", "source")
        self.color_box.setToolTip("What the colors of the points stand for; shapes stand for the source")
        for box in (self.layout_box, self.color_box):
            box.setMinimumWidth(90)  # what napari's style makes of them does not fit beside a scroll bar
        self.names = QCheckBox("names")
        self.names.setObjectName("atlas-names")
        self.names.setChecked(True)
        self.names.setToolTip("Write the names of named places (crosses) beside them")
        self.all = button("All", "atlas-all", "Bring all points in sight (key 0)")
        self.all.setFixedWidth(44)

    def _state_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addWidget(self.state)
        column.addWidget(self.paint)
        column.addStretch(1)
        return page

    def _map_page(self) -> QWidget:
        around = QWidget()
        column = QVBoxLayout(around)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(self.layout_box, self.color_box, self.all))
        column.addWidget(self.map, 1)
        column.addWidget(self.legend)
        beside = QWidget()
        column = QVBoxLayout(beside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.card)
        column.addLayout(row(self.with_stain, self.names))
        column.addWidget(self.nearest)
        column.addLayout(row(self.back, self.keep))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(Turning(around, beside))
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return area


class Turning(QWidget):
    """Two widgets below one another, or side by side where there is room; the first takes what is left."""

    def __init__(self, first: QWidget, second: QWidget) -> None:
        super().__init__()
        self._second = second
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(6)
        self._box.addWidget(first, 1)
        self._box.addWidget(second)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Turn if the width says so."""
        super().resizeEvent(event)
        wide = self.width() >= _WIDE
        directions = QBoxLayout.Direction
        wanted = directions.LeftToRight if wide else directions.TopToBottom
        if self._box.direction() != wanted:
            self._box.setDirection(wanted)
            self._second.setMinimumWidth(_BESIDE if wide else 0)
            self._second.setMaximumWidth(_BESIDE if wide else _UNBOUND)
