"""Thumbnails of latents, and the picture of a map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.latent.atlas import Atlas
from napari_histosynth.latent.atlaskey import ramp
from napari_histosynth.latent.atlaspicture import atlas_picture
from napari_histosynth.latent.thumbnail import SIDE, WINDOW, ThumbnailArtist, sample_labels
from napari_histosynth.paint.model import PaintModel, load_model


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def atlas(model: PaintModel) -> Atlas:
    styles = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    grades = ("healthy",) * 5 + ("poor",) * 5 + ("",) * 2
    return Atlas(model.name, model.sha256, styles, np.zeros((12, 0), np.float32), grades, ("a", "b") * 6)


@pytest.mark.parametrize("scheme", ["colon-2", "colon-3", "colon-10", "prostate-3"])
def test_the_sample_shows_more_than_one_class_of_every_scheme(scheme: str) -> None:
    labels = sample_labels(get_scheme(scheme), 0.62)
    found = np.unique(labels[WINDOW.slices])
    assert len(found) >= 2
    assert found.max() < get_scheme(scheme).n_classes
    np.testing.assert_array_equal(labels, sample_labels(get_scheme(scheme), 0.62))


def test_a_scheme_of_ones_own_gets_patches_of_all_its_classes() -> None:
    own = get_scheme("colon-3")
    classes = tuple(replace(one, name=f"thing {number}") for number, one in enumerate(own.classes))
    other = replace(own, name="mine", classes=classes)
    assert set(np.unique(sample_labels(other, 0.5))) == set(range(other.n_classes))


def test_a_thumbnail_depends_on_the_latent_alone(model: PaintModel) -> None:
    artist = ThumbnailArtist(model)
    one, other = model.sample_latent(1), model.sample_latent(2)
    first = artist.draw(one)
    assert first.shape == (SIDE, SIDE, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, ThumbnailArtist(model).draw(one))
    assert (first != artist.draw(other)).any()


def test_the_picture_shows_the_points_in_the_colors_of_the_key(atlas: Atlas, model: PaintModel) -> None:
    named = atlas.anchors({"healthy": 0.0, "poor": 1.0})
    image, note = atlas_picture(atlas, model, named=named, thumbnails=1)
    for share in (0.0, 1.0):
        assert (image.reshape(-1, 3) == ramp(share)).all(1).sum() > 200
    assert note.synthetic
    assert note.size == image.shape[:2]
    assert note.model_sha256 == model.sha256
    assert note.extra["map"] == {"by": "neighbors", "color": "grade", "pictures": 12}
    assert note.extra["thumbnails"] == ["healthy"]


def test_a_picture_without_thumbnails_is_smaller(atlas: Atlas, model: PaintModel) -> None:
    shares: list[float] = []
    with_them, _ = atlas_picture(atlas, model, color="source", progress=shares.append)
    without, _ = atlas_picture(atlas, model, color="source", thumbnails=0)
    assert with_them.shape[0] >= without.shape[0] + SIDE
    assert shares == [0.5, 1.0]


def test_drawing_a_picture_can_be_cancelled(atlas: Atlas, model: PaintModel) -> None:
    with pytest.raises(Cancelled):
        atlas_picture(atlas, model, cancel=lambda: True)
