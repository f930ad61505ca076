"""What the map of looks does to the canvas, and hears of it: the present look, and others in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_histosynth.core.errors import SaveError
from napari_histosynth.ui.gradedesks import desks
from napari_histosynth.ui.look import GivenStyle, Look
from napari_histosynth.ui.painters import painter_of, painters

if TYPE_CHECKING:
    from napari_histosynth.latent.anchors import Anchor, Anchors
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.ui.gradeplaces import GradePlaces
    from napari_histosynth.ui.painter import Painter

Latent = npt.NDArray[np.float32]


class AtlasLink:
    """Follows the painter of a viewer, and the grade desk of that, whenever one comes or goes.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose.

    Attributes
    ----------
    painter : Painter or None
        The painter there is.
    changed : Signal
        There is another model now, or none.
    moved : Signal
        The look that is shown is another.
    renamed : Signal
        There may be other named places.
    """

    changed = Signal()
    moved = Signal()
    renamed = Signal()

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.painter: Painter | None = None
        self._model: PaintModel | None = None
        self._desk: GradePlaces | None = None
        painters.changed.connect(self._find)
        desks.changed.connect(self._find_desk)
        self._find()

    @property
    def model(self) -> PaintModel | None:
        """The model that draws; None if there is none."""
        return None if self.painter is None else self.painter.model

    @property
    def has_canvas(self) -> bool:
        """Whether anything is painted on."""
        return self.painter is not None and self.painter.stage is not None

    @property
    def is_previewing(self) -> bool:
        """Whether a look is shown for a moment only, while something is dragged."""
        return self.painter is not None and self.painter.shown is not None

    @property
    def named(self) -> Anchors | None:
        """Named places as the grade desk has them; None without a desk."""
        return None if self._desk is None else self._desk.anchors

    def latent(self) -> Latent | None:
        """Return the latent that is shown, float32 (latent_size,); None without a model."""
        if self.painter is None or self.painter.model is None:
            return None
        return (self.painter.shown or self.painter.looks.present).latent(self.painter.model)

    def whole(self, style: Latent, stain: Latent | None = None) -> Latent:
        """Return a latent of a style: in a stain, or in the present one."""
        model, present = self.model, self.latent()
        assert model is not None
        assert present is not None
        own = present[model.style_size :] if stain is None else stain
        return np.concatenate([style, own]).astype(np.float32)

    def preview(self, style: Latent, stain: Latent | None, name: str) -> None:
        """Show the canvas in a look, as well as that goes in a moment; see :meth:`take`."""
        if self.painter is not None and self.painter.model is not None:
            self.painter.preview_look(self._look(style, stain, name))

    def take(self, style: Latent, stain: Latent | None, name: str) -> None:
        """Draw the canvas in a look; a grade slider then starts from there.

        Parameters
        ----------
        style : ndarray
            float32 (style_size,).
        stain : ndarray or None
            float32 (9,), or (0,) where the model has none apart; None keeps the present one.
        name : str
            What it is, for people.

        Raises
        ------
        HistosynthError
            If the numbers are not those of a style or stain of the model.
        """
        from napari_histosynth.ui.gradedesk import GradeDesk

        if self.painter is None or self.painter.model is None:
            return
        if isinstance(self._desk, GradeDesk):
            self._desk.go_to(style, name, stain)
        else:
            self.painter.choose_look(self._look(style, stain, name))

    def keep(self, place: Anchor) -> None:
        """Keep a named place for this user.

        Raises
        ------
        HistosynthError
            If it cannot be kept.
        """
        from napari_histosynth.latent.known import keep_anchor

        if self._desk is not None:
            self._desk.add_anchor(place)
        elif self.model is not None:
            try:
                keep_anchor(self.model, place)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise SaveError(f"The place {place.name!r} cannot be kept: {reason}.") from error

    def give_up(self) -> None:
        """Show the present look again after previews."""
        if self.painter is not None:
            self.painter.end_previews()

    def back(self) -> None:
        """Return to the look before."""
        if self.painter is not None:
            self.painter.look_back()

    @property
    def can_go_back(self) -> bool:
        """Whether there was a look before."""
        return self.painter is not None and self.painter.looks.can_go_back

    def close(self) -> None:
        """Let go of painter and desk. Harmless when repeated."""
        painters.changed.disconnect(self._find, missing_ok=True)
        desks.changed.disconnect(self._find_desk, missing_ok=True)
        self._attach(None)

    def _look(self, style: Latent, stain: Latent | None, name: str) -> Look:
        """Return the present look with another style."""
        assert self.painter is not None
        assert self.painter.model is not None
        model, present = self.painter.model, self.painter.looks.present
        kept = present.style_for(model)
        if stain is None and kept is not None and kept.stain is not None:
            stain = present.latent(model)[model.style_size :]
        return replace(present, given=GivenStyle.of(model, style, stain, name=name))

    def _find(self) -> None:
        """Take the painter that is there now."""
        found = painter_of(self._viewer)
        if found is not self.painter:
            self._attach(found)
            self._on_model()

    def _find_desk(self) -> None:
        """Take the desk that is there now."""
        found = desks.of(self.painter)
        if found is not self._desk:
            before, self._desk = self._desk, found
            if before is not None:
                before.anchors_changed.disconnect(self._on_named)
            if found is not None:
                found.anchors_changed.connect(self._on_named)

    def _attach(self, painter: Painter | None) -> None:
        before, self.painter = self.painter, painter
        for one, connect in ((before, False), (painter, True)):
            if one is None:
                continue
            for signal, slot in (
                (one.model_changed, self._on_model),
                (one.look_changed, self._on_look),
                (one.previewed, self._on_look),
            ):
                if connect:
                    signal.connect(slot)
                else:
                    signal.disconnect(slot)
        self._find_desk()

    def _on_look(self) -> None:
        self.moved.emit()

    def _on_named(self) -> None:
        self.renamed.emit()

    def _on_model(self) -> None:
        """Tell of another model; of its number format or device nobody needs to hear."""
        if self.model is not self._model:
            self._model = self.model
            self.changed.emit()
        else:
            self.moved.emit()
