"""What the parts of the dock "Virtual stain" share: the viewer, and the picture that is stained in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.arrange import grid_of, is_side_by_side
from napari_histosynth.ui.jobs import Asked as IsCancelled
from napari_histosynth.ui.jobs import Job, Tell
from napari_histosynth.ui.painters import painter_of
from napari_histosynth.ui.stainlayer import StainLayer
from napari_histosynth.ui.stainlevels import StainLevels
from napari_histosynth.ui.stainlive import CanvasLink
from napari_histosynth.ui.stainmodels import load_stain_cached
from napari_histosynth.ui.stainsource import StainSource, source_of
from napari_histosynth.ui.stainsteering import Asked, AskedSteering

if TYPE_CHECKING:
    from napari_histosynth.stain.translator import Translator
    from napari_histosynth.ui.painter import Painter

_PALE = 235  # gray of what is not known yet


@dataclass(frozen=True, eq=False)
class _Ready:
    """What was made ready in the thread."""

    source: StainSource
    translator: Translator
    steering: AskedSteering | None
    levels: StainLevels | None  # None where the layer that is there goes on


class StainDesk(QObject):
    """Stains one picture of a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    shown : StainLayer or None
        What is stained.
    link : CanvasLink or None
        What follows the canvas, where that is what is stained.
    steering : AskedSteering or None
        Who decides which nuclei are positive; None is the network.
    job : Job
        What gets ready to stain.
    changed : Signal
        Something else is stained, or nothing.
    progressed : Signal
        More is drawn.
    curtain_moved : Signal of float
        The curtain was dragged.
    said : Signal of str
        One sentence.
    """

    changed = Signal()
    progressed = Signal()
    curtain_moved = Signal(float)
    said = Signal(str)

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.shown: StainLayer | None = None
        self.link: CanvasLink | None = None
        self.steering: AskedSteering | None = None
        self.job = Job(self)
        self._closed = False

    @property
    def painter(self) -> Painter | None:
        """What paints in the viewer."""
        return painter_of(self.viewer)

    @property
    def canvas(self) -> Any:
        """The H&E layer of the canvas, None if there is none."""
        painter = self.painter
        return None if painter is None or painter.stage is None else painter.stage.picture

    @property
    def is_drawing(self) -> bool:
        """Whether anything is being made ready or drawn."""
        return self.job.is_busy or (self.shown is not None and self.shown.drawer.is_busy)

    def pictures(self) -> list[Any]:
        """Return the RGB layers of the viewer, the canvas's first."""
        own = self.canvas
        plane = [
            layer
            for layer in self.viewer.layers
            if getattr(layer, "rgb", False) and getattr(layer, "ndim", 0) == 2
        ]
        return sorted(plane, key=lambda layer: layer is not own)

    def lay_over(self) -> None:
        """Lay layers over each other, if they lie side by side: what is compared has to."""
        if not is_side_by_side(self.viewer):
            return
        grid_of(self.viewer).enabled = False
        painter = self.painter
        if painter is not None and painter.stage is not None:
            painter.stage.labels.opacity = 0.0
        self.said.emit(
            "Layers lie over each other now, the labels unseen; Side by side in Paint tissue undoes that."
        )

    # ---- staining

    def stain(
        self, layer: Any, model: str, um_per_px: float, *, reverse: bool = False, asked: Asked | None = None
    ) -> bool:
        """Lay the stain over a layer; return whether that was begun.

        Parameters
        ----------
        layer : napari layer
            RGB.
        model : str
            Name or folder of a model of two stains.
        um_per_px : float
            Scale of the layer.
        reverse : bool
            From the model's second stain to its first.
        asked : Asked, optional
            Which nuclei are to be positive.
        """
        try:
            source = source_of(layer, um_per_px, self.canvas)
        except HistosynthError as error:
            self.said.emit(str(error))
            return False
        link = None
        if source.is_canvas and self.painter is not None:
            link = CanvasLink(self.painter, self)
            source = StainSource(layer, (link.pixels,), um_per_px, True)
        goes_on = self._goes_on(source)
        work = partial(_made_ready, source, model, reverse, asked or Asked(), link, goes_on)
        begun = self.job.start(
            f"Staining {source.name}", work, partial(self._show, link), partial(self._refuse, link)
        )
        if not begun:
            self._refuse(link, "Another picture is being made ready; wait for it, or cancel it.")
        return begun

    def _goes_on(self, source: StainSource) -> bool:
        """Return whether the layer that is there can go on with another stain of its source."""
        shown = self.shown
        return (
            shown is not None
            and shown.layer in self.viewer.layers
            and shown.source.layer is source.layer
            and shown.source.shape == source.shape
            and shown.levels.tile == source.tile
        )

    def _refuse(self, link: CanvasLink | None, sentence: str) -> None:
        if link is not None:
            link.close()
            link.deleteLater()
        self.said.emit(sentence)

    def _show(self, link: CanvasLink | None, ready: _Ready) -> None:
        """Show what was made ready."""
        if self._closed:
            if link is not None:
                link.close()
            return
        goes_on = ready.levels is None and self._goes_on(ready.source)
        if ready.levels is None and not goes_on:
            self._refuse(link, "The layer was removed meanwhile; stain the picture again.")
            return
        self._unlink()
        self.steering = ready.steering
        if goes_on:
            assert self.shown is not None
            self.shown.use(ready.source, ready.translator)
        else:
            assert ready.levels is not None
            if self.shown is not None:
                self._put_away()
            shown = StainLayer(self.viewer, ready.source, ready.levels, ready.translator, self)
            shown.progressed.connect(self.progressed)
            shown.curtain_moved.connect(self.curtain_moved)
            shown.failed.connect(self.said)
            shown.removed.connect(self._on_removed)
            self.shown = shown
            shown.show()
        if link is not None:
            self._link(link)
        self.changed.emit()

    def _put_away(self) -> None:
        """Let go of what was stained; its layer stays."""
        shown, self.shown = self.shown, None
        if shown is not None:
            shown.close()

    def renew(self, layer: Any, window: Window) -> None:
        """Draw a window of the finest level anew, if that layer is what is stained: it shows other pixels."""
        shown = self.shown
        if shown is not None and shown.source.layer is layer:
            shown.drawer.follow(lambda: [window.clip(shown.levels.shape)])

    # ---- following the canvas

    def _link(self, link: CanvasLink) -> None:
        self.link = link
        steering = self.steering

        def also(windows: list[Window]) -> list[Window]:
            return windows + steering.renew() if windows and steering is not None else windows

        link.also = also
        link.stirred.connect(self._follow)
        link.stroke.connect(self._wait_a_moment)
        link.gone.connect(self._on_canvas_gone)
        self._follow()

    def _follow(self) -> None:
        if self.shown is not None and self.link is not None:
            self.shown.drawer.follow(self.link.changes)

    def _wait_a_moment(self) -> None:
        """Let strokes be drawn first: they are what one looks at."""
        if self.shown is not None:
            self.shown.drawer.rest(0.15)

    def _on_canvas_gone(self) -> None:
        self._unlink()
        if self.shown is not None:
            self.said.emit(
                "The canvas is gone or has another size; its stain stays as a picture, and follows no more."
            )
            self.progressed.emit()

    def _unlink(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.close()
            link.deleteLater()

    def _on_removed(self) -> None:
        self._unlink()
        self.shown, self.steering = None, None
        self.changed.emit()

    def close(self) -> None:
        """Stop drawing and following; layers stay. Harmless when repeated."""
        self._closed = True
        self.job.cancel()
        self._unlink()
        self._put_away()


def _made_ready(
    source: StainSource,
    name: str,
    reverse: bool,
    asked: Asked,
    link: CanvasLink | None,
    goes_on: bool,
    tell: Tell,
    is_cancelled: IsCancelled,
) -> _Ready:
    """Load the model, choose the nuclei, and have something to show: in the thread."""
    model = load_stain_cached(name)
    from napari_histosynth.stain.translator import Translator

    if link is not None:
        link.changes()
    finest: Any = source.levels[0]
    steering = None
    if asked.way != "network" and model.generator(reverse=reverse).steering:
        steering = AskedSteering(asked, finest, source.um_per_px, model)
    translator = Translator(
        model, finest, source.um_per_px, reverse=reverse, steering=steering, tile=source.tile
    )
    tell(0.5)
    if is_cancelled():
        raise Cancelled("Staining was cancelled.")
    if goes_on:
        return _Ready(source, translator, steering, None)
    levels = StainLevels(source.shape, translator.tile)
    shape = levels.shapes[-1]
    seen = source.seen_at(shape, Window.of_shape(shape))
    levels.base[:] = np.uint8(_PALE) if seen is None else seen
    return _Ready(source, translator, steering, levels)
