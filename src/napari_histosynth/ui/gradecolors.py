"""The colors that stand for named places and classes in the grade dock."""

from __future__ import annotations

from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QComboBox

from napari_histosynth.latent.anchors import Anchor, Anchors
from napari_histosynth.latent.atlaskey import UNKNOWN, Color, ramp

_CHIP = 12  # px


def color_of(place: Anchor | None) -> Color:
    """Return the color of a place: that of its grade on the map of looks, gray if it is none."""
    return UNKNOWN if place is None or place.grade is None else ramp(place.grade)


def chip(color: Color | str) -> QIcon:
    """Return a small square of a color."""
    square = QPixmap(_CHIP, _CHIP)
    square.fill(QColor(color) if isinstance(color, str) else QColor(*color))
    return QIcon(square)


def describe(place: Anchor) -> str:
    """Return in one sentence what a place stands for."""
    grade = "" if place.grade is None else f", grade {place.grade:g} of 1"
    count = f"{place.pictures} picture{'s' * (place.pictures > 1)}"
    source = f" ({place.source})" if place.source else ""
    return f"{place.name}: {count}{source}{grade}"


def fill_with_places(box: QComboBox, anchors: Anchors, first: tuple[str, ...] = ()) -> None:
    """Offer other things and then all named places, without telling anybody; what was chosen stays."""
    chosen = box.currentData()
    before = box.blockSignals(True)
    box.clear()
    for title in first:
        box.addItem(title, None)
    for place in anchors:
        box.addItem(chip(color_of(place)), place.name, place.name)
        box.setItemData(box.count() - 1, describe(place), 3)  # Qt's ToolTipRole
    choose(box, chosen)
    box.blockSignals(before)


def choose(box: QComboBox, name: str | None) -> None:
    """Show a place as chosen, without telling anybody; the first entry if it is not there."""
    before = box.blockSignals(True)
    box.setCurrentIndex(max(0, box.findData(name)) if name is not None else 0)
    box.blockSignals(before)
