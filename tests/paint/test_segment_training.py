"""Training a segmenter: data, variation, steps, resume, and the folder that comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import save_image, save_labels
from napari_histosynth.paint.data import Split
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.regions import glands_of, labels_of, regions_of
from napari_histosynth.paint.segment import load_segmenter
from napari_histosynth.paint.segment_config import read_segment_config
from napari_histosynth.paint.segment_data import (
    Exemplar,
    SegmentSampler,
    load_exemplars,
    vary_sharpness,
    vary_stain,
)
from napari_histosynth.paint.segment_training import train_segmenter

CONFIG = """
[model]
name = "little"
um_per_px = 0.62
widths = [8, 8, 8]
[data]
table = "patients.csv"
held_out = ["2"]
[loop]
steps = 4
batch = 2
crop = 64
checkpoint_every = 2
sheet_every = 4
precision = "32-true"
"""
COLORS = np.array([[245, 243, 246], [226, 160, 200], [190, 130, 190], [90, 50, 130]], np.uint8)


def drawn(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 6, (*labels.shape, 3))
    return np.clip(COLORS[labels] + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn fields of two patients with masks of their glands, as GlaS comes."""
    folder = tmp_path_factory.mktemp("fields")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for number in range(3):
        labels = example_labels("crypts-cross", (200, 220), 0.62, seed=number)
        save_image(folder / "images" / f"field_{number}.png", drawn(labels, number))
        mask = np.where(glands_of(regions_of(labels)), 255, 0).astype(np.uint8)
        save_image(folder / "masks" / f"field_{number}.png", np.repeat(mask[..., None], 3, axis=2))
    (folder / "patients.csv").write_text("name, patient ID\nfield_0, 1\nfield_1, 1\nfield_2, 2\n")
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "train.toml"
    path.write_text(CONFIG)
    return path


def _silent(_: str) -> None:
    pass


def test_glands_are_the_mask_lumen_included_and_patients_are_held_out(data: Path) -> None:
    split = Split("patients.csv", held_out=("2",))
    exemplars = load_exemplars(data, get_scheme("colon-3"), 0.62, split)
    assert [one.name for one in exemplars] == ["field_0", "field_1"]
    assert [one.name for one in load_exemplars(data, get_scheme("colon-3"), 0.62, split, held_out=True)] == [
        "field_2"
    ]
    truth = example_labels("crypts-cross", (200, 220), 0.62, seed=0)
    assert np.array_equal(glands_of(exemplars[0].regions), glands_of(regions_of(truth)))
    assert (glands_of(exemplars[0].regions) & (labels_of(exemplars[0].regions) == 0)).any()


def test_label_maps_are_taken_as_they_are(tmp_path: Path) -> None:
    labels = example_labels("crypts-cross", (120, 120), 0.62, seed=1)
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    save_image(tmp_path / "images" / "a.png", drawn(labels))
    save_labels(tmp_path / "labels" / "a.png", labels, get_scheme("colon-3"))
    (found,) = load_exemplars(tmp_path, get_scheme("colon-3"), 0.62, Split())
    assert np.array_equal(labels_of(found.regions), labels)


def _sampler(**options: object) -> SegmentSampler:
    labels = example_labels("crypts-cross", (200, 220), 0.62, seed=0)
    one = Exemplar("one", "1", drawn(labels), regions_of(labels))
    return SegmentSampler([one], crop=96, batch=4, **options)


def test_a_batch_is_a_function_of_its_step() -> None:
    first, again, other = _sampler().batch(3), _sampler().batch(3), _sampler().batch(4)
    for key in first:
        assert np.array_equal(first[key], again[key])
        assert not np.array_equal(first[key], other[key])
    assert first["image"].shape == (4, 96, 96, 3)
    assert first["regions"].shape == (4, 96, 96)


def test_pictures_and_answers_stay_together_however_they_are_turned_and_zoomed() -> None:
    batch = _sampler(stain=0, blur=0).batch(0)
    for image, regions in zip(batch["image"], batch["regions"], strict=True):
        far = np.linalg.norm(image.astype(float) - COLORS[labels_of(regions)], axis=-1)
        assert np.median(far) < 25


def test_zoom_changes_the_size_of_things() -> None:
    near, far = (_sampler(zoom=(zoom, zoom), stain=0, blur=0) for zoom in (1.4, 0.7))
    edges = [
        np.mean([np.abs(np.diff(one.batch(step)["regions"].astype(int))).mean() for step in range(5)])
        for one in (near, far)
    ]
    assert edges[1] > 1.3 * edges[0]


def test_stains_vary_in_density_and_hue_and_glass_stays_bright() -> None:
    rgb = COLORS[np.array([[0, 1], [2, 3]])]
    varied = [vary_stain(rgb, np.random.default_rng(seed), 0.25) for seed in range(40)]
    tissue = np.stack([one[1, 1].astype(float) for one in varied])
    assert tissue.std(0).min() > 8
    assert np.mean([one[0, 0].min() for one in varied]) > 215
    assert np.array_equal(vary_stain(rgb, np.random.default_rng(0), 0), rgb)


def test_sharpness_varies_in_three_ways_and_keeps_the_size() -> None:
    rgb = drawn(example_labels("crypts-cross", (64, 64), 0.62, seed=0))
    grain = [
        np.abs(np.diff(vary_sharpness(rgb, np.random.default_rng(seed)).astype(float), axis=1)).mean()
        for seed in range(20)
    ]
    own = np.abs(np.diff(rgb.astype(float), axis=1)).mean()
    assert min(grain) < 0.8 * own
    assert max(grain) > 1.1 * own


def test_pictures_smaller_than_the_crop_are_one_sentence() -> None:
    with pytest.raises(TrainingError, match="200 px a side"):
        _sampler(zoom=(0.4, 1))


def test_an_unknown_key_is_one_sentence(config: Path) -> None:
    config.write_text(CONFIG.replace("widths", "width"))
    with pytest.raises(TrainingError, match=r"model\.width"):
        read_segment_config(config)


def test_a_run_ends_in_a_model_that_labels(data: Path, config: Path, tmp_path: Path) -> None:
    out = train_segmenter(config, data, tmp_path / "run", device="cpu", threads=1, say=_silent)
    for name in ("checkpoint.pt", "losses.csv", "sheet-000004.png"):
        assert (tmp_path / "run" / name).is_file()
    segmenter = load_segmenter(out, device="cpu", precision="fp32")
    assert segmenter.card.trained == "4 steps of 2 crops of 64 px"
    labels = example_labels("crypts-cross", (96, 80), 0.62, seed=2)
    assert segmenter.segment(drawn(labels), 0.62).shape == labels.shape


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    data: Path, config: Path, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    config.write_text(CONFIG.replace("sheet_every = 4", "sheet_every = 0"))
    train_segmenter(config, data, whole, device="cpu", threads=1, say=_silent)
    short = tmp_path / "short.toml"
    short.write_text(config.read_text())
    from napari_histosynth.paint import segment_training

    class Interrupted(segment_training.SegmentTraining):
        def step(self, batch, step, fabric):  # type: ignore[no-untyped-def]
            if step == 3:
                raise InterruptedError
            return super().step(batch, step, fabric)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_training, "SegmentTraining", Interrupted)
        with pytest.raises(InterruptedError):
            train_segmenter(config, data, parts, device="cpu", threads=1, say=_silent)
    train_segmenter(config, data, parts, device="cpu", threads=1, say=_silent)
    one, other = (load_segmenter(run / "model", device="cpu") for run in (whole, parts))
    assert one.sha256 == other.sha256
