"""The map of looks as one sees and touches it: points, named places, the present look, the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_histosynth.latent.atlaskey import MapKey
from napari_histosynth.ui import atlaspaint
from napari_histosynth.ui.mapview import MapView

#: How near the mouse has to be to touch a point, in pixels.
REACH = 11.0
_DRAG = 5  # px that the mouse has to go before a click is a drag
_STEP = 1.25  # of a key or a notch of the wheel
_PAN = 60.0  # px of a key

_LEFT, _NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
_ARROWS = {
    Qt.Key.Key_Left: (-1.0, 0.0),
    Qt.Key.Key_Right: (1.0, 0.0),
    Qt.Key.Key_Up: (0.0, -1.0),
    Qt.Key.Key_Down: (0.0, 1.0),
}


@dataclass(frozen=True)
class Spot:
    """What the mouse or the keyboard points at.

    Attributes
    ----------
    kind : str
        "picture" (a point), "named" (a named place) or "place" (anywhere else).
    number : int
        Which picture or named place; -1 for any other place.
    place : tuple of float
        Where on the map.
    """

    kind: str
    number: int
    place: tuple[float, float]


class AtlasMap(QWidget):
    """A map of latents to look around on.

    Attributes
    ----------
    hovered : Signal of object
        The :class:`Spot` under the mouse, or None when it leaves.
    chosen : Signal of object
        A spot was clicked, or taken with Enter.
    dragged : Signal of object
        The mouse is being dragged over a spot with the left button.
    dropped : Signal of object
        The button was released there.
    gave_up : Signal
        A drag ended by Escape.
    """

    hovered = Signal(object)
    chosen = Signal(object)
    dragged = Signal(object)
    dropped = Signal(object)
    gave_up = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("atlas-map")
        self.setAccessibleName("Map of looks")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 220)
        self.view = MapView(float(self.width()), float(self.height()))
        self.places: npt.NDArray[np.float32] = np.zeros((0, 2), np.float32)
        self.spot: Spot | None = None
        self.key: MapKey | None = None
        self._names: tuple[str, ...] = ()
        self._marks: npt.NDArray[np.float64] = np.zeros((0, 2))
        self._present: tuple[float, float] | None = None
        self._lit = -1
        self._show_names = True
        self._whole = True  # all in sight: stays so when the widget grows
        self._backdrop: QPixmap | None = None
        self._pressed: QPointF | None = None
        self._panned: QPointF | None = None
        self._start: tuple[float, float] | None = None  # place where a drag began

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size that suits a dock."""
        return QSize(360, 230)

    # ---- what is shown

    def show_points(self, places: npt.NDArray[np.float32], key: MapKey) -> None:
        """Show points, float32 (n, 2), in the colors and shapes of a key; all of them come in sight."""
        moved = places.shape != self.places.shape or not np.array_equal(places, self.places)
        self.places, self.key = places, key
        self._lit = -1
        if moved:
            self.spot = None
            self.show_all()
        self._forget()

    def show_names(self, names: Sequence[str], marks: npt.ArrayLike) -> None:
        """Show named places, at marks (n, 2) of the map."""
        self._names = tuple(names)
        self._marks = np.asarray(marks, np.float64).reshape(-1, 2)
        self._forget()

    def show_present(self, place: Sequence[float] | None) -> None:
        """Mark the present look, at a place of the map."""
        self._present = None if place is None else (float(place[0]), float(place[1]))
        self.update()

    def light_up(self, entry: int) -> None:
        """Show the points of one entry of the key alone in color; of all if it is -1."""
        self._lit = entry
        self._forget()

    def label_places(self, on: bool) -> None:
        """Write the names of named places beside them, or not."""
        self._show_names = on
        self._forget()

    def point_at(self, spot: Spot | None) -> None:
        """Show that something is pointed at elsewhere."""
        self._point(spot)

    def show_all(self) -> None:
        """Bring all points in sight."""
        self._whole = True
        if len(self.places):
            self._look(MapView.of_all(self.places, float(self.width()), float(self.height())))

    def position_of(self, place: Sequence[float]) -> QPointF:
        """Return where a place of the map is on the widget."""
        x, y = self.view.to_pixels(np.asarray(place))
        return QPointF(float(x), float(y))

    @property
    def is_dragging(self) -> bool:
        """Whether a look is being dragged."""
        return self._start is not None

    # ---- painting

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Paint the points from memory, and on top what the mouse changes."""
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        if self._backdrop is None or self._backdrop.size() != size:
            self._backdrop = QPixmap(size)
            self._backdrop.setDevicePixelRatio(ratio)
            names = self._names if self._show_names else ()
            atlaspaint.paint_backdrop(
                self._backdrop, self.view, self.places, self.key, self._lit, self._marks, names
            )
        pen = QPainter(self)
        pen.drawPixmap(0, 0, self._backdrop)
        if self._start is not None and self.spot is not None:
            atlaspaint.paint_way(pen, self.position_of(self._start), self.position_of(self.spot.place))
        if self._present is not None:
            atlaspaint.paint_present(pen, self.position_of(self._present))
        if self.spot is not None and self.spot.kind == "picture" and self.key is not None:
            place = self.position_of(self.spot.place)
            shape = self.key.shapes[self.spot.number]
            atlaspaint.paint_touched(pen, place, self.key.color(self.spot.number), shape)
        elif self.spot is not None and self.spot.kind == "named":
            atlaspaint.paint_name(pen, self.position_of(self.spot.place), self._names[self.spot.number], self)
        if self.hasFocus():
            atlaspaint.paint_focus(pen, self.rect())
        pen.end()

    def _forget(self) -> None:
        """Paint everything anew."""
        self._backdrop = None
        self.update()

    def _look(self, view: MapView) -> None:
        self.view = view
        self._forget()

    # ---- the mouse

    def spot_at(self, position: QPointF, *, snap: bool = True) -> Spot:
        """Return what is under a position on the widget."""
        x, y = position.x(), position.y()
        if snap:
            for kind, marks in (("picture", self.places), ("named", self._marks)):
                if len(marks):
                    away = np.square(self.view.to_pixels(marks) - (x, y)).sum(1)
                    nearest = int(away.argmin())
                    if away[nearest] <= REACH**2:
                        place = marks[nearest]
                        return Spot(kind, nearest, (float(place[0]), float(place[1])))
        return Spot("place", -1, self.view.to_map(x, y))

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Begin a click or a drag, or take hold of the map."""
        if event.button() == _LEFT:
            self._pressed = event.position()
        else:
            self._panned = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Point at something, drag a look, or move the map."""
        position = event.position()
        if self._panned is not None:
            moved = position - self._panned
            self._panned, self._whole = position, False
            self._look(self.view.panned(moved.x(), moved.y()))
            return
        if self._pressed is not None and len(self.places):
            moved = position - self._pressed
            if self._start is None and abs(moved.x()) + abs(moved.y()) >= _DRAG:
                self._start = self.spot_at(self._pressed).place
            if self._start is not None:
                self._point(self.spot_at(position, snap=False))
                self.dragged.emit(self.spot)
            return
        if event.buttons() == _NO_BUTTON and len(self.places):
            self._point(self.spot_at(position))
            self.hovered.emit(self.spot)

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take what was clicked, or where the drag ended."""
        if event.button() != _LEFT:
            self._panned = None
            self.unsetCursor()
            return
        pressed, self._pressed = self._pressed, None
        if pressed is None or not len(self.places):
            return
        if self._start is not None:
            self._start = None
            self._point(self.spot_at(event.position(), snap=False))
            self.dropped.emit(self.spot)
        else:
            self._point(self.spot_at(event.position()))
            self.chosen.emit(self.spot)

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Point at nothing."""
        if self._start is None:
            self._point(None)
            self.hovered.emit(None)
        super().leaveEvent(event)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Zoom, the place under the mouse staying there."""
        notches = event.angleDelta().y() / 120
        self._zoom(_STEP**notches, event.position())
        event.accept()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Keep what is in sight."""
        super().resizeEvent(event)
        if self._whole:
            self.show_all()
        else:
            self._look(self.view.resized(float(self.width()), float(self.height())))

    # ---- the keyboard

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Go from point to point, take one, zoom."""
        key = event.key()
        middle = QPointF(self.width() / 2, self.height() / 2)
        if key in _ARROWS and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            dx, dy = _ARROWS[key]
            self._whole = False
            self._look(self.view.panned(-dx * _PAN, -dy * _PAN))
        elif key in _ARROWS:
            self._step(*_ARROWS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.spot is not None:
            self.chosen.emit(self.spot)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._zoom(_STEP, middle)
        elif key == Qt.Key.Key_Minus:
            self._zoom(1 / _STEP, middle)
        elif key in (Qt.Key.Key_0, Qt.Key.Key_Home):
            self.show_all()
        elif key == Qt.Key.Key_Escape and self._start is not None:
            self._start = self._pressed = None
            self.update()
            self.gave_up.emit()
        else:
            super().keyPressEvent(event)

    def _step(self, dx: float, dy: float) -> None:
        """Point at the next point in a direction."""
        if not len(self.places):
            return
        here = self.spot.place if self.spot else self._present or self.places[0]
        steps = self.view.to_pixels(self.places) - self.view.to_pixels(here)
        ahead, aside = steps @ (dx, dy), np.abs(steps @ (-dy, dx))
        cost = np.where(ahead > 0.5, ahead + 2 * aside, np.inf)
        best = int(cost.argmin())
        if np.isfinite(cost[best]):
            place = self.places[best]
            self._point(Spot("picture", best, (float(place[0]), float(place[1]))))
            self.hovered.emit(self.spot)

    # ---- inside

    def _zoom(self, factor: float, position: QPointF) -> None:
        self._whole = False
        self._look(self.view.zoomed(factor, position.x(), position.y()))

    def _point(self, spot: Spot | None) -> None:
        self.spot = spot
        self.update()
