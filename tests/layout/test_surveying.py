"""The map of layouts: made with the encoder, of the right weights, thumbnails that are drawn."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError, TrainingError
from napari_histosynth.latent.atlas import Atlas
from napari_histosynth.latent.known import known_anchors, known_atlas
from napari_histosynth.latent.surveying import write_places
from napari_histosynth.layout.model import load_layout_model
from napari_histosynth.layout.surveying import (
    LayoutArtist,
    build_layout_places,
    split_style,
    training_of_layouts,
)
from napari_histosynth.zoo import find_model

if TYPE_CHECKING:
    from napari_histosynth.layout.model import LayoutModel

CONFIG = """
[model]
name = "tiny-layout"
scheme = "colon-2"
um_per_px = 1.24
latent_size = 6
widths = [8, 8, 8, 8]
encoder = [8, 8, 8]
grades = [
    "healthy",
    "adenomatous",
    "moderately differentiated",
    "moderately-to-poorly differentiated",
    "poorly differentiated",
]
[[data.sources]]
kind = "glas"
path = "glas"
um_per_px = 0.62
share = 1.0
held_out = ["4"]
[loop]
steps = 1
[[growth]]
stable = 1
[[growth]]
stable = 1
[[growth]]
stable = 1
[[growth]]
stable = 1
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_glas: Callable[..., Path]) -> Path:
    top = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for number, grade in enumerate(
        ("healthy", "healthy", "poorly differentiated", "poorly differentiated", "healthy")
    ):
        mask = np.zeros((80, 90, 3), np.uint8)
        mask[10 : 40 + 5 * number, 20:70] = 255
        picture = np.where(mask, (150, 90, 170), (230, 170, 200)).astype(np.uint8)
        picture[rng.random((80, 90)) < 0.1] = (80, 50, 120)
        rows.append((f"train_{number}", str(number), grade, picture, mask))
    write_glas(top / "glas", rows)
    return top


@pytest.fixture
def folder(tmp_path: Path, layout_folder: Path) -> Path:
    made = tmp_path / "tiny-layout"
    shutil.copytree(layout_folder, made)
    (made / "train.toml").write_text(CONFIG)
    return made


def test_the_map_holds_a_latent_for_each_training_picture(
    tiny_layout_model: LayoutModel, folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    # t-SNE has tests of its own, and takes long to load
    monkeypatch.setattr(Atlas, "with_neighbors", lambda self: replace(self, neighbors=self.components))
    anchors, atlas = build_layout_places(tiny_layout_model, training_of_layouts(folder), data)
    assert atlas.styles.shape == (4, 6 + 5)  # patient 4 is held out
    assert atlas.sha256 == tiny_layout_model.sha256
    assert atlas.neighbors is not None
    assert atlas.grades == ("healthy", "healthy", "poorly differentiated", "poorly differentiated")
    assert anchors.names == ["healthy", "poorly differentiated"]
    assert [place.grade for place in anchors] == [0.0, 1.0]
    np.testing.assert_allclose(atlas.styles[:, 6:].sum(1), 1, atol=1e-5)
    assert np.ptp(atlas.styles[:, :6], axis=0).max() > 0
    write_places(folder, anchors, atlas)
    found = find_model(folder)
    again = known_atlas(found, tiny_layout_model.owner)
    assert again is not None
    np.testing.assert_allclose(again.styles, atlas.styles, atol=2e-3)
    assert known_anchors(found, tiny_layout_model.owner).names == anchors.names


def test_thumbnails_are_label_maps_of_the_latents(tiny_layout_model: LayoutModel) -> None:
    artist = LayoutArtist(tiny_layout_model)
    style = np.concatenate([np.ones(6), [0.5, -0.1, 0, 0, 1.5]]).astype(np.float32)
    latent, weights = split_style(tiny_layout_model, style)
    np.testing.assert_allclose(latent, 1)
    np.testing.assert_allclose(weights, [0.25, 0, 0, 0, 0.75])
    drawn = artist.draw(style)
    colors = {tuple(color) for color in drawn.reshape(-1, 3).tolist()}
    assert colors <= {tuple(color) for color in tiny_layout_model.scheme.palette.tolist()}
    assert len(colors) > 1
    assert (artist.draw(-style) != drawn).any()
    with pytest.raises(ModelError, match="11 numbers, not 6"):
        split_style(tiny_layout_model, np.ones(6))


def test_a_model_without_an_encoder_has_no_map(
    write_layout_model: Callable[..., Path], tmp_path: Path, folder: Path, data: Path
) -> None:
    model = load_layout_model(write_layout_model(tmp_path / "bare", encoder=False), device="cpu")
    with pytest.raises(ModelError, match="has no encoder"):
        build_layout_places(model, training_of_layouts(folder), data, neighbors=False)
    with pytest.raises(TrainingError, match=r"has no train\.toml"):
        training_of_layouts(tmp_path)
