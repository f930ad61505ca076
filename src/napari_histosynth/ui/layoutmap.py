"""The map of layouts (Beers et al., Figure 5): where real tissue lies among latents; any of it can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_histosynth.latent.atlaskey import counts_of, key_of
from napari_histosynth.ui import atlaswords, layoutwork
from napari_histosynth.ui.atlaslegend import AtlasLegend
from napari_histosynth.ui.atlasmap import AtlasMap, Spot
from napari_histosynth.ui.atlasreading import ReadMap, read_map_in
from napari_histosynth.ui.jobs import Asked, Job, Tell
from napari_histosynth.ui.layoutdesk import LayoutDesk
from napari_histosynth.ui.layoutform import LayoutForm
from napari_histosynth.ui.layoutway import ENDS
from napari_histosynth.ui.layoutwork import Place
from napari_histosynth.ui.widgets import button, row, small

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

_HELP = "Click a point, a cross or anywhere between: tissue like that goes on the canvas."


def read_layout_map(name: str) -> ReadMap:
    """Read the map of a model of layouts, from beside its weights; in a thread.

    Raises
    ------
    HistosynthError
        If the model cannot be loaded.
    """
    from napari_histosynth.zoo import find_model

    owner = layoutwork.load_sampler_cached(name).model.owner
    return read_map_in(find_model(name), owner, "layouts", name)


class LayoutMap(QWidget):
    """Shows the map of a model's layouts once it is in sight; a click puts tissue like that on the canvas.

    Parameters
    ----------
    desk : LayoutDesk
        Has model and canvas.
    form : LayoutForm
        Says how large the tissue is, and whether with nuclei.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    ended : Signal of object and str
        What was taken last (Place) is to be an end of the way: "A" or "B".
    """

    ended = Signal(object, str)

    def __init__(self, desk: LayoutDesk, form: LayoutForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("layout-map")
        self._desk, self._form = desk, form
        self._model = ""
        self._loaded: LayoutModel | None = None
        self._read: ReadMap | None = None
        self._taken: Place | None = None
        self.job = Job(self)
        self.map, self.legend = AtlasMap(), AtlasLegend()
        self.map.setAccessibleName("Map of layouts")
        self.words = small("layout-map-words")
        self.go = {
            end: button(f"As {end}", f"layout-map-{end}", f"Make what was taken end {end} of the way")
            for end in ENDS
        }
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (self.map, self.legend, self.words):
            column.addWidget(part)
        column.addLayout(row(*self.go.values()))
        self.map.hovered.connect(self._on_hovered)
        for signal in (self.map.chosen, self.map.dropped):
            signal.connect(self.take)
        self.legend.lit.connect(self.map.light_up)
        for end, pressed in self.go.items():
            pressed.clicked.connect(lambda _=False, end=end: self._give(end))
        desk.changed.connect(self._on_desk)
        self._show()

    @property
    def is_there(self) -> bool:
        """Whether a map is shown."""
        return self._read is not None and self._read.atlas is not None

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Read the map when it comes in sight."""
        super().showEvent(event)
        self._on_desk()

    def take(self, spot: Spot) -> None:
        """Put tissue like that of a spot on the canvas."""
        place = self._place(spot)
        if place is not None:
            self._taken = place
            self._show()
            self._desk.new(place, self._form.shape, self._form.with_nuclei)

    # ---- what is read

    def _on_desk(self) -> None:
        """Read the map of the model in use, if that is another one and somebody looks."""
        model = self._desk.model
        if not self.isVisible() or model == self._model or self.job.is_busy:
            return
        self._model, self._read, self._taken = model, None, None
        self._show()
        if not model:
            self._refuse(layoutwork.NO_MODEL)
            return
        self.words.setText(f"Reading the map of {model} …")

        def work(_tell: Tell, _asked: Asked) -> tuple[LayoutModel, ReadMap]:
            return layoutwork.load_sampler_cached(model).model, read_layout_map(model)

        self.job.start("Reading the map", work, self._use, self._refuse)

    def _use(self, done: tuple[LayoutModel, ReadMap]) -> None:
        self._loaded, self._read = done
        read = self._read
        atlas = read.atlas
        if atlas is not None:
            key = key_of(atlas, "grade", counts_of(read.named))
            self.map.show_points(atlas.places(), key)
            self.legend.show_key(key)
            self.map.show_names(read.named.names, [atlas.find(place.style) for place in read.named])
        self._show()
        self._on_desk()  # another model may be in use by now

    def _refuse(self, sentence: str) -> None:
        self.words.setText(sentence)

    def _show(self) -> None:
        there = self.is_there
        for part in (self.map, self.legend, *self.go.values()):
            part.setVisible(there)
        for pressed in self.go.values():
            pressed.setEnabled(self._taken is not None)
        self.words.setText(_HELP if there else "" if self._read is None else self._read.problem)

    # ---- what is pointed at

    def _on_hovered(self, spot: Spot | None) -> None:
        place = None if spot is None else self._place(spot)
        self.words.setText(_HELP if place is None else place.name)

    def _give(self, end: str) -> None:
        if self._taken is not None:
            self.ended.emit(self._taken, end)

    def _place(self, spot: Spot) -> Place | None:
        """Return the layout that a spot stands for."""
        from napari_histosynth.layout.flow import ALIKE
        from napari_histosynth.layout.surveying import split_style

        read, model = self._read, self._loaded
        if read is None or read.atlas is None or model is None:
            return None
        atlas = read.atlas
        if spot.kind == "picture":
            style = atlas.styles[spot.number]
            source = atlas.sources[spot.number] or "unknown source"
            name = f"like {source}, {atlas.grades[spot.number] or 'not graded'}, picture {spot.number + 1}"
        elif spot.kind == "named":
            anchor = read.named.places[spot.number]
            style, name = anchor.style, anchor.name
        else:
            style = atlas.style_at(spot.place)
            name = "between " + " and ".join(atlaswords.between_lines(atlas, style)[1:3])
        latent, weights = split_style(model, style)
        grade = model.grades[int(weights.argmax())] if weights.size else ""
        return Place(0, grade, latent, weights, name, ALIKE)
