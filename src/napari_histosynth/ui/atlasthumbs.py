"""Which thumbnails the map of looks shows where, as they are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, QTimer

from napari_histosynth.ui.atlascard import AtlasCard, NearestRow
from napari_histosynth.ui.thumbnails import Thumbnailer

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel

Numbers = npt.NDArray[np.float32]

_PATIENCE = 200  # ms that an old thumbnail stays while a new one is drawn


class AtlasThumbs(QObject):
    """Has thumbnails drawn for the card and the row of nearest, and shows each where it belongs.

    Parameters
    ----------
    card : AtlasCard
        Shows one at a time.
    row : NearestRow
        Shows several.

    Attributes
    ----------
    maker : Thumbnailer or None
        Draws them; None without a model.
    """

    def __init__(self, card: AtlasCard, row: NearestRow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._card, self._row = card, row
        self.maker: Thumbnailer | None = None
        self._makers: list[Thumbnailer] = []  # the one above, for who outlives this object
        self._wanted = b""
        self._near: list[bytes] = []
        self._blank = QTimer(self)
        self._blank.setSingleShot(True)
        self._blank.setInterval(_PATIENCE)
        self._blank.timeout.connect(lambda: self._card.show_picture(None))
        self.destroyed.connect(partial(_close, self._makers))

    def use(self, model: PaintModel | None) -> None:
        """Draw with a model from now on, or stop."""
        self._blank.stop()
        self._near, self._wanted = [], b""
        if self.maker is not None:
            self.maker.made.disconnect(self._on_made)
            self.maker.close()
            self.maker = None
        if model is not None:
            from napari_histosynth.latent.thumbnail import ThumbnailArtist

            self.maker = Thumbnailer(ThumbnailArtist(model).draw)
            self.maker.made.connect(self._on_made)
        self._makers[:] = [] if self.maker is None else [self.maker]

    def show(self, latent: Numbers) -> None:
        """Show a latent, float32 (d,), on the card; the old picture stays for a moment."""
        self._wanted = latent.tobytes()
        self._ask(self._wanted)

    def show_row(self, latents: Sequence[Numbers]) -> None:
        """Show latents, float32 (d,) each, in the row."""
        self._near = [latent.tobytes() for latent in latents]
        for key in reversed(self._near):  # the last wish is the first to be drawn
            self._ask(key)

    def rest(self) -> None:
        """Draw nothing that is not yet begun: the canvas needs the processor."""
        self._blank.stop()
        if self.maker is not None:
            self.maker.drop_wishes()

    def _ask(self, key: bytes) -> None:
        """Show a thumbnail where it belongs, or have it drawn."""
        if self.maker is None:
            return
        picture = self.maker.get(key, np.frombuffer(key, np.float32).copy())
        if key == self._wanted:
            if picture is not None:
                self._blank.stop()
                self._card.show_picture(picture)
            elif not self._blank.isActive():
                self._blank.start()
        if picture is not None:
            for place, near in enumerate(self._near):
                if near == key:
                    self._row.show_picture(place, picture)

    def _on_made(self, key: bytes) -> None:
        if self.maker is not None and key in self.maker and (key == self._wanted or key in self._near):
            self._ask(key)


def _close(makers: Iterable[Thumbnailer]) -> None:
    """Stop the threads of what draws thumbnails."""
    for maker in makers:
        maker.close()
