"""The pictures that a model was trained on, or was not, with what pathologists called them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.paint.data import PICTURES, Split, beside, named
from napari_histosynth.paint.resample import scaled_shape
from napari_histosynth.paint.sources import list_pictures, resized

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.paint.config import DataSection, PaintConfig, SourceSection

#: What sources are called where people read it.
SOURCE_NAMES = {"glas": "GlaS", "ebhi-seg": "EBHI-Seg", "colon-slides": "Pathology Atlas"}
#: What grades are called where people read it, if not as their source does.
GRADE_NAMES = {
    "moderately-to-poorly differentated": "moderately-to-poorly differentiated",
    "serrated-adenoma": "serrated adenoma",
    "low-grade-in": "low-grade intraepithelial neoplasia",
    "high-grade-in": "high-grade intraepithelial neoplasia",
}


@dataclass(frozen=True)
class GradedPicture:
    """A picture on disk, and what is known of it.

    Attributes
    ----------
    name, group : str
        Of the field; of the patient, specimen or slide.
    path : Path
        H&E.
    mask : Path or None
        Nonzero where epithelium is, at any scale.
    um_per_px : float
        Micrometers a pixel, on disk.
    grade : str
        As pathologists write it; empty where nobody graded it.
    value : float or None
        What the grade counts, 0 to 1, if the configuration says so.
    source : str
        Data set, as people write it.
    """

    name: str
    group: str
    path: Path
    mask: Path | None
    um_per_px: float
    grade: str
    value: float | None
    source: str

    def read(self, um_per_px: float) -> npt.NDArray[np.uint8]:
        """Return the picture at a scale, uint8 (y, x, 3)."""
        from napari_histosynth.io import read_image

        image = read_image(self.path)
        return resized(image, scaled_shape((image.shape[0], image.shape[1]), self.um_per_px, um_per_px))

    def read_mask(self, shape: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
        """Return where epithelium is, bool in a picture's (y, x); None where nobody outlined it."""
        if self.mask is None:
            return None
        import numpy as np
        from PIL import Image

        with Image.open(self.mask) as opened:
            mask = opened.convert("L").point(lambda value: 255 * (value > 0))
        return np.asarray(mask.resize(shape[::-1], Image.Resampling.BILINEAR)) > 127


def graded_pictures(config: PaintConfig, data: Path, *, held_out: bool = False) -> list[GradedPicture]:
    """List the pictures of a configuration, graded or not, from one folder or from several sources.

    Parameters
    ----------
    config : PaintConfig
        How a model was trained.
    data : Path
        Folder of the data.
    held_out : bool
        Whether to list those of held-out patients instead of those that it was trained on.

    Raises
    ------
    TrainingError
        If a folder or table is missing, or nothing is left.
    """
    wanted = config.data
    if wanted.sources:
        found = [
            picture for source in wanted.sources for picture in _of_source(source, wanted, data, held_out)
        ]
    else:
        split = Split(
            wanted.table, wanted.name_column, wanted.group_column, wanted.held_out, wanted.grade_column
        )
        found = _of_folder(data, split, config.model.um_per_px, wanted, held_out)
    if not found:
        raise TrainingError(f"No picture in {data} is left {'held out' if held_out else 'to train on'}.")
    return found


def grade_name(grade: str) -> str:
    """Return what people call a grade that a source names."""
    return GRADE_NAMES.get(grade, grade)


def grade_values(config: PaintConfig) -> dict[str, float]:
    """Return what each grade counts, 0 to 1, by what people call it."""
    return {grade_name(grade): value for grade, value in config.data.grades.items()}


def _of_source(source: SourceSection, wanted: DataSection, data: Path, held_out: bool) -> list[GradedPicture]:
    folder = data / source.path
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}, which the source {source.kind!r} names.")
    if source.kind == "folder":
        if held_out and not source.held_out:
            return []
        split = Split(source.table, source.name_column, source.group_column, source.held_out)
        return _of_folder(folder, split, source.um_per_px, wanted, held_out)
    return [
        GradedPicture(
            picture.name,
            picture.groups[0],
            picture.path,
            picture.mask,
            source.um_per_px,
            grade_name(picture.grade),
            wanted.grades.get(picture.grade),
            SOURCE_NAMES[source.kind],
        )
        for picture in list_pictures(folder, source, held_out=held_out)
    ]


def _of_folder(
    folder: Path, split: Split, um_per_px: float, wanted: DataSection, held_out: bool
) -> list[GradedPicture]:
    images = folder / "images"
    if not images.is_dir():
        raise TrainingError(f"There is no folder {images}; give the folder that the model was trained on.")
    groups = named(folder, split, split.group_column)
    grades = named(folder, split, split.grade_column) if split.grade_column else {}
    found = []
    for path in sorted(p for p in images.iterdir() if p.suffix.lower() in PICTURES):
        group, grade = groups.get(path.stem, path.stem), grades.get(path.stem, "")
        if (group in split.held_out) == held_out:
            mask = beside(folder / "masks", path.stem)
            source = SOURCE_NAMES.get(folder.name, folder.name)
            value = wanted.grades.get(grade)
            name = grade_name(grade)
            found.append(GradedPicture(path.stem, group, path, mask, um_per_px, name, value, source))
    return found
