"""What is evaluated, and on what: a model, the fields it was trained on, and those of patients held out."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tissue import TissueScheme, get_scheme
from napari_histosynth.paint.config import read_config
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.fit import read_fields
from napari_histosynth.study.asked import trained_by
from napari_histosynth.zoo import find_model

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.config import PaintConfig

#: Quality of the JPEG codec that all pictures go through, that of GlaS. Real ones carry the marks of such a
#: codec already; without the same marks on the drawn ones a network would read the codec, not the tissue.
QUALITY = 94


@dataclass(frozen=True)
class Subject:
    """What to evaluate, found but not loaded.

    Attributes
    ----------
    model : Path
        Folder of the model.
    name, sha256 : str
        Of the model.
    scheme : TissueScheme
        Of its label maps.
    config : PaintConfig
        How it was trained: which patients it did not see.
    data : Path
        Folder with ``images/`` and ``labels/`` or ``masks/``.
    """

    model: Path
    name: str
    sha256: str
    scheme: TissueScheme
    config: PaintConfig
    data: Path

    def fingerprint(self) -> str:
        """Return a hash of the model, the split and the names and sizes of the data's files."""
        digest = hashlib.sha256(f"{self.sha256} {self.config.data} {self.config.model.scheme}".encode())
        folders = [self.data / source.path for source in self.config.data.sources]
        for folder in folders or [self.data / part for part in ("images", "labels", "masks")]:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    digest.update(f"{path.relative_to(self.data)} {path.stat().st_size}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Material:
    """Real fields with one label map each, the pictures as they come out of the codec.

    Attributes
    ----------
    trained, held_out : list of Field
        Of the patients that the model was trained on, and of those that it never saw.
    """

    trained: list[Field]
    held_out: list[Field]


def find_subject(model: str | Path, data: Path, config: Path | None = None) -> Subject:
    """Find a model, the configuration that it was trained by, and the data.

    Parameters
    ----------
    model : str or Path
        Name or folder of the model.
    data : Path
        Folder with ``images/`` and ``labels/`` or ``masks/``.
    config : Path, optional
        Training configuration, which names the patients that were held out; ``train.toml`` in the model's
        folder when absent.

    Raises
    ------
    TrainingError
        If there is no configuration, nobody was held out by it, or the data have no pictures.
    ModelError
        If there is no such model.
    """
    folder = find_model(model)
    path = trained_by(folder, config)
    settings = read_config(path)
    sources = settings.data.sources
    if not (settings.data.held_out or any(one.held_out or one.hold_out_one_in for one in sources)):
        raise TrainingError(
            f"The configuration {path} holds nobody out ('data.held_out' is empty); what a model was trained "
            "on cannot show how good it is."
        )
    if not sources and not (data / "images").is_dir():
        raise TrainingError(
            f"There is no folder {data / 'images'}; an evaluation needs 'images' and 'masks' or 'labels'."
        )
    card = folder.card
    return Subject(folder.path, card.name, card.sha256, get_scheme(folder.scheme()), settings, data)


def load_material(subject: Subject, kept: Path | None = None) -> Material:
    """Read the fields of a subject.

    Parameters
    ----------
    subject : Subject
        What is evaluated.
    kept : Path, optional
        Where label maps that are made for several sources stay.

    Raises
    ------
    TrainingError
        If pictures, labels or the table of patients are missing or do not fit.
    """
    scheme = subject.scheme
    both = read_fields(subject.config, subject.data, scheme, kept, lambda sentence: None)
    trained, held_out = ([_plain(field, scheme) for field in fields] for fields in both)
    if not held_out:
        raise TrainingError(f"No picture in {subject.data} is of the patients that were held out.")
    return Material(trained, held_out)


def through_codec(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Compress a picture, uint8 (y, x, 3), as the real ones were, and return what is left of it."""
    return np.array(Image.open(io.BytesIO(jpeg_bytes(rgb))))


def jpeg_bytes(rgb: npt.NDArray[np.uint8], comment: str = "") -> bytes:
    """Return a picture, uint8 (y, x, 3), as a JPEG file with a comment inside."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=QUALITY, subsampling=0, comment=comment.encode())
    return buffer.getvalue()


def _plain(field: Field, scheme: TissueScheme) -> Field:
    """Send a field's picture through the codec, and keep the most detailed of its label maps."""
    return replace(field, image=through_codec(field.image), labels=(scheme.check(field.labels[0]),))
