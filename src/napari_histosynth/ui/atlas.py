"""The dock "Map of looks": the looks that a model was trained on, to look around among and to take."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QInputDialog

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.latent.anchors import Anchor, Anchors
from napari_histosynth.latent.atlas import Atlas
from napari_histosynth.latent.atlaskey import counts_of, key_of
from napari_histosynth.ui import atlaswords
from napari_histosynth.ui.atlasform import AtlasForm
from napari_histosynth.ui.atlaslink import AtlasLink
from napari_histosynth.ui.atlasmap import Spot
from napari_histosynth.ui.atlasreading import ReadMap, read_map
from napari_histosynth.ui.atlasthumbs import AtlasThumbs
from napari_histosynth.ui.docked import Docked, dock_painter
from napari_histosynth.ui.tasks import Tasks

Numbers = npt.NDArray[np.float32]


class AtlasDock(Docked):
    """Shows the map of the looks of the model that paints, and lets one take any of them.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the canvas is.

    Attributes
    ----------
    atlas : Atlas or None
        The map, once it is read.
    named : Anchors
        The named places.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("histosynth-atlas")
        # napari hands plugins a proxy, and layers had through it are not those that events and lists hold
        self.viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.atlas: Atlas | None = None
        self.named = Anchors("", "")
        self.tasks = Tasks(self)
        self.link = AtlasLink(self.viewer)
        self.form = AtlasForm(self)
        self.thumbs = AtlasThumbs(self.form.card, self.form.nearest, self)
        self._hovered: Spot | None = None
        self._dropped: tuple[bytes, tuple[float, float]] | None = None  # a style, and where it was dropped
        self._shut = False
        self._connect()
        self._read()

    def _connect(self) -> None:
        form, surface = self.form, self.form.map
        self.link.changed.connect(self._read)
        self.link.moved.connect(self._on_moved)
        self.link.renamed.connect(self._on_renamed)
        surface.hovered.connect(self._on_hovered)
        surface.chosen.connect(self._take)
        surface.dragged.connect(self._on_dragged)
        surface.dropped.connect(self._take)
        surface.gave_up.connect(self._give_up)
        form.nearest.chosen.connect(self.take_picture)
        form.nearest.pointed.connect(self._on_pointed)
        form.nearest.resized.connect(self._show_nearest)
        form.legend.lit.connect(surface.light_up)
        form.layout_box.activated.connect(self._choose_layout)
        form.color_box.activated.connect(self._show_points)
        form.names.toggled.connect(surface.label_places)
        form.all.clicked.connect(surface.show_all)
        form.with_stain.toggled.connect(self._show_thumbnails)
        form.back.clicked.connect(self.link.back)
        form.keep.clicked.connect(self.ask_name)
        form.paint.clicked.connect(self._open_paint)
        self.tasks.busy.connect(form.show_busy)
        # a window that is closed as a whole tells its docks nothing: what is not Qt's is let go of here
        self.destroyed.connect(self.link.close)

    def shut_down(self) -> None:
        """Let go of the painter and stop the threads. Harmless when repeated."""
        if self._shut:
            return
        self._shut = True
        self.link.close()
        self.tasks.close()
        self.thumbs.use(None)
        self.setEnabled(False)

    # ---- the map

    @property
    def by(self) -> str:
        """How the map is laid out, "neighbors" or "components"."""
        return str(self.form.layout_box.currentData())

    def _read(self) -> None:
        """Read the map of the model that paints now."""
        self.atlas, self._dropped = None, None
        self.thumbs.use(None)
        painter, model = self.link.painter, self.link.model
        if model is None:
            self.form.show_state(
                "This is a map of the looks that a model was trained on. Open the dock Paint tissue: the map "
                "is that of its model."
                if painter is None
                else "No model is loaded yet.",
                painting=painter is not None,
            )
            return
        self.form.show_state(f"Reading the map of {model.name} …", painting=True)
        path = painter.model_path if painter is not None else ""

        def ready(read: ReadMap) -> None:
            if self.link.model is model:
                self._take_map(read)

        self.tasks.run("Reading the map", partial(read_map, model, path), ready, self._refuse)

    def _take_map(self, read: ReadMap) -> None:
        """Show what was read, or why nothing was."""
        self.named = read.named
        for remark in read.remarks:
            show_error(remark)
        if read.atlas is None:
            self.form.show_state(read.problem, painting=True)
            return
        model = self.link.model
        assert model is not None
        self.atlas = read.atlas
        self.thumbs.use(model)
        self.form.with_stain.setVisible(model.has_stain)
        if read.atlas.neighbors is None:
            self.form.layout_box.setCurrentIndex(1)
        self.form.show_map()
        self._show_points()
        self._on_moved()

    def _refuse(self, sentence: str) -> None:
        self.form.show_state(sentence, painting=True)

    def _choose_layout(self) -> None:
        """Lay the points out otherwise; by neighbors is computed if the map does not have it."""
        atlas = self.atlas
        if atlas is None:
            return
        self._dropped = None
        if self.by == "components" or atlas.neighbors is not None:
            self._show_points()
            self._on_moved()
            return

        def ready(laid_out: Atlas) -> None:
            if self.atlas is atlas:
                self.atlas = laid_out
                self._choose_layout()

        def refused(sentence: str) -> None:
            self.form.layout_box.setCurrentIndex(1)
            show_error(sentence)

        self.tasks.run("Laying the map out by neighbors", atlas.with_neighbors, ready, refused)

    def _show_points(self) -> None:
        """Show points, legend and named places."""
        if self.atlas is None:
            return
        key = key_of(self.atlas, str(self.form.color_box.currentData()), counts_of(self.named))
        self.form.legend.show_key(key)
        self.form.map.show_points(self.atlas.places(self.by), key)
        self._show_named()

    def _show_named(self) -> None:
        if self.atlas is not None:
            marks = [self.atlas.find(place.style, self.by) for place in self.named]
            self.form.map.show_names(self.named.names, marks)

    # ---- the present look

    def _on_moved(self) -> None:
        """Show where the present look is, and what is like it."""
        self.form.back.setEnabled(self.link.can_go_back)
        latent = self.link.latent()
        if self.atlas is None or latent is None or self.form.map.is_dragging:
            return
        style = self._style(latent)
        if self._dropped is not None and self._dropped[0] == style.tobytes():
            self.form.map.show_present(self._dropped[1])
        else:
            self.form.map.show_present([float(number) for number in self.atlas.find(style, self.by)])
        if not self.link.is_previewing:
            self._show_nearest()
            self._show_card()

    def _on_renamed(self) -> None:
        """Show the named places that the grade desk has now."""
        named = self.link.named
        if self.atlas is not None and named is not None and named.sha256 == self.atlas.sha256:
            self.named = named
            self._show_points()

    def _show_nearest(self) -> None:
        """Show the pictures that are most like the present look."""
        latent = self.link.latent()
        if self.atlas is None or latent is None:
            return
        numbers = [int(i) for i in self.atlas.nearest(self._style(latent), self.form.nearest.room)]
        words = [
            ", ".join([atlaswords.picture_title(self.atlas, i), *atlaswords.picture_lines(self.atlas, i)])
            for i in numbers
        ]
        self.form.nearest.show_numbers(numbers, words)
        self.thumbs.show_row([self._latent_of(Spot("picture", i, (0.0, 0.0))) for i in numbers])

    # ---- what is pointed at

    def _on_hovered(self, spot: Spot | None) -> None:
        self._hovered = spot
        self._show_card()

    def _on_pointed(self, number: int) -> None:
        """Show a tile of the nearest at full size, and where it is."""
        spot = None
        if number >= 0 and self.atlas is not None:
            x, y = self.atlas.places(self.by)[number]
            spot = Spot("picture", number, (float(x), float(y)))
        self.form.map.point_at(spot)
        self._on_hovered(spot)

    def _show_card(self) -> None:
        """Show a thumbnail and the words of what is pointed at; of the present look if that is nothing."""
        present = self.link.latent()
        if self.atlas is None or present is None:
            return
        spot, card = self._hovered, self.form.card
        if spot is None:
            latent = present
            card.show_words(
                "The canvas", atlaswords.present_lines(self.atlas, self.named, self._style(latent))
            )
        else:
            latent = self._latent_of(spot)
            if spot.kind == "picture":
                words = atlaswords.picture_lines(self.atlas, spot.number)
                card.show_words(atlaswords.picture_title(self.atlas, spot.number), words)
            elif spot.kind == "named":
                place = self.named.places[spot.number]
                card.show_words(place.name, atlaswords.place_lines(place))
            else:
                card.show_words("In between", atlaswords.between_lines(self.atlas, self._style(latent)))
        self.thumbs.show(latent)

    def _show_thumbnails(self) -> None:
        """Show other thumbnails of the same: in their own stain, or in the present one."""
        self._show_nearest()
        self._show_card()

    # ---- taking a look

    def take_picture(self, number: int) -> None:
        """Draw the canvas in the look of a picture of the map."""
        if self.atlas is not None:
            x, y = self.atlas.places(self.by)[number]
            self._take(Spot("picture", number, (float(x), float(y))))

    def _take(self, spot: Spot) -> None:
        """Draw the canvas in the look of what was clicked, or where the mouse let go."""
        if self.atlas is None:
            return
        style, stain, name = self._parts(spot)
        self._dropped = style.tobytes(), spot.place
        try:
            self.link.take(style, stain, name)
        except HistosynthError as error:
            show_error(str(error))
            return
        if not self.link.has_canvas:
            self.form.status.setText("There is no canvas yet; the next one has this look.")
        else:
            self.form.status.setText(f"The canvas has the look: {name}.")

    def _on_dragged(self, spot: Spot) -> None:
        """Let the canvas follow the mouse."""
        if self.atlas is not None:
            style, stain, name = self._parts(spot)
            self.form.map.show_present(spot.place)
            self.thumbs.rest()
            self.link.preview(style, stain, name)
            self.form.card.show_words("Going between", atlaswords.between_lines(self.atlas, style))

    def _give_up(self) -> None:
        """Return to the look before the drag."""
        self.link.give_up()
        self._on_moved()

    def _parts(self, spot: Spot) -> tuple[Numbers, Numbers | None, str]:
        """Return style, stain and name of a spot; no stain where the present one is to stay."""
        assert self.atlas is not None
        with_stain = self.form.with_stain.isChecked()
        if spot.kind == "picture":
            name = f"{atlaswords.picture_title(self.atlas, spot.number)} ({self.atlas.sources[spot.number]})"
            stain = self.atlas.stains[spot.number] if with_stain else None
            return self.atlas.styles[spot.number], stain, name
        if spot.kind == "named":
            place = self.named.places[spot.number]
            return place.style, None, place.name
        style = self.atlas.style_at(spot.place, self.by)
        stain = None
        if with_stain:
            stain = self.atlas.stains[int(self.atlas.nearest(style, 1)[0])]
        near = dict.fromkeys(atlaswords.between_lines(self.atlas, style)[1:3])
        return style, stain, f"between {' and '.join(near)}" if len(near) > 1 else f"near {next(iter(near))}"

    def _latent_of(self, spot: Spot) -> Numbers:
        """Return the latent that a thumbnail of a spot is drawn in."""
        style, stain, _ = self._parts(spot)
        return self.link.whole(style, stain)

    def _style(self, latent: Numbers) -> Numbers:
        assert self.atlas is not None
        return latent[: self.atlas.styles.shape[1]]

    # ---- named places

    def ask_name(self) -> None:
        """Ask what to call the present look, and keep it."""
        name, accepted = QInputDialog.getText(self, "Keep as a named place", "What to call the present look:")
        if accepted:
            self.keep_place(name)

    def keep_place(self, name: str) -> None:
        """Keep the present look as a named place of this user."""
        latent, name = self.link.latent(), name.strip()
        if self.atlas is None or latent is None:
            return
        if not name or name.casefold() in (known.casefold() for known in self.named.names):
            show_error(f"A place needs a name of its own; {name!r} is none, choose another.")
            return
        place = Anchor(name, self._style(latent), source="from the map of looks")
        try:
            self.link.keep(place)
        except HistosynthError as error:
            show_error(str(error))
            return
        self.named = self.named.added(place)
        self._show_named()
        self.form.status.setText(f"Kept the present look as {name!r}.")

    # ---- inside

    def _open_paint(self) -> None:
        dock_painter(self.viewer)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size that leaves other docks room."""
        return QSize(360, 480)

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go of the painter."""
        self.shut_down()
        super().closeEvent(event)
