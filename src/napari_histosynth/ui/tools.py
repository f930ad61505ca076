"""The dock of tissue tools: relabel, reshape, nuclei, glands, each one step of the Labels layer's undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import napari
import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
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

from napari_histosynth.core.tissue import TissueScheme, get_scheme, scheme_names
from napari_histosynth.paint import tools
from napari_histosynth.ui.layers import layer_scheme, layer_um_per_px
from napari_histosynth.ui.tasks import Tasks

AREA_NAME = "Area"

_MOST_PIXELS = 16_000_000  # napari's undo keeps 18 bytes for each
_TOOLS: dict[str, tuple[str, ...]] = {  # the settings of each
    "Relabel": ("class", "target"),
    "Desmoplastic reaction": ("um", "seed"),
    "Dilate": ("class", "um"),
    "Erode": ("class", "um"),
    "Smooth": ("class", "um", "thin"),
    "Remove islands": ("class", "um2"),
    "Scatter nuclei": ("density", "clear", "seed"),
    "Clear nuclei": (),
    "Stamp gland": ("gland", "radius", "seed"),
    "Fill with glands": ("gland", "radius", "crowding", "seed"),
}
_DEFAULT_UM = {"Desmoplastic reaction": 80.0, "Dilate": 3.0, "Erode": 3.0, "Smooth": 10.0}


class ToolsDock(QWidget):
    """Acts on the Labels layer that was active last; a lasso in the layer "Area" bounds what can change.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Any = None
        self._tasks = Tasks(self)
        self.protect: list[QCheckBox] = []
        self._build()
        self._viewer.layers.selection.events.active.connect(self._follow)
        self._viewer.layers.events.removed.connect(self._follow)
        self._follow()
        self._show_settings()

    @property
    def is_busy(self) -> bool:
        """Whether a tool is at work."""
        return self._tasks.is_busy

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
                self.stamp(self._layer.world_to_data(_camera(self._viewer).center[-2:]))
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
        if AREA_NAME in self._viewer.layers:
            self._viewer.layers.remove(AREA_NAME)
        layer = self._layer
        shown = {} if layer is None else {"scale": layer.scale[-2:], "translate": layer.translate[-2:]}
        if layer is not None and getattr(layer, "units", None):
            shown["units"] = layer.units[-2:]
        area = self._viewer.add_shapes(
            name=AREA_NAME, edge_color="#ffb000", face_color="#ffb00020", edge_width=2, ndim=2, **shown
        )
        area.mode = "add_polygon_lasso"
        self._viewer.layers.selection.active = area

    def area(self) -> tools.Area | None:
        """Return what is drawn in the layer "Area", in pixels of the labels; None without any."""
        if self._layer is None or AREA_NAME not in self._viewer.layers:
            return None
        shapes = self._viewer.layers[AREA_NAME]
        parts = []
        for points in getattr(shapes, "data", ()):
            vertices = [self._layer.world_to_data(shapes.data_to_world(point)) for point in points]
            if len(vertices) > 2:
                parts.append(tools.Area.of_polygon(vertices).clip(self._layer.data.shape))
        return tools.Area.of_any(parts) if parts else None

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go of the viewer."""
        self._viewer.layers.selection.events.active.disconnect(self._follow)
        self._viewer.layers.events.removed.disconnect(self._follow)
        self._attach(None)
        self._tasks.close()
        super().closeEvent(event)

    def _run(self, tool: str, work: Callable[[Any, dict[str, Any]], tools.Edit]) -> None:
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
        options: dict[str, Any] = {
            "scheme": self.scheme,
            "area": self.area(),
            "protected": [index for index, box in enumerate(self.protect) if box.isChecked()],
            "um_per_px": self.um_per_px.value(),
        }

        def write(edit: tools.Edit) -> None:
            if layer.data is not data:
                self.status.setText(f"{tool}: the labels were replaced in the meantime; nothing was done.")
                return
            if edit.pixels > _MOST_PIXELS:
                show_error(
                    f"{tool} would change {edit.pixels / 1e6:.0f} megapixels, too many for an undo step; "
                    "draw a smaller area."
                )
                return
            rows, columns = np.nonzero(edit.changed)
            values = edit.after[rows, columns].astype(data.dtype)
            with layer.block_history():
                layer.data_setitem((rows + edit.window.y0, columns + edit.window.x0), values)
            self.status.setText(f"{tool}: {edit.pixels:,} pixels changed.")

        self._tasks.run(tool, lambda: work(data, options), write, show_error)

    def _tool(self, tool: str) -> Callable[[Any, dict[str, Any]], tools.Edit]:
        """Return what a tool does to labels with its options."""
        chosen = self._settings()
        index, um, seed = chosen["class"], chosen["um"], chosen["seed"]
        gland = self._gland()

        def relabel(labels: Any, options: dict[str, Any]) -> tools.Edit:
            del options["um_per_px"]
            return tools.relabel(labels, [index], chosen["target"], **options)

        works: dict[str, Callable[[Any, dict[str, Any]], tools.Edit]] = {
            "Relabel": relabel,
            "Desmoplastic reaction": lambda m, o: tools.desmoplasia(m, radius_um=um, seed=seed, **o),
            "Dilate": lambda m, o: tools.dilate(m, index, um, **o),
            "Erode": lambda m, o: tools.erode(m, index, um, **o),
            "Smooth": lambda m, o: tools.smooth(m, index, um, keep_thin=chosen["thin"], **o),
            "Remove islands": lambda m, o: tools.remove_islands(m, index, chosen["um2"], **o),
            "Scatter nuclei": lambda m, o: tools.scatter(
                m, density=chosen["density"], clear=chosen["clear"], seed=seed, **o
            ),
            "Clear nuclei": lambda m, o: tools.clear_nuclei(m, **o),
            "Fill with glands": lambda m, o: tools.fill_with_glands(
                m, gland=gland, crowding=chosen["crowding"], seed=seed, **o
            ),
        }
        return works[tool]

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
        self._layer = layer
        self.apply_button.setEnabled(layer is not None)
        self.target.setText("Select a Labels layer." if layer is None else f"On: {layer.name}")
        if layer is None:
            return
        layer.events.brush_size.connect(self._show_brush)
        layer.mouse_drag_callbacks.append(self._on_click)
        if (scheme := layer_scheme(layer)) is not None:
            self.scheme_box.setCurrentText(scheme.name)
        if (um_per_px := layer_um_per_px(layer)) is not None:
            self.um_per_px.setValue(um_per_px)
        self._show_brush()

    def _on_click(self, layer: Any, event: Any) -> None:
        """Stamp a gland where one clicks with Alt held, if that is the tool."""
        if "Alt" in [str(key) for key in event.modifiers] and self.tool_box.currentText() == "Stamp gland":
            event.handled = True
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
            self._protect_grid.addWidget(check, index // 2, index % 2)

    def _show_settings(self) -> None:
        """Show the settings of the chosen tool."""
        tool = self.tool_box.currentText()
        self.um.setValue(_DEFAULT_UM.get(tool, self.um.value()))
        for name, field in self._fields.items():
            self._form.setRowVisible(field, name in _TOOLS[tool])
        self.apply_button.setText("Stamp in the middle of the view" if tool == "Stamp gland" else tool)
        self.hint.setVisible(tool == "Stamp gland")

    def _build(self) -> None:
        """Lay out the dock."""
        self.target, self.status, self.hint = QLabel(), QLabel(), QLabel("Alt+click stamps at the cursor.")
        for text in (self.target, self.status, self.hint):
            text.setWordWrap(True)
        self.scheme_box = _choices(scheme_names())
        self.um_per_px = _number(0.62, 0.01, 100, 0.01, " µm/px", decimals=3)
        self.brush = _number(25, 0.01, 5000, 5, " µm")
        self.tool_box = _choices(tuple(_TOOLS))
        self.class_box, self.target_box = QComboBox(), QComboBox()
        self.um = _number(3, 0, 500, 1, " µm")
        self.um2 = _number(200, 0, 1e6, 50, " µm²")
        self.density = _number(6500, 0, 1e5, 500, " /mm²", decimals=0)
        self.thin, self.clear = QCheckBox("keep thin walls and gaps"), QCheckBox("clear nuclei first")
        self.gland_box = _choices(tuple(tools.GLANDS))
        self.radius = _number(tools.GLANDS["crypt"].radius_um, 8, 300, 2, " µm")
        self.crowding = _number(0.5, 0, 1, 0.1, "", decimals=2)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
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
        self._tasks.busy.connect(self._show_busy)

    def _show_busy(self, what: str) -> None:
        """Say what is being done; one thing at a time."""
        self.apply_button.setEnabled(not what and self._layer is not None)
        if what:
            self.status.setText(what)


def _camera(viewer: Any) -> Any:
    """Return the camera of a viewer; napari 0.9 moved it into the scene."""
    return getattr(viewer, "scene", viewer).camera


def _choices(names: tuple[str, ...]) -> QComboBox:
    """Return a box of choices."""
    box = QComboBox()
    box.addItems(list(names))
    return box


def _number(
    value: float, low: float, high: float, step: float, suffix: str, *, decimals: int = 1
) -> QDoubleSpinBox:
    """Return a box for a number."""
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setSuffix(suffix)
    box.setValue(value)
    return box
