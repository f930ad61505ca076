"""A mixture of three or four named places: which, and the pad between them."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_histosynth.ui.gradecolors import choose, color_of, fill_with_places
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.gradepad import GradePad
from napari_histosynth.ui.widgets import small

_NONE = "none: a triangle"


class MixPanel(QWidget):
    """Chooses the corners of a pad, and takes the canvas where its handle goes."""

    def __init__(self, desk: GradeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-mix")
        self._desk = desk
        self.pad = GradePad()
        self.hint = small("grade-mix-hint")
        self.corners = [QComboBox() for _ in range(4)]
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for number, box in enumerate(self.corners):
            box.setObjectName(f"grade-corner-{number}")
            box.setToolTip(f"Named place at corner {number + 1} of the pad")
            box.setMinimumContentsLength(6)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.activated.connect(self._show_corners)
            grid.addWidget(box, number // 2, number % 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(grid)
        column.addWidget(self.pad)
        column.addWidget(self.hint)
        self.pad.gone.connect(self._mix)
        desk.anchors_changed.connect(self._show_places)
        desk.moved.connect(self._show_away)
        self._show_places()

    @property
    def names(self) -> list[str]:
        """The places at the corners."""
        return [str(box.currentData()) for box in self.corners if box.currentData() is not None]

    def _mix(self, weights: list[float], dragging: bool) -> None:
        self._desk.mix(self.names, weights, dragging)

    def _show_places(self) -> None:
        """Offer the places of the model: at first, some that are spread over its grades."""
        anchors = self._desk.anchors
        names = anchors.names
        source = next((one.source for one in anchors if one.name == self._desk.ends[0]), "")
        graded = [one for one in anchors if one.grade is not None and one.source == source]
        graded.sort(key=lambda one: one.grade or 0)
        ordered = [one.name for one in graded] if len(graded) >= 3 else names
        known = [box.currentData() in names for box in self.corners[:3]]
        for number, box in enumerate(self.corners):
            fill_with_places(box, anchors, (_NONE,) if number == 3 else ())
            if len(ordered) >= 3 and not all(known) and number < 3:
                choose(box, ordered[round(number * (len(ordered) - 1) / 2)])
        self._show_corners()

    def _show_corners(self) -> None:
        """Show the chosen places at the corners."""
        names, known = self.names, {place.name: place for place in self._desk.anchors}
        enough = len(names) >= 3
        self.pad.setEnabled(enough)
        self.hint.setText("" if enough else "A mixture needs three named places.")
        self.hint.setVisible(not enough)
        if enough:
            self.pad.set_corners(names, [color_of(known.get(name)) for name in names])

    def _show_away(self) -> None:
        if not self._desk.is_mixture:
            self.pad.show_away()
