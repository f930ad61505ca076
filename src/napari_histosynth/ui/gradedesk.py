"""The controller behind the grade slider: a way through the latent, and what of it the canvas takes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.errors import HistosynthError, ModelError
from napari_histosynth.latent.anchors import Anchor, Anchors
from napari_histosynth.latent.space import BEYOND, among
from napari_histosynth.latent.way import Way
from napari_histosynth.ui.gradeblend import blend_for
from napari_histosynth.ui.gradeplaces import GradePlaces
from napari_histosynth.ui.gradestate import Carried, GradeState, outer_grades
from napari_histosynth.ui.look import GivenStyle, Look, unpacked
from napari_histosynth.ui.painter import Painter

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float32]


class GradeDesk(GradePlaces):
    """Moves the look of a painter's canvas along a way between named places.

    Parameters
    ----------
    painter : Painter
        What draws.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    ends : tuple of str
        Names of the places that the way leads from and to; empty where there is none.
    share : float
        Where on the way one is: 0 at its beginning, 1 at its end, up to 0.25 outside.
    spherical : bool
        Whether the way is a great circle.
    strengths : dict of int to float
        How much of the way each class goes, where that is not all of it, by label value.
    moved : Signal
        What the canvas is to look like is something else now: ends, share, stain, strengths.
    """

    moved = Signal()

    def __init__(self, painter: Painter, parent: QObject | None = None) -> None:
        super().__init__(painter, parent)
        self.ends = ("", "")
        self.share = 0.0
        self.spherical = False
        self.strengths: dict[int, float] = {}
        self._carried: Carried | None = None
        self._corners: tuple[tuple[str, ...], tuple[float, ...]] | None = None
        self._stain: Numbers | None = None
        self._class: int | None = None  # whose strength is being dragged
        self._shown: GivenStyle | None = None
        self._left: dict[GivenStyle, GradeState] = {}  # what one came from, for the way back
        painter.look_changed.connect(self._on_look)
        self._on_model()

    def close(self) -> None:
        """Let go of the painter; a preview that is shown gives way to the canvas's look."""
        super().close()
        self.painter.look_changed.disconnect(self._on_look)
        self.painter.end_previews()

    # ---- where one is

    def way(self) -> Way | None:
        """Return the way, None if it has no two ends."""
        names = self.anchors.names
        if any(end not in names for end in self.ends):
            return None
        first, second = (self.anchors[end].style for end in self.ends)
        return Way(first, second, self.spherical, None if self._carried is None else self._carried.style)

    @property
    def carried(self) -> str | None:
        """What the style that the way starts from is called, None if that is the way's first end."""
        return None if self._carried is None else self._carried.name

    def latent(self, t: float | None = None) -> Numbers:
        """Return the latent of a share of the way, the present one by default.

        Parameters
        ----------
        t : float, optional
            -0.25 to 1.25.

        Returns
        -------
        ndarray
            float32 (latent_size,), style and stain; strengths of classes have no say in it.

        Raises
        ------
        ModelError
            If there is no model, or ``t`` is out of range.
        """
        style = self._style(self.share if t is None else t)
        return np.asarray(np.concatenate([style, self.stain()]), np.float32)

    def latents(self, shares: Sequence[float]) -> list[Numbers]:
        """Return the latents of several shares of the way; see :meth:`latent`."""
        return [self.latent(float(t)) for t in shares]

    def look(
        self,
        t: float | None = None,
        *,
        style: Numbers | None = None,
        strengths: dict[int, float] | None = None,
    ) -> Look:
        """Return the look of a share of the way, or of another style, with its strengths or others."""
        model, t = self._needs_model(), self.share if t is None else t
        known = self.strengths if strengths is None else strengths
        given = GivenStyle.of(
            model,
            self._style(t) if style is None else style,
            self._stain,
            name=self.caption(t),
            start=self._start(),
            strengths=tuple(known.get(index, 1.0) for index in range(model.scheme.n_classes)),
        )
        return replace(self.painter.looks.present, given=given)

    def caption(self, t: float | None = None) -> str:
        """Return in words where a share of the way is."""
        return self._state().caption(self.share if t is None else t)

    # ---- going there

    def set_ends(self, first: str, second: str) -> None:
        """Let the way lead from one named place to another; the canvas follows if it is on it.

        Raises
        ------
        ModelError
            If there is no such place.
        """
        self.ends = (self.anchors[first].name, self.anchors[second].name)
        self._corners = None
        self._follow()

    def set_share(self, t: float, dragging: bool = False) -> None:
        """Go to a share of the way, and let the canvas take it on.

        Parameters
        ----------
        t : float
            -0.25 to 1.25; what lies outside is taken to the nearest.
        dragging : bool
            Whether another follows at once: only a preview is shown then, and it is no step of *Back*.
        """
        self.share = float(min(max(t, -BEYOND), 1 + BEYOND))
        self._corners = None
        self._show(dragging=dragging)

    def set_spherical(self, on: bool) -> None:
        """Go along the great circle, or straight."""
        self.spherical = on
        self._follow()

    def carry(self, style: npt.ArrayLike | None, name: str = "", stain: npt.ArrayLike | None = None) -> None:
        """Apply the way to a style: at ``t`` it is ``style + t (second - first)``.

        Parameters
        ----------
        style : array_like or None
            float (style_size,); None for the first end, as usual.
        name : str
            What it is.
        stain : array_like, optional
            float (9,), which is then the stain; left as it is by default.

        Raises
        ------
        ModelError
            If the numbers are not those of a style or stain of the model.
        """
        self._take(style, name, stain)
        self._follow()

    def go_to(self, style: npt.ArrayLike, name: str, stain: npt.ArrayLike | None = None) -> None:
        """Let the canvas take on exactly this style: :meth:`carry` it, at the beginning of the way."""
        self._take(style, name, stain)
        self.share = 0.0
        self._show()

    def mix(self, names: Sequence[str], weights: Sequence[float], dragging: bool = False) -> None:
        """Go to a mixture of named places, as on a pad.

        Parameters
        ----------
        names : sequence of str
            The places.
        weights : sequence of float
            One each, 0 or more, not all 0.
        dragging : bool
            As for :meth:`set_share`.

        Raises
        ------
        ModelError
            If there is no such place, or the weights are no weights.
        """
        known = [self.anchors[name] for name in names]
        among([one.style for one in known], weights)
        total = sum(weights)
        self._corners = tuple(one.name for one in known), tuple(float(weight) / total for weight in weights)
        self._show(dragging=dragging)

    def set_strength(self, value: int, strength: float, dragging: bool = False) -> None:
        """Let a class go only a part of the way.

        Parameters
        ----------
        value : int
            Label value of the class.
        strength : float
            0 (it stays at the beginning) to 1; what lies outside is taken to the nearest.
        dragging : bool
            As for :meth:`set_share`.
        """
        self._class = int(value) if dragging else None
        self.set_strengths({**self.strengths, int(value): strength}, dragging)
        self._class = None

    def set_strengths(self, strengths: dict[int, float], dragging: bool = False) -> None:
        """Let each class go a part of the way: all of it where nothing is said; see :meth:`set_strength`."""
        kept = {value: float(min(max(strength, 0.0), 1.0)) for value, strength in strengths.items()}
        model = self.painter.model
        if model is not None and model.preset != "local" and any(one < 1 for one in kept.values()):
            self.painter.failed.emit(
                f"The model {model.name!r} has one look for all of a canvas; choose another."
            )
            kept = {}
        self.strengths = {value: strength for value, strength in kept.items() if strength < 1}
        self._follow(dragging=dragging)

    # ---- stain

    def stain(self) -> Numbers:
        """Return the stain: the one that was set, or that of the look's seed; float32 (9,), (0,) if none."""
        model = self._needs_model()
        if self._stain is not None:
            return self._stain
        return model.sample_latent(self.painter.looks.present.latent_seed)[model.style_size :]

    def set_stain(self, stain: npt.ArrayLike | None) -> None:
        """Draw in a stain, float (9,), or in that of the seed; the style stays.

        Raises
        ------
        ModelError
            If the numbers are no stain of the model.
        """
        self._take_stain(stain)
        if not self.is_on_canvas and self._stain is not None:  # the tissue stays what it is
            style, name = self.own_style()
            self._take(style, name, None)
            self.share = 0.0
        self._show()

    def own_style(self) -> tuple[Numbers, str]:
        """Return the style that the canvas has now, float32 (style_size,), and what it is called."""
        model, look = self._needs_model(), self.painter.looks.present
        given = look.style_for(model)
        name = f"look {look.latent_seed}" if given is None else given.name or "given style"
        return look.latent(model)[: model.style_size], name

    def here(self, name: str) -> Anchor:
        """Return a named place where one is."""
        return Anchor(name, self.latent()[: self._needs_model().style_size], source=self.caption())

    @property
    def is_mixture(self) -> bool:
        """Whether one is between the places of a pad."""
        return self._corners is not None

    @property
    def is_on_canvas(self) -> bool:
        """Whether the canvas has a style that was given to it here, or by another dock."""
        model = self.painter.model
        return model is not None and self.painter.looks.present.style_for(model) is not None

    # ---- inside

    def _style(self, t: float) -> Numbers:
        """Return the style of a share of the way; without one, what is carried, or the canvas's own."""
        if self._corners is not None:
            names, weights = self._corners
            return among([self.anchors[name].style for name in names], weights)
        if (way := self.way()) is not None:
            return way.at(t)
        if self._carried is not None:
            return self._carried.style
        model = self._needs_model()
        return self.painter.looks.present.latent(model)[: model.style_size]

    def _start(self) -> Numbers:
        """Return the style that classes of strength 0 keep."""
        if self._carried is not None and self._carried.start is not None:
            return self._carried.start
        return self._style(0.0) if (way := self.way()) is None else way.at(0)

    def _take(self, style: npt.ArrayLike | None, name: str, stain: npt.ArrayLike | None) -> None:
        """Hold a style and perhaps a stain, both checked before either is taken."""
        model = self._needs_model()
        what = f"A style of {model.name!r}"
        carried = None if style is None else Carried(_numbers(style, model.style_size, what), name)
        if stain is not None:
            self._take_stain(stain)
        self._carried, self._corners = carried, None

    def _take_stain(self, stain: npt.ArrayLike | None) -> None:
        model = self._needs_model()
        size = model.latent_size - model.style_size
        known = stain is not None and size > 0
        self._stain = _numbers(stain, size, f"A stain of {model.name!r}") if known else None

    def _follow(self, *, dragging: bool = False) -> None:
        """Let the canvas take on what has changed, if it shows a place of the way already."""
        if self.is_on_canvas:
            self._show(dragging=dragging)
        else:
            self.moved.emit()

    def _show(self, *, dragging: bool = False) -> None:
        """Let the canvas take on the present place."""
        if self.painter.model is not None and (self.way() is not None or self._carried is not None):
            try:
                look = self.look()
            except HistosynthError as error:
                self.painter.failed.emit(str(error))
            else:
                if dragging:
                    self.painter.preview_look(look, blend_for(self, self._corners, self._class))
                elif look.given is not None:
                    self._shown = look.given
                    self._left[look.given] = self._state()
                    self.painter.choose_look(look)
        self.moved.emit()

    def _on_look(self) -> None:
        """Go where one was when the canvas had the look that it has again."""
        model = self.painter.model
        given = None if model is None else self.painter.looks.present.style_for(model)
        if given is None or given != self._shown:
            if given in self._left:
                self._restore(self._left[given])
            elif given is not None:  # another dock gave it: go on from there
                start = unpacked(given.start) if given.strengths else None
                self._carried, self._corners = Carried(unpacked(given.style), given.name, start), None
                self._stain = None if given.stain is None else unpacked(given.stain)
                self.share = 0.0
                self.strengths = {value: one for value, one in enumerate(given.strengths) if one < 1}
        self._shown = given
        self.moved.emit()

    def _state(self) -> GradeState:
        return GradeState(
            self.ends, self.share, self.spherical, self.strengths, self._carried, self._corners, self._stain
        )

    def _restore(self, state: GradeState) -> None:
        self.ends, self.share, self.spherical = state.ends, state.share, state.spherical
        self.strengths, self._stain = state.strengths, state.stain
        self._carried, self._corners = state.carried, state.corners

    def _forget(self) -> None:
        """Let go of what belongs to the model before."""
        self._carried, self._corners, self._stain, self.strengths = None, None, None, {}
        self._shown = None
        self._left.clear()

    def _have(self, anchors: Anchors) -> None:
        """Hold other places; the way leads between the same ones, or from the lowest grade to the highest."""
        names = anchors.names
        if any(end not in names for end in self.ends):
            self.ends = outer_grades(anchors)
        super()._have(anchors)
        self.moved.emit()


def _numbers(given: Any, size: int, what: str) -> Numbers:
    """Return so many finite numbers as float32 (size,), or say that they are something else."""
    numbers = np.array(given, np.float32)
    if numbers.shape != (size,) or not np.isfinite(numbers).all():
        raise ModelError(f"{what} is {size} finite numbers, not an array of shape {numbers.shape}.")
    return numbers
