"""What a picture looks like apart from its labels: two seeds, and the way back to earlier ones."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

HIGHEST_SEED = 2**31 - 1
_FRESH = 10_000  # new seeds have four digits: short enough to write down and tell a colleague


@dataclass(frozen=True)
class Look:
    """The seeds of a picture.

    Attributes
    ----------
    latent_seed : int
        Chooses the stain and cellular detail, 0 to 2**31 - 1.
    seed : int
        Chooses the fine texture, 0 to 2**31 - 1.
    """

    latent_seed: int = 0
    seed: int = 0


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
        """Take a new look for a new canvas, the first one excepted; return whether anything changed."""
        first, self._first = self._first, False
        return False if first else self.renew()

    def renew(self) -> bool:
        """Draw the unlocked seeds anew; return whether anything changed."""
        look = self.present
        if not self.lock_latent:
            look = replace(look, latent_seed=self._other_than(look.latent_seed))
        if not self.lock_seed:
            look = replace(look, seed=self._other_than(look.seed))
        return self.choose(look)

    def back(self) -> bool:
        """Return to the look before; return whether there was one."""
        if not self._before:
            return False
        self.present = self._before.pop()
        return True

    def _other_than(self, seed: int) -> int:
        """Return a new seed that differs from one."""
        fresh = self._chance.randrange(_FRESH - 1)
        return fresh + (fresh >= seed)
