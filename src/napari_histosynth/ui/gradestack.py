"""A way through the latent as a layer with a slider: each step is drawn when one looks at it.

napari reads a layer's pixels on the main thread. So what it is given here answers at once: the step if it is
drawn, else the one drawn nearest to it or a sketch; a thread of its own draws what is looked at, and the
layer is refreshed when that is there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import Cancelled, HistosynthError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.latent.stack import LazyStack
from napari_histosynth.ui.layers import METADATA_KEY, without_clashing_units

if TYPE_CHECKING:
    from napari_histosynth.ui.gradeplan import FilmPlan
    from napari_histosynth.ui.stage import Stage

GRADE_AXIS = "grade"
"""Name of the axis of the slider."""

_SKETCHED = 600_000  # pixels from which a step is sketched before it is drawn
_FACTOR = 8  # pixels along each side of one of a sketch
_BLANK = 235  # gray of what is not there yet

_log = logging.getLogger(__name__)
Pixels = npt.NDArray[np.uint8]


class StackView:
    """A stack that always answers at once, and says what it should have had.

    Parameters
    ----------
    stack : LazyStack
        What draws, and keeps.
    wanted : callable
        Told the number of a step that somebody looks at, if it is not drawn.
    """

    def __init__(self, stack: LazyStack, wanted: Callable[[int], None]) -> None:
        self.stack, self._wanted = stack, wanted
        self.shape, self.dtype, self.ndim = stack.shape, stack.dtype, stack.ndim
        self.size = int(np.prod(stack.shape))
        self._sketches: dict[int, Pixels] = {}
        self._last: int | None = None

    def __len__(self) -> int:
        """Count the steps."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> Pixels:
        """Return what there is of a step, or of several, at once."""
        key = key if isinstance(key, tuple) else (key,)
        number, rest = key[0], key[1:]
        steps = range(len(self))[number if isinstance(number, slice) else int(number)]
        numbers = [steps] if isinstance(steps, int) else list(steps)
        if len(numbers) == 1 and self.stack.kept(numbers[0]) is None:  # napari asks for slices of one
            self._wanted(numbers[0])
        parts = [self._present(one)[rest] for one in numbers]
        if isinstance(steps, int):
            return np.asarray(parts[0])
        return np.stack(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all steps, drawn to the end: for scripts, and for saving."""
        pictures = np.stack([self.stack.picture(number) for number in range(len(self))])
        return pictures if dtype is None else pictures.astype(dtype)

    def dask(self) -> Any:
        """Return the drawn stack as a dask array; see :meth:`LazyStack.dask`."""
        return self.stack.dask()

    def put_sketch(self, number: int, sketch: Pixels) -> None:
        """Show a sketch of a step until it is drawn."""
        self._sketches[number] = sketch

    def _present(self, number: int) -> Pixels:
        """Return the step, its sketch, the drawn step shown last, or nothing but gray."""
        picture = self.stack.kept(number)
        if picture is not None:
            self._last = number
            self._sketches.pop(number, None)
            return picture
        if number in self._sketches:
            return _enlarged(self._sketches[number], self.shape[1:3])
        last = None if self._last is None else self.stack.kept(self._last)
        return np.full(self.shape[1:], _BLANK, self.dtype) if last is None else last


class StackLayer(QObject):
    """Puts a stack into a viewer and draws what one looks at, until the layer is removed.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer goes.
    stage : Stage
        Layers of the canvas: the stack lies where they do.
    plan : FilmPlan
        What the steps show.
    name : str
        Of the layer.

    Attributes
    ----------
    layer : napari.layers.Image
        The layer.
    stack : LazyStack
        What it shows.
    looked_at : Signal of str
        Caption of the step that the slider is at.
    drawn : Signal of int
        A step was drawn; its number.
    failed : Signal of str
        One sentence why a step was not.
    """

    looked_at = Signal(str)
    drawn = Signal(int)
    failed = Signal(str)
    _landed = Signal(int, bool)

    def __init__(self, viewer: Any, stage: Stage, plan: FilmPlan, name: str) -> None:
        super().__init__()
        from napari.layers import Image

        self._viewer, self._plan = viewer, plan
        self.stack = LazyStack(plan.canvas, len(plan.looks), plan.window)
        self.view = StackView(self.stack, self._want)
        self._order = threading.Lock()
        self._next: int | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._landed.connect(self._on_landed)
        um = plan.model.um_per_px
        step = 100 * (plan.shares[-1] - plan.shares[0]) / max(1, len(plan.shares) - 1)
        corner = np.asarray(stage.labels.translate, float) + np.array([plan.window.y0, plan.window.x0]) * um
        arguments = without_clashing_units(
            {
                "name": name,
                "rgb": True,
                "contrast_limits": (0, 255),
                # steps of the way in percent, so that the slider tells where one is
                "scale": (step or 1.0, um, um),
                "translate": (100 * plan.shares[0], *corner),
                "units": ("pixel", "um", "um"),
                "axis_labels": (GRADE_AXIS, "y", "x"),
                "blending": "translucent_no_depth",
                "interpolation2d": "linear",
                "metadata": {METADATA_KEY: self._note()},
            },
            viewer.layers,
        )
        self.layer = Image(self.view, multiscale=False, **arguments)

    def show(self, share: float, labels: Any) -> None:
        """Put the layer below the labels, its slider at a share of the way."""
        layers = self._viewer.layers
        active = layers.selection.active
        layers.insert(layers.index(labels) if labels in layers else len(layers), self.layer)
        if active is not None and active in layers:
            layers.selection.active = active
        dims = self._viewer.dims
        dims.axis_labels = (*dims.axis_labels[:-3], GRADE_AXIS, "y", "x")
        dims.set_point(dims.ndim - 3, 100 * share)
        self._viewer.dims.events.current_step.connect(self._tell)
        layers.events.removed.connect(self._on_removed)
        self._tell()

    def close(self) -> None:
        """Stop drawing; what is drawn stays. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.dims.events.current_step.disconnect(self._tell)

    @property
    def number(self) -> int:
        """The step that the slider is at."""
        at = self.layer.world_to_data(self._viewer.dims.point)[0]
        return int(np.clip(round(float(at)), 0, len(self.stack) - 1))

    @property
    def is_drawing(self) -> bool:
        """Whether the step that one looks at is still to be drawn."""
        return not self._closed and self.stack.kept(self.number) is None

    def _note(self) -> dict[str, Any]:
        plan = self._plan
        made = Provenance(
            model=plan.model.name, model_sha256=plan.model.sha256, um_per_px=plan.model.um_per_px
        )
        return {
            "provenance": made.to_dict(),
            "um_per_px": plan.model.um_per_px,
            "captions": list(plan.captions),
            "shares": list(plan.shares),
        }

    def _tell(self, _event: Any = None) -> None:
        self.looked_at.emit(self._plan.captions[self.number])

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.close()

    def _on_landed(self, number: int, whole: bool) -> None:
        """Show what was drawn, if somebody still looks at it."""
        if self._closed:
            return
        if number == self.number:
            self.layer.refresh(thumbnail=whole, extent=False, highlight=False)
        if whole:
            self.drawn.emit(number)

    # ---- the thread that draws

    def _want(self, number: int) -> None:
        """Have a step drawn next; one that was wanted before and is not begun is forgotten."""
        with self._order:
            self._next = number
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="histosynth-stack", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        """Draw what is wanted, until nothing is: a thread that waited would keep the viewer alive."""
        while True:
            with self._order:
                number, self._next = self._next, None
                if number is None or self._closed:
                    self._thread = None
                    return
            try:
                self._draw(number)
            except Cancelled:
                continue
            except Exception as error:
                known = isinstance(error, HistosynthError)
                if not known:
                    _log.error("Drawing step %d failed", number, exc_info=error)
                self._emit(self.failed, str(error) if known else f"Step {number + 1} was not drawn: {error}.")

    def _draw(self, number: int) -> None:
        def superseded() -> bool:
            return self._closed or self._next not in (None, number)

        if self.stack.kept(number) is None and self.shape_px > _SKETCHED:
            sketch = self.stack.sketch(number, _FACTOR, cancel=superseded)
            if sketch is not None:
                self.view.put_sketch(number, sketch)
                self._emit(self._landed, number, False)
        self.stack.picture(number, cancel=superseded)
        self._emit(self._landed, number, True)

    @property
    def shape_px(self) -> int:
        """Pixels of a step."""
        return self.stack.shape[1] * self.stack.shape[2]

    def _emit(self, signal: Any, *values: Any) -> None:
        try:
            signal.emit(*values)
        except RuntimeError:  # the window was closed meanwhile
            _log.debug("Nobody looks at this stack any more")


def _enlarged(sketch: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Return a sketch at the size of the picture."""
    from PIL import Image

    size = (sketch.shape[1] * _FACTOR, sketch.shape[0] * _FACTOR)
    large = np.asarray(Image.fromarray(sketch).resize(size, Image.Resampling.BILINEAR))
    return large[: shape[0], : shape[1]]
