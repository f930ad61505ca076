"""How much of the way each class goes: a slider for each."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.ui.gradecolors import chip
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.widgets import button, row, small

_SLIDER = 84  # px: long names of classes leave it that much


class StrengthPanel(QWidget):
    """Shows and sets the strengths of a :class:`~napari_histosynth.ui.gradedesk.GradeDesk`.

    Attributes
    ----------
    sliders : dict of int to QSlider
        By label value; 0 to 100 %.
    """

    def __init__(self, desk: GradeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-strength")
        self._desk = desk
        self._scheme: TissueScheme | None = None
        self.sliders: dict[int, QSlider] = {}
        self._shares: dict[int, QLabel] = {}
        self._rows: list[QWidget] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(3)
        self._grid.setColumnStretch(2, 1)
        self.all = button("All", "strength-all", "Every class goes all of the way")
        self.epithelium = button(
            "Only epithelium", "strength-epithelium", "Classes that are no epithelium stay at the beginning"
        )
        self.all.clicked.connect(lambda: desk.set_strengths({}))
        self.epithelium.clicked.connect(self._only_epithelium)
        self.note = small("strength-note")
        self.note.setText("100 %: the class goes all of the way; 0 %: it stays as it is at the beginning.")
        self._grid.addWidget(self.note, 0, 0, 1, 4)
        self._grid.addLayout(row(self.all, self.epithelium), 1, 0, 1, 4)
        desk.anchors_changed.connect(self._show_scheme)
        desk.moved.connect(self._show)
        self._show_scheme()

    def _only_epithelium(self) -> None:
        if self._scheme is not None:
            names = self._scheme.names
            self._desk.set_strengths(
                {index: 0.0 for index, name in enumerate(names) if not name.startswith("epithelium")}
            )

    def _show_scheme(self) -> None:
        """Show the classes of the model, unless they are shown."""
        model = self._desk.painter.model
        scheme = None if model is None else model.scheme
        if scheme != self._scheme:
            self._scheme = scheme
            for widget in self._rows:
                widget.deleteLater()
            self._rows, self.sliders, self._shares = [], {}, {}
            for tissue_class in () if scheme is None else scheme.classes:
                self._add(tissue_class.index, tissue_class.name, tissue_class.color)
            names = () if scheme is None else scheme.names
            self.epithelium.setEnabled(any(name.startswith("epithelium") for name in names))
        self._show()

    def _add(self, index: int, name: str, color: str) -> None:
        """Add the row of a class."""
        square, title, slider, share = QLabel(), QLabel(name), QSlider(Qt.Orientation.Horizontal), QLabel()
        square.setPixmap(chip(color).pixmap(12, 12))
        slider.setObjectName(f"strength-{index}")
        slider.setAccessibleName(f"Strength of {name}")
        slider.setRange(0, 100)
        slider.setPageStep(10)
        slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        title.setStyleSheet("font-size: 11px;")
        slider.setMinimumWidth(_SLIDER)
        for widget in (title, slider):
            widget.setToolTip(f"How much of the way {name} goes")
        slider.valueChanged.connect(
            lambda percent: self._desk.set_strength(index, percent / 100, slider.isSliderDown())
        )
        slider.sliderReleased.connect(lambda: self._desk.set_strength(index, slider.value() / 100))
        share.setMinimumWidth(38)
        share.setAlignment(Qt.AlignmentFlag.AlignRight)
        at = 2 + len(self.sliders)
        cells: tuple[QWidget, ...] = (square, title, slider, share)
        for column, cell in enumerate(cells):
            self._grid.addWidget(cell, at, column)
        self._rows += cells
        self.sliders[index], self._shares[index] = slider, share

    def _show(self) -> None:
        """Show the present strengths."""
        for index, slider in self.sliders.items():
            percent = round(100 * self._desk.strengths.get(index, 1.0))
            if not slider.isSliderDown():
                before = slider.blockSignals(True)
                slider.setValue(percent)
                slider.blockSignals(before)
            self._shares[index].setText(f"{percent} %")
