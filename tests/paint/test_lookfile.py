"""Look maps as files: what is saved comes back, other scales fit, faults are one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import HistosynthError, LabelMapError, ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io import read_labels
from napari_histosynth.paint.lookfile import (
    MOST_LOOKS,
    ClassStrengths,
    LookPlan,
    NamedLook,
    look_color,
    read_look_plan,
    region_scheme,
    save_look_plan,
)
from napari_histosynth.paint.lookmap import Place
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.render import render_labels

SHAPE = (96, 160)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu", precision="fp32")


def plan_of(model: PaintModel) -> LookPlan:
    regions = np.zeros(SHAPE, np.uint8)
    regions[:, 100:] = 2
    latent = np.array([0.1, -1 / 3, 2e-7, 3], np.float32)
    return LookPlan(
        um_per_px=model.um_per_px,
        looks=(NamedLook.of_seed(model, 7, "moderate"), NamedLook(latent, "poor", picture="he.png")),
        places=(Place(3.5, 10, 1), Place(50, 60.25, 2, radius_um=8, share=0.5)),
        regions=regions,
        width_um=12.5,
        own=NamedLook.of_seed(model, 1),
    )


def test_what_is_saved_comes_back(model: PaintModel, tmp_path: Path) -> None:
    plan = plan_of(model)
    assert save_look_plan(tmp_path / "looks.json", plan, model) == [
        tmp_path / "looks.json",
        tmp_path / "looks.png",
    ]
    back = read_look_plan(tmp_path / "looks.json", model)
    assert (back.places, back.width_um, back.um_per_px) == (plan.places, plan.width_um, plan.um_per_px)
    assert [look.name for look in back.looks] == ["moderate", "poor"]
    np.testing.assert_array_equal(back.regions, plan.regions)
    own = model.sample_latent(1)
    assert back.build(model, own, SHAPE).sha256 == plan.build(model, own, SHAPE).sha256
    assert back.own is not None
    np.testing.assert_array_equal(back.own.latent, own)


def test_the_same_plan_gives_the_same_bytes(model: PaintModel, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_look_plan(tmp_path / name / "looks.json", plan_of(model), model)
    for file in ("looks.json", "looks.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_plan_at_another_scale_covers_the_same_tissue(model: PaintModel) -> None:
    plan = plan_of(model)
    fine = LookPlan(
        um_per_px=plan.um_per_px / 2,
        looks=plan.looks,
        places=tuple(
            Place(2 * at.y + 0.5, 2 * at.x + 0.5, at.look, at.radius_um, at.share) for at in plan.places
        ),
        regions=None if plan.regions is None else plan.regions.repeat(2, 0).repeat(2, 1),
        width_um=plan.width_um,
    )
    own = model.sample_latent(1)
    window = Window(0, 6, 0, 10)
    np.testing.assert_allclose(
        fine.build(model, own, SHAPE).cells(window), plan.build(model, own, SHAPE).cells(window), atol=1e-6
    )


def test_regions_of_another_size_are_refused(model: PaintModel) -> None:
    with pytest.raises(LabelMapError, match="160 x 96 px, which is not the size"):
        plan_of(model).build(model, model.sample_latent(1), (96, 300))


def test_a_picture_is_a_look_of_models_with_an_encoder(model: PaintModel, tmp_path: Path) -> None:
    write(tmp_path, looks=[{"picture": "he.png"}])
    with pytest.raises(HistosynthError, match=r"'tiny' has no encoder"):
        read_look_plan(tmp_path / "looks.json", model)


def test_hand_written_files_need_little(model: PaintModel, tmp_path: Path) -> None:
    path = write(tmp_path, looks=[{"seed": 4}], points=[{"y": 1, "x": 2, "look": 1}])
    plan = read_look_plan(path, model, 0.25)
    assert plan.um_per_px == 0.25
    assert plan.places == (Place(1, 2, 1),)
    np.testing.assert_array_equal(plan.looks[0].latent, model.sample_latent(4))


def write(folder: Path, **record: Any) -> Path:
    path = folder / "looks.json"
    path.write_text(json.dumps({"format": "histosynth-looks-1", **record}))
    return path


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"model": "other", "model_sha256": "0" * 64, "looks": []}, "made for the model 'other'"),
        ({"looks": [{"latent": [1, 2, 3, 4]}]}, "without the model's hash"),
        ({"looks": [{}]}, "neither seed nor latent nor picture"),
        ({"points": [{"y": 1, "x": 2, "look": 3}]}, "a point of look 3, but only 0 looks"),
        ({"points": [{"y": 1, "look": 0}]}, "'points.0.x' is missing"),
        ({"points": [{"y": 1, "x": 1, "look": 0, "share": 2}]}, "'points.0.share' is 2"),
        ({"point": []}, "'point' is unknown"),
        ({"format": "other"}, "this version reads"),
        ({"width_um": -1}, "'width_um' is -1"),
        ({"regions": "nowhere.png"}, "nowhere.png"),
        ({"strengths": {"start": {"seed": 1}, "classes": {}}}, "no 'own' look they lead to"),
        ({"own": {"seed": 2}, "strengths": {"classes": {}}}, "'strengths.start' is missing"),
        (
            {"own": {"seed": 2}, "strengths": {"start": {"seed": 1}, "classes": {"nuclei": 1.5}}},
            "'strengths.classes.nuclei' is 1.5",
        ),
        (
            {"own": {"seed": 2}, "strengths": {"start": {"seed": 1}, "classes": {"bone": 1}}},
            "does not fit 'tiny': No class is named or begins with 'bone'",
        ),
    ],
)
def test_a_fault_is_one_sentence(
    model: PaintModel, tmp_path: Path, record: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(HistosynthError) as raised:
        read_look_plan(write(tmp_path, **record), model)
    assert sentence in str(raised.value)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)


def test_a_latent_of_the_wrong_length_is_refused(model: PaintModel, tmp_path: Path) -> None:
    path = write(tmp_path, model_sha256=model.sha256, looks=[{"latent": [1.0]}])
    with pytest.raises(ModelError, match="has 1 numbers, but 'tiny' takes 4"):
        read_look_plan(path, model)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[]"])
def test_what_is_no_look_map_is_refused(model: PaintModel, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "looks.json").write_bytes(content)
    with pytest.raises(ModelError, match="is not valid"):
        read_look_plan(tmp_path / "looks.json", model)


def test_a_missing_file_is_one_sentence(model: PaintModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_look_plan(tmp_path / "looks.json", model)


def test_colors_of_looks_can_be_told_apart(tmp_path: Path) -> None:
    palette = region_scheme().palette.astype(int)
    assert len(palette) == MOST_LOOKS + 1
    gaps = np.abs(palette[:, None] - palette[None]).max(axis=-1) + 1000 * np.eye(len(palette), dtype=int)
    assert gaps.min() >= 24
    assert look_color(1) != look_color(2)


def test_strengths_by_class_come_back_and_draw_the_same(model: PaintModel, tmp_path: Path) -> None:
    own, start = NamedLook(np.array([1, 2, 0, 1 / 3], np.float32), "poor"), NamedLook.of_seed(model, 5)
    strengths = {"background": 1.0, "non-epithelium": 0.0, "epithelium": 0.35, "nuclei": 1.0}
    plan = LookPlan(model.um_per_px, own=own, strengths=ClassStrengths(start, strengths))
    save_look_plan(tmp_path / "looks.json", plan, model)
    back = read_look_plan(tmp_path / "looks.json", model)
    assert back.strengths is not None
    assert back.strengths.classes == strengths
    labels = np.ones(SHAPE, np.uint8)
    labels[:, 80:] = 2
    before, after = (render_labels(model, labels, looks=one) for one in (plan, back))
    np.testing.assert_array_equal(before.image, after.image)
    assert before.provenance.extra["look_map"]["strengths"] == list(strengths.values())
    # stroma is drawn in the beginning, far from where epithelium begins
    began = render_labels(model, labels, latent=start.latent).image
    np.testing.assert_array_equal(before.image[:, :8], began[:, :8])
    assert (before.image[:, 152:] != began[:, 152:]).any()


def test_another_look_for_all_of_a_canvas_leaves_strengths_by_class(model: PaintModel) -> None:
    own, start = NamedLook.of_seed(model, 1), NamedLook.of_seed(model, 5)
    plan = LookPlan(model.um_per_px, own=own, strengths=ClassStrengths(start, {"epithelium": 1}))
    labels = np.ones(SHAPE, np.uint8)
    asked = render_labels(model, labels, looks=plan, latent_seed=7).image
    np.testing.assert_array_equal(asked, render_labels(model, labels, latent_seed=7).image)


def test_strengths_by_class_need_labels(model: PaintModel) -> None:
    own = NamedLook.of_seed(model, 1)
    plan = LookPlan(model.um_per_px, own=own, strengths=ClassStrengths(own, {"epithelium": 1}))
    with pytest.raises(ModelError, match="follow the labels"):
        plan.build(model, own.latent, SHAPE)


def test_regions_painted_elsewhere_are_read_by_color(tmp_path: Path) -> None:
    from napari_histosynth.io import save_image

    regions = np.arange(MOST_LOOKS + 1, dtype=np.uint8)[None].repeat(3, 0)
    save_image(tmp_path / "regions.png", region_scheme().encode(regions))
    np.testing.assert_array_equal(read_labels(tmp_path / "regions.png", region_scheme()), regions)


def test_a_rendering_by_a_plan_takes_its_own_look_unless_told(model: PaintModel) -> None:
    labels = np.ones(SHAPE, np.uint8)
    plan = LookPlan(model.um_per_px, own=NamedLook.of_seed(model, 5))
    by_plan = render_labels(model, labels, looks=plan)
    assert np.abs(by_plan.image.astype(int) - render_labels(model, labels, latent_seed=5).image).max() <= 1
    assert by_plan.provenance.latent_seed == 5
    told = render_labels(model, labels, looks=plan, latent_seed=6)
    assert np.abs(told.image.astype(int) - render_labels(model, labels, latent_seed=6).image).max() <= 1
    assert told.provenance.extra["look_map"]["looks"] == 0
