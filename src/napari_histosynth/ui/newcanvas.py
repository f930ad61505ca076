"""The questions that a new canvas raises: how large, of what, and what a label map from elsewhere means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.core.tissue import TissueScheme, get_scheme, scheme_names
from napari_histosynth.ui import prepare

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel

SMALLEST, LARGEST, DEFAULT = 64, 16_384, 1024
_COMMON = (512, 1024, 2048, 4096, 8192)


class SizeFields(QWidget):
    """Width and height in pixels and in micrometers, kept in step.

    Parameters
    ----------
    um_per_px : float
        Micrometers a pixel.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, um_per_px: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._um_per_px = um_per_px
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.common = QComboBox()
        self.common.setObjectName("common-size")
        for side in _COMMON:
            self.common.addItem(f"{side} × {side} px", side)
        self.common.addItem("other", None)
        layout.addRow("Size", self.common)
        self.width_px, self.width_um = self._pair("width")
        self.height_px, self.height_um = self._pair("height")
        layout.addRow("Width", _row(self.width_px, self.width_um))
        layout.addRow("Height", _row(self.height_px, self.height_um))
        self.common.activated.connect(self._take_common)
        self.set_shape((DEFAULT, DEFAULT))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height_px.value(), self.width_px.value()

    def set_shape(self, shape: tuple[int, int]) -> None:
        """Set height and width in pixels."""
        self.height_px.setValue(shape[0])
        self.width_px.setValue(shape[1])
        self._show_common()

    def set_scale(self, um_per_px: float) -> None:
        """Keep the pixels, at another scale."""
        self._um_per_px = um_per_px
        for px, um in ((self.width_px, self.width_um), (self.height_px, self.height_um)):
            um.setRange(SMALLEST * um_per_px, LARGEST * um_per_px)
            px.valueChanged.emit(px.value())

    def _pair(self, name: str) -> tuple[QSpinBox, QDoubleSpinBox]:
        """Return a field in pixels and one in micrometers that follow each other."""
        px, um = QSpinBox(), QDoubleSpinBox()
        px.setObjectName(f"{name}-px")
        um.setObjectName(f"{name}-um")
        px.setRange(SMALLEST, LARGEST)
        px.setSingleStep(64)
        px.setSuffix(" px")
        um.setDecimals(1)
        um.setRange(SMALLEST * self._um_per_px, LARGEST * self._um_per_px)
        um.setSingleStep(50)
        um.setSuffix(" µm")
        for field in (px, um):
            field.setKeyboardTracking(False)

        def from_px(value: int) -> None:
            um.blockSignals(True)
            um.setValue(value * self._um_per_px)
            um.blockSignals(False)
            self._show_common()

        def from_um(value: float) -> None:
            px.setValue(round(value / self._um_per_px))
            from_px(px.value())  # the micrometers of whole pixels

        px.valueChanged.connect(from_px)
        um.valueChanged.connect(from_um)
        return px, um

    def _take_common(self, index: int) -> None:
        side = self.common.itemData(index)
        if side is not None:
            self.set_shape((side, side))

    def _show_common(self) -> None:
        height, width = self.shape if hasattr(self, "height_px") else (0, 0)
        index = self.common.findData(width) if width == height else -1
        self.common.setCurrentIndex(index if index >= 0 else self.common.count() - 1)


