"""How much of a slide is drawn: of what is in sight, and of all, which can be drawn in the background."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_histosynth.slide.levels import um_of
from napari_histosynth.ui.slidedesk import SlideDesk
from napari_histosynth.ui.widgets import ProgressBar, button, row, small


class DrawnPanel(QWidget):
    """Shows how much of a slide is drawn, and has all of it drawn.

    Parameters
    ----------
    desk : SlideDesk
        Has the slide.
    keep : callable
        Asks where to keep it; returns whether it is being kept.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, desk: SlideDesk, keep: Callable[[], bool], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slide-drawn")
        self._desk, self._keep = desk, keep
        self._then_all = False
        self.sight_line = small("slide-sight")
        self.sight_bar = _bar(
            "slide-sight-bar", "How much of what is in sight is drawn as finely as it is shown"
        )
        self.all_line = small("slide-all-line")
        self.all_bar = _bar("slide-all-bar", "How much of the whole slide is drawn, at full magnification")
        self.all = button(
            "Draw all",
            "slide-all",
            "Draw all of the slide in the background, what is in sight first. It can be paused, and goes on "
            "after a restart where the slide is kept in a folder",
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.sight_line)
        column.addWidget(self.sight_bar)
        column.addWidget(self.all_line)
        column.addWidget(self.all_bar)
        column.addLayout(row(self.all))
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(200)
        self._soon.timeout.connect(self.show_now)
        self.all.clicked.connect(self.toggle)
        desk.progressed.connect(self._show_soon)
        desk.changed.connect(self._on_changed)
        self.show_now()

    def toggle(self) -> None:
        """Draw all, or pause that."""
        shown = self._desk.shown
        if shown is None:
            return
        if shown.drawer.is_drawing_all:
            shown.drawer.draw_all(False)
        elif self._desk.must_be_kept:
            self._then_all = self._keep()  # more than memory holds
        else:
            shown.drawer.draw_all(True)
        self.show_now()

    def _on_changed(self) -> None:
        if self._then_all and not self._desk.job.is_busy:
            self._then_all = False
            if self._desk.shown is not None and not self._desk.must_be_kept:
                self._desk.shown.drawer.draw_all(True)
        self.show_now()

    def _show_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def show_now(self) -> None:
        """Bring lines and bars up to date."""
        shown = self._desk.shown
        self.setVisible(shown is not None)
        if shown is None:
            return
        share = shown.share
        self.sight_bar.setValue(round(100 * share))
        scale = f"{um_of(shown.level):g} µm per pixel"
        drawn = "drawn" if share == 1 else f"{share:.0%} drawn"
        self.sight_line.setText(f"In sight, at {scale}: {drawn}")
        done = shown.levels.done[0]
        whole = float(done.mean())
        self.all_bar.setValue(int(100 * whole))
        busy = shown.drawer.is_drawing_all
        left = shown.drawer.seconds_left() if busy else None
        text = "All of it is drawn" if whole == 1 else f"Of all, at full magnification: {whole:.1%} drawn"
        if left is not None and whole < 1:
            text += f", {told_time(left)} left"
        self.all_line.setText(text)
        self.all.setText("Pause" if busy else "Draw all" if not done.any() else "Draw the rest")
        self.all.setEnabled(whole < 1)


def told_time(seconds: float) -> str:
    """Return a time as one tells it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {seconds / 3600:.1f} h"


def _bar(name: str, tip: str) -> ProgressBar:
    bar = ProgressBar()
    bar.setObjectName(name)
    bar.setAccessibleName(tip)
    bar.setFixedHeight(6)
    bar.setToolTip(tip)
    return bar
