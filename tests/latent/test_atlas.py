"""A map of latents: places, neighbors, styles between them, anchors by grade, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.atlas import Atlas, read_atlas
from napari_histosynth.paint.model import PaintModel, load_model


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def atlas(model: PaintModel) -> Atlas:
    """Two clumps of twenty, four numbers each, a grade each but for three."""
    rng = np.random.default_rng(0)
    styles = rng.normal(np.repeat([0, 6], 20)[:, None], 0.5, (40, 4)).astype(np.float32)
    grades = ["healthy"] * 18 + [""] * 3 + ["poor"] * 19
    sources = ["here", "there"] * 20
    return Atlas(
        model.name, model.sha256, styles, np.zeros((40, 0), np.float32), tuple(grades), tuple(sources)
    )


@pytest.mark.parametrize("by", ["components", "neighbors"])
def test_what_is_alike_lies_together(atlas: Atlas, by: str) -> None:
    if by == "neighbors":
        pytest.importorskip("sklearn")
        atlas = atlas.with_neighbors()
    places = atlas.places(by)
    low, high = places[:20], places[20:]
    apart = np.linalg.norm(low.mean(0) - high.mean(0))
    assert apart > 2 * max(low.std(), high.std())


def test_the_same_seed_gives_the_same_map(atlas: Atlas) -> None:
    pytest.importorskip("sklearn")
    np.testing.assert_array_equal(atlas.with_neighbors(1).neighbors, atlas.with_neighbors(1).neighbors)


def test_a_style_is_found_where_it_lies(atlas: Atlas) -> None:
    for number in (3, 30):
        np.testing.assert_allclose(
            atlas.find(atlas.styles[number], "components"), atlas.components[number], atol=1e-5
        )
        assert atlas.nearest(atlas.styles[number])[0] == number
        np.testing.assert_allclose(
            atlas.style_at(atlas.components[number], "components"), atlas.styles[number], atol=1e-4
        )


def test_between_places_styles_are_mixed_of_those_around(atlas: Atlas) -> None:
    style = atlas.style_at(atlas.components[:20].mean(0), "components")
    assert atlas.styles[:20].min() <= style.min()
    assert style.max() <= atlas.styles[:20].max()


def test_each_grade_has_an_anchor_in_order(atlas: Atlas) -> None:
    anchors = atlas.anchors({"poor": 1.0, "healthy": 0.0})
    assert anchors.names == ["healthy", "poor"]
    np.testing.assert_allclose(anchors["poor"].style, atlas.styles[21:].mean(0), atol=1e-5)
    assert (anchors["healthy"].pictures, anchors["healthy"].grade) == (18, 0.0)
    assert anchors["healthy"].source == "here, there"


def test_a_map_is_read_as_it_was_written(atlas: Atlas, model: PaintModel, tmp_path: Path) -> None:
    atlas.write(tmp_path / "a.safetensors")
    again = read_atlas(tmp_path / "a.safetensors", model)
    np.testing.assert_allclose(again.styles, atlas.styles, atol=5e-3)
    assert (again.grades, again.sources) == (atlas.grades, atlas.sources)
    assert again.latent(2).shape == (4,)
    assert again.patients == ()
    whose = replace(atlas, patients=tuple(map(str, range(40))))
    whose.write(tmp_path / "b.safetensors")
    assert read_atlas(tmp_path / "b.safetensors", model).patients == whose.patients


def test_a_map_of_another_model_or_a_damaged_one_is_one_sentence(
    atlas: Atlas, model: PaintModel, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    other = Atlas("other", "0" * 64, atlas.styles, atlas.stains, atlas.grades, atlas.sources)
    other.write(path)
    with pytest.raises(ModelError, match="belongs to 'other' 000000000000"):
        read_atlas(path, model)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="is damaged") as caught:
        read_atlas(path, model)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="cannot be read"):
        read_atlas(tmp_path / "none.safetensors", model)


def test_a_map_needs_latents_that_fit(atlas: Atlas) -> None:
    with pytest.raises(ModelError, match="three or more"):
        Atlas("m", "0", atlas.styles[:2], atlas.stains[:2], ("", ""), ("", ""))
    with pytest.raises(ModelError, match="NaN"):
        Atlas("m", "0", atlas.styles * np.nan, atlas.stains, atlas.grades, atlas.sources)
    with pytest.raises(ModelError, match="4 numbers, not 2"):
        atlas.nearest([1.0, 2.0])
    with pytest.raises(ModelError, match="not by 'magic'"):
        atlas.places("magic")


def test_a_map_whose_stains_do_not_fit_is_one_sentence(
    atlas: Atlas, model: PaintModel, tmp_path: Path
) -> None:
    stains = np.zeros((len(atlas), 9), np.float32)
    other = Atlas(atlas.model, atlas.sha256, atlas.styles, stains, atlas.grades, atlas.sources)
    other.write(tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=r"stains of 9 numbers, but 'tiny' takes 0\.$"):
        read_atlas(tmp_path / "a.safetensors", model)
