"""The question what the classes of someone's annotations are called here."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_histosynth.core.tissue import TissueScheme

LEAVE_OUT = "leave out"

# what people write into annotations, beside the classes that QuPath offers by itself
_LIKELY = {
    "epithelium": ("tumor", "tumour", "carcinoma", "adenoma", "gland", "crypt", "epithel"),
    "non-epithelium": ("stroma", "muscle", "necrosis", "immune", "inflam", "connective", "vessel", "fat"),
    "nuclei": ("nucle", "cell"),
    "background": ("background", "glass", "lumen", "white", "tear"),
}


class ClassNamesDialog(QDialog):
    """Asks which class of the model each unknown class of a file of annotations is.

    Parameters
    ----------
    names : sequence of str
        Classes of the file that the scheme does not have.
    scheme : TissueScheme
        Classes to choose from.
    parent : QWidget, optional
        Qt parent.
    """

    def __init__(self, names: Sequence[str], scheme: TissueScheme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Classes of the annotations")
        self.setObjectName("class-names-dialog")
        self.choices: dict[str, QComboBox] = {}
        layout = QVBoxLayout(self)
        note = QLabel(f"The file has classes that {scheme.title} does not know. What are they?")
        note.setWordWrap(True)
        form = QFormLayout()
        for name in names:
            choice = QComboBox()
            choice.setObjectName(f"class-{name}")
            choice.setToolTip(f"Class that annotations called {name} are drawn as")
            for entry in scheme.classes:
                choice.addItem(entry.name, entry.name)
            choice.addItem(LEAVE_OUT, None)
            likely = likely_class(name, scheme)
            choice.setCurrentIndex(choice.findText(LEAVE_OUT if likely is None else likely))
            self.choices[name] = choice
            form.addRow(name, choice)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(note)
        layout.addLayout(form)
        layout.addWidget(buttons)

    @property
    def names(self) -> dict[str, str | None]:
        """Class of the scheme for each name of the file; None for what is left out."""
        return {name: choice.currentData() for name, choice in self.choices.items()}


def likely_class(name: str, scheme: TissueScheme) -> str | None:
    """Return the class that a name most likely means, None for what is better left out.

    Parameters
    ----------
    name : str
        Name of a class in someone's annotations.
    scheme : TissueScheme
        Classes to choose from.
    """
    lowered = name.casefold()
    for ours, words in _LIKELY.items():
        if ours in scheme.names and any(word in lowered for word in words):
            return ours
    return None
