"""The named places and the map of latents that a model ships, made from what it was trained on.

Only pictures of patients that the model was trained on are looked at. A place is the mean of its *patients*,
each the mean of its pictures: of GlaS, a grade has two to four patients with up to nineteen pictures each,
and a plain mean of pictures would be one patient's look. Places of two data sets stay apart even where their
grades count the same, so that a way between two of one set changes the grade and not the laboratory; where
the model keeps the stain apart, encoders see pictures in the typical stain, so that no place holds a stain.
Last, a place is moved until it tells its grade to the full (:func:`told_in_full`), the way in which styles of
its source change with what they tell (:func:`grade_pattern`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.errors import HistosynthError, ModelError, SaveError, TrainingError
from napari_histosynth.latent.anchors import ANCHORS_NAME, Anchor, Anchors, anchor_of
from napari_histosynth.latent.atlas import ATLAS_NAME, Atlas
from napari_histosynth.paint.config import read_config
from napari_histosynth.paint.graded import grade_values, graded_pictures

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.latent.owner import LatentOwner
    from napari_histosynth.paint.config import PaintConfig
    from napari_histosynth.paint.graded import GradedPicture
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.zoo import ModelFolder

#: Of the scale of grades.
MIDDLE = 0.5
#: Most points of a map: so many that it stays small and t-SNE quick.
MOST_POINTS = 2000
#: Pixels a side above which a picture is cut into windows: a map has a point for each.
LARGEST = 640
#: How much of the covariance of styles is made even in all directions: patients may be fewer than numbers.
SHRINKAGE = 0.1


@dataclass(frozen=True, eq=False)
class Survey:
    """Latents of pictures, and whose they are.

    Attributes
    ----------
    styles, stains : ndarray
        float32 (n, d) and (n, 9) or (n, 0).
    grades, groups, sources : tuple of str
        Of each picture; an empty grade is an unknown one.
    """

    styles: npt.NDArray[np.float32]
    stains: npt.NDArray[np.float32]
    grades: tuple[str, ...]
    groups: tuple[str, ...]
    sources: tuple[str, ...]

    def atlas(self, model: LatentOwner) -> Atlas:
        """Return them as a map; evenly thinned to :data:`MOST_POINTS` where there are more."""
        n = len(self.styles)
        kept = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))
        grades, sources, patients = (
            tuple(names[i] for i in kept) for names in (self.grades, self.sources, self.groups)
        )
        styles, stains = self.styles[kept], self.stains[kept]
        return Atlas(model.name, model.sha256, styles, stains, grades, sources, patients=patients)

    def anchors(
        self,
        model: LatentOwner,
        counts_as: Mapping[str, float],
        tells: npt.NDArray[np.float32] | None = None,
        share: float = 1.0,
    ) -> Anchors:
        """Return a place for each grade of each source: the mean of its patients; see :func:`place_of`.

        Parameters
        ----------
        model : LatentOwner
            Whose latents they are.
        counts_as : mapping of str to float
            What each grade counts, 0 to 1; places come source by source, in this order.
        tells : ndarray, optional
            float32 (d + 1,), how the model's latents tell the grade, as training ships it: weights and level.
        share : float
            How far places are moved until they tell their grade, and beyond; see :func:`told_in_full`.

        Returns
        -------
        Anchors
            A grade that two sources name alike has the source in its name.
        """
        kinds = {(source, grade) for source, grade in zip(self.sources, self.grades, strict=True) if grade}
        names = [grade for _, grade in kinds]
        order = list(dict.fromkeys(self.sources))
        places = []
        for source, grade in sorted(
            kinds, key=lambda kind: (order.index(kind[0]), counts_as.get(kind[1], 2.0), kind[1])
        ):
            at = [i for i in range(len(self.styles)) if (self.sources[i], self.grades[i]) == (source, grade)]
            name = grade if names.count(grade) == 1 else f"{grade} ({source})"
            groups = [self.groups[i] for i in at]
            place = place_of(name, self.styles[at], groups, counts_as.get(grade), source)
            if tells is not None:
                own = [i for i, other in enumerate(self.sources) if other == source]
                pattern = grade_pattern(self.styles[own], [self.groups[i] for i in own], tells)
                place = told_in_full(place, tells, pattern, share)
            places.append(place)
        return Anchors(model.name, model.sha256, tuple(places))


def place_of(
    name: str,
    styles: npt.NDArray[np.float32],
    patients: Sequence[str],
    grade: float | None = None,
    source: str = "",
) -> Anchor:
    """Make a place in which every patient counts the same.

    Parameters
    ----------
    name : str
        Of the place.
    styles : ndarray
        float32 (n, d), of its pictures.
    patients : sequence of str
        Whose picture each is.
    grade : float, optional
        What it counts among grades, 0 to 1.
    source : str
        Where the pictures are from.

    Returns
    -------
    Anchor
        The mean of the patients' means; the spread is that of the pictures about their mean.
    """
    means = [
        styles[[i for i, other in enumerate(patients) if other == patient]].mean(0)
        for patient in sorted(set(patients))
    ]
    plain = anchor_of(name, styles, grade=grade, source=source)
    return Anchor(name, np.mean(means, axis=0, dtype=np.float32), plain.spread, len(styles), grade, source)


def grade_pattern(
    styles: npt.NDArray[np.float32], patients: Sequence[str], tells: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return how styles of real pictures change where the grade that they tell rises by 1.

    The weights that tell the grade are a filter: they also cancel what has nothing to do with it, and a style
    moved along them leaves the cloud of real ones on the shortest way. How styles themselves go along with
    what they tell is the filter's pattern, the covariance of styles times the weights (Haufe et al. 2014,
    NeuroImage 87, section 2.3).

    Parameters
    ----------
    styles : ndarray
        float32 (n, d), of the pictures of one source; those of a patient have as much to say as those of any
        other.
    patients : sequence of str
        Whose picture each is.
    tells : ndarray
        float32 (d + 1,): weights of the style's numbers, and the level that is added.

    Returns
    -------
    ndarray
        float64 (d,); its product with the weights is 1. Along the weights themselves where all styles tell
        the same.
    """
    weights = tells[:-1].astype(np.float64)
    counts = Counter(patients)
    each = np.array([1 / counts[one] for one in patients])  # of a patient's pictures together: 1
    away = styles - np.average(styles.astype(np.float64), axis=0, weights=each)
    covariance = (away.T * each) @ away / each.sum()
    even = np.trace(covariance) / len(weights)
    pattern = (1 - SHRINKAGE) * covariance @ weights + SHRINKAGE * even * weights
    gain = float(pattern @ weights)
    if gain <= 1e-12:
        pattern, gain = weights, float(weights @ weights)
    return np.asarray(pattern / max(gain, 1e-12))


