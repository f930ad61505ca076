"""How much work an evaluation may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Sizes of everything that an evaluation draws and trains.

    Attributes
    ----------
    seeds : int
        How often each segmentation network is trained.
    steps, batch, crop : int
        Training of each: steps, crops a step, pixels a side of a crop.
    widths : tuple of int
        Channels of the segmentation network, from fine to coarse.
    learning_rate : float
        Of Adam, at its highest.
    jitter : float
        Stain jitter of training crops, real and drawn alike; see
        :func:`napari_histosynth.paint.data.jitter_stain`.
    drawn : int
        Pictures that are drawn for training: of every label map one in its own look, one in a random look,
        then more of changed label maps in random looks, until there are so many.
    judge_steps : tuple of int
        Steps after which the classifier of the two-sample test is read.
    judged : int
        Crops that it is tested on.
    judge_looks : tuple of str
        Looks it is tried on: "own", "random", and "real" for real against real, its floor.
    halvings : int
        Random halves of the held-out fields, for the Fréchet distance.
    """

    seeds: int
    steps: int
    drawn: int
    judge_steps: tuple[int, ...]
    judge_looks: tuple[str, ...] = ("own", "random", "real")
    judged: int = 2048
    batch: int = 8
    crop: int = 160
    widths: tuple[int, ...] = (16, 32, 64, 96)
    learning_rate: float = 2e-3
    jitter: float = 0.1
    halvings: int = 40


BUDGETS = {
    "quick": Budget(seeds=1, steps=200, drawn=160, judge_steps=(300,), judge_looks=("own",)),
    "full": Budget(seeds=2, steps=800, drawn=450, judge_steps=(300, 900)),
}
"""Budgets by name: some 3 and some 20 minutes on two CPU cores."""
