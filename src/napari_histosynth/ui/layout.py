"""The dock "New tissue": label maps by number, nine to choose from, the way between two, regions filled."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (  # type: ignore[attr-defined]
    QFrame,
    QScrollArea,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.ui.docked import Docked
from napari_histosynth.ui.layoutdesk import LayoutDesk
from napari_histosynth.ui.layoutfill import FillPanel, LockRow
from napari_histosynth.ui.layoutfilm import LayoutFilm
from napari_histosynth.ui.layoutform import LayoutForm
from napari_histosynth.ui.layoutfrom import FromPanel
from napari_histosynth.ui.layoutmap import LayoutMap
from napari_histosynth.ui.layoutmorph import MorphPanel
from napari_histosynth.ui.layoutnine import NinePanel
from napari_histosynth.ui.layoutway import LayoutWay
from napari_histosynth.ui.widgets import folded, heading, small

_WIDTH, _WIDEST = 320, 380  # px
NEXT_KEY = "Alt+N"


class LayoutDock(Docked):
    """Lays out new tissue on the canvas.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where one paints. napari gives it to plugins by this name.

    Attributes
    ----------
    desk : LayoutDesk
        What has tissue laid out.
    way : LayoutWay
        What moves between two layouts.
    form, nine, morph, film, fill, locks, origin, map : QWidget
        The sections.
    status : QLabel
        One sentence about what happened last.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("histosynth-layout")
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._shut = False
        self.desk = LayoutDesk(self.viewer, self)
        self.way = LayoutWay(self.desk, self)
        self.form = LayoutForm(self.desk)
        self.status = small("layout-status")
        self.nine = NinePanel(self.desk, self.form)
        self.morph = MorphPanel(self.way, self.form)
        self.film = LayoutFilm(self.way)
        self.fill = FillPanel(self.desk, self.form)
        self.locks = LockRow(self.desk)
        self.origin = FromPanel(self.desk)
        self.map = LayoutMap(self.desk, self.form)
        self._build()
        self.nine.ended.connect(self.morph.set_end)
        self.origin.found.connect(self.morph.set_end)
        self.map.ended.connect(self.morph.set_end)
        self.desk.said.connect(self._say)
        self.desk.failed.connect(self._fail)
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.connect(self._on_layers)
        shortcut = QShortcut(QKeySequence(NEXT_KEY), self)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.activated.connect(self.form.go_next)
        self._say("")

    def _build(self) -> None:
        """Lay out the sections; they scroll. What happened last stays in sight below."""
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        for part in (
            heading("Tissue"),
            self.form,
            heading("Nine to choose from"),
            self.nine,
            heading("Between two layouts"),
            self.morph,
            folded("Film", self.film),
            folded("From H&&E: the nearest layout", self.origin),
            folded("Map of layouts", self.map),
            heading("Fill a region"),
            self.fill,
            heading("Locked classes", "stay as they are"),
            self.locks,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._area, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(8, 0, 8, 4)
        foot.addWidget(self.status)
        outer.addLayout(foot)
        self.setMinimumWidth(_WIDTH)
        self.setMaximumWidth(_WIDEST)

    def shut_down(self) -> None:
        """Let go of canvas and threads; layers stay. Harmless when repeated."""
        if self._shut:
            return
        self._shut = True
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.disconnect(self._on_layers)
        self.film.job.cancel()
        self.map.job.cancel()
        self.nine.rest()
        self.way.close()
        self.locks.close_down()
        self.desk.close()
        for timer in self.findChildren(QTimer):
            timer.stop()
        self.setEnabled(False)

    def _on_layers(self, _event: Any = None) -> None:
        self.fill.list_regions_soon()
        self.origin.list_layers_soon()

    def _say(self, sentence: str) -> None:
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))

    def _fail(self, sentence: str) -> None:
        """Say what went wrong, here and as napari does."""
        if not self._shut:
            self._say(sentence)
            show_error(sentence)
