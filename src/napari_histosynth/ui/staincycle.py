"""There and back: the source drawn again from its stain, and what that lost (Liu et al., Figure 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.layers import without_clashing_units
from napari_histosynth.ui.staindesk import StainDesk
from napari_histosynth.ui.widgets import button, row, small

if TYPE_CHECKING:
    from napari_histosynth.stain.translator import Translator

MOST_SIDE = 2048
"""Largest side of what is drawn there and back."""

_GRAYS = 64.0  # gray levels that the map of residuals spans
_LEAST_SIDE = 8


@dataclass(frozen=True, eq=False)
class Cycle:
    """A window of a picture, drawn there and back.

    Attributes
    ----------
    window : Window
        Where, in pixels of the source.
    back : ndarray
        uint8 (y, x, 3).
    residual : ndarray
        float32 (y, x), mean absolute difference of the channels, in gray levels.
    mae : float
        Its mean.
    ssim : float
        Structural similarity, 1 for equal pictures.
    """

    window: Window
    back: npt.NDArray[np.uint8]
    residual: npt.NDArray[np.float32]
    mae: float
    ssim: float


def cycle_of(translator: Translator, window: Window, tell: Tell, is_cancelled: Asked) -> Cycle:
    """Draw a window there and back; in a thread.

    Raises
    ------
    ModelError
        If the model has no way back.
    ImageError
        If the window is too small to compare.
    """
    from skimage.metrics import structural_similarity

    from napari_histosynth.stain.translator import Translator

    model, reverse = translator.model, not translator.reverse
    generator = model.generator(reverse=reverse)
    if min(window.shape) < _LEAST_SIDE:
        raise ImageError(
            f"{window.height} x {window.width} px are too few to compare; show more of the picture."
        )
    margin = int(np.ceil((generator.margin or 0) * model.um_per_px / translator.um_per_px)) + 8
    around = window.grow(margin).clip(translator.shape)
    there = translator.translate(around, is_cancelled=is_cancelled, progress=lambda share: tell(share / 2))
    way_back = Translator(model, there, translator.um_per_px, reverse=reverse, tile=translator.tile)
    inside = window.relative_to(around)
    back = way_back.translate(inside, is_cancelled=is_cancelled, progress=lambda share: tell(0.5 + share / 2))
    source = translator.read(window)
    residual = np.abs(source.astype(np.float32) - back).mean(axis=2)
    side = min(7, min(window.shape) // 2 * 2 - 1)
    ssim = structural_similarity(source, back, channel_axis=2, data_range=255, win_size=side)
    return Cycle(window, back, residual, float(residual.mean()), float(ssim))


class CyclePanel(QWidget):
    """Draws what is in sight there and back, as two more layers.

    Parameters
    ----------
    desk : StainDesk
        Has the stain.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    cycle : Cycle or None
        What was drawn last.
    """

    def __init__(self, desk: StainDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("stain-cycle")
        self._desk = desk
        self.cycle: Cycle | None = None
        self._layers: list[Any] = []
        self.job = Job(self)
        self.go = button(
            "Draw there and back",
            "stain-cycle-go",
            f"Draw what is in sight (all of a picture up to {MOST_SIDE:,} px) back from its stain, and map "
            "the difference: what the stain does not hold is lost, and nuclei that moved show",
        )
        self.job_row = JobRow(self.job, "Stop; the layers stay as they are")
        self.status = small("stain-cycle-status")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(self.go))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self.go.clicked.connect(self.draw)
        for signal in (self.job.begun, self.job.ended, desk.changed):
            signal.connect(self._show)
        self._show()

    def draw(self) -> None:
        """Draw there and back, in the background."""
        shown = self._desk.shown
        if shown is None:
            return
        window = Window.of_shape(shown.levels.shape)
        if max(window.shape) > MOST_SIDE:
            window = _middle(shown.in_sight() or window, MOST_SIDE).clip(window.shape)
        translator, source = shown.translator, shown.source

        def work(tell: Tell, is_cancelled: Asked) -> Cycle:
            return cycle_of(translator, window, tell, is_cancelled)

        self.status.setText("Drawing there and back …")
        self.job.start("Drawing there and back", work, lambda cycle: self._lay(cycle, source), self._say)

    def _say(self, sentence: str) -> None:
        self.status.setText(sentence)

    def _lay(self, cycle: Cycle, source: Any) -> None:
        """Lay the result over the source, in place of the one before."""
        viewer, shown = self._desk.viewer, self._desk.shown
        if shown is None:
            return
        self.cycle = cycle
        for layer in self._layers:
            if layer in viewer.layers:
                viewer.layers.remove(layer)
        placed = source.placed()
        placed["translate"] = source.layer.data_to_world((cycle.window.y0, cycle.window.x0))
        placed.pop("affine")
        placed = without_clashing_units(placed, viewer.layers)
        first = shown.stains[0]
        active = viewer.layers.selection.active
        self._layers = [
            viewer.add_image(cycle.back, rgb=True, name=f"{first} again", interpolation2d="linear", **placed),
            viewer.add_image(
                cycle.residual,
                name=f"Residual of {first}",
                colormap="inferno",
                contrast_limits=(0, _GRAYS),
                visible=True,
                **placed,
            ),
        ]
        if active in viewer.layers:
            viewer.layers.selection.active = active
        self.status.setText(
            f"{first} drawn again from its stain is {cycle.mae:.1f} of 255 gray levels off on average; "
            f"structural similarity (SSIM) {cycle.ssim:.3f}, where 1 is the same picture. Bright in the map "
            f"is what differs, up to {_GRAYS:.0f} gray levels."
        )

    def _show(self) -> None:
        self.go.setEnabled(self._desk.shown is not None and not self.job.is_busy)


def _middle(window: Window, most: int) -> Window:
    """Return the middle of a window, up to a side."""
    height, width = (min(side, most) for side in window.shape)
    top = window.y0 + (window.height - height) // 2
    left = window.x0 + (window.width - width) // 2
    return Window(top, top + height, left, left + width)
