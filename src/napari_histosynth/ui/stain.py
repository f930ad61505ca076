"""The dock "Virtual stain": H&E to Ki-67 and back, for the canvas, pictures and slides, and the count."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_histosynth.ui.docked import Docked
from napari_histosynth.ui.layers import layer_um_per_px
from napari_histosynth.ui.painters import painter_of, painters
from napari_histosynth.ui.stainchoice import StainChoice
from napari_histosynth.ui.staincompare import ComparePanel
from napari_histosynth.ui.staincount import CountPanel
from napari_histosynth.ui.staincycle import CyclePanel
from napari_histosynth.ui.staindesk import StainDesk
from napari_histosynth.ui.stainsave import SavePanel
from napari_histosynth.ui.stainwhich import WhichPanel
from napari_histosynth.ui.widgets import folded, heading, small

_WIDTH, _WIDEST = 320, 380  # px


class StainDock(Docked):
    """Draws pictures of a viewer in another stain, compares, and counts.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer. napari gives it to plugins by this name.

    Attributes
    ----------
    desk : StainDesk
        What stains.
    choice, compare, which, count, cycle, save : QWidget
        The sections.
    status : QLabel
        One sentence about what happened last.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("histosynth-stain")
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._shut = False
        self._painter: Any = None
        self.desk = StainDesk(self.viewer, self)
        self.which = WhichPanel(self.desk)
        self.choice = StainChoice(self.desk, self.which.asked)
        self.compare = ComparePanel(self.desk)
        self.count = CountPanel(self.desk, self._scale_of)
        self.cycle = CyclePanel(self.desk)
        self.save = SavePanel(self.desk)
        self.status = small("stain-status")
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        column.addWidget(self.choice)
        column.addWidget(self.status)
        column.addWidget(folded("Which nuclei are positive", self.which))
        column.addWidget(heading("Compare"))
        column.addWidget(self.compare)
        column.addWidget(heading("Labelling index"))
        column.addWidget(self.count)
        column.addWidget(folded("There and back", self.cycle))
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
        self.status.setVisible(False)
        self.desk.said.connect(self._say)
        self.choice.changed.connect(self._on_choice)
        self._lists = (
            self.choice.list_pictures_soon,
            self.which.list_layers_soon,
            self.count.list_pictures_soon,
        )
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.connect(self._on_layers)
        painters.changed.connect(self._on_painters)
        self._on_painters()
        self._on_choice()

    def shut_down(self) -> None:
        """Let go of viewer, canvas and threads; layers stay. Harmless when repeated."""
        if self._shut:
            return
        self._shut = True
        painters.changed.disconnect(self._on_painters)
        self._watch(None)
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.disconnect(self._on_layers)
        for job in (self.count.job, self.cycle.job, self.save.job):
            job.cancel()
        self.compare.let_go()
        self.desk.close()
        for timer in self.findChildren(QTimer):
            timer.stop()
        self.setEnabled(False)

    def _scale_of(self, layer: Any) -> float | None:
        """Return the scale of a layer: as it was set above, or as it says itself."""
        return self.choice.scale.value() if layer is self.choice.layer else layer_um_per_px(layer)

    def _say(self, sentence: str) -> None:
        self.status.setText(sentence)
        self.status.setVisible(bool(sentence))

    def _on_layers(self, _event: Any = None) -> None:
        for listed in self._lists:
            listed()

    def _on_choice(self) -> None:
        """Ask for positive nuclei of what is chosen, if the model can be told."""
        card = self.choice.card
        steered = card is not None and bool(card.architecture.get("steering", 0))
        self.which.set_picture(self.choice.layer, steered and not self.choice.is_reverse)

    # ---- the canvas

    def _on_painters(self) -> None:
        self._watch(painter_of(self.viewer))

    def _watch(self, painter: Any) -> None:
        """Notice when the canvas becomes another."""
        if painter is self._painter:
            return
        if self._painter is not None:
            self._painter.canvas_changed.disconnect(self._on_canvas)
        self._painter = painter
        if painter is not None:
            painter.canvas_changed.connect(self._on_canvas)
        if not self._shut:
            self._on_layers()

    def _on_canvas(self) -> None:
        self._on_layers()
