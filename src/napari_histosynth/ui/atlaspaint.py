"""Painting a map of looks: points, crosses with names, the ring of the present look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen, QPixmap, QPolygonF

from napari_histosynth.latent.atlaskey import Color, MapKey
from napari_histosynth.latent.labelplaces import place_labels
from napari_histosynth.ui.mapview import MapView

#: Of the map: dark in light windows as well, so that all colors of points show.
BACKGROUND = QColor(30, 33, 39)
_INK, _PAPER = QColor(245, 245, 245), QColor(20, 22, 26)
_LARGEST, _SMALLEST = 4.5, 3.0  # radius of a point in pixels: the more there are, the smaller
_TOUCHED = 7.5
_TEXT = 12  # px
_CLIPPED = 4.0  # px beyond the edge where a point is not painted any more


def paint_backdrop(
    sheet: QPixmap,
    view: MapView,
    places: npt.NDArray[np.float32],
    key: MapKey | None,
    lit: int,
    marks: npt.NDArray[np.float64],
    names: Sequence[str],
) -> None:
    """Paint all that the mouse does not change.

    Parameters
    ----------
    sheet : QPixmap
        What to paint on.
    view : MapView
        What is in sight.
    places : ndarray
        float32 (n, 2), the points.
    key : MapKey or None
        Their colors and shapes; nothing is painted without.
    lit : int
        Entry of the key whose points are in color, the others faint; all are if it is -1.
    marks : ndarray
        (m, 2), named places.
    names : sequence of str
        Their names, or none to leave them out.
    """
    sheet.fill(BACKGROUND)
    if key is None:
        return
    pen = QPainter(sheet)
    pen.setRenderHint(QPainter.RenderHint.Antialiasing)
    spots = view.to_pixels(places)
    radius = point_radius(len(places), view.zoom)
    seen = (spots > -_CLIPPED).all(1) & (spots < (view.width + _CLIPPED, view.height + _CLIPPED)).all(1)
    order = np.flatnonzero(seen)
    if lit >= 0:
        order = order[np.argsort(key.of[order] == lit, kind="stable")]  # those in color on top
    ratio = sheet.devicePixelRatio()
    for number in order:
        faint = lit >= 0 and int(key.of[number]) != lit
        sprite = _sprite(key.color(int(number)), key.shapes[number], faint, ratio, radius)
        half = sprite.width() / ratio / 2
        pen.drawImage(QPointF(spots[number, 0] - half, spots[number, 1] - half), sprite)
    crosses = [(float(x), float(y)) for x, y in view.to_pixels(marks)] if len(marks) else []
    for x, y in crosses:
        paint_cross(pen, QPointF(x, y))
    font = _font(pen.font())
    metrics = QFontMetricsF(font)
    sizes = [(metrics.horizontalAdvance(name) + 8, metrics.height() + 2) for name in names]
    boxes = place_labels(crosses, sizes, (view.width, view.height)) if names else []
    for name, box in zip(names, boxes, strict=True):
        if box is not None:
            _paint_text(pen, QRectF(*box), name, font)
    pen.end()


def point_radius(count: int, zoom: float) -> float:
    """Return the radius of points in pixels: small where there are many, larger as one comes nearer."""
    radius = _LARGEST * math.pow(250 / max(count, 1), 0.25) * math.pow(max(zoom, 1.0), 0.4)
    return round(4 * min(max(radius, _SMALLEST), _LARGEST)) / 4


def paint_cross(pen: QPainter, at: QPointF) -> None:
    """Paint the mark of a named place."""
    for color, width in ((_PAPER, 5.0), (_INK, 2.0)):
        pen.setPen(QPen(color, width))
        pen.drawLine(at - QPointF(6, 0), at + QPointF(6, 0))
        pen.drawLine(at - QPointF(0, 6), at + QPointF(0, 6))


def paint_present(pen: QPainter, at: QPointF) -> None:
    """Paint the ring of the present look."""
    pen.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen.setBrush(Qt.BrushStyle.NoBrush)
    for color, width in ((_PAPER, 6.0), (_INK, 3.0)):
        pen.setPen(QPen(color, width))
        pen.drawEllipse(at, 10.0, 10.0)


def paint_touched(pen: QPainter, at: QPointF, color: Color, shape: str) -> None:
    """Paint a point that is pointed at."""
    pen.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen.setPen(QPen(_INK, 2.0))
    pen.setBrush(QColor(*color))
    _draw_shape(pen, at, _TOUCHED, shape)


def paint_way(pen: QPainter, start: QPointF, end: QPointF) -> None:
    """Paint where a drag goes."""
    pen.setRenderHint(QPainter.RenderHint.Antialiasing)
    for color, width in ((_PAPER, 4.0), (_INK, 1.5)):
        pen.setPen(QPen(color, width))
        pen.drawLine(start, end)


def paint_name(pen: QPainter, at: QPointF, name: str, widget: Any) -> None:
    """Paint the name of a place that is pointed at, above all else."""
    font = _font(pen.font())
    metrics = QFontMetricsF(font)
    width, height = metrics.horizontalAdvance(name) + 8, metrics.height() + 2
    left = min(max(at.x() - width / 2, 0.0), max(widget.width() - width, 0.0))
    top = at.y() - 14 - height if at.y() > 14 + height else at.y() + 14
    _paint_text(pen, QRectF(left, top, width, height), name, font, solid=True)


def paint_focus(pen: QPainter, frame: QRect) -> None:
    """Paint that keys go here."""
    pen.setBrush(Qt.BrushStyle.NoBrush)
    pen.setPen(QPen(QColor(0, 140, 255), 1))
    pen.drawRect(frame.adjusted(0, 0, -1, -1))


def swatch(color: Color, shape: str, ratio: float = 1.0) -> QPixmap:
    """Return a point for the legend."""
    return QPixmap.fromImage(_sprite(color, shape, False, ratio, _LARGEST))


@lru_cache(maxsize=256)
def _sprite(color: Color, shape: str, faint: bool, ratio: float, radius: float) -> QImage:
    """Return a point, painted once: a thousand of them are then copied in a millisecond."""
    side = 2 * radius + 4
    # no QPixmap: that must not outlive the application, as what is remembered here does
    pixels = round(side * ratio)
    sheet = QImage(pixels, pixels, QImage.Format.Format_ARGB32_Premultiplied)
    sheet.setDevicePixelRatio(ratio)
    sheet.fill(Qt.GlobalColor.transparent)
    pen = QPainter(sheet)
    pen.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen.setOpacity(0.18 if faint else 1.0)
    pen.setPen(QPen(_PAPER, 1.0 if radius > 4 else 0.6))
    pen.setBrush(QColor(*color))
    _draw_shape(pen, QPointF(side / 2, side / 2), radius, shape)
    pen.end()
    return sheet


def _draw_shape(pen: QPainter, at: QPointF, radius: float, shape: str) -> None:
    x, y = at.x(), at.y()
    if shape == "circle":
        pen.drawEllipse(at, radius, radius)
    elif shape == "square":
        pen.drawRect(QRectF(x - 0.9 * radius, y - 0.9 * radius, 1.8 * radius, 1.8 * radius))
    elif shape == "triangle":
        corners = ((x, y - radius), (x + radius, y + 0.8 * radius), (x - radius, y + 0.8 * radius))
        pen.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
    else:
        corners_of_four = ((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y))
        pen.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners_of_four]))


def _paint_text(pen: QPainter, box: QRectF, text: str, font: QFont, *, solid: bool = False) -> None:
    back = QColor(_PAPER)
    back.setAlpha(255 if solid else 190)
    pen.setPen(Qt.PenStyle.NoPen)
    pen.setBrush(back)
    pen.drawRoundedRect(box, 3, 3)
    pen.setPen(_INK)
    pen.setFont(font)
    pen.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)


def _font(like: QFont) -> QFont:
    font = QFont(like)
    font.setPixelSize(_TEXT)
    return font
