"""What a picture looks like apart from its labels: two seeds or a latent, and the way back."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_histosynth.paint.lookfile import ClassStrengths, NamedLook
    from napari_histosynth.paint.model import PaintModel

HIGHEST_SEED = 2**31 - 1
_FRESH = 10_000  # new seeds have four digits: short enough to write down and tell a colleague


@dataclass(frozen=True)
class GivenStyle:
    """A style that somebody chose, in place of that of a seed.

    Numbers are kept as the bytes of little-endian float32, so that looks compare and hash.

    Attributes
    ----------
    style : bytes
        The style, of the length that the model takes.
    model_sha256 : str
        Weights that it is for; another model draws the look of the seed.
    stain : bytes or None
        The stain, of models that have it apart; None for that of the seed.
    name : str
        What it is, for people.
    start : bytes
        Style that classes of strength 0 keep; of no account without strengths.
    strengths : tuple of float
        How much of the way from ``start`` to ``style`` each class goes, 0 to 1; empty for all of it.
    """

    style: bytes
    model_sha256: str
    stain: bytes | None = None
    name: str = ""
    start: bytes = b""
    strengths: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        model: PaintModel,
        style: npt.ArrayLike,
        stain: npt.ArrayLike | None = None,
        *,
        name: str = "",
        start: npt.ArrayLike | None = None,
        strengths: tuple[float, ...] = (),
    ) -> GivenStyle:
        """Make one of arrays, float (d,); strengths that are all 1, or lack a start, are left out."""
        partial = start is not None and any(strength != 1 for strength in strengths)
        return cls(
            packed(style),
            model.sha256,
            packed(stain) if stain is not None and model.has_stain else None,
            name,
            packed(start) if start is not None and partial else b"",
            strengths if partial else (),
        )

    @classmethod
    def of_latent(cls, model: PaintModel, latent: npt.NDArray[np.float32], name: str = "") -> GivenStyle:
        """Make one of a whole latent, (latent_size,)."""
        return cls.of(model, latent[: model.style_size], latent[model.style_size :], name=name)


@dataclass(frozen=True)
class Look:
    """The seeds of a picture, and the style that was given to it.

    Attributes
    ----------
    latent_seed : int
        Chooses the stain and cellular detail, 0 to 2**31 - 1.
    seed : int
        Chooses the fine texture, 0 to 2**31 - 1.
    given : GivenStyle or None
        Stands for the style that ``latent_seed`` would choose.
    """

    latent_seed: int = 0
    seed: int = 0
    given: GivenStyle | None = None

    def with_seeds(self, latent_seed: int, seed: int) -> Look:
        """Return the look of other seeds; another one of the latent leaves a given style."""
        return Look(latent_seed, seed, self.given if latent_seed == self.latent_seed else None)

    def style_for(self, model: PaintModel) -> GivenStyle | None:
        """Return what was given, if it is for this model."""
        given = self.given
        return given if given is not None and given.model_sha256 == model.sha256 else None

    def latent(self, model: PaintModel) -> npt.NDArray[np.float32]:
        """Return the latent that a model draws this look in, float32 (latent_size,)."""
        given = self.style_for(model)
        return model.sample_latent(self.latent_seed) if given is None else self._whole(model, given.style)

    def start(self, model: PaintModel) -> npt.NDArray[np.float32] | None:
        """Return the latent of classes of strength 0, float32 (latent_size,); None if there are none."""
        given = self.style_for(model)
        return None if given is None or not given.strengths else self._whole(model, given.start)

    def named(self, model: PaintModel) -> NamedLook:
        """Return the latent with its name, or its seed if nothing was given."""
        from napari_histosynth.paint.lookfile import NamedLook

        given = self.style_for(model)
        if given is None:
            return NamedLook.of_seed(model, self.latent_seed)
        return NamedLook(self.latent(model), given.name or "given style")

    def by_class(self, model: PaintModel) -> ClassStrengths | None:
        """Return how much of the way to it each class goes; None if that is all of it."""
        from napari_histosynth.paint.lookfile import ClassStrengths, NamedLook

        given, start = self.style_for(model), self.start(model)
        if given is None or start is None:
            return None
        classes = dict(zip(model.scheme.names, given.strengths, strict=True))
        return ClassStrengths(NamedLook(start, "beginning"), classes)

    def taken(self, own: NamedLook, model: PaintModel, by_class: ClassStrengths | None = None) -> Look:
        """Return the look that a file names for all of a canvas, with this one's texture."""
        if by_class is None:
            if own.seed is not None:
                return Look(own.seed, self.seed)
            return replace(self, given=GivenStyle.of_latent(model, own.latent, own.name))
        from napari_histosynth.paint.strengthmap import strengths_by_name

        size = model.style_size
        given = GivenStyle.of(
            model,
            own.latent[:size],
            own.latent[size:],
            name=own.name,
            start=by_class.start.latent[:size],
            strengths=strengths_by_name(by_class.classes, model.scheme.names),
        )
        return replace(self, given=given)

    def note(self, model: PaintModel) -> dict[str, Any]:
        """Return what a record of provenance says of a given style, so that it can be drawn again."""
        given = self.style_for(model)
        if given is None:
            return {}
        start = self.start(model)
        record: dict[str, Any] = {"latent": [float(str(number)) for number in self.latent(model)]}
        if given.name:
            record["latent_name"] = given.name
        if start is not None:
            record["latent_start"] = [float(str(number)) for number in start]
            names = model.scheme.names
            record["strength"] = dict(zip(names, given.strengths, strict=False))
        return record

    def _whole(self, model: PaintModel, style: bytes) -> npt.NDArray[np.float32]:
        """Return a style with its stain."""
        assert self.given is not None
        parts = [unpacked(style)]
        if model.has_stain:
            stain = self.given.stain
            sampled = model.sample_latent(self.latent_seed) if stain is None else None
            parts.append(unpacked(stain or b"") if sampled is None else sampled[model.style_size :])
        return np.concatenate(parts)


