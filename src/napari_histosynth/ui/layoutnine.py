"""Nine layouts of the seeds that follow, drawn in a thread, and what comes of choosing one."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_histosynth.ui import layoutwork
from napari_histosynth.ui.layoutdesk import LayoutDesk
from napari_histosynth.ui.layoutform import LayoutForm
from napari_histosynth.ui.layoutgrid import COUNT, SIDE, LayoutGrid
from napari_histosynth.ui.layoutwork import Place, Sheet
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.thumbnails import Thumbnailer
from napari_histosynth.ui.widgets import button, row, small

_MOST = 1024  # px a side of what a thumbnail shows
_KEPT = 90

Key = tuple[str, int, str, tuple[int, int], float]


class NinePanel(QWidget):
    """Shows nine layouts and puts the chosen one on the canvas.

    Parameters
    ----------
    desk : LayoutDesk
        Has layouts drawn.
    form : LayoutForm
        Says model, grade and size, and takes the seed of what is chosen.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    first : int
        Seed of the first of the nine.
    ended : Signal of object and str
        A layout (Place) was made an end of a way: "A" or "B".
    """

    ended = Signal(object, str)

    def __init__(self, desk: LayoutDesk, form: LayoutForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-nine")
        self._desk, self._form = desk, form
        self.first = 0
        self._wanted: list[Key] = []
        self._grades: dict[Key, str] = {}  # written by the thread that draws
        self.maker = Thumbnailer(self._draw, kept=_KEPT, parent=self)
        self.grid = LayoutGrid()
        self.shown = choice_box(
            "layout-shown", "What thumbnails show", "Show the label maps, or the H&E with them"
        )
        self.shown.addItem("label maps", 0)
        self.shown.addItem("H&E", 1)
        self.before = button("◀", "layout-before", "The nine before (Page Up)")
        self.before.setFixedWidth(34)
        self.more = button("Nine more", "layout-more", "Nine of the seeds that follow (Page Down)")
        self.note = small("layout-nine-note")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.grid)
        column.addLayout(row(self.shown, self.before, self.more))
        column.addWidget(self.note)
        self.grid.picked.connect(self._pick)
        self.grid.ended.connect(lambda index, end: self.ended.emit(self.place(index), end))
        self.grid.turned.connect(self.turn)
        self.more.clicked.connect(lambda: self.turn(1))
        self.before.clicked.connect(lambda: self.turn(-1))
        self.shown.currentIndexChanged.connect(self._show)
        self.maker.made.connect(self._on_made)
        form.changed.connect(self.renew)
        desk.changed.connect(self.renew)
        desk.job.begun.connect(self.maker.drop_wishes)  # the canvas goes first
        desk.job.ended.connect(self._show)
        self.renew()

    # ---- which

    def place(self, index: int) -> Place:
        """Return the layout of a cell, of the grade that its seed chose if any is asked for."""
        grade = self._form.place.grade or self._grades.get(self._wanted[index], "")
        return Place(self.first + index, grade)

    def turn(self, pages: int) -> None:
        """Go to the nine after, or before."""
        self.first = max(0, self.first + pages * COUNT)
        self.grid.choose(-1)
        self.renew()

    def _pick(self, index: int) -> None:
        place = self.place(index)
        self._form.take(place)
        self._desk.new(place, self._form.shape, self._form.with_nuclei)

    # ---- pictures

    @property
    def is_busy(self) -> bool:
        """Whether any is still to be drawn."""
        return self.maker.is_busy

    def renew(self) -> None:
        """Show what is asked for now, and have it drawn."""
        height, width = (min(side, _MOST) for side in self._form.shape)
        grade, um = self._form.place.grade, self._desk.um_per_px
        wanted = [(self._desk.model, self.first + i, grade, (height, width), um) for i in range(COUNT)]
        if wanted != self._wanted:
            self._wanted = wanted
            side = min(height, width)
            cut = max(self._form.shape) > side
            part = f"; of each, the {side * um:.0f} µm in the upper left corner" if cut else ""
            self.note.setText(f"Seeds {self.first} to {self.first + COUNT - 1}{part}")
            self._show()
        self.before.setEnabled(self.first > 0)

    def rest(self) -> None:
        """Draw no more."""
        self.maker.close()

    def _show(self) -> None:
        """Show what is there, and have the rest drawn, the first before the others."""
        which = int(self.shown.currentData() or 0)
        for index in reversed(range(COUNT)):  # the last wish is the first to be drawn
            key = self._wanted[index]
            asked = key in self.maker or (key[0] and not self._desk.job.is_busy)
            # the key is all that drawing needs
            picture: Any = self.maker.get(key, key) if asked else None  # type: ignore[arg-type]
            self.grid.show_picture(index, None if picture is None else picture[which])
            grade = self._grades.get(key, key[2])
            self.grid.set_caption(index, Place(key[1], grade).caption if key[0] else "")

    def _draw(self, key: Any) -> Any:
        """Draw a thumbnail; runs in the thread."""
        model, seed, grade, shape, um_per_px = key
        sampler = layoutwork.load_sampler_cached(model)
        small_one, self._grades[key] = layoutwork.thumbnail(
            sampler, Place(seed, grade), Sheet(shape, um_per_px), SIDE
        )
        return small_one

    def _on_made(self, key: Key) -> None:
        if key in self._wanted:
            if self.maker.get(key, key) is None:  # type: ignore[arg-type]
                sentence = f"The thumbnail of seed {key[1]} could not be drawn; New tissue says why."
                self._desk.said.emit(sentence)
            self._show()
