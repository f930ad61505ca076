"""A word of warning where a model repeats itself: on large areas of one class, if its card says so."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_histosynth.paint.oneclass import repeating_areas, repetition_warning
from napari_histosynth.ui.tasks import Tasks

_CALM = 1500  # ms without drawing before labels are looked at


class FlatGuard(QObject):
    """Warns once a canvas of each class that the model repeats itself on and that fills a large area.

    Parameters
    ----------
    painter : Painter
        Whose canvas to watch; the warning is told through its ``warned``.
    parent : QObject
        Qt parent.
    """

    def __init__(self, painter: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._painter = painter
        self._tasks = Tasks(self)
        self._told: set[str] = set()
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self.look)
        painter.canvas_changed.connect(self._begin)
        painter.progressed.connect(self._wait)

    def close(self) -> None:
        """Watch no more."""
        self._calm.stop()
        self._tasks.close()

    def look(self) -> None:
        """Look at the labels, off the main thread, and warn of what is new."""
        painter = self._painter
        model, stage = painter.model, painter.stage
        if model is None or stage is None or not model.card.repeats or self._tasks.is_busy:
            return
        labels, name = stage.labels.data, model.name

        def tell(found: list[str]) -> None:
            if painter.stage is stage and (new := [each for each in found if each not in self._told]):
                self._told.update(new)
                painter.warned.emit(repetition_warning(name, new))

        self._tasks.run(
            "Looking for large areas of one class",
            lambda: repeating_areas(labels, model.scheme, model.card.repeats, model.um_per_px),
            tell,
            lambda sentence: None,  # the labels were replaced in the meantime: the next look will tell
        )

    def _begin(self) -> None:
        """Start anew with another canvas."""
        self._told.clear()
        self._calm.start()

    def _wait(self, done: float) -> None:
        """Look once drawing has come to rest."""
        if done >= 1.0:
            self._calm.start()
