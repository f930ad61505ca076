"""Training on parents that a model draws itself: fields of its slides, and crops like real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.training import LoopSettings, make_fabric
from napari_histosynth.slide.config import SlideConfig, read_slide_config
from napari_histosynth.slide.data import Child, PairSampler
from napari_histosynth.slide.fit import prepare_slide
from napari_histosynth.slide.layoutclasses import MUCOSA, TUMOR
from napari_histosynth.slide.levels import STEP
from napari_histosynth.slide.owndata import OwnField, draw_own_fields, like


def of_one_class(kind: int, color: tuple[int, int, int], side: int) -> tuple[np.ndarray, np.ndarray]:
    layout = np.zeros((side, side, 5), np.uint8)
    layout[..., kind] = 255
    noise = np.random.default_rng(kind).integers(-20, 20, (side, side, 1))
    return (np.array(color) + noise).astype(np.uint8), layout


def _silent(_: str) -> None:
    pass


FIELDS = [
    OwnField(*of_one_class(MUCOSA, (180, 120, 190), 64)),
    OwnField(*of_one_class(TUMOR, (150, 90, 170), 64)),
]


def test_fields_are_drawn_the_same_again(tiny_slide_model: Any) -> None:
    said: list[str] = []
    first = draw_own_fields(tiny_slide_model, 3, 2, 32, said.append)
    again = draw_own_fields(tiny_slide_model, 3, 2, 32)
    assert said == ["Drew 2 of 2 fields to learn from."]
    for one, other in zip(first, again, strict=True):
        assert one.image.shape == (32, 32, 3)
        assert one.layout.shape == (32, 32, 5)
        assert np.array_equal(one.image, other.image)
        assert np.abs(one.layout.sum(2, dtype=int) - 255).max() < 3
    # the first lies in mucosa
    assert first[0].layout[..., MUCOSA].mean() > 100


@pytest.mark.parametrize("kind", [MUCOSA, TUMOR])
def test_a_crop_is_of_such_tissue_and_in_the_stain_of_the_real_one(kind: int) -> None:
    image, layout = of_one_class(kind, (190, 130, 160), 20)
    for seed in range(5):
        found, around = like(FIELDS, np.random.default_rng(seed), image, layout)
        assert found.shape == image.shape
        assert np.array_equal(around, layout)
        means = [optical_density(one).mean((0, 1)) for one in (found, image)]
        np.testing.assert_allclose(*means, rtol=0.15)
        assert optical_density(found).std() > 0


def with_own(config: Path, share: float) -> SlideConfig:
    config.write_text(config.read_text().replace("[data]", f"[data]\nown = {share}"))
    return read_slide_config(config)


def test_crops_of_ones_own_are_the_last_of_a_batch(config: Path) -> None:
    wanted = with_own(config, 0.5)
    picture, layout = of_one_class(TUMOR, (150, 90, 170), 128)
    children = [Child("a", step, picture, np.ascontiguousarray(layout[:32, :32])) for step in (2, 3)]
    batch = PairSampler(wanted, children, margin=4, own=FIELDS).batch(0)
    assert list(batch["own"]) == [1]
    assert batch["step"][1] == 3
    assert batch["own_parent"].shape == (1, 10, 10, 3)
    assert batch["own_layout"].shape == (1, 5, 10, 10)
    assert (batch["own_layout"][0, TUMOR] == 1).all()
    with pytest.raises(TrainingError, match="No picture at"):
        PairSampler(wanted, children[:1], margin=4, own=FIELDS)
    plain = PairSampler(wanted, children, margin=4)
    assert "own" not in plain.batch(0)
    assert np.array_equal(plain.batch(0)["image"][0], batch["image"][0]), "the others stay as they were"


def test_a_step_on_parents_of_ones_own_has_no_features_to_compare(config: Path, data: Path) -> None:
    training = prepare_slide(read_slide_config(config), data, _silent)
    config.write_text(config.read_text().replace("[discriminator]", "[loss]\ntexture = 1.0\n[discriminator]"))
    training.config = wanted = with_own(config, 1.0)
    with pytest.raises(TrainingError, match=r"data\.own needs a model"):
        prepare_slide(wanted, data, _silent)
    side = training.sampler.parent
    picture, layout = of_one_class(MUCOSA, (180, 120, 190), STEP * side)
    child = Child("a", 3, picture, np.ascontiguousarray(layout[:side, :side]))
    fields = [OwnField(*of_one_class(MUCOSA, (180, 120, 190), side + 8))]
    training.sampler = PairSampler(wanted, [child], training.refiner.margin, training.refiner.stride, fields)
    batch = training.batch(0)
    assert list(batch["own"]) == [0, 1]
    losses = training.step(batch, 0, make_fabric(LoopSettings(1, device="cpu", precision="32-true")))
    assert losses["features"] == 0, "no real crop has such a parent"
    assert losses["texture"] > 0
    assert np.isfinite(list(losses.values())).all()


def test_what_discriminators_are_told_of_ones_own_is_the_layout_alone(config: Path, data: Path) -> None:
    import torch

    training = prepare_slide(read_slide_config(config), data, _silent)
    side = training.sampler.parent
    parent, layout = torch.rand(2, 3, side, side), torch.rand(2, 5, side, side)
    taken, none = torch.tensor([3, 3]), np.zeros(0, np.int64)
    known = training._known(parent, layout, taken, none, np.array([1]))
    assert (known[1, :3] == 0).all()
    assert (known[1, 3:8] > 0).any()
    assert (known[0, :3] > 0).any()
