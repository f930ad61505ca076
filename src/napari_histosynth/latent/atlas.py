"""A map of latents: where the pictures of a training set lie, by grade and source, in two dimensions.

t-SNE as in the paper of PGGAN where neighbors matter, principal components where it must be instant. What is
kept are latents, grades and sources, never pictures: thumbnails are drawn from the latents.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import HistosynthError, ModelError
from napari_histosynth.latent.anchors import Anchors, anchor_of
from napari_histosynth.latent.space import check_style
from napari_histosynth.zoo.places import ATLAS_NAME as ATLAS_NAME  # beside a model's weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_histosynth.latent.owner import LatentOwner
    from napari_histosynth.paint.model import PaintModel

_FORMAT = "histosynth-atlas-1"
#: Points that a place between them is mixed from.
_MIXED = 4

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Atlas:
    """Latents of many pictures, and where they lie on a map.

    Attributes
    ----------
    model, sha256 : str
        Whose latents they are.
    styles : ndarray
        float32 (n, d), without the stain.
    stains : ndarray
        float32 (n, 9), or (n, 0) where the model has none apart.
    grades, sources : tuple of str
        Of each picture: grade as it was named, empty if unknown; data set.
    neighbors : ndarray or None
        float32 (n, 2), places by t-SNE.
    patients : tuple of str
        Whose picture each is; empty where that is unknown.
    """

    model: str
    sha256: str
    styles: Floats
    stains: Floats
    grades: tuple[str, ...]
    sources: tuple[str, ...]
    neighbors: Floats | None = None
    patients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that there is one of everything for each picture."""
        n = len(self.styles)
        counts = (len(self.stains), len(self.grades), len(self.sources))
        if n < 3 or self.styles.ndim != 2 or set(counts) != {n}:
            raise ModelError(
                f"A map of latents needs three or more, each with stain, grade and source, not {n} and "
                f"{counts}."
            )
        if len(self.patients) not in (0, n):
            raise ModelError(f"A map of {n} latents needs {n} patients or none, not {len(self.patients)}.")
        if self.neighbors is not None and self.neighbors.shape != (n, 2):
            raise ModelError(f"The places of a map must be ({n}, 2), not {self.neighbors.shape}.")
        if not np.isfinite(self.styles).all():
            raise ModelError("A map of latents must hold finite numbers; this one holds NaN or infinity.")

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.styles)

    @cached_property
    def components(self) -> Floats:
        """Places by the two principal components, float32 (n, 2)."""
        return self._flat(self.styles)

    def places(self, by: str = "neighbors") -> Floats:
        """Return the places on the map, float32 (n, 2): by "neighbors" (t-SNE, if there) or "components"."""
        if by not in ("neighbors", "components"):
            raise ModelError(f'A map is drawn by "neighbors" or "components", not by {by!r}.')
        if by == "neighbors" and self.neighbors is not None:
            return self.neighbors
        places: Floats = self.components
        return places

    def latent(self, number: int) -> Floats:
        """Return the whole latent of a picture, stain included."""
        return np.asarray(np.concatenate([self.styles[number], self.stains[number]]), np.float32)

    def nearest(self, style: npt.ArrayLike, count: int = 8) -> npt.NDArray[np.intp]:
        """Return the numbers of the pictures nearest to a style, the nearest first."""
        at = check_style(style)
        if len(at) != self.styles.shape[1]:
            raise ModelError(f"A style of this map has {self.styles.shape[1]} numbers, not {len(at)}.")
        return np.argsort(np.square(self.styles - at).sum(1), kind="stable")[:count]

    def find(self, style: npt.ArrayLike, by: str = "neighbors") -> Floats:
        """Return where a style lies on the map, float32 (2,); by neighbors, among those nearest to it."""
        if by == "components" or self.neighbors is None:
            return np.asarray(self._flat(np.asarray(check_style(style), np.float32)[None])[0], np.float32)
        near = self.nearest(style, _MIXED)
        away = np.square(self.styles[near] - np.asarray(style)).sum(1)
        return np.asarray(_closeness(away) @ self.neighbors[near], np.float32)

    def style_at(self, place: npt.ArrayLike, by: str = "neighbors") -> Floats:
        """Return the style for any place on the map: a mixture of the pictures around it, float32 (d,)."""
        away = np.square(self.places(by) - np.asarray(place, np.float64)).sum(1)
        near = np.argsort(away, kind="stable")[:_MIXED]
        return np.asarray(_closeness(away[near]) @ self.styles[near], np.float32)

    def anchors(self, counts_as: Mapping[str, float] | None = None) -> Anchors:
        """Return a named place for each grade: the mean of its pictures.

        Parameters
        ----------
        counts_as : mapping of str to float, optional
            What each grade counts, 0 to 1; grades are then in that order.
        """
        known = counts_as or {}
        names = sorted(
            {grade for grade in self.grades if grade}, key=lambda name: (known.get(name, 2.0), name)
        )
        places = []
        for name in names:
            members = [i for i, grade in enumerate(self.grades) if grade == name]
            source = ", ".join(sorted({self.sources[i] for i in members}))
            places.append(anchor_of(name, self.styles[members], grade=known.get(name), source=source))
        return Anchors(self.model, self.sha256, tuple(places))

    def with_neighbors(self, seed: int = 0) -> Atlas:
        """Return the same with places by t-SNE (scikit-learn); the same seed gives the same map."""
        try:
            from sklearn.manifold import TSNE
        except ImportError as error:
            raise HistosynthError(
                "A map by neighbors needs scikit-learn: pip install 'napari-histosynth[atlas]'."
            ) from error
        perplexity = min(30.0, (len(self) - 1) / 3)
        found = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(self.styles)
        places = np.asarray(found, np.float32)
        return replace(self, neighbors=places)

    def write(self, path: Path) -> None:
        """Write the map as safetensors; a file that is there is replaced as a whole."""
        from safetensors.numpy import save

        tensors = {"styles": self.styles.astype(np.float16), "stains": self.stains.astype(np.float16)}
        if self.neighbors is not None:
            tensors["neighbors"] = self.neighbors.astype(np.float16)
        note = {
            "format": _FORMAT,
            "model": self.model,
            "model_sha256": self.sha256,
            "grades": self.grades,
            "sources": self.sources,
            "patients": self.patients,
        }
        with atomic_path(path) as temporary:
            # one entry: safetensors writes several in an order that changes from run to run
            temporary.write_bytes(save(tensors, {"note": json.dumps(note)}))

    def _flat(self, styles: Floats) -> Floats:
        middle, axes = self._axes
        return np.asarray((styles - middle) @ axes, np.float32)

    @cached_property
    def _axes(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The mean, (d,), and the two directions of greatest spread, (d, 2), signs fixed."""
        middle = self.styles.astype(np.float64).mean(0)
        axes = np.linalg.svd(self.styles - middle, full_matrices=False)[2][:2].T
        return middle, axes * np.where(axes.sum(0) < 0, -1, 1)


def read_atlas(path: Path, model: LatentOwner) -> Atlas:
    """Read a map.

    Parameters
    ----------
    path : Path
        As :meth:`Atlas.write` makes it.
    model : LatentOwner
        Whose it must be.

    Raises
    ------
    ModelError
        If the file cannot be read, is damaged, or belongs to another model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        note = json.loads(metadata["note"])
        grades, sources = tuple(note["grades"]), tuple(note["sources"])
        patients = tuple(note.get("patients", ()))
        owner, sha256 = str(note["model"]), str(note["model_sha256"])
        styles, stains = tensors["styles"], tensors["stains"]
    except OSError as error:
        raise ModelError(f"The map of latents {path} cannot be read: {error.strerror or error}.") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"The map of latents {path} is damaged ({str(error).splitlines()[0]}).") from error
    if sha256 != model.sha256:
        raise ModelError(
            f"The map of latents {path} belongs to {owner!r} {sha256[:12]}, not to {model.name!r} "
            f"{model.sha256[:12]}; make it anew with 'histosynth atlas build'."
        )
    if styles.shape[-1] != model.style_size:
        raise ModelError(
            f"The map of latents {path} has styles of {styles.shape[-1]} numbers, but {model.name!r} takes "
            f"{model.style_size}."
        )
    if stains.shape[-1] != model.latent_size - model.style_size:
        raise ModelError(
            f"The map of latents {path} has stains of {stains.shape[-1]} numbers, but {model.name!r} takes "
            f"{model.latent_size - model.style_size}."
        )
    return Atlas(owner, sha256, styles, stains, grades, sources, tensors.get("neighbors"), patients)


def survey(
    model: PaintModel,
    pictures: Sequence[npt.NDArray[np.uint8]],
    grades: Sequence[str],
    sources: Sequence[str],
) -> Atlas:
    """Encode pictures for a map.

    Parameters
    ----------
    model : PaintModel
        With an encoder.
    pictures : sequence of ndarray
        uint8 (y, x, 3), at the model's scale.
    grades, sources : sequence of str
        Of each; an empty grade is an unknown one.
    """
    latents = np.stack([model.encode(picture) for picture in pictures])
    styles, stains = np.split(latents, [model.style_size], axis=1)
    return Atlas(model.name, model.sha256, styles, stains, tuple(grades), tuple(sources))


def _closeness(away: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return weights of points by their squared distances: all to one that is met, summing up to 1."""
    weights = 1 / (np.asarray(away, np.float64) + 1e-9 * (1 + np.max(away)))
    return np.asarray(weights / weights.sum())
