"""What the proof of the grade slider is made of: graded real pictures, label maps, both ends of the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.examples import example_labels, example_names
from napari_histosynth.paint.graded import GradedPicture, graded_pictures
from napari_histosynth.paint.labels import without_nuclei
from napari_histosynth.study.gradejudge import Example, in_typical_stain

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.latent.anchors import Anchor, Anchors
    from napari_histosynth.study.material import Subject


@dataclass(frozen=True)
class GradeBudget:
    """Sizes of a proof.

    Attributes
    ----------
    judge_steps, judge_batch, judge_crop : int
        Training of the judge.
    pictures : int
        Most real pictures of a grade of a source that the judge learns from, patients in turns.
    measured : int
        Most real pictures of a grade of a source whose nuclei are measured.
    maps, examples : int
        Label maps of held-out patients and shipped examples that the slider is tried on.
    side : int
        Pixels a side, at most, of what is drawn.
    places : int
        Places of the slider, both ends included.
    stains : int
        Stains that each map is drawn in.
    """

    judge_steps: int
    judge_batch: int
    judge_crop: int
    pictures: int
    measured: int
    maps: int
    examples: int
    side: int
    places: int
    stains: int


BUDGETS = {
    "quick": GradeBudget(900, 12, 144, 60, 10, 4, 2, 320, 9, 2),
    "full": GradeBudget(2500, 16, 160, 400, 40, 12, 6, 512, 9, 4),
}
"""Budgets by name: some 3 and some 25 minutes on two CPU cores."""


@dataclass(frozen=True, eq=False)
class Tissue:
    """A label map to draw: where it is from, uint8 (y, x) of the model's scheme, where epithelium is."""

    name: str
    labels: npt.NDArray[np.uint8]
    epithelium: npt.NDArray[np.bool_]


def real_pictures(subject: Subject) -> tuple[list[GradedPicture], list[GradedPicture]]:
    """Return the graded pictures of training and of held-out patients.

    Raises
    ------
    TrainingError
        If the configuration grades nothing, or nobody who is graded is held out.
    """
    config = subject.config
    if not config.data.grades:
        raise TrainingError(
            f"The configuration of {subject.name!r} has no [data.grades] that say what grades count; give "
            "one that has with --config."
        )
    both = [
        [one for one in graded_pictures(config, subject.data, held_out=held_out) if one.value is not None]
        for held_out in (False, True)
    ]
    for pictures, who in zip(both, ("to train on", "held out"), strict=True):
        if not pictures:
            raise TrainingError(f"No picture in {subject.data} that is {who} has a grade of [data.grades].")
    return both[0], both[1]


def spread_over_patients(pictures: Sequence[GradedPicture], most: int) -> list[GradedPicture]:
    """Return at most so many pictures of each grade of each source, patients in turns."""
    kinds: dict[tuple[str, str], dict[str, list[GradedPicture]]] = {}
    for one in pictures:
        kinds.setdefault((one.source, one.grade), {}).setdefault(one.group, []).append(one)
    chosen = []
    for patients in kinds.values():
        turns = [(turn, number) for number, own in enumerate(patients.values()) for turn in range(len(own))]
        rows = list(patients.values())
        chosen += [rows[number][turn] for turn, number in sorted(turns)[:most]]
    return chosen


def as_examples(
    pictures: Sequence[GradedPicture], um_per_px: float, tell: Callable[[float], None] = lambda share: None
) -> list[Example]:
    """Read pictures for the judge."""
    found = []
    for number, one in enumerate(pictures):
        assert one.value is not None
        image = in_typical_stain(one.read(um_per_px))
        found.append(Example(image, one.value, f"{one.source}: {one.grade}", f"{one.source} {one.group}"))
        tell((number + 1) / len(pictures))
    return found