def told_in_full(
    place: Anchor, tells: npt.NDArray[np.float32], pattern: npt.NDArray[np.float64], share: float = 1.0
) -> Anchor:
    """Move a place along a pattern until it tells what its grade counts.

    Means of pictures lie too near to the middle: what a latent tells of the grade is a guess by regression,
    and training draws latents with a noise about them that is half as wide as healthy and poorly
    differentiated tissue lie apart (in colon-10class 0.84 of 1.57) or more. So the generator has learned to
    draw beyond them, and a slider between means would use less than what it can.

    Parameters
    ----------
    place : Anchor
        A place; one without a grade stays.
    tells : ndarray
        float32 (d + 1,): weights of the style's numbers, and the level that is added.
    pattern : ndarray
        float64 (d,), the direction; see :func:`grade_pattern`.
    share : float
        How much of what is missing: 0 leaves it where it is, 1 lets it tell exactly what its grade counts;
        2 lets it tell what lies twice as far from the middle of the scale, for generators that change little.
    """
    if place.grade is None:
        return place
    weights, level = tells[:-1].astype(np.float64), float(tells[-1])
    aim = MIDDLE + max(share, 1.0) * (place.grade - MIDDLE)
    missing = min(share, 1.0) * (aim - (place.style @ weights + level))
    gain = float(pattern @ weights)
    style = place.style + missing * pattern / (gain if abs(gain) > 1e-12 else 1.0)
    return replace(place, style=np.asarray(style, np.float32))


def grade_direction(folder: ModelFolder) -> npt.NDArray[np.float32] | None:
    """Return how a model's latents tell the grade, float32 (d + 1,); None where training taught no grades."""
    found = folder.read_tensors().get("latent.grade")
    return None if found is None else np.asarray(found.float().numpy(), np.float32).ravel()


