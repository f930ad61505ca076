"""Films from one layout to another: what is in them, and what made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_histosynth.core.errors import SaveError
from napari_histosynth.io import read_provenance
from napari_histosynth.latent.film import save_film
from napari_histosynth.layout.films import morph_frames
from napari_histosynth.layout.sampler import Sampler

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel


def test_a_film_goes_from_one_layout_to_the_other_and_says_what_made_it(
    tiny_layout_model: LayoutModel, tiny_model: Path, tmp_path: Path
) -> None:
    from napari_histosynth.paint.model import load_model

    sampler = Sampler(tiny_layout_model)
    first, last = (
        sampler.sample(seed, grade=grade, size_px=(64, 70), scheme="colon-3")
        for seed, grade in ((1, "healthy"), (2, "poorly"))
    )
    painter = load_model(tiny_model, device="cpu")
    frames = morph_frames(sampler, first, last, 3, painter)
    assert [frame.caption for frame in frames] == ["healthy", "50%", "poorly differentiated"]
    for frame, layout in zip((frames[0], frames[-1]), (first, last), strict=True):
        assert frame.image.shape == (64, 140, 3)
        np.testing.assert_array_equal(frame.image[:, :70], painter.scheme.encode(layout.labels))
        assert frame.provenance.extra["painter"] == "tiny"
    assert frames[0].provenance.latent_sha256 != frames[1].provenance.latent_sha256
    save_film(tmp_path / "way.png", frames)
    made = read_provenance(tmp_path / "way.png")
    assert made is not None
    assert (made.synthetic, made.model) == (True, "tiny-layout")
    assert len(made.extra["frames"]) == 3
    save_film(tmp_path / "way.gif", frames)
    assert (tmp_path / "way.gif").stat().st_size > 0


def test_films_that_do_not_fit_into_memory_are_refused(tiny_layout_model: LayoutModel) -> None:
    sampler = Sampler(tiny_layout_model)
    made = sampler.sample(1, size_px=(64, 64))
    with pytest.raises(SaveError, match="choose fewer"):
        morph_frames(sampler, made, made, 200_000)