def ends_of(anchors: Anchors, start: str | None = None, end: str | None = None) -> tuple[Anchor, Anchor]:
    """Return both ends of the way: those named, or the lowest and highest grade of one source.

    Of several sources that whose grades span most; sources lie far apart in latents, and a way from one to
    another would change the laboratory, too.

    Raises
    ------
    TrainingError
        If no source has two grades.
    ModelError
        If a name is unknown.
    """
    by_source: dict[str, list[Anchor]] = {}
    for place in anchors:
        if place.grade is not None:
            by_source.setdefault(place.source, []).append(place)
    best = max(by_source.values(), key=_span, default=[])
    if (start is None or end is None) and _span(best) <= 0:
        raise TrainingError(
            f"The model {anchors.model!r} knows no two grades of one source; name places by --from and --to."
        )
    first = anchors[start] if start is not None else min(best, key=_grade)
    return first, anchors[end] if end is not None else max(best, key=_grade)


def tissues_of(
    subject: Subject, held_out: Sequence[GradedPicture], budget: GradeBudget, seed: int = 0
) -> list[Tissue]:
    """Return the label maps that the slider is tried on: of held-out patients, and shipped examples."""
    chosen = _evenly([one for one in held_out if one.mask is not None], budget.maps)
    maps = _labels_of(subject, [one.name for one in chosen])
    found = [(f"{one.source} {one.name}, {one.grade}", maps[one.name]) for one in chosen if one.name in maps]
    um_per_px = subject.config.model.um_per_px
    shape = (budget.side, budget.side)
    for name in example_names(subject.scheme)[: budget.examples]:
        labels = example_labels(name, shape, um_per_px, seed)
        if labels.max() >= subject.scheme.n_classes:
            labels = without_nuclei(labels)
        found.append((f"example {name}", labels))
    tissues = []
    for name, labels in found:
        part = _middle(labels, budget.side)
        inside = epithelium_of(part, subject.scheme)
        if inside.mean() > 0.05:
            tissues.append(Tissue(name, part, inside))
    if not tissues:
        raise TrainingError("No label map that was found has epithelium, which grades show in.")
    return tissues


def epithelium_of(labels: npt.NDArray[np.uint8], scheme: TissueScheme) -> npt.NDArray[np.bool_]:
    """Return where epithelium is, nuclei and mucin in it included."""
    if "nuclei" in scheme.names:
        labels = without_nuclei(labels)
    wanted = [
        index
        for index, name in enumerate(scheme.names)
        if name == "mucin" or ("epithelium" in name and not name.startswith("non-"))
    ]
    return np.isin(labels, wanted)


def _labels_of(subject: Subject, names: Sequence[str]) -> Mapping[str, npt.NDArray[np.uint8]]:
    from napari_histosynth.paint.data import Split, load_fields
    from napari_histosynth.paint.sources import load_sources

    if not names:
        return {}
    wanted, um_per_px = subject.config.data, subject.config.model.um_per_px
    if wanted.sources:
        fields = load_sources(
            subject.data, wanted.sources, subject.scheme, um_per_px, held_out=True, only=names
        )
    else:
        split = Split(wanted.table, wanted.name_column, wanted.group_column, wanted.held_out)
        fields = load_fields(subject.data, subject.scheme, um_per_px, split, held_out=True)
    return {field.name: field.labels[0] for field in fields}


def _evenly(pictures: Sequence[GradedPicture], most: int) -> list[GradedPicture]:
    """Choose pictures evenly over grades, three of four of the source that comes first."""
    sources = list(dict.fromkeys(one.source for one in pictures))
    chosen: list[GradedPicture] = []
    for number, source in enumerate(sources):
        share = most if len(sources) == 1 else -(-most * 3 // 4) if number == 0 else most - len(chosen)
        own = sorted((one for one in pictures if one.source == source), key=lambda one: (one.value, one.name))
        places = np.unique(np.linspace(0, len(own) - 1, max(0, min(share, len(own)))).round().astype(int))
        chosen += [own[place] for place in places]
    return chosen[:most]


def _middle(labels: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    y, x = (max(0, (length - side) // 2) for length in labels.shape)
    return np.ascontiguousarray(labels[y : y + side, x : x + side])


def _grade(place: Anchor) -> float:
    return 0.0 if place.grade is None else place.grade


def _span(places: Sequence[Anchor]) -> float:
    grades = [_grade(place) for place in places]
    return max(grades) - min(grades) if grades else 0.0
