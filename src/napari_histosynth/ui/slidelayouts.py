"""A slide from a layout that somebody painted: the layout of a seed as a Labels layer, and back."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_histosynth.core.errors import HistosynthError, ImageError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.slide.layoutclasses import MUCOSA, SCHEME
from napari_histosynth.slide.levels import LAYOUT_LEVEL, UM_PER_PX, um_of
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.layers import (
    label_layer_arguments,
    layer_scheme,
    layer_um_per_px,
    new_labels_layer,
    ready_brush,
)
from napari_histosynth.ui.slidedesk import SlideDesk
from napari_histosynth.ui.slideform import SlideForm
from napari_histosynth.ui.slidework import new_layout
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.widgets import button, row, small

_BRUSH = 12.0  # px of the layout: some 400 um


class LayoutPanel(QWidget):
    """Puts layouts up to be painted on, and begins slides from them.

    Parameters
    ----------
    desk : SlideDesk
        Has slides drawn.
    form : SlideForm
        Says seed, size and kind.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    job : Job
        What draws layouts.
    """

    def __init__(self, desk: SlideDesk, form: SlideForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slide-layout")
        self._desk, self._form = desk, form
        self.job = Job(self)
        self.fresh = button(
            "New layout to paint",
            "slide-layout-new",
            "Put the layout of this seed, size and kind up as a Labels layer, to be painted on",
        )
        self.layer = choice_box(
            "slide-layout-layer", "Layout layer", "Labels layer of a layout, at any scale"
        )
        self.use = button(
            "Use the layout layer",
            "slide-layout-use",
            "Begin a slide that shows what is painted in this layer, with the seed and the setting above",
        )
        self.job_row = JobRow(self.job, "Stop; nothing is put up")
        self.status = small("slide-layout-status")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(self.fresh))
        column.addLayout(row(self.layer, self.use))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.list_layers)
        self.fresh.clicked.connect(self.put_up)
        self.use.clicked.connect(self.begin)
        for signal in (desk.job.begun, desk.job.ended, self.job.begun, self.job.ended):
            signal.connect(self._show)
        self.list_layers()

    def put_up(self) -> None:
        """Draw the layout of the seed, and put it up as a Labels layer."""
        recipe = self._form.recipe

        def work(_tell: Tell, _is_cancelled: Asked) -> Any:
            return new_layout(recipe)

        self.job.start("A new layout", work, partial(self._put_up, recipe.seed), self._desk.failed.emit)

    def _put_up(self, seed: int, labels: Any) -> None:
        scheme, um = get_scheme(SCHEME), um_of(LAYOUT_LEVEL)
        arguments = label_layer_arguments(scheme, um)
        shown = self._desk.shown
        corner = (0.0, 0.0) if shown is None else tuple(float(step) for step in shown.layer.translate[-2:])
        # places are middles of pixels: those of the layout are larger than those of the slide
        arguments["translate"] = tuple(start + (um - UM_PER_PX) / 2 for start in corner)
        arguments["name"], arguments["opacity"] = f"Layout {seed}", 0.5 if shown is not None else 1.0
        layers = self._desk.viewer.layers
        layer = new_labels_layer(np.array(labels), arguments, layers)
        layers.append(layer)
        ready_brush(layer, scheme, um)
        layer.brush_size, layer.selected_label = _BRUSH, MUCOSA
        layers.selection.active = layer
        if shown is None:
            self._desk.viewer.reset_view()
        self.list_layers()
        self.layer.setCurrentIndex(self.layer.findData(layer))
        names = ", ".join(f"{entry.index} {entry.name}" for entry in scheme.classes)
        self.status.setText(f"Paint in it ({names}), then use it.")

    def begin(self) -> None:
        """Begin a slide from the layer that is chosen."""
        layer = self.layer.currentData()
        try:
            labels, size = self._layout_of(layer)
        except HistosynthError as error:
            self._desk.failed.emit(str(error))
            return
        recipe = self._form.recipe
        asked = type(recipe)(recipe.seed, size, recipe.kind, recipe.setting, recipe.model)
        if self._desk.new(asked, labels):
            layer.visible = False
            self.status.setText("The slide shows this layout; its layer is kept, unseen.")

    def _layout_of(self, layer: Any) -> tuple[Any, tuple[int, int]]:
        """Return the layout of a layer, and the size of its slide in px of level 0.

        Raises
        ------
        HistosynthError
            If there is no layer, or it holds other classes.
        """
        from napari_histosynth.slide.layout import layout_from_labels

        if layer is None or layer not in self._desk.viewer.layers:
            raise ImageError("There is no layer of a layout; press New layout to paint first.")
        um = layer_um_per_px(layer) or um_of(LAYOUT_LEVEL)
        labels = np.asarray(layer.data)
        if labels.ndim != 2:
            raise ImageError(
                f'The layer "{layer.name}" is no plane; choose a Labels layer of two dimensions.'
            )
        height, width = (max(1, round(side * um / UM_PER_PX)) for side in labels.shape)
        scheme = layer_scheme(layer) or get_scheme(SCHEME)
        return layout_from_labels(labels, scheme, um, (height, width)), (height, width)

    # ---- what there is

    def list_layers_soon(self, _event: Any = None) -> None:
        """List the layers once napari is done with what it does."""
        self._later.start(0)

    def list_layers(self) -> None:
        """List the Labels layers that hold a layout."""
        from napari.layers import Labels

        before = self.layer.currentData()
        self.layer.clear()
        for layer in self._desk.viewer.layers:
            scheme = layer_scheme(layer) if isinstance(layer, Labels) else None
            if scheme is not None and scheme.name == SCHEME:
                self.layer.addItem(layer.name, layer)
        self.layer.setCurrentIndex(max(0, self.layer.findData(before)) if self.layer.count() else -1)
        self._show()

    def _show(self) -> None:
        busy = self._desk.job.is_busy or self.job.is_busy
        self.fresh.setEnabled(not self.job.is_busy)
        self.use.setEnabled(self.layer.count() > 0 and bool(self._form.cards) and not busy)
