"""The seeds of a picture as fields, with locks, a button for new ones and one for those before."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QSpinBox, QWidget

from napari_histosynth.ui.look import HIGHEST_SEED, Looks
from napari_histosynth.ui.widgets import small


class LookPanel(QWidget):
    """Shows and changes a :class:`~napari_histosynth.ui.look.Looks`.

    Attributes
    ----------
    chosen : Signal of Look
        Seeds were typed in.
    renewed, went_back : Signal
        A button was pressed.
    """

    chosen = Signal(object)
    renewed = Signal()
    went_back = Signal()

    def __init__(self, looks: Looks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._looks = looks
        self.latent_seed, self.lock_latent = self._seed_row(
            "latent",
            "Stain and detail: the seed of the latent. The same number is the same look, on any canvas.",
        )
        self.seed, self.lock_seed = self._seed_row(
            "texture", "Fine texture - chromatin, fibers, grain: the seed of the noise."
        )
        self.renew = QPushButton("New look")
        self.renew.setObjectName("new-look")
        self.back = QPushButton("Back")
        self.back.setObjectName("look-back")
        self.back.setToolTip("The look before this one")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for row, (name, field, lock) in enumerate(
            (("Stain", self.latent_seed, self.lock_latent), ("Texture", self.seed, self.lock_seed))
        ):
            label = QLabel(name)
            label.setToolTip(field.toolTip())
            layout.addWidget(label, row, 0)
            layout.addWidget(field, row, 1)
            layout.addWidget(lock, row, 2)
        layout.addWidget(self.renew, 0, 3)
        layout.addWidget(self.back, 1, 3)
        self.given = small("given-style")
        self.given.setToolTip("New look, or another stain number, leaves it; Back returns to it")
        layout.addWidget(self.given, 2, 0, 1, 4)
        layout.setColumnStretch(1, 1)
        self.renew.clicked.connect(self.renewed)
        self.back.clicked.connect(self.went_back)
        self.refresh()

    def refresh(self) -> None:
        """Show the present seeds and locks."""
        looks = self._looks
        for field, value in ((self.latent_seed, looks.present.latent_seed), (self.seed, looks.present.seed)):
            field.blockSignals(True)
            field.setValue(value)
            field.blockSignals(False)
        for lock, value in ((self.lock_latent, looks.lock_latent), (self.lock_seed, looks.lock_seed)):
            lock.blockSignals(True)
            lock.setChecked(value)
            lock.blockSignals(False)
        given = looks.present.given
        self.given.setVisible(given is not None)
        self.given.setText("" if given is None else f"Style: {given.name or 'given'}")
        self.back.setEnabled(looks.can_go_back)
        self.renew.setEnabled(looks.can_renew)
        self.renew.setToolTip(
            "Draw the same tissue with new seeds, where they are not locked"
            if looks.can_renew
            else "Both seeds are locked; unlock one for a new look"
        )

    def _seed_row(self, name: str, tip: str) -> tuple[QSpinBox, QCheckBox]:
        """Return a seed's field and its lock."""
        field = QSpinBox()
        field.setObjectName(f"{name}-seed")
        field.setRange(0, HIGHEST_SEED)
        field.setKeyboardTracking(False)
        field.setToolTip(tip)
        field.setMinimumWidth(60)
        field.valueChanged.connect(self._choose)
        lock = QCheckBox("lock")
        lock.setObjectName(f"lock-{name}")
        lock.setToolTip("Keep this seed when a new canvas is made or New look is pressed")
        lock.toggled.connect(self._lock)
        return field, lock

    def _choose(self) -> None:
        self.chosen.emit(self._looks.present.with_seeds(self.latent_seed.value(), self.seed.value()))

    def _lock(self) -> None:
        self._looks.lock_latent = self.lock_latent.isChecked()
        self._looks.lock_seed = self.lock_seed.isChecked()
        self.refresh()
