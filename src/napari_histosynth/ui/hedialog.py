"""The questions that H&E raises before it is labeled: its scale, which part of it, what tissue it is."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.hepicture import HePicture
from napari_histosynth.ui.tissuechoice import TissueChoice

LIKELY_UM_PER_PX = 0.5
"""Scale that is offered where nothing is known: a 20x objective."""


class HeDialog(QDialog):
    """Asks what a layer's picture does not say, or is too large for.

    Parameters
    ----------
    picture : HePicture
        The picture, with what is known of it.
    in_sight : Window or None
        What of it is in sight.
    um_per_px : float
        Scale that label maps are painted at.
    most : int
        Largest side of a label map, in pixels.
    tissue : str, optional
        What the tissue is taken for at first, where the rules of ten classes ask; else nothing is asked.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(
        self,
        picture: HePicture,
        in_sight: Window | None,
        um_per_px: float,
        most: int,
        tissue: str | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Labels from {picture.name}")
        self.setObjectName("he-dialog")
        self._picture, self._target, self._most = picture, um_per_px, most
        self.um_per_px = QDoubleSpinBox()
        self.um_per_px.setObjectName("um-per-px")
        self.um_per_px.setDecimals(4)
        self.um_per_px.setRange(0.05, 4)
        self.um_per_px.setSingleStep(0.05)
        self.um_per_px.setSuffix(" µm per pixel")
        self.um_per_px.setToolTip("About 0.25 with a 40x objective, 0.5 with 20x, 1 with 10x")
        self.um_per_px.setValue(picture.um_per_px or LIKELY_UM_PER_PX)
        self.part = QComboBox()
        self.part.setObjectName("part")
        self.part.setToolTip("What of the picture becomes a label map")
        self.part.addItem("All of it", None)
        if in_sight is not None and in_sight != Window.of_shape(picture.shape):
            self.part.addItem("What is in sight", in_sight)
        self.becomes = QLabel()
        self.becomes.setWordWrap(True)
        form = QFormLayout()
        form.addRow("Scale", self.um_per_px)
        form.addRow("Part", self.part)
        self.known = None if tissue is None else TissueChoice(tissue)
        if self.known is not None:
            form.addRow("Tissue", self.known)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.becomes)
        layout.addWidget(self.buttons)
        self.um_per_px.valueChanged.connect(self._show_size)
        self.part.currentIndexChanged.connect(self._show_size)
        self._show_size()
        if not self._fits and self.part.count() > 1:
            self.part.setCurrentIndex(1)

    @property
    def picture(self) -> HePicture:
        """The picture with the answers given."""
        typed = self.um_per_px.value()
        known = self._picture.um_per_px
        # the field has four decimals; what was not touched stays exact
        um_per_px = known if known is not None and abs(typed - known) < 5e-5 else typed
        return self._picture.asked(um_per_px, self.part.currentData())

    @property
    def tissue(self) -> str | None:
        """What the tissue is known to be; None if that was not asked."""
        return None if self.known is None else self.known.tissue

    @property
    def _fits(self) -> bool:
        return max(self.picture.shape_at(self._target)) <= self._most

    def _show_size(self) -> None:
        """Say how large the label map becomes, and whether that is too much."""
        picture = self.picture
        height, width = picture.shape_at(self._target)
        text = f"{picture.part.width} × {picture.part.height} px become {width} × {height} px at "
        text += f"{self._target:g} µm."
        if not self._fits:
            text += f" At most {self._most:,} px a side can be labeled: zoom in and take what is in sight."
        self.becomes.setText(text)
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert ok is not None
        ok.setEnabled(self._fits)
