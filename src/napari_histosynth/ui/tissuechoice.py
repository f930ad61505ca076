"""What H&E is known to be, chosen where ten classes are to be told: a list with a line for each tissue."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QWidget

from napari_histosynth.paint.weak import TISSUES, UNKNOWN, Hints

TIP = (
    "What the tissue is known to be. The rules go by it: which epithelium glands have, whether stroma beside "
    "them is reactive, whether there can be necrosis, or mucus outside of glands"
)


class TissueChoice(QComboBox):
    """Chooses among :data:`~napari_histosynth.paint.weak.TISSUES`.

    Parameters
    ----------
    tissue : str
        What is chosen at first.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, tissue: str = UNKNOWN, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("known-tissue")
        self.setToolTip(TIP)
        for name, (title, _) in TISSUES.items():
            self.addItem(title, name)
        self.setCurrentIndex(max(0, self.findData(tissue)))

    @property
    def tissue(self) -> str:
        """Name of what is chosen."""
        return str(self.currentData())

    @property
    def hints(self) -> Hints:
        """What it tells the rules."""
        return TISSUES[self.tissue][1]
