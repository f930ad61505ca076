"""Parts of the tissue tools' dock: boxes for numbers and choices, and the row that shows progress."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QPushButton, QWidget

from napari_histosynth.ui.widgets import ProgressBar

_MOMENT = 400  # ms of work before a progress bar appears


class ProgressRow(QWidget):
    """A progress bar with a button to cancel, in sight while work takes longer than a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = ProgressBar()
        self.bar.setFixedHeight(10)
        self.bar.setToolTip("How much of the area the tool has worked through")
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("cancel-tool")
        self.cancel.setToolTip("Stop the tool; the labels stay as they are")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(_MOMENT)
        self._slow.timeout.connect(self.show)
        self.hide()

    def begin(self) -> None:
        """Show the row, if the work is not done in a moment."""
        self.bar.setValue(0)
        self.cancel.setEnabled(True)
        self._slow.start()

    def show_share(self, share: float) -> None:
        """Show which share of the work is done, 0 to 1."""
        self.bar.setValue(round(100 * share))

    def end(self) -> None:
        """Hide the row."""
        self._slow.stop()
        self.hide()


def choices(names: tuple[str, ...], tip: str) -> QComboBox:
    """Return a box of choices."""
    box = QComboBox()
    box.addItems(list(names))
    box.setToolTip(tip)
    return box


def number(
    value: float, low: float, high: float, step: float, suffix: str, tip: str, *, decimals: int = 1
) -> QDoubleSpinBox:
    """Return a box for a number."""
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setSuffix(suffix)
    box.setValue(value)
    box.setToolTip(tip)
    return box