def survey_pictures(
    model: PaintModel,
    pictures: Sequence[GradedPicture],
    tell: Callable[[float], None] = lambda share: None,
) -> Survey:
    """Read the latents of pictures.

    Parameters
    ----------
    model : PaintModel
        With an encoder.
    pictures : sequence of GradedPicture
        Which; those larger than :data:`LARGEST` are cut into windows.
    tell : callable
        Told the share that is done, 0 to 1.

    Raises
    ------
    ModelError
        If the model has no encoder.
    """
    latents, of_picture = [], []
    for number, picture in enumerate(pictures):
        for window in windows(picture.read(model.um_per_px)):
            latents.append(model.encode(window))
            of_picture.append(picture)
        tell((number + 1) / len(pictures))
    styles, stains = np.split(np.stack(latents), [model.style_size], axis=1)
    return Survey(
        styles,
        stains,
        tuple(one.grade for one in of_picture),
        tuple(one.group for one in of_picture),
        tuple(one.source for one in of_picture),
    )


def windows(rgb: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    """Cut a picture, uint8 (y, x, 3), into windows of one size, none larger than :data:`LARGEST`."""
    rows, columns = (-(-length // LARGEST) for length in rgb.shape[:2])
    height, width = rgb.shape[0] // rows, rgb.shape[1] // columns
    return [
        np.ascontiguousarray(rgb[row * height : (row + 1) * height, column * width : (column + 1) * width])
        for row in range(rows)
        for column in range(columns)
    ]


def training_of(folder: Path, config: Path | None = None) -> PaintConfig:
    """Read how a model was trained: from a configuration, or from ``train.toml`` in its folder.

    Raises
    ------
    TrainingError
        If there is none, or it cannot be read.
    """
    path = folder / "train.toml" if config is None else config
    if config is None and not path.exists():
        raise TrainingError(
            f"The model in {folder} has no train.toml that says what it was trained on; give the "
            "configuration that it was trained by with --config."
        )
    return read_config(path)


def build_places(
    model: PaintModel,
    config: PaintConfig,
    data: Path,
    *,
    tells: npt.NDArray[np.float32] | None = None,
    share: float = 1.0,
    neighbors: bool = True,
    tell: Callable[[float], None] = lambda share: None,
) -> tuple[Anchors, Atlas]:
    """Make the named places of a model and the map of its latents.

    Parameters
    ----------
    model : PaintModel
        With an encoder.
    config : PaintConfig
        How it was trained: pictures, who is held out, and what each grade counts.
    data : Path
        Folder of the training data.
    tells : ndarray, optional
        How latents tell the grade (:func:`grade_direction`); places are then moved until they tell theirs.
    share : float
        How far they are moved, 0 (not at all) to 1.
    neighbors : bool
        Whether the map is also laid out by t-SNE (scikit-learn).
    tell : callable
        Told the share that is done, 0 to 1.

    Returns
    -------
    anchors : Anchors
        No places where no picture is graded.
    atlas : Atlas
        Of all pictures, graded or not.

    Raises
    ------
    TrainingError
        If data are missing.
    ModelError
        If the model has no encoder, there are fewer than three pictures, or ``tells`` is of another model.
    HistosynthError
        If scikit-learn is not installed and neighbors are asked for.
    """
    if model.encoder is None:
        raise ModelError(f"The model {model.name!r} has no encoder; choose one trained with this program.")
    if tells is not None and len(tells) != model.style_size + 1:
        raise ModelError(
            f"The model {model.name!r} tells grades by {len(tells) - 1} numbers, but its latents have "
            f"{model.style_size} without the stain; get the model again."
        )
    if neighbors:
        check_neighbors()
    pictures = graded_pictures(config, data)
    part = 0.85 if neighbors else 1.0
    found = survey_pictures(model, pictures, lambda done: tell(part * done))
    atlas = found.atlas(model)
    if neighbors:
        atlas = atlas.with_neighbors()
    tell(1.0)
    return found.anchors(model, grade_values(config), tells, share), atlas


def write_places(folder: Path, anchors: Anchors, atlas: Atlas) -> None:
    """Write both files into a folder; without any place the file of places is left out.

    Raises
    ------
    SaveError
        If the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"The folder {folder} cannot be made ({error.strerror}); choose another.") from error
    atlas.write(folder / ATLAS_NAME)
    if len(anchors):
        anchors.write(folder / ANCHORS_NAME)


def check_neighbors() -> None:
    """Raise HistosynthError where t-SNE cannot be had, before anything is computed for it."""
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise HistosynthError(
            "A map by neighbors needs scikit-learn: pip install 'napari-histosynth[atlas]'."
        )
