"""Training on parents that a model draws itself: fields of its slides, and crops like real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_histosynth.core.errors import ModelError, TrainingError
from napari_histosynth.core.stain import optical_density
from napari_histosynth.core.training import LoopSettings, make_fabric
from napari_histosynth.slide import model as slidemodel
from napari_histosynth.slide import owndata
from napari_histosynth.slide.config import SlideConfig, read_slide_config
from napari_histosynth.slide.data import Child, PairSampler
from napari_histosynth.slide.fit import _own_fields, prepare_slide
from napari_histosynth.slide.layoutclasses import MUCOSA, TUMOR
from napari_histosynth.slide.levels import STEP
from napari_histosynth.slide.owndata import (
    CHILD,
    OwnChild,
    OwnField,
    draw_own_fields,
    keep_own_fields,
    kept_own_fields,
    like,
)

if TYPE_CHECKING:
    from napari_histosynth.slide.model import SlideModel


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
        found = like(FIELDS, np.random.default_rng(seed), image, layout)
        assert found.parent.shape == image.shape
        assert np.array_equal(found.layout, layout)
        assert found.child is None
        means = [optical_density(one).mean((0, 1)) for one in (found.parent, image)]
        np.testing.assert_allclose(*means, rtol=0.15)
        assert optical_density(found.parent).std() > 0


def with_child(y: int, x: int) -> OwnField:
    """A field and what is drawn of a part of it: the same enlarged, with a pattern that adds nothing."""
    image, layout = of_one_class(MUCOSA, (180, 120, 190), 64)
    part = np.repeat(np.repeat(image[y : y + 20, x : x + 20], STEP, 0), STEP, 1)
    pattern = np.tile(np.array([[9, -9], [-9, 9]]), (40, 40))[..., None]
    return OwnField(image, layout, (OwnChild(y, x, (part + pattern).astype(np.uint8)),))


def test_what_is_drawn_of_a_crop_lies_in_its_middle_and_has_its_colors() -> None:
    fields = [with_child(6, 6), with_child(30, 38)]
    image, layout = of_one_class(MUCOSA, (140, 90, 150), 12)
    seen = set()
    for seed in range(30):
        found = like(fields, np.random.default_rng(seed), image, layout, rim=3)
        assert found.parent.shape == (12, 12, 3)
        assert found.child is not None
        assert found.child.shape == (24, 24, 3)
        means = found.child.reshape(6, STEP, 6, STEP, 3).mean((1, 3))
        np.testing.assert_allclose(means, found.parent[3:-3, 3:-3], atol=0.6)
        assert found.child.std() > found.parent.std()
        seen.add(found.parent.tobytes())
    assert len(seen) > 20


@pytest.fixture(scope="module")
def with_diffusion(tiny_slide_model: SlideModel) -> SlideModel:
    pytest.importorskip("diffusers")
    from napari_histosynth.slide.diffusion import build_diffusion

    torch.manual_seed(0)
    return replace(
        tiny_slide_model, diffusion=build_diffusion(widths=(4, 4), layers=1, context=3).state_dict()
    )


def test_diffusion_draws_parts_of_fields(with_diffusion: SlideModel, tiny_slide_model: SlideModel) -> None:
    field = draw_own_fields(with_diffusion, 3, 1, 160, children=2)[0]
    plain = draw_own_fields(with_diffusion, 3, 1, 160)[0]
    assert np.array_equal(field.image, plain.image)
    assert plain.children == ()
    assert len(field.children) == 2
    for child in field.children:
        assert child.image.shape == (CHILD, CHILD, 3)
        part = field.image[child.y : child.y + CHILD // STEP, child.x : child.x + CHILD // STEP]
        means = child.image.reshape(CHILD // STEP, STEP, CHILD // STEP, STEP, 3).mean((1, 3))
        assert np.abs(means - part).mean() < 1
    with pytest.raises(ModelError, match="has no diffusion"):
        draw_own_fields(tiny_slide_model, 3, 1, 160, children=1)


def test_fields_are_kept_for_a_run_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    assert kept_own_fields(path, "a") is None
    wanted = [*FIELDS, with_child(6, 6)]
    keep_own_fields(path, wanted, "a")
    assert kept_own_fields(path, "b") is None
    found = kept_own_fields(path, "a")
    assert found is not None
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.layout, other.layout)
        assert [(child.y, child.x) for child in one.children] == [(c.y, c.x) for c in other.children]
        for child, true in zip(one.children, other.children, strict=True):
            assert np.array_equal(child.image, true.image)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(damaged)
        assert kept_own_fields(path, "a") is None


def test_a_run_draws_its_fields_once(
    config: Path, data: Path, tiny_slide_model: SlideModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[int] = []

    def draw(model: SlideModel, seed: int, *, children: int, say: Any) -> list[OwnField]:
        drawn.append(children)
        return [with_child(6, 6)]

    monkeypatch.setattr(owndata, "draw_own_fields", draw)
    monkeypatch.setattr(slidemodel, "load_slide_model", lambda name: tiny_slide_model)
    wanted = with_own(config, 0.5)
    wanted = wanted.model_copy(update={"model": wanted.model.model_copy(update={"start": "any"})})
    for _ in range(2):
        assert len(_own_fields(wanted, tmp_path / "run", _silent)) == 1
    assert drawn == [0]
    more = wanted.model_copy(update={"data": wanted.data.model_copy(update={"own_children": 2})})
    assert len(_own_fields(more, tmp_path / "run", _silent)[0].children) == 1
    assert drawn == [0, 2]
    _own_fields(more, None, _silent)
    assert drawn == [0, 2, 2]


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
    assert "own_child" not in batch
    assert "pixels" not in losses
    assert np.isfinite(list(losses.values())).all()


def test_a_step_learns_colors_of_what_diffusion_drew(config: Path, data: Path) -> None:
    training = prepare_slide(read_slide_config(config), data, _silent)
    config.write_text(
        config.read_text().replace("[discriminator]", "[loss]\nfine_pixels = 5\n[discriminator]")
    )
    training.config = wanted = with_own(config, 1.0)
    side, rim = training.sampler.parent, training.refiner.margin // STEP
    picture, layout = of_one_class(MUCOSA, (180, 120, 190), STEP * side)
    child = Child("a", 3, picture, np.ascontiguousarray(layout[:side, :side]))
    image, around = of_one_class(MUCOSA, (180, 120, 190), side)
    inner = side - 2 * rim
    black = OwnField(
        image, around, (OwnChild(rim, rim, np.zeros((STEP * inner, STEP * inner, 3), np.uint8)),)
    )
    training.sampler = PairSampler(wanted, [child], training.refiner.margin, training.refiner.stride, [black])
    batch = training.batch(0)
    assert batch["own_child"].shape == batch["image"].shape
    fabric = make_fabric(LoopSettings(1, device="cpu", precision="32-true"))
    first = training.step(batch, 0, fabric)["pixels"]
    for step in range(1, 6):
        last = training.step(batch, step, fabric)["pixels"]
    assert 0 < last < first


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