class Looks:
    """The present look, those before it, and which of its seeds are to stay.

    Attributes
    ----------
    present : Look
        The look that is drawn.
    lock_latent, lock_seed : bool
        Whether :meth:`renew` leaves the seed of the latent, and of the texture, alone.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self.present = Look()
        self.lock_latent = False
        self.lock_seed = True  # the same cells in another stain is what one mostly wants
        self._before: list[Look] = []
        self._first = True  # the first canvas has the seeds that one sees
        self._chance = chance or random.Random()

    @property
    def can_go_back(self) -> bool:
        """Whether there was a look before this one."""
        return bool(self._before)

    @property
    def can_renew(self) -> bool:
        """Whether anything is unlocked."""
        return not (self.lock_latent and self.lock_seed)

    def choose(self, look: Look) -> bool:
        """Take a look; return whether it differs from the present one."""
        if look == self.present:
            return False
        self._before.append(self.present)
        self.present = look
        return True

    def renewed_for_canvas(self) -> bool:
        """Take a new look for a new canvas, the first one excepted; return whether anything changed.

        A style that was given stays: one goes through many label maps at one grade.
        """
        first, self._first = self._first, False
        return False if first else self._renew(keep=self.present.given is not None)

    def renew(self) -> bool:
        """Draw the unlocked seeds anew; return whether anything changed.

        A new seed of the latent leaves a style that was given.
        """
        return self._renew(keep=False)

    def _renew(self, *, keep: bool) -> bool:
        """Draw the unlocked seeds anew; the latent's may be kept all the same."""
        look = self.present
        if not (self.lock_latent or keep):
            look = replace(look, latent_seed=self._other_than(look.latent_seed), given=None)
        if not self.lock_seed:
            look = replace(look, seed=self._other_than(look.seed))
        return self.choose(look)

    def back(self) -> bool:
        """Return to the look before; return whether there was one."""
        if not self._before:
            return False
        self.present = self._before.pop()
        return True

    def leave_other_models(self, model: PaintModel) -> bool:
        """Give up a style that was given for other weights; return whether there was one."""
        if self.present.given is None or self.present.style_for(model) is not None:
            return False
        self.present = replace(self.present, given=None)
        return True

    def _other_than(self, seed: int) -> int:
        """Return a new seed that differs from one."""
        fresh = self._chance.randrange(_FRESH - 1)
        return fresh + (fresh >= seed)


def packed(numbers: npt.ArrayLike) -> bytes:
    """Return numbers, (d,), as the bytes of little-endian float32."""
    return np.ascontiguousarray(numbers, "<f4").tobytes()


def unpacked(data: bytes) -> npt.NDArray[np.float32]:
    """Return the numbers of such bytes, float32 (d,)."""
    return np.frombuffer(data, "<f4").astype(np.float32)
