"""The dock "Slide between grades": what one sees of a :class:`~napari_histosynth.ui.gradedesk.GradeDesk`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_histosynth.ui.docked import Docked, dock_painter
from napari_histosynth.ui.gradedesk import GradeDesk
from napari_histosynth.ui.gradefilm import FilmBar
from napari_histosynth.ui.grademix import MixPanel
from napari_histosynth.ui.gradenames import NamesPanel
from napari_histosynth.ui.gradepicture import PictureStyle
from napari_histosynth.ui.gradestain import StainPanel
from napari_histosynth.ui.gradestrength import StrengthPanel
from napari_histosynth.ui.gradeway import WayPanel
from napari_histosynth.ui.painter import Painter
from napari_histosynth.ui.painters import painter_of, painters
from napari_histosynth.ui.widgets import button, folded, heading, small

_WIDTH, _WIDEST = 320, 380  # px


@dataclass(frozen=True)
class Section:
    """A part of the dock.

    Attributes
    ----------
    title : str
        Its heading.
    make : callable
        Makes it for a desk.
    folded : bool
        Whether it is closed at first.
    """

    title: str
    make: Callable[[GradeDesk], QWidget]
    folded: bool = False


SECTIONS = [
    Section("Grade", WayPanel),
    Section("Stain", StainPanel),
    Section("Strength by class", StrengthPanel, folded=True),
    Section("Between three or four places", MixPanel, folded=True),
    Section("From a real picture", PictureStyle, folded=True),
    Section("Film and stack", FilmBar, folded=True),
    Section("Named places", NamesPanel),
]
"""The dock from top to bottom."""


class GradeDock(Docked):
    """Move the look of the canvas from one grade to another.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where one paints. napari gives it to plugins by this name.

    Attributes
    ----------
    desk : GradeDesk or None
        What moves the look; None while nothing paints in the viewer.
    panels : dict of str to QWidget
        The sections, by title.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("histosynth-grade")
        self.viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.desk: GradeDesk | None = None
        self.panels: dict[str, QWidget] = {}
        self._shut = False
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.hint = small("grade-hint")
        self.open_painter = button("Open Paint tissue", "open-paint", "Dock what paints the canvas")
        self.open_painter.clicked.connect(self.dock_painter)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._area, 1)
        self.setMinimumWidth(_WIDTH)
        self.setMaximumWidth(_WIDEST)
        painters.changed.connect(self._follow)
        self._attach(painter_of(self.viewer))

    def dock_painter(self) -> None:
        """Open the dock that paints; this one takes it up by itself."""
        dock_painter(self.viewer)

    def shut_down(self) -> None:
        """Let go of the painter, which goes on. Harmless when repeated."""
        if self._shut:
            return
        self._shut = True
        painters.changed.disconnect(self._follow)
        self._let_go()
        self.setEnabled(False)

    # ---- whose look it moves

    def _follow(self) -> None:
        """Take up another painter, if there is another."""
        painter = painter_of(self.viewer)
        if painter is not (None if self.desk is None else self.desk.painter):
            self._attach(painter)

    def _attach(self, painter: Painter | None) -> None:
        """Show the sections for a painter, or how to get one."""
        self._let_go()
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        column.addWidget(self.hint)
        column.addWidget(self.open_painter)
        self.open_painter.setVisible(painter is None)
        if painter is not None:
            self.desk = GradeDesk(painter, content)
            for section in SECTIONS:
                panel = self.panels[section.title] = section.make(self.desk)
                if section.folded:
                    column.addWidget(folded(section.title, panel))
                else:
                    column.addWidget(heading(section.title))
                    column.addWidget(panel)
            self.desk.anchors_changed.connect(self._show)
            painter.model_changed.connect(self._show)
        column.addStretch(1)
        self._area.setWidget(content)
        self._show()

    def _let_go(self) -> None:
        """Close the sections of the painter before."""
        desk, self.desk, self.panels = self.desk, None, {}
        if desk is not None:
            desk.painter.model_changed.disconnect(self._show)
            desk.close()
        for kept in (self.hint, self.open_painter):
            kept.setParent(self)
        if (content := self._area.takeWidget()) is not None:
            for timer in content.findChildren(QTimer):  # keys that rest, and what plays
                timer.stop()
            content.deleteLater()

    def _show(self) -> None:
        """Say what is missing, if anything is."""
        model = None if self.desk is None else self.desk.painter.model
        if self.desk is None:
            text = "Nothing paints here yet. Open Paint tissue, and make a canvas there."
        elif model is None:
            text = "No model is loaded yet; choose one in Paint tissue."
        elif self.desk.way() is None:
            count = "one named place" if len(self.desk.anchors) else "no named places"
            text = (
                f"{model.name} has {count}; a way needs two. Choose a model that knows grades "
                "(colon-10class), or name places of your own from pictures: give the canvas a look, and keep "
                "it below."
            )
        else:
            text = ""
        self.hint.setText(text)
        self.hint.setVisible(bool(text))
