"""The way between two grades: its ends, the slider, playing it, and where it starts from."""

from __future__ import annotations

import time

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_histosynth.latent.space import BEYOND
from napari_histosynth.ui.gradecolors import choose, color_of, fill_with_places
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.gradeslider import GradeSlider
from napari_histosynth.ui.widgets import button, row, small

_TICK = 40  # ms between positions while playing; what is not shown by then is left out
_LASTS = 4.0  # s from one end to the other

_FIRST_GRADE, _MY_LOOK = "the first grade", "my look, as it is now"


class WayPanel(QWidget):
    """Shows and moves a :class:`~napari_histosynth.ui.gradedesk.GradeDesk`."""

    def __init__(self, desk: GradeDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grade-way")
        self._desk = desk
        self._build()
        self._player = QTimer(self)
        self._player.setInterval(_TICK)
        self._player.timeout.connect(self._play_on)
        self._began = 0.0
        self._connect()
        self._show_places()

    def _build(self) -> None:
        """Make the widgets and lay them out."""
        self.first, self.second = QComboBox(), QComboBox()
        for box, name, tip in (
            (self.first, "grade-from", "Named place where the way begins, at 0 %"),
            (self.second, "grade-to", "Named place where it ends, at 100 %"),
        ):
            box.setObjectName(name)
            box.setToolTip(tip)
            box.setMinimumContentsLength(8)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.swap = button("⇅", "grade-swap", "Swap the ends; what is seen stays where it was")
        self.swap.setFixedWidth(34)
        self.slider = GradeSlider()
        self.number = QDoubleSpinBox()
        self.number.setObjectName("grade-number")
        self.number.setRange(-100 * BEYOND, 100 * (1 + BEYOND))
        self.number.setDecimals(1)
        self.number.setSingleStep(5)
        self.number.setSuffix(" %")
        self.number.setKeyboardTracking(False)
        self.number.setToolTip("Share of the way, in percent; below 0 and above 100 it goes beyond the ends")
        self.play = button("▶ Play", "grade-play", "Go there and back until pressed again")
        self.play.setCheckable(True)
        self.line = QComboBox()
        self.line.setObjectName("grade-line")
        self.line.addItem("Straight", False)
        self.line.addItem("Spherical", True)
        self.line.setToolTip(
            "Straight: a mixture of both ends, share by share. Spherical: around the middle of all looks, so "
            "that what lies between is as far from it as the ends are"
        )
        self.start = QComboBox()
        self.start.setObjectName("grade-start")
        self.start.setMinimumContentsLength(8)
        self.start.setToolTip(
            "What the slider changes. The first grade: the way itself. Else: this look, changed as the first "
            "grade would have to be to become the second"
        )
        self.start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.caption = small("grade-caption")
        ends = QGridLayout()
        ends.setContentsMargins(0, 0, 0, 0)
        ends.setSpacing(4)
        ends.addWidget(QLabel("From"), 0, 0)
        ends.addWidget(self.first, 0, 1)
        ends.addWidget(QLabel("To"), 1, 0)
        ends.addWidget(self.second, 1, 1)
        ends.addWidget(self.swap, 0, 2, 2, 1)
        ends.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(ends)
        column.addWidget(self.slider)
        column.addLayout(row(self.number, self.play, self.line))
        column.addLayout(row(QLabel("Start from"), self.start))
        column.addWidget(self.caption)

    def _connect(self) -> None:
        """Connect what is pressed to the desk, and what it says to what is shown."""
        desk = self._desk
        self.first.activated.connect(self._choose_ends)
        self.second.activated.connect(self._choose_ends)
        self.swap.clicked.connect(self._swap)
        self.slider.gone.connect(self._go)
        self.number.valueChanged.connect(lambda percent: self._go(percent / 100, False))
        self.play.toggled.connect(self._play)
        self.line.activated.connect(lambda _: desk.set_spherical(bool(self.line.currentData())))
        self.start.activated.connect(self._choose_start)
        desk.anchors_changed.connect(self._show_places)
        desk.moved.connect(self._show)

    # ---- what is pressed

    def _go(self, share: float, dragging: bool) -> None:
        self.play.setChecked(False)
        self._desk.set_share(share, dragging)

    def _choose_ends(self) -> None:
        self._desk.set_ends(str(self.first.currentData()), str(self.second.currentData()))

    def _swap(self) -> None:
        """Turn the way around, staying at the same style where that is one between the ends."""
        desk = self._desk
        self.play.setChecked(False)
        if desk.carried is None:
            desk.share = 1 - desk.share
        desk.set_ends(*reversed(desk.ends))

    def _choose_start(self, index: int) -> None:
        desk, name = self._desk, self.start.itemData(index)
        if index == 0:
            desk.carry(None)
        elif self.start.itemText(index) == _MY_LOOK:
            desk.share = 0.0
            desk.carry(*desk.own_style())
        elif name in desk.anchors.names:
            desk.carry(desk.anchors[name].style, name)
        self._show()

    def _play(self, on: bool) -> None:
        """Begin to go there and back, or stop where one is."""
        self.play.setText("❚❚ Pause" if on else "▶ Play")
        if on:
            inside = min(max(self._desk.share, 0.0), 1.0)
            self._began = time.perf_counter() - inside * _LASTS
            self._player.start()
        elif self._player.isActive():
            self._player.stop()
            self._desk.set_share(self._desk.share)

    def _play_on(self) -> None:
        """Go to where one would be by now."""
        there_and_back = ((time.perf_counter() - self._began) / _LASTS) % 2
        self._desk.set_share(1 - abs(1 - there_and_back), dragging=True)

    # ---- what is shown

    def _show_places(self) -> None:
        """Offer the places of the model."""
        anchors = self._desk.anchors
        for box in (self.first, self.second):
            fill_with_places(box, anchors)
        self._show()

    def _show(self) -> None:
        """Show where one is."""
        desk = self._desk
        way = desk.way()
        for widget in (self.first, self.second, self.swap, self.slider, self.number, self.play, self.start):
            widget.setEnabled(way is not None)
        self.line.setEnabled(way is not None and desk.carried is None)
        known = {place.name: place for place in desk.anchors}
        for box, end in zip((self.first, self.second), desk.ends, strict=True):
            choose(box, end)
        self.slider.set_colors(*(color_of(known.get(end)) for end in desk.ends))
        if not self.slider.isSliderDown():
            self.slider.show_share(desk.share)
        before = self.number.blockSignals(True)
        self.number.setValue(100 * desk.share)
        self.number.blockSignals(before)
        choose(self.line, None)
        self.line.setCurrentIndex(int(desk.spherical))
        self._show_start()
        self.caption.setText(self._sentence())

    def _show_start(self) -> None:
        """Offer what the slider can change, and show what it does."""
        desk = self._desk
        titles = [_FIRST_GRADE, _MY_LOOK]
        if desk.carried is not None and desk.carried not in desk.anchors.names:
            titles.append(desk.carried)
        wanted = (*titles, *desk.anchors.names)
        if wanted != tuple(self.start.itemText(index) for index in range(self.start.count())):
            fill_with_places(self.start, desk.anchors, tuple(titles))
        before = self.start.blockSignals(True)
        self.start.setCurrentIndex(0 if desk.carried is None else max(0, wanted.index(desk.carried)))
        self.start.blockSignals(before)

    def _sentence(self) -> str:
        """Say what the canvas shows."""
        desk = self._desk
        if desk.painter.is_previewing or desk.is_on_canvas:
            classes = f", {len(desk.strengths)} classes less than that" if desk.strengths else ""
            return f"Shown: {desk.caption()}{classes}"
        if desk.way() is None:
            return ""
        return "The canvas has a look of its own; move the slider to take it on the way."
