"""The named places of the model in use, read and kept for a dock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import HistosynthError, ModelError, SaveError
from napari_histosynth.latent.anchors import Anchor, Anchors, joined, read_anchors
from napari_histosynth.latent.known import keep_anchor, known_anchors
from napari_histosynth.ui.gradedesks import desks
from napari_histosynth.ui.painter import Painter

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel


class GradePlaces(QObject):
    """Keeps the named places of a painter's model.

    Parameters
    ----------
    painter : Painter
        Has the model.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    painter : Painter
        As given.
    anchors : Anchors
        Named places of the model in use; none if there is no model, or they are damaged.
    anchors_changed : Signal
        The model, or its places, are others now.
    """

    anchors_changed = Signal()

    def __init__(self, painter: Painter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.painter = painter
        self.anchors = Anchors("", "")
        self._sha256 = ""
        painter.model_changed.connect(self._on_model)
        desks.add(self)

    def close(self) -> None:
        """Let go of the painter."""
        desks.remove(self)
        self.painter.model_changed.disconnect(self._on_model)

    def add_anchor(self, anchor: Anchor) -> None:
        """Keep a named place for this user, in place of one of the same name.

        Raises
        ------
        HistosynthError
            If it cannot be kept.
        """
        self._keep([anchor])

    def open_anchors(self, path: str | Path) -> None:
        """Keep all named places of a file for this user; they must be of this model.

        Raises
        ------
        HistosynthError
            If the file cannot be read, or is of other weights, or its places cannot be kept.
        """
        self._keep(list(read_anchors(Path(path), self._needs_model())))

    def save_anchors(self, path: str | Path) -> None:
        """Write all named places to a file, to share them.

        Raises
        ------
        SaveError
            If it cannot be written.
        """
        try:
            self.anchors.write(Path(path))
        except OSError as error:
            raise SaveError(f"Cannot write {path}: {(error.strerror or str(error)).lower()}.") from error

    def _keep(self, places: list[Anchor]) -> None:
        model = self._needs_model()
        try:
            for place in places:
                keep_anchor(model, place)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SaveError(f"The place {place.name!r} cannot be kept: {reason}.") from error
        self._have(joined(self.anchors, places))

    def _needs_model(self) -> PaintModel:
        """Return the model, or raise ModelError."""
        if self.painter.model is None:
            raise ModelError("No model is loaded; choose one first.")
        return self.painter.model

    def _on_model(self) -> None:
        """Read the places of the model in use, if it is another."""
        model = self.painter.model
        if model is None or model.sha256 == self._sha256:
            return
        self._sha256 = model.sha256
        self._forget()
        self._have(self._read(model))

    def _read(self, model: PaintModel) -> Anchors:
        """Return the places of a model; none, and one sentence, if they are damaged."""
        from napari_histosynth.zoo import find_model

        try:
            return known_anchors(find_model(self.painter.model_path or model.name), model)
        except HistosynthError as error:
            self.painter.failed.emit(str(error))
            return Anchors(model.name, model.sha256)

    def _forget(self) -> None:
        """Let go of what belongs to the model before."""

    def _have(self, anchors: Anchors) -> None:
        """Hold other places."""
        self.anchors = anchors
        self.anchors_changed.emit()
