"""The dock of tissue tools: relabel, reshape, nuclei, glands, each one step of the Labels layer's undo."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import Any

import napari
import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tissue import TissueScheme, get_scheme, scheme_names
from napari_histosynth.paint import tools
from napari_histosynth.ui.area import draw_area, drawn_area, middle_of_view
from napari_histosynth.ui.docked import Docked
from napari_histosynth.ui.edits import EditWriter, Part, parts_of
from napari_histosynth.ui.layers import AREA_NAME, layer_scheme, layer_um_per_px
from napari_histosynth.ui.protect import MODIFIER, protection_of
from napari_histosynth.ui.tasks import Tasks
from napari_histosynth.ui.toolform import ProgressRow, choices, number
from napari_histosynth.ui.toolworks import DEFAULT_UM, SETTINGS, Work, work_of

_MOST_PIXELS = 16_000_000  # napari's undo keeps 18 bytes for each


class ToolsDock(Docked):
    """Acts on the Labels layer that was active last; a lasso in the layer "Area" bounds what can change.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers are. napari gives it to plugins by this name.
    """

    _progressed = Signal(float)

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        # napari hands plugins a proxy, and layers had through it are not those that events and lists hold
        self._viewer: napari.Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._layer: Any = None
        self._tasks = Tasks(self)
        self._writer = EditWriter(self)
        self._stop, self._shut = Event(), False
        self.protect: list[QCheckBox] = []
        self._build()
        self._viewer.layers.selection.events.active.connect(self._follow)
        self._viewer.layers.events.removed.connect(self._follow)
        self._follow()
        self._show_settings()

    @property
    def is_busy(self) -> bool:
        """Whether a tool is at work."""
        return self._tasks.is_busy or self._writer.is_busy

    @property
    def scheme(self) -> TissueScheme:
        """Scheme that the labels are taken to be in."""
        return get_scheme(self.scheme_box.currentText())

    @property
    def labels(self) -> Any:
        """The Labels layer that tools act on, or None."""
        return self._layer

    def apply(self) -> None:
        """Run the chosen tool on the labels."""
        tool = self.tool_box.currentText()
        if tool == "Stamp gland":
            if self._layer is not None:
                self.stamp(middle_of_view(self._viewer, self._layer))
        else:
            self._run(tool, self._tool(tool))

    def stamp(self, center: Any) -> None:
        """Stamp a gland at a point (y, x) of the labels, in pixels."""
        place = (float(center[-2]), float(center[-1]))
        settings = self._settings()
        gland = self._gland()

        def work(labels: Any, options: dict[str, Any]) -> tools.Edit:
            return tools.stamp_gland(labels, place, gland=gland, seed=settings["seed"], **options)

        self._run("Stamp gland", work)
        self.seed.setValue(self.seed.value() + 1)  # the next one is another one

    def draw_area(self) -> None:
        """Add a layer to draw an area in, and have the lasso ready; the last one is drawn anew."""
        draw_area(self._viewer, self._layer)

    def area(self) -> tools.Area | None:
        """Return what is drawn in the layer "Area", in pixels of the labels; None without any."""
        return None if self._layer is None else drawn_area(self._viewer, self._layer)

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go of the viewer."""
        self.shut_down()
        super().closeEvent(event)

    def shut_down(self) -> None:
        """Disconnect from viewer and layer, write what has begun, stop what works. Harmless when repeated."""
        if self._shut:
            return
        self._shut = True
        self._viewer.layers.selection.events.active.disconnect(self._follow)
        self._viewer.layers.events.removed.disconnect(self._follow)
        self._stop.set()
        self._writer.finish()
        self._attach(None)
        self._tasks.close()
        self.setEnabled(False)

    def _run(self, tool: str, work: Work) -> None:
        """Run a tool in a thread and write what it did as one step of the layer's history."""
        layer = self._layer
        if layer is None:
            show_error("Select the Labels layer that the tool is to act on.")
            return
        if layer.data.ndim != 2 or not isinstance(layer.data, np.ndarray):
            show_error(f"{layer.name} is no flat label map in memory; tools act on such alone.")
            return
        if self.is_busy:
            return
        data = layer.data
        scheme = self.scheme
        options: dict[str, Any] = {
            "scheme": scheme,
            "area": self.area(),
            "protected": [index for index in protection_of(layer).locked if index < scheme.n_classes],
            "um_per_px": self.um_per_px.value(),
        }
        self._stop = stop = Event()
        if tool != "Stamp gland":
            options["progress"] = lambda share: self._tell(share, stop)
        self.progress.begin()

        def compute() -> tuple[int, list[Part]]:
            edit = work(data, options)
            if edit.pixels > _MOST_PIXELS:
                return edit.pixels, []
            return edit.pixels, parts_of(edit, data.dtype)

        def write(done: tuple[int, list[Part]]) -> None:
            pixels, parts = done
            self.progress.end()
            if layer.data is not data:
                self.status.setText(f"{tool}: the labels were replaced in the meantime; nothing was done.")
            elif stop.is_set():
                self.status.setText(f"{tool} was canceled; nothing was changed.")
            elif pixels > _MOST_PIXELS:
                show_error(
                    f"{tool} would change {pixels / 1e6:.0f} megapixels, too many for an undo step; "
                    "draw a smaller area."
                )
            else:
                self._writer.write(
                    layer, parts, lambda: self.status.setText(f"{tool}: {pixels:,} pixels changed.")
                )

        def refused(sentence: str) -> None:
            self.progress.end()
            if stop.is_set():
                self.status.setText(f"{tool} was canceled; nothing was changed.")
            else:
                show_error(sentence)

        self._tasks.run(tool, compute, write, refused)

    def _tell(self, share: float, stop: Event) -> None:
        """Show how far a tool is, from its thread; ends the tool if it is to stop."""
        if stop.is_set():
            raise Cancelled("The tool was canceled.")
        self._progressed.emit(share)

    def _cancel(self) -> None:
        """Stop the tool that is at work."""
        self._stop.set()
        self.progress.cancel.setEnabled(False)

    def _tool(self, tool: str) -> Work:
        """Return what a tool does to labels with its options."""
        return work_of(tool, self._settings(), self._gland())

    def _settings(self) -> dict[str, Any]:
        """Return what the form says."""
        return {
            "class": self.class_box.currentIndex(),
            "target": self.target_box.currentIndex(),
            "um": self.um.value(),
            "um2": self.um2.value(),
            "density": self.density.value(),
            "thin": self.thin.isChecked(),
            "clear": self.clear.isChecked(),
            "crowding": self.crowding.value(),
            "seed": self.seed.value(),
        }

    def _gland(self) -> tools.Gland:
        """Return the gland of the form."""
        return replace(tools.gland_of(self.gland_box.currentText()), radius_um=self.radius.value())

    def _follow(self) -> None:
        """Take the active layer if it is one of labels; keep the last one else, while it is there."""
        active = self._viewer.layers.selection.active
        if type(active).__name__ == "Labels":
            self._attach(active)
        elif self._layer is not None and self._layer not in self._viewer.layers:
            self._attach(None)

    def _attach(self, layer: Any) -> None:
        """Act on another layer."""
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.brush_size.disconnect(self._show_brush)
            if self._on_click in self._layer.mouse_drag_callbacks:
                self._layer.mouse_drag_callbacks.remove(self._on_click)
            protection_of(self._layer).changed.disconnect(self._show_protected)
        self._layer = layer
        self.apply_button.setEnabled(layer is not None)
        self.target.setText("Select a Labels layer." if layer is None else f"On: {layer.name}")
        if layer is None:
            return
        layer.events.brush_size.connect(self._show_brush)
        layer.mouse_drag_callbacks.insert(0, self._on_click)  # before the brush
        protection_of(layer).changed.connect(self._show_protected)
        if (scheme := layer_scheme(layer)) is not None:
            self.scheme_box.setCurrentText(scheme.name)
        if (um_per_px := layer_um_per_px(layer)) is not None:
            self.um_per_px.setValue(um_per_px)
        self._show_brush()
        self._show_protected()

    def _on_click(self, layer: Any, event: Any) -> None:
        """Stamp a gland where one clicks with Control held, if that is the tool."""
        if "Control" in event.modifiers and self.tool_box.currentText() == "Stamp gland":
            protection_of(layer).refuse_stroke()
            self.stamp(layer.world_to_data(event.position))

    def _show_brush(self) -> None:
        """Show the brush's diameter in micrometers."""
        if self._layer is not None:
            self.brush.blockSignals(True)
            self.brush.setValue(self._layer.brush_size * self.um_per_px.value())
            self.brush.blockSignals(False)

    def _set_brush(self, um: float) -> None:
        """Give the brush a diameter in micrometers; at least a pixel."""
        if self._layer is not None:
            self._layer.brush_size = max(1.0, um / self.um_per_px.value())

    def _show_scheme(self) -> None:
        """Offer the classes of the scheme."""
        names = list(self.scheme.names)
        for box in (self.class_box, self.target_box):
            box.clear()
            box.addItems(names)
        named = [index for index, name in enumerate(names) if name.startswith("epithelium")]
        self.class_box.setCurrentIndex(named[-1] if named else 0)
        for check in self.protect:
            check.deleteLater()
        self.protect = [QCheckBox(name) for name in names]
        for index, check in enumerate(self.protect):
            check.setObjectName(f"protect-{index}")
            check.setToolTip(
                f"Tools, brush, fill and polygon leave {names[index]} as it is. {MODIFIER} held when a "
                "stroke begins protects all but the class it begins on."
            )
            check.clicked.connect(lambda on, index=index: self._protect(index, on))
            self._protect_grid.addWidget(check, index // 2, index % 2)
        self._show_protected()

    def _protect(self, index: int, on: bool) -> None:
        if self._layer is not None:
            protection_of(self._layer).set_locked(index, on)

    def _show_protected(self) -> None:
        """Tick the classes that are protected in the layer."""
        for index, check in enumerate(self.protect):
            check.setChecked(self._layer is not None and protection_of(self._layer).keeps(index))

    def _show_settings(self) -> None:
        """Show the settings of the chosen tool."""
        tool = self.tool_box.currentText()
        self.um.setValue(DEFAULT_UM.get(tool, self.um.value()))
        for name, field in self._fields.items():
            self._form.setRowVisible(field, name in SETTINGS[tool])
        self.apply_button.setText("Stamp in the middle of the view" if tool == "Stamp gland" else tool)
        self.hint.setVisible(tool == "Stamp gland")

    def _build(self) -> None:
        """Lay out the dock."""
        self.target, self.status, self.hint = QLabel(), QLabel(), QLabel("Ctrl+click stamps at the cursor.")
        for text in (self.target, self.status, self.hint):
            text.setWordWrap(True)
        self.scheme_box = choices(scheme_names(), "Classes that the labels are written in")
        self.um_per_px = number(0.62, 0.01, 100, 0.01, " µm/px", "Scale of the labels", decimals=3)
        self.brush = number(25, 0.01, 5000, 5, " µm", "Diameter of napari's brush")
        self.brush.setKeyboardTracking(False)  # or the first digit typed is shown back before the second
        self.tool_box = choices(tuple(SETTINGS), "What to do; each is one step of undo")
        self.class_box = choices((), "Class that is changed")
        self.target_box = choices((), "Class that it becomes")
        self.um = number(3, 0, 500, 1, " µm", "Distance, width of the reaction, or size of the least detail")
        self.um2 = number(200, 0, 1e6, 50, " µm²", "Islands of a smaller area go")
        self.density = number(6500, 0, 1e5, 500, " /mm²", "New nuclei in each mm²", decimals=0)
        self.thin, self.clear = QCheckBox("keep thin walls and gaps"), QCheckBox("clear nuclei first")
        self.thin.setToolTip("Spare walls between glands and gaps; bumps and notches go all the same")
        self.clear.setToolTip("Take out the nuclei that are there before new ones come")
        self.gland_box = choices(tuple(tools.GLANDS), "What the glands are like")
        self.radius = number(tools.GLANDS["crypt"].radius_um, 8, 300, 2, " µm", "From the middle to the base")
        self.crowding = number(0.5, 0, 1, 0.1, "", "0 is far apart, 1 is back to back", decimals=2)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setToolTip("Chooses what is left to chance; the same number does the same")
        self._fields: dict[str, QWidget] = {
            "class": self.class_box,
            "target": self.target_box,
            "um": self.um,
            "um2": self.um2,
            "density": self.density,
            "thin": self.thin,
            "clear": self.clear,
            "gland": self.gland_box,
            "radius": self.radius,
            "crowding": self.crowding,
            "seed": self.seed,
        }
        titles = {
            "class": "Class",
            "target": "Becomes",
            "um": "By",
            "um2": "Smaller than",
            "thin": "",
            "clear": "",
        }
        self._form = QFormLayout()
        self._form.addRow("Tool", self.tool_box)
        for name, field in self._fields.items():
            self._form.addRow(titles.get(name, name.capitalize()), field)
        top = QFormLayout()
        for title, field in (("Scheme", self.scheme_box), ("Scale", self.um_per_px), ("Brush", self.brush)):
            top.addRow(title, field)
        protecting = QGroupBox("Protect")
        self.progress = ProgressRow()
        self._protect_grid = QGridLayout(protecting)
        self.apply_button, self.area_button = QPushButton(), QPushButton("Draw area")
        self.area_button.setToolTip(
            f'Lasso: only what is inside the layer "{AREA_NAME}" changes. Delete it for all.'
        )
        buttons = QHBoxLayout()
        buttons.addWidget(self.area_button)
        buttons.addWidget(self.apply_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.target)
        layout.addLayout(top)
        layout.addWidget(protecting)
        layout.addLayout(self._form)
        layout.addWidget(self.hint)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        layout.addStretch()
        self._show_scheme()
        self.scheme_box.currentTextChanged.connect(self._show_scheme)
        self.um_per_px.valueChanged.connect(self._show_brush)
        self.brush.valueChanged.connect(self._set_brush)
        self.tool_box.currentTextChanged.connect(self._show_settings)
        self.gland_box.currentTextChanged.connect(
            lambda name: self.radius.setValue(tools.gland_of(name).radius_um)
        )
        self.area_button.clicked.connect(self.draw_area)
        self.apply_button.clicked.connect(self.apply)
        self.progress.cancel.clicked.connect(self._cancel)
        self._progressed.connect(self.progress.show_share)
        self._tasks.busy.connect(self._show_busy)

    def _show_busy(self, what: str) -> None:
        """Say what is being done; one thing at a time."""
        self.apply_button.setEnabled(not what and self._layer is not None)
        if what:
            self.status.setText(what)
