"""The dock "Paint tissue": what one sees of a :class:`~napari_histosynth.ui.painter.Painter`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info, show_warning
from napari.viewer import Viewer
from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QFrame,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui import arrange
from napari_histosynth.ui.advanced import AdvancedPanel
from napari_histosynth.ui.docked import Docked
from napari_histosynth.ui.flatguard import FlatGuard
from napari_histosynth.ui.layers import METADATA_KEY
from napari_histosynth.ui.lookmap import LookMapper
from napari_histosynth.ui.lookmappanel import LookMapPanel
from napari_histosynth.ui.lookpanel import LookPanel
from napari_histosynth.ui.models import ModelLoader, model_names
from napari_histosynth.ui.opening import CanvasOpener
from napari_histosynth.ui.painter import Painter
from napari_histosynth.ui.palette import KEYS_NOTE, Palette, choose_class
from napari_histosynth.ui.savebutton import SaveButton
from napari_histosynth.ui.widgets import ProgressBar, button, folded, heading, row, small

_WIDTH, _WIDEST = 340, 380  # px, leaves the canvas most of a laptop's screen
_MOMENT = 400  # ms of drawing before a progress bar appears


class PaintDock(Docked):
    """Paint tissue and watch it become H&E.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where to paint.
    open_model : str, optional
        Model to load at once: the favorite, where nothing is said, or none if None.
    """

    def __init__(self, napari_viewer: Viewer, open_model: str | None = "") -> None:
        super().__init__()
        self.setObjectName("histosynth-paint")
        # napari hands plugins a proxy, and layers had through it are not those that events and lists hold
        self.viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.loader = ModelLoader()
        self.painter = Painter(self.viewer, self.loader)
        self.opener = CanvasOpener(self.painter, self)
        self._flat_guard = FlatGuard(self.painter, self)
        self._unbind: Callable[[], None] | None = None
        self._shut = False
        self._milliseconds: float | None = None
        self._busy = ""
        self._watched: Any = None
        self._build()
        self._connect()
        self._show_models()
        self._show_canvas()
        if open_model is not None:
            self._open_model(open_model)

    def _build(self) -> None:
        """Lay out the dock: sections that scroll, and below them what is going on, always in sight."""
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        self._add_model(column)
        self._add_canvas(column)
        self._add_painting(column)
        self._add_view_and_saving(column)
        column.addStretch(1)

        area = QScrollArea()
        area.setWidget(content)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bar = area.verticalScrollBar()
        assert bar is not None
        area.setMinimumWidth(content.minimumSizeHint().width() + bar.sizeHint().width())
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area, 1)
        self._add_state(outer)
        self.setMinimumWidth(_WIDTH)
        self.setMaximumWidth(_WIDEST)

    def _add_model(self, column: QVBoxLayout) -> None:
        """Add the choice of a model, and what is known of it."""
        self.models = QComboBox()
        self.models.setObjectName("models")
        self.models.setToolTip("Model that draws")
        self.models.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.choose_folder = button("…", "model-folder", "Choose the folder of a model")
        self.choose_folder.setFixedWidth(34)
        self.model_line = small("model-line")
        column.addWidget(heading("Model"))
        column.addLayout(row(self.models, self.choose_folder))
        column.addWidget(self.model_line)
        column.addWidget(folded("Advanced", AdvancedPanel(self.painter, self.loader)))

    def _add_canvas(self, column: QVBoxLayout) -> None:
        """Add the ways to a canvas, and its size."""
        self.new_canvas = button("New canvas", "new-canvas", "Blank, an example, or a label map of yours")
        self.new_canvas.setMenu(self.opener.menu())
        self.canvas_line = small("canvas-line")
        column.addWidget(heading("Canvas"))
        column.addLayout(row(self.new_canvas, self.opener.from_he.button))
        column.addWidget(self.canvas_line)

    def _add_painting(self, column: QVBoxLayout) -> None:
        """Add the classes, and the seeds of the look."""
        self.palette_box = Palette()
        self.look_panel = LookPanel(self.painter.looks)
        column.addWidget(heading("Classes", KEYS_NOTE))
        column.addWidget(self.palette_box)
        column.addWidget(heading("Look"))
        column.addWidget(self.look_panel)
        self.look_map = LookMapper(self.painter, self)
        column.addWidget(folded("Looks on the canvas", LookMapPanel(self.look_map)))

    def _add_view_and_saving(self, column: QVBoxLayout) -> None:
        """Add how the layers lie, and the buttons that save."""
        self.side_by_side = button(
            "Side by side", "side-by-side", "Labels on the left, H&E on the right; you can paint on either"
        )
        self.overlay = button(
            "Overlay", "overlay", "Labels over the H&E, see-through; you paint on the H&E itself"
        )
        self.views = QButtonGroup(self)
        for index, view in enumerate((self.side_by_side, self.overlay)):
            view.setCheckable(True)
            self.views.addButton(view, index)
        self.side_by_side.setChecked(True)
        self.save = SaveButton()
        column.addWidget(heading("View"))
        column.addLayout(row(self.side_by_side, self.overlay))
        column.addWidget(heading("Save"))
        column.addWidget(self.save)

    def _add_state(self, outer: QVBoxLayout) -> None:
        """Add how far drawing is, what was put off, and what draws."""
        self.progress = ProgressBar()
        self.progress.setObjectName("progress")
        self.progress.setFixedHeight(10)
        self.stop = button("Stop", "stop", "Draw the rest later")
        self.progress_row = QWidget()
        self.progress_row.setLayout(row(self.progress, self.stop))
        self.rest = button("Draw the rest", "draw-rest", "Draw what was stopped, or failed")
        self.status = small("status")
        self.progress_row.hide()
        self.rest.hide()
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(_MOMENT)
        self._slow.timeout.connect(self.progress_row.show)
        foot = QVBoxLayout()
        foot.setContentsMargins(8, 0, 8, 4)
        for widget in (self.progress_row, self.rest, self.status):
            foot.addWidget(widget)
        outer.addLayout(foot)

    def _connect(self) -> None:
        """Connect what is pressed to the painter, and what it says to what is shown."""
        painter = self.painter
        self.models.activated.connect(self._choose_listed)
        self.choose_folder.clicked.connect(self.ask_model_folder)
        self.palette_box.chosen.connect(self._choose_class)
        self.look_panel.chosen.connect(painter.choose_look)
        self.look_panel.renewed.connect(painter.new_look)
        self.look_panel.went_back.connect(painter.look_back)
        self.views.idClicked.connect(self._arrange)
        self.save.wanted.connect(painter.save)
        self.look_map.placing.connect(self.overlay.click)
        self.stop.clicked.connect(painter.stop_drawing)
        self.rest.clicked.connect(painter.draw_rest)
        painter.model_changed.connect(self._show_models)
        painter.canvas_changed.connect(self._show_canvas)
        painter.look_changed.connect(self.look_panel.refresh)
        painter.progressed.connect(self._show_progress)
        painter.stroke_drawn.connect(self._show_stroke)
        painter.held_changed.connect(self._show_held)
        painter.tasks.busy.connect(self._show_busy)
        painter.told.connect(show_info)
        painter.warned.connect(show_warning)
        painter.failed.connect(show_error)
        self.viewer.layers.events.inserted.connect(self._on_layer_inserted)
        self.destroyed.connect(painter.close)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(painter.close)

    # ---- closing

    def shut_down(self) -> None:
        """Disconnect from viewer and layers and stop all threads. Harmless when repeated."""
        if self._shut:
            return
        self._shut = True
        if self._unbind is not None:
            self._unbind()
            self._unbind = None
        self._forget_layer()
        self.look_map.close()
        self._flat_guard.close()
        self.viewer.layers.events.inserted.disconnect(self._on_layer_inserted)
        self.opener.from_he.stop()
        self.painter.close()
        self.setEnabled(False)

    # ---- models

    def _open_model(self, name: str) -> None:
        """Load a model, or the first there is; go on with the labels that are selected, if they are ours."""
        names = [name] if name else model_names()
        if names:
            self.painter.choose_model(names[0], self.opener.take_ours)
        else:
            show_error("No model was found; choose the folder of one with the … button.")

    def _choose_listed(self, index: int) -> None:
        self.painter.choose_model(self.models.itemData(index))

    def ask_model_folder(self) -> None:
        """Ask for the folder of a model and load it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model (with a model.toml)")
        if folder:
            self.painter.choose_model(Path(folder))
        self._show_models()

    # ---- canvases

    def _on_layer_inserted(self, event: Any) -> None:
        """Take up an example that was opened from napari's own menu, if nothing is being painted."""
        if METADATA_KEY in getattr(event.value, "metadata", {}) and self.painter.model is not None:
            QCoreApplication.postEvent(self, QEvent(_TAKE_OURS))  # once napari is done inserting

    def customEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Act on what was put off until napari was done."""
        if event is not None and event.type() == _TAKE_OURS:
            self.opener.take_ours()

    # ---- what is shown

    def _show_models(self) -> None:
        """List the models that can be found, and the one in use."""
        model = self.painter.model
        self.models.clear()
        for name in model_names():
            self.models.addItem(name, name)
        if model is not None:
            if self.models.findText(model.name) < 0:
                self.models.addItem(model.name, model.name)
            self.models.setCurrentText(model.name)
            self.palette_box.set_scheme(model.scheme)
            self.model_line.setText(
                f"{model.scheme.title} · {model.um_per_px:g} µm per pixel · {model.device}, {model.precision}"
            )
            self.model_line.setToolTip(f"{model.card.title}\n{model.card.terms}".strip())
        else:
            self.model_line.setText("no model loaded")
        self._show_state()

    def _show_canvas(self) -> None:
        """Show what is painted on, and bind keys to it."""
        if self._unbind is not None:
            self._unbind()
            self._unbind = None
        self._forget_layer()
        stage, model = self.painter.stage, self.painter.model
        on = stage is not None and model is not None
        for widget in (self.palette_box, self.side_by_side, self.overlay, self.save):
            widget.setEnabled(on)
        if stage is None or model is None:
            self.canvas_line.setText("no canvas yet: start with an example")
            self.palette_box.show_chosen(-1)
            self.rest.hide()
            return
        height, width = stage.shape
        um = model.um_per_px
        self.canvas_line.setText(f"{width} × {height} px · {width * um:,.0f} × {height * um:,.0f} µm")
        self._unbind = self.palette_box.bind(self.viewer, stage.labels, [stage.picture], model.scheme)
        self._watched = stage.labels
        stage.labels.events.selected_label.connect(self._show_class)
        self._show_class()
        turns = self.painter.turns  # what the window does about it comes piece by piece
        turns.add(lambda: self._arrange(self.views.checkedId()), lambda: turns.add(self._show_aids))

    def _show_aids(self) -> None:
        """Show the scale bar, and the brush as it should be."""
        arrange.show_scale_bar(self.viewer)
        arrange.clear_brush(self.viewer)

    def _forget_layer(self) -> None:
        """Stop watching which class the layer's brush holds."""
        if self._watched is not None:
            self._watched.events.selected_label.disconnect(self._show_class)
            self._watched = None

    def _show_class(self) -> None:
        if self.painter.stage is not None:
            self.palette_box.show_chosen(int(self.painter.stage.labels.selected_label))

    def _choose_class(self, index: int) -> None:
        if self.painter.stage is not None:
            choose_class(self.viewer, self.painter.stage.labels, index)

    def _arrange(self, index: int) -> None:
        """Lay the layers side by side, or over one another."""
        stage = self.painter.stage
        if stage is not None:
            view = stage.view()
            all_in_sight = view is not None and view.window == Window.of_shape(stage.shape)
            show = arrange.side_by_side if index == 0 else arrange.overlaid
            show(self.viewer, stage.labels)
            if all_in_sight:
                self.viewer.reset_view()  # there is more or less room now; a place that one looks at stays

    def _show_progress(self, done: float) -> None:
        """Show how far drawing is, once it takes a moment; a stroke makes no bar flicker."""
        self.progress.setValue(round(done * 100))
        if done >= 1.0:
            self._slow.stop()
            self.progress_row.hide()
        elif not self._slow.isActive() and self.progress_row.isHidden():
            self._slow.start()

    def _show_held(self, pixels: int) -> None:
        self.rest.setVisible(pixels > 0)
        self.rest.setText(f"Draw the rest ({pixels / 1e6:.1f} megapixels)")

    def _show_stroke(self, milliseconds: float) -> None:
        self._milliseconds = milliseconds
        self._show_state()

    def _show_busy(self, what: str) -> None:
        self._busy = what
        self._show_state()

    def _show_state(self) -> None:
        """Say in the last line what is going on."""
        model = self.painter.model
        if self._busy:
            text = self._busy
        elif model is None:
            text = ""
        else:
            text = f"{model.name} on {model.device}, {model.precision}"
            if self._milliseconds is not None:
                text += f"; last stroke {self._milliseconds:.0f} ms"
        self.status.setText(text)


_TAKE_OURS = QEvent.Type(QEvent.registerEventType())
