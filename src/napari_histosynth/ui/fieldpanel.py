"""The dock "Field of a slide": a rectangle on a slide becomes a canvas."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.core.errors import HistosynthError, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui import fieldwork
from napari_histosynth.ui.arrange import show_canvas
from napari_histosynth.ui.layers import picture_layer_arguments, without_clashing_units
from napari_histosynth.ui.newcanvas import SizeFields
from napari_histosynth.ui.slidefield import (
    Slide,
    add_rectangle,
    around,
    move_rectangle,
    slide_of,
    visible_window,
    window_of,
)
from napari_histosynth.ui.tissuechoice import TissueChoice
from napari_histosynth.ui.widgets import ProgressBar

if TYPE_CHECKING:
    from napari_histosynth.paint.lookfile import LookPlan

_UNKNOWN_SCALE = 0.5  # um per px of a 20x objective, offered where the slide does not say


class FieldPanel(QWidget):
    """Choose a field of the selected slide, make labels of it, and put them up as the canvas.

    Parameters
    ----------
    painter : Painter
        Gets the canvas; its model sets the scale.
    lay_looks : callable
        Lays a plan of looks on the canvas.
    parent : QWidget, optional
        Qt parent.
    """

    _progressed = Signal(float)

    def __init__(
        self, painter: Any, lay_looks: Callable[[LookPlan], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("histosynth-field")
        self._painter, self._lay_looks = painter, lay_looks
        self._slide: Slide | None = None
        self._rectangle: Any = None
        self._cancel = threading.Event()
        self._build()
        self.show_rectangle()

    def _build(self) -> None:
        """Lay out the dock."""
        model = self._painter.model
        self.slide_line = QLabel("")
        self.slide_line.setWordWrap(True)
        self.size_fields = SizeFields(model.um_per_px)
        self.size_fields.setToolTip(f"Size of the canvas, which {model.name} draws")
        self.um_per_px = QDoubleSpinBox()
        self.um_per_px.setObjectName("slide-um-per-px")
        self.um_per_px.setDecimals(4)
        self.um_per_px.setRange(0.05, 20)
        self.um_per_px.setSuffix(" µm per pixel")
        self.um_per_px.setToolTip("Scale of the slide's finest level; its file says it, as a rule")
        self.look = QCheckBox("Take its look, too")
        self.look.setObjectName("take-look")
        self.look.setToolTip("Draw in the stain of the field, read by the model's encoder")
        self.tissue = TissueChoice()
        has_encoder = getattr(model, "encoder", None) is not None
        self.look.setChecked(has_encoder)
        self.look.setEnabled(has_encoder)
        self.show_button = _button(
            "Show the rectangle", "show-rectangle", "Put the rectangle onto the selected slide; drag it"
        )
        self.visible_button = _button(
            "The visible part", "visible-part", "Put the rectangle around what is in sight now"
        )
        self.take_button = _button(
            "Send to the canvas", "take-field", "Make labels of what is in the rectangle, to paint on"
        )
        self.progress = ProgressBar()
        self.progress.setObjectName("field-progress")
        self.progress.setToolTip("How far it is")
        self.cancel_button = _button("Cancel", "cancel-field", "Stop, and leave the canvas as it is")
        self.working = QWidget()
        self.working.setLayout(_row(self.progress, self.cancel_button))
        self.working.hide()
        form = QFormLayout()
        form.addRow(self.slide_line)
        form.addRow("Slide", self.um_per_px)
        form.addRow(self.size_fields)
        form.addRow("Tissue", self.tissue)
        self._form = form
        self._show_tissue()
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(_row(self.show_button, self.visible_button))
        layout.addWidget(self.look)
        layout.addWidget(self.take_button)
        layout.addWidget(self.working)
        layout.addStretch(1)
        self.show_button.clicked.connect(self.show_rectangle)
        self.visible_button.clicked.connect(self.use_visible)
        self.take_button.clicked.connect(self.take)
        self.cancel_button.clicked.connect(self._cancel.set)
        self._painter.model_changed.connect(self._follow_model)
        self._progressed.connect(self._show_progress, Qt.ConnectionType.QueuedConnection)
        for spin in (self.size_fields.width_px, self.size_fields.height_px, self.um_per_px):
            spin.valueChanged.connect(self._resize)

    # ---- the rectangle

    def show_rectangle(self) -> None:
        """Put the rectangle into the middle of what is seen of the selected slide."""
        slide = self._slide_or_say()
        if slide is None:
            return
        seen = visible_window(slide)
        seen = Window.of_shape(slide.shape) if seen.is_empty else seen
        self._place(slide, around(_middle(seen), self._shape_on_slide()))

    def use_visible(self) -> None:
        """Put the rectangle around what is seen, and set the sizes to it."""
        slide = self._slide_or_say()
        if slide is None:
            return
        seen = visible_window(slide)
        if seen.is_empty:
            show_error("Nothing of the slide is in sight; move there first.")
            return
        factor = self.um_per_px.value() / self._painter.model.um_per_px
        fields = self.size_fields
        fields.set_shape((round(seen.height * factor), round(seen.width * factor)))
        self._place(slide, around(_middle(seen), self._shape_on_slide()))

    def _slide_or_say(self) -> Slide | None:
        """Return the selected slide, or the one before if the rectangle is selected."""
        layer = self._painter.viewer.layers.selection.active
        if self._slide is not None and (layer is None or layer is self._rectangle):
            layer = self._slide.layer
        try:
            slide = slide_of(layer)
        except ImageError as error:
            self.slide_line.setText(str(error))
            return None
        if self._slide is None or slide.layer is not self._slide.layer:
            self.um_per_px.setValue(slide.opened.um_per_px or _UNKNOWN_SCALE)
        self._slide = slide
        height, width = slide.shape
        self.slide_line.setText(f"{slide.layer.name}: {width:,} × {height:,} px")
        return slide

    def _place(self, slide: Slide, window: Window) -> None:
        """Show the rectangle at a place."""
        layers = self._painter.viewer.layers
        if self._rectangle is None or self._rectangle not in layers:
            self._rectangle = add_rectangle(self._painter.viewer, slide, window)
        else:
            self._rectangle.visible = True
            move_rectangle(self._rectangle, window)
        layers.selection.active = self._rectangle

    def _shape_on_slide(self) -> tuple[int, int]:
        """Return the size of the rectangle in pixels of the slide."""
        factor = self._painter.model.um_per_px / self.um_per_px.value()
        height, width = self.size_fields.shape
        return max(1, round(height * factor)), max(1, round(width * factor))

    def _follow_model(self) -> None:
        """Go by the scale of another model."""
        if self._painter.model is not None:
            self.size_fields.set_scale(self._painter.model.um_per_px)
            self._show_tissue()
            self._resize()

    def _show_tissue(self) -> None:
        """Ask for the tissue where ten classes are to be told."""
        from napari_histosynth.paint.tenclasses import takes_ten_classes

        self._form.setRowVisible(self.tissue, takes_ten_classes(self._painter.model.scheme))

    def _resize(self) -> None:
        """Give the rectangle the size of the fields, around its middle."""
        rectangle = self._rectangle
        if rectangle is not None and rectangle in self._painter.viewer.layers and len(rectangle.data):
            move_rectangle(rectangle, around(_middle(window_of(rectangle)), self._shape_on_slide()))

    # ---- the canvas

    def take(self) -> None:
        """Read the field, label it and put it up, in the background."""
        slide, rectangle = self._slide, self._rectangle
        if slide is None or rectangle is None or rectangle not in self._painter.viewer.layers:
            show_error("There is no rectangle on a slide yet; select a slide and show it.")
            return
        try:
            window = window_of(rectangle)
            order = fieldwork.Order(
                slide.opened,
                window,
                self.um_per_px.value(),
                slide.layer.name,
                self.look.isChecked(),
                self.tissue.hints,
            )
            fieldwork.check(order, self._painter.model)
        except HistosynthError as error:
            show_error(str(error))
            return
        self._cancel.clear()
        self.progress.setValue(0)
        self.working.show()
        self.take_button.setEnabled(False)
        model = self._painter.model
        self._painter.tasks.run(
            f"Labeling a field of {slide.layer.name}",
            lambda: fieldwork.work(order, model, self._cancel.is_set, self._progressed.emit),
            self._put_up,
            self._failed,
        )

    def _put_up(self, made: fieldwork.Made | None) -> None:
        """Show the labels as the canvas, the field itself hidden below, the slide out of sight."""
        self._rest()
        if made is None:
            show_info("Stopped; the canvas is as it was.")
            return
        painter, viewer = self._painter, self._painter.viewer
        arguments = picture_layer_arguments(painter.model.um_per_px)
        arguments |= {"name": made.name, "visible": False}
        arguments["metadata"] = {"histosynth": {"provenance": made.provenance.to_dict()}}
        viewer.add_image(made.picture, **without_clashing_units(arguments, viewer.layers))
        painter.new_canvas(made.labels, fit=False)
        stage = painter.stage
        plan = fieldwork.look_plan(made.labels.shape, made.latent, made.name, painter.model.um_per_px)
        if plan is not None:
            self._lay_looks(plan)
        for layer in (self._slide.layer if self._slide else None, self._rectangle):
            if layer is not None:
                painter.turns.add(partial(_hide, viewer, layer))
        painter.turns.add(partial(_bring_in_sight, viewer, stage.labels))

    def _failed(self, sentence: str) -> None:
        self._rest()
        show_error(sentence)

    def _rest(self) -> None:
        self.working.hide()
        self.take_button.setEnabled(True)

    def _show_progress(self, done: float) -> None:
        self.progress.setValue(round(100 * done))


def _hide(viewer: Any, layer: Any) -> None:
    """Take a layer out of sight, if it is still there."""
    if layer in viewer.layers:
        layer.visible = False


def _bring_in_sight(viewer: Any, labels: Any) -> None:
    """Show all of a canvas, if it is still there."""
    if labels in viewer.layers:
        show_canvas(viewer, labels)


def _middle(window: Window) -> tuple[float, float]:
    """Return the middle of a window, (y, x)."""
    return (window.y0 + window.y1) / 2, (window.x0 + window.x1) / 2


def _button(text: str, name: str, tip: str) -> QPushButton:
    """Return a button with a name for tests and a hint for people."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets side by side."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return layout
