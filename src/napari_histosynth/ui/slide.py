"""The dock "Synthetic slide": gigapixel slides, drawn as one looks, painted into, stained and saved."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.docked import Docked, dock_stain, docked
from napari_histosynth.ui.slidedesk import SlideDesk
from napari_histosynth.ui.slidedrawn import DrawnPanel
from napari_histosynth.ui.slideform import SlideForm
from napari_histosynth.ui.slidelayouts import LayoutPanel
from napari_histosynth.ui.slidemap import SlideMap, legend
from napari_histosynth.ui.slidepaint import PaintPanel
from napari_histosynth.ui.slidesave import SlideSavePanel
from napari_histosynth.ui.widgets import button, folded, heading, row, small

_WIDTH, _WIDEST = 320, 380  # px


class SlideDock(Docked):
    """Draws a synthetic slide where one looks.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer. napari gives it to plugins by this name.

    Attributes
    ----------
    desk : SlideDesk
        What has the slide drawn.
    form, drawn, map, paint, layout_panel, save : QWidget
        The sections.
    status : QLabel
        One sentence about what happened last.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("histosynth-slide")
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._shut = False
        self.desk = SlideDesk(self.viewer, self)
        self.form = SlideForm(self.desk)
        self.drawn = DrawnPanel(self.desk, self.form.ask_keep)
        self.map = SlideMap(self.desk)
        self.paint = PaintPanel(self.desk)
        self.layout_panel = LayoutPanel(self.desk, self.form)
        self.save = SlideSavePanel(self.desk)
        self.status = small("slide-status")
        self.stain = button(
            "Stain it …",
            "slide-stain",
            "Draw the slide in another stain (Ki-67), in the dock Virtual stain: where one looks",
        )
        self._build()
        self.desk.said.connect(self._say)
        self.desk.failed.connect(self._fail)
        self.desk.changed.connect(self._show)
        self.desk.painted.connect(self._on_painted)
        self.stain.clicked.connect(self.stain_it)
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.connect(self._on_layers)
        self._say("")
        self.desk.adopt()
        self._show()

    def _build(self) -> None:
        """Lay out the sections; they scroll."""
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        self._legend = small("slide-legend")
        self._legend.setText(legend())
        for part in (
            heading("Slide"),
            self.form,
            self.status,
            self.drawn,
            self.map,
            self._legend,
            folded("From a painted layout", self.layout_panel),
            heading("Stain and paint"),
        ):
            column.addWidget(part)
        column.addLayout(row(self.stain))
        column.addWidget(self.paint)
        column.addWidget(heading("File"))
        column.addWidget(self.save)
        column.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._area, 1)
        self.setMinimumWidth(_WIDTH)
        self.setMaximumWidth(_WIDEST)

    def shut_down(self) -> None:
        """Let go of viewer and threads; the layer stays. Harmless when repeated."""
        if self._shut:
            return
        self._shut = True
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.disconnect(self._on_layers)
        for job in (self.layout_panel.job, self.save.job):
            job.cancel()
        self.paint.close_down()
        self.desk.close()
        for timer in self.findChildren(QTimer):
            timer.stop()
        self.setEnabled(False)

    def stain_it(self) -> None:
        """Hand the slide to the dock that stains."""
        shown = self.desk.shown
        if shown is None:
            return
        dock = dock_stain(self.viewer)
        dock.choice.choose(shown.layer)
        dock.choice.stain()
        self._say("The dock Virtual stain draws it where you look.")

    def _show(self) -> None:
        there = self.desk.shown is not None
        self.stain.setEnabled(there)
        self._legend.setVisible(there)

    def _on_painted(self, window: Window) -> None:
        """Have the stain of the slide follow."""
        from napari_histosynth.ui.stain import StainDock

        stain = docked(self.viewer, StainDock)
        if stain is not None and self.desk.shown is not None:
            stain.desk.renew(self.desk.shown.layer, window)

    def _on_layers(self, _event: Any = None) -> None:
        self.layout_panel.list_layers_soon()

    def _say(self, sentence: str) -> None:
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))

    def _fail(self, sentence: str) -> None:
        """Say what went wrong, here and as napari does."""
        if not self._shut:
            self._say(sentence)
            show_error(sentence)
