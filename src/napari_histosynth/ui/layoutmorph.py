"""The slider between two layouts, its ends, and where they are taken from."""

from __future__ import annotations

from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_histosynth.ui.gradeslider import GradeSlider
from napari_histosynth.ui.layoutform import LayoutForm
from napari_histosynth.ui.layoutway import ENDS, LayoutWay
from napari_histosynth.ui.layoutwork import Place
from napari_histosynth.ui.widgets import button, row, small

_COLORS = ((0, 140, 255), (255, 120, 0))
_EMPTY = "not set: take what is on the canvas, or press {end} on a thumbnail"


class LayoutSlider(GradeSlider):
    """A slider from one layout to another; it says ``gone`` as the grade slider does."""

    beyond = 0.0

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-slider")
        self.setAccessibleName("Share of the way between two layouts")
        self.setToolTip(
            "Drag from one layout to the other: labels and H&E follow, and letting go is one step of undo. "
            "Arrow keys: 1 %, page keys: 10 %, Home and End: the ends."
        )
        self.set_colors(*_COLORS)


class MorphPanel(QWidget):
    """Shows and moves a :class:`~napari_histosynth.ui.layoutway.LayoutWay`.

    Parameters
    ----------
    way : LayoutWay
        What is moved along.
    form : LayoutForm
        Says whether nuclei are placed.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    slider : LayoutSlider
        Where one is.
    take : dict of str to QPushButton
        What makes the canvas an end, by end.
    """

    def __init__(self, way: LayoutWay, form: LayoutForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-morph")
        self._way, self._form = way, form
        self.take = {
            end: button(
                f"{end} = canvas",
                f"layout-take-{end}",
                f"Let the way {'begin' if end == 'A' else 'end'} at the layout that is on the canvas",
            )
            for end in ENDS
        }
        self.names = {end: small(f"layout-end-{end}") for end in ENDS}
        self.swap = button("⇅", "layout-swap", "Swap the ends")
        self.swap.setFixedWidth(34)
        self.slider = LayoutSlider()
        self.caption = small("layout-caption")
        ends = QGridLayout()
        ends.setContentsMargins(0, 0, 0, 0)
        ends.setSpacing(4)
        for line, end in enumerate(ENDS):
            ends.addWidget(QLabel(f"<b>{end}</b>"), line, 0)
            ends.addWidget(self.names[end], line, 1)
            ends.addWidget(self.take[end], line, 2)
        ends.addWidget(self.swap, 0, 3, 2, 1)
        ends.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(ends)
        column.addWidget(self.slider)
        column.addLayout(row(self.caption))
        for end in ENDS:
            self.take[end].clicked.connect(lambda _=False, end=end: self._way.take_canvas(end))
        self.swap.clicked.connect(way.swap)
        self.slider.gone.connect(self._go)
        way.moved.connect(self._show)
        self._show()

    def set_end(self, place: Place, end: str) -> None:
        """Make a layout an end of the way."""
        self._way.set_end(end, place)

    def _go(self, share: float, dragging: bool) -> None:
        self._way.nuclei = self._form.with_nuclei
        self._way.set_share(share, dragging)

    def _show(self) -> None:
        """Show where one is."""
        way = self._way
        for end in ENDS:
            known = way.ends.get(end)
            self.names[end].setText(_EMPTY.format(end=end) if known is None else known.caption)
            self.take[end].setEnabled(way.desk.shape is not None)
        self.swap.setEnabled(bool(way.ends))
        can = way.is_whole and way.desk.shape is not None
        self.slider.setEnabled(can)
        if not self.slider.isSliderDown():
            self.slider.show_share(way.share)
        self.caption.setText(f"{way.share:.0%} of the way from A to B" if can else "")
