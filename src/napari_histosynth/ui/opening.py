"""The ways to a canvas: blank, an example, a label map from a file, a Labels layer that is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject
from qtpy.QtGui import QAction  # type: ignore[attr-defined]
from qtpy.QtWidgets import QDialog, QFileDialog, QMenu

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.core.tissue import Labels
from napari_histosynth.ui import prepare
from napari_histosynth.ui.classnames import ClassNamesDialog
from napari_histosynth.ui.fromhe import LabelsFromHe
from napari_histosynth.ui.layers import LOOKS_KEY, METADATA_KEY, extent_of_layer
from napari_histosynth.ui.newcanvas import BlankDialog, ImportDialog
from napari_histosynth.ui.originmark import keep_origin
from napari_histosynth.ui.painter import Painter

if TYPE_CHECKING:
    from napari_histosynth.ui.paint import PaintDock

LABEL_FILES = (
    "Label maps (*.png *.tif *.tiff *.geojson *.json *.bmp *.gif *.webp);;"
    "Annotations of QuPath (*.geojson *.json);;All files (*)"
)
"""What the file dialog offers."""

EXAMPLE_SHAPE = (1024, 1024)
"""Height and width of examples, in pixels."""


class CanvasOpener(QObject):
    """Asks what has to be asked and hands a painter its canvas.

    Parameters
    ----------
    painter : Painter
        What paints.
    window : PaintDock
        Parent of the dialogs; has the looks on the canvas.
    """

    def __init__(self, painter: Painter, window: PaintDock) -> None:
        super().__init__(window)
        self._painter, self._window = painter, window
        keep_origin(painter)
        self.from_he = LabelsFromHe(painter, window)

    def menu(self) -> QMenu:
        """Return a menu of all ways."""
        from napari_histosynth.paint.examples import example_names, example_title

        menu = QMenu(self._window)
        examples = QMenu("Example", menu)
        _add(menu, "Blank …", self.ask_blank)
        menu.addMenu(examples)
        _add(menu, "Label map from a file …", self.ask_file)
        _add(menu, "Label map from an OME-Zarr …", self.ask_zarr)
        _add(menu, "The selected Labels layer", self.use_selected_layer)
        _add(menu, "A field of the selected slide …", self.open_field_panel)
        _add(menu, "Labels from the selected H&&E", self.from_he.begin)
        actions = {
            name: _add(examples, example_title(name), partial(self.open_example, name))
            for name in example_names()
        }

        def show_drawable() -> None:
            """Offer the examples in the classes of the model."""
            model = self._painter.model
            drawable = () if model is None else example_names(model.scheme)
            for name, action in actions.items():
                action.setVisible(name in drawable)

        show_drawable()
        self._painter.model_changed.connect(show_drawable)
        return menu

    def ask_blank(self) -> None:
        """Ask for a size and put up a blank canvas."""
        model = self._model_or_say()
        if model is None:
            return
        dialog = BlankDialog(model, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            shape, index, nuclei = dialog.shape, dialog.class_index, dialog.nuclei.isChecked()
            seed = self._painter.looks.present.seed
            self._make(lambda: prepare.blank(shape, model, nuclei=nuclei, class_index=index, seed=seed))

    def open_example(self, name: str, shape: tuple[int, int] = EXAMPLE_SHAPE, seed: int = 0) -> None:
        """Put up an example tissue; see :func:`napari_histosynth.paint.examples.example_names`."""
        model = self._model_or_say()
        if model is not None:
            self._make(lambda: prepare.example(name, shape, model, seed))

    def ask_file(self) -> None:
        """Ask for the file of a label map and put it up."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Label map", "", LABEL_FILES)
        if path:
            self.open_file(path)

    def ask_zarr(self) -> None:
        """Ask for the folder of an OME-Zarr and put its label map up."""
        path = QFileDialog.getExistingDirectory(self._window, "OME-Zarr with a label map")
        if path:
            self.open_file(path)

    def open_file(self, path: str | Path) -> None:
        """Put up the label map of a file, asking what it means where the file does not say."""
        from napari_histosynth.io.kinds import file_kind

        model = self._model_or_say()
        if model is None:
            return
        if file_kind(path) != "geojson":
            self._read(path, {})
            return
        from napari_histosynth.paint.labelfiles import unknown_classes

        self._painter.tasks.run(
            f"Reading {Path(path).name}",
            lambda: unknown_classes(path, model.scheme),
            lambda unknown: self._ask_names(path, unknown),
            show_error,
        )

    def _ask_names(self, path: str | Path, unknown: tuple[str, ...]) -> None:
        """Ask what the classes of annotations are, unless all are known, and go on."""
        model = self._model_or_say()
        if model is None:
            return
        names: dict[str, str | None] = {}
        if unknown:
            dialog = ClassNamesDialog(unknown, model.scheme, self._window)
            if dialog.exec() != QDialog.DialogCode.Accepted:
                return
            names = dialog.names
        self._read(path, names)

    def _read(self, path: str | Path, names: dict[str, str | None]) -> None:
        """Read a label map in the background and put it up."""
        model = self._model_or_say()
        if model is not None:
            extent = extent_of_layer(self._painter.viewer.layers.selection.active)
            self._painter.tasks.run(
                f"Reading {Path(path).name}",
                lambda: prepare.origin_of_file(path, model, names, extent),
                lambda origin: self._put_up(origin, None),
                show_error,
            )

    def use_selected_layer(self) -> None:
        """Paint on the selected Labels layer, or on a copy of it in the model's classes and scale."""
        model = self._model_or_say()
        if model is None:
            return
        layer = self._painter.viewer.layers.selection.active
        if not _is_labels(layer):
            kind = "" if layer is None else f', since "{layer.name}" is of the kind {type(layer).__name__}'
            show_error(f"Select a Labels layer first{kind}.")
            return
        try:
            origin = prepare.origin_of_layer(layer, model)
        except HistosynthError as error:
            show_error(str(error))
        else:
            self._put_up(origin, layer)

    def open_field_panel(self) -> Any:
        """Put up the dock that chooses a field of a slide; return it, None without a model."""
        from napari_histosynth.ui.fieldpanel import FieldPanel

        if self._model_or_say() is None:
            return None
        panel = FieldPanel(self._painter, self._window.look_map.lay)
        self._painter.viewer.window.add_dock_widget(panel, name="Field of a slide", area="left")
        return panel

    def take_ours(self) -> None:
        """Paint on the selected layer if it is a label map of ours and no canvas is up."""
        layer = self._painter.viewer.layers.selection.active
        if self._painter.stage is None and _is_labels(layer) and METADATA_KEY in layer.metadata:
            self.use_selected_layer()

    def _put_up(self, origin: prepare.Origin, layer: Any | None) -> None:
        """Ask what a label map means, unless that is clear, and put it up; a layer that fits as it is."""
        model = self._model_or_say()
        if model is None:
            return
        nuclei, looks = False, origin.looks
        nothing_to_ask = origin.fits(model) and (origin.certain or not origin.labels.max())
        if not nothing_to_ask or (origin.lacks_nuclei(model) and prepare.can_have_nuclei(model)):
            dialog = ImportDialog(origin, model, self._window)
            if dialog.exec() != QDialog.DialogCode.Accepted:
                return
            origin, nuclei = dialog.origin, dialog.nuclei.isChecked()
        if layer is not None and origin.fits(model) and not nuclei:
            try:
                self._painter.paint_on(layer)
            except HistosynthError as error:
                show_error(str(error))
                return
            self._lay_saved_looks(looks, origin.um_per_px)
            layer.metadata.pop(LOOKS_KEY, None)  # from now on they are what is on the canvas
            return
        seed = self._painter.looks.present.seed
        self._make(
            lambda: prepare.fitted(origin, model, nuclei=nuclei, seed=seed),
            lambda: self._lay_saved_looks(looks, origin.um_per_px),
        )

    def _lay_saved_looks(self, looks: Path | None, um_per_px: float) -> None:
        """Lay the looks that were saved with a label map on its canvas."""
        if looks is not None:
            self._window.look_map.open(looks, um_per_px, placing=False)

    def _make(self, work: Callable[[], Labels], then: Callable[[], object] = bool) -> None:
        """Make labels in the background and put them up."""

        def put_up(labels: Labels) -> None:
            self._painter.new_canvas(labels)
            then()

        self._painter.tasks.run("Preparing the canvas", work, put_up, show_error)

    def _model_or_say(self) -> Any:
        """Return the model, or None after saying that there is none."""
        if self._painter.model is None:
            show_error("No model is loaded yet; wait a moment, or choose one.")
        return self._painter.model


def _add(menu: QMenu, title: str, act: Callable[[], None]) -> QAction:
    """Add an entry to a menu and return it."""
    action = menu.addAction(title)
    assert action is not None
    action.triggered.connect(lambda _=False: act())
    return action


def _is_labels(layer: Any) -> bool:
    """Return whether a layer is a Labels layer."""
    from napari.layers import Labels as LabelsLayer

    return isinstance(layer, LabelsLayer)
