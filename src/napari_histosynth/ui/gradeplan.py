"""A canvas as it is now, to be drawn in one look after another whatever is painted meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.latent.film import Frame, check_film
from napari_histosynth.ui.lookdesk import LookDesk, PlacedLooks

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import Labels
    from napari_histosynth.paint.canvas import Canvas
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.ui.gradedesk import GradeDesk
    from napari_histosynth.ui.look import Look


@dataclass(frozen=True, eq=False)
class FilmPlan:
    """What is to be drawn.

    Attributes
    ----------
    model : PaintModel
        What draws.
    labels : ndarray
        uint8 (y, x), a copy.
    looks : tuple of Look
        One for each step.
    shares : tuple of float
        Where on the way each is.
    captions : tuple of str
        What each is called.
    placed : PlacedLooks
        Looks on the canvas, copied too.
    window : Window
        What of the canvas is drawn, in pixels.
    """

    model: PaintModel
    labels: Labels
    looks: tuple[Look, ...]
    shares: tuple[float, ...]
    captions: tuple[str, ...]
    placed: PlacedLooks
    window: Window

    def canvas(self, number: int) -> Canvas:
        """Return the canvas of a step; the model is shared with whatever else draws."""
        desk = LookDesk()
        desk.placed = self.placed
        return desk.canvas(self.model, self.looks[number], self.labels)

    def frames(self, progress: Callable[[float], None], cancel: Callable[[], bool]) -> Iterator[Frame]:
        """Draw one step after another."""
        for number, caption in enumerate(self.captions):
            canvas = self.canvas(number)

            def tell(share: float, number: int = number) -> None:
                progress((number + share) / len(self.captions))

            image = canvas.render(self.window, cancel=cancel, progress=tell)
            yield Frame(image, caption, self._provenance(canvas))

    def _provenance(self, canvas: Canvas) -> Any:
        made = replace(canvas.provenance(), size=self.window.shape)
        if self.window != canvas.window:
            made = replace(made, extra={**made.extra, "window": list(self.window)})
        return made


def plan_film(desk: GradeDesk, shares: Sequence[float], *, in_sight: bool = False) -> FilmPlan:
    """Note what a film of the present canvas along the present way is to show.

    Parameters
    ----------
    desk : GradeDesk
        Has the way, and the painter with the canvas.
    shares : sequence of float
        Of the way, one for each step.
    in_sight : bool
        Whether to draw only what is in sight.

    Raises
    ------
    ModelError
        If there is no canvas, no way, or the steps are more than fits into memory.
    """
    painter = desk.painter
    stage, model = painter.stage, painter.model
    if stage is None or model is None:
        raise ModelError("There is no canvas; make one in Paint tissue first.")
    if desk.way() is None:
        raise ModelError("There is no way yet; choose two grades first.")
    labels, _ = model.scheme.sanitize(np.asarray(stage.labels.data))
    window = Window.of_shape(labels.shape)
    if in_sight and (view := stage.view()) is not None:
        window = view.window
    check_film(len(shares), window.shape)
    placed = painter.desk.placed
    if placed.regions is not None:
        placed = replace(placed, regions=np.array(placed.regions))
    return FilmPlan(
        model,
        np.array(labels, np.uint8),
        tuple(desk.look(float(t)) for t in shares),
        tuple(float(t) for t in shares),
        tuple(desk.caption(float(t)) for t in shares),
        placed,
        window,
    )