class BlankDialog(QDialog):
    """Asks for the size of a blank canvas and what it is filled with.

    Parameters
    ----------
    model : PaintModel
        What is to draw it.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, model: PaintModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New canvas")
        self.setObjectName("blank-dialog")
        self.size_fields = SizeFields(model.um_per_px)
        self.fill = QComboBox()
        self.fill.setObjectName("fill")
        for entry in model.scheme.classes:
            self.fill.addItem(entry.name, entry.index)
        self.fill.setCurrentIndex(self.fill.findData(prepare.default_ground(model)))
        self.nuclei = QCheckBox("Scatter nuclei in it")
        self.nuclei.setObjectName("nuclei")
        self.nuclei.setChecked(prepare.can_have_nuclei(model))
        self.nuclei.setVisible(prepare.can_have_nuclei(model))
        form = QFormLayout()
        form.addRow(self.size_fields)
        form.addRow("Filled with", self.fill)
        form.addRow("", self.nuclei)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(_note(f"{model.name} draws at {model.um_per_px:g} µm per pixel."))
        layout.addWidget(_buttons(self))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.size_fields.shape

    @property
    def class_index(self) -> int:
        """The class to fill it with."""
        return int(self.fill.currentData())


class ImportDialog(QDialog):
    """Asks what a label map means before it is brought to the model's classes and scale.

    Parameters
    ----------
    origin : prepare.Origin
        The label map, with what is known of it.
    model : PaintModel
        What is to draw it.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, origin: prepare.Origin, model: PaintModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Label map: {origin.name}")
        self.setObjectName("import-dialog")
        self._origin, self._model = origin, model
        self.scheme = QComboBox()
        self.scheme.setObjectName("scheme")
        highest = int(origin.labels.max())
        offered = [model.scheme, *(get_scheme(name) for name in scheme_names() if name != model.scheme.name)]
        for scheme in offered:
            if scheme.n_classes > highest or scheme in (model.scheme, origin.scheme):
                self.scheme.addItem(scheme.title, scheme)
                if scheme == origin.scheme:
                    self.scheme.setCurrentIndex(self.scheme.count() - 1)
        self.scheme.setToolTip("What the values of the label map stand for")
        self.scheme_file = QPushButton("…")
        self.scheme_file.setObjectName("scheme-file")
        self.scheme_file.setToolTip("Read a scheme of your own from a TOML file")
        self.scheme_file.setFixedWidth(34)
        self.scheme_file.clicked.connect(self.ask_scheme)
        self.um_per_px = QDoubleSpinBox()
        self.um_per_px.setToolTip("Scale of the label map")
        self.um_per_px.setObjectName("um-per-px")
        self.um_per_px.setDecimals(3)
        self.um_per_px.setRange(0.05, 20)
        self.um_per_px.setSingleStep(0.05)
        self.um_per_px.setSuffix(" µm per pixel")
        self.um_per_px.setValue(origin.um_per_px)
        self.nuclei = QCheckBox("Add nuclei")
        self.nuclei.setObjectName("nuclei")
        self.nuclei.setToolTip(
            "The model draws nuclei where the label map has them: this scatters some into the tissue"
        )
        self.becomes = _note("")
        form = QFormLayout()
        form.addRow("Classes", _row(self.scheme, self.scheme_file))
        form.addRow("Scale", self.um_per_px)
        form.addRow("", self.nuclei)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.becomes)
        layout.addWidget(_buttons(self))
        self.scheme.currentIndexChanged.connect(self._offer_nuclei)
        self.um_per_px.valueChanged.connect(self._show_size)
        self._offer_nuclei()
        self._show_size()

    @property
    def origin(self) -> prepare.Origin:
        """The label map with the answers given."""
        scheme: TissueScheme = self.scheme.currentData() or self._origin.scheme
        # the field has three decimals; what was not touched stays exact
        typed = self.um_per_px.value()
        um_per_px = self._origin.um_per_px if abs(typed - self._origin.um_per_px) < 5e-4 else typed
        return prepare.Origin(self._origin.labels, scheme, um_per_px, self._origin.name, True)

    def ask_scheme(self) -> None:
        """Ask for the TOML file of a scheme and choose it."""
        path, _ = QFileDialog.getOpenFileName(self, "Tissue scheme", "", "Tissue schemes (*.toml)")
        if path:
            self.take_scheme(path)

    def take_scheme(self, path: str) -> None:
        """Choose the scheme of a TOML file, or say why not."""
        try:
            scheme = TissueScheme.from_toml(path)
            scheme.check(self._origin.labels)
        except HistosynthError as error:
            self.becomes.setText(str(error))
            return
        self.scheme.addItem(scheme.title, scheme)
        self.scheme.setCurrentIndex(self.scheme.count() - 1)
        self._show_size()

    def _offer_nuclei(self) -> None:
        """Offer nuclei where the model has them and the map does not."""
        offered = self.origin.lacks_nuclei(self._model) and prepare.can_have_nuclei(self._model)
        self.nuclei.setEnabled(offered)
        self.nuclei.setChecked(offered)

    def _show_size(self) -> None:
        """Say how large it is and will be."""
        height, width = self._origin.labels.shape
        new_height, new_width = self.origin.shape_for(self._model)
        text = f"{width} × {height} px"
        if (new_height, new_width) != (height, width):
            scale = f"{self._model.um_per_px:g} µm of {self._model.name}"
            text += f" become {new_width} × {new_height} px at the {scale}"
        self.becomes.setText(f"{text}.")


def _buttons(dialog: QDialog) -> QDialogButtonBox:
    """Return OK and Cancel, connected."""
    box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
    box.accepted.connect(dialog.accept)
    box.rejected.connect(dialog.reject)
    return box


def _note(text: str) -> QLabel:
    """Return a line of text that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    return label


def _row(*fields: QWidget) -> QWidget:
    """Return fields side by side."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for field in fields:
        layout.addWidget(field)
    return row
