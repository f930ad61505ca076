"""Data sets: the same bytes whoever draws them, whole after any stop, and fit to train on."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import HistosynthError, LabelMapError, ModelError, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_labels, read_provenance, save_image, save_labels
from napari_histosynth.paint import datasetfolder
from napari_histosynth.paint.data import CropSampler, Split, load_fields
from napari_histosynth.paint.dataset import COLUMNS, DatasetSettings, make_item, plan
from napari_histosynth.paint.datasetfolder import write_dataset
from napari_histosynth.paint.layouts import cut, find_layouts
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.zoo import find_model

COLON = get_scheme("colon-3")
SIZE = 40


@pytest.fixture
def layouts(tmp_path: Path) -> Path:
    """Write two layouts of every class, at the scale of the tiny model."""
    folder = tmp_path / "layouts"
    folder.mkdir()
    for number in range(2):
        labels = np.random.default_rng(number).integers(0, 4, (9, 11)).repeat(9, 0).repeat(9, 1)
        made = Provenance(synthetic=False, um_per_px=0.5, extra={"scheme": "colon-3"})
        save_labels(folder / f"map-{number}.png", labels, COLON, provenance=made)
    return folder


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu", precision="fp32")


def settings_of(tiny_model: Path, layouts: Path | str, **changes: Any) -> DatasetSettings:
    card = find_model(tiny_model).card
    given = {"size": SIZE, "seed": 5, "precision": "fp32", "layouts": find_layouts(layouts), **changes}
    return DatasetSettings(model=str(tiny_model), model_sha256=card.sha256, **given)


def write(out: Path, settings: DatasetSettings, count: int, **options: Any) -> Any:
    return write_dataset(out, settings, count, find_model(settings.model).card, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- items


def test_layouts_take_turns(tiny_model: Path, layouts: Path) -> None:
    settings = settings_of(tiny_model, layouts)
    names = [plan(settings, number).layout.name for number in range(8)]
    assert all({names[k], names[k + 1]} == {"map-0.png", "map-1.png"} for k in range(0, 8, 2))


def test_an_item_is_the_same_whatever_was_drawn_before(
    tiny_model: Path, layouts: Path, model: PaintModel
) -> None:
    settings = settings_of(tiny_model, layouts, max_turn=30.0)
    first = make_item(model, settings, 3)
    make_item(model, settings, 0)
    again = make_item(load_model(tiny_model, device="cpu", precision="fp32"), settings, 3)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.provenance == again.provenance


def test_items_differ_in_place_turn_texture_and_look(
    tiny_model: Path, layouts: Path, model: PaintModel
) -> None:
    settings = settings_of(tiny_model, layouts, stain=0.0)
    items = [make_item(model, settings, number) for number in range(6)]
    assert len({item.labels.tobytes() for item in items}) == 6
    assert len({item.image.tobytes() for item in items}) == 6
    assert len({item.provenance.latent_sha256 for item in items}) == 6


def test_a_picture_is_what_its_provenance_says(tiny_model: Path, layouts: Path, model: PaintModel) -> None:
    from napari_histosynth.paint.canvas import Canvas

    item = make_item(model, settings_of(tiny_model, layouts, stain=0.0), 1)
    made = item.provenance
    assert made.seed is not None
    canvas = Canvas(model, item.labels, seed=made.seed, latent_seed=made.latent_seed)
    np.testing.assert_array_equal(canvas.render(), item.image)
    assert (made.synthetic, made.um_per_px, made.size) == (True, 0.5, (SIZE, SIZE))
    assert canvas.provenance().latent_sha256 == made.latent_sha256


def test_labels_are_the_cut_that_the_provenance_names(
    tiny_model: Path, layouts: Path, model: PaintModel
) -> None:
    for number in range(4):
        item = make_item(model, settings_of(tiny_model, layouts), number)
        extra = item.provenance.extra
        whole = read_labels(layouts / extra["layout"], COLON)
        top, left = round(extra["y"] - SIZE / 2), round(extra["x"] - SIZE / 2)
        expected = np.rot90(whole[top : top + SIZE, left : left + SIZE], extra["turns"])
        expected = expected[:, ::-1] if extra["flip"] else expected
        np.testing.assert_array_equal(item.labels, expected)


def test_a_cut_can_be_turned_by_any_angle_and_mirrors_where_the_map_ends() -> None:
    labels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(cut(labels, 4, 4, 8, 90.0, 0, False), np.rot90(labels, 1))
    np.testing.assert_array_equal(cut(labels, 4, 4, 16, 0.0, 0, False), np.pad(labels, 4, mode="symmetric"))


def test_places_with_tissue_are_looked_for(tiny_model: Path, tmp_path: Path, model: PaintModel) -> None:
    labels = np.zeros((400, 400), np.uint8)
    labels[:, 260:] = 1
    made = Provenance(um_per_px=0.5, extra={"scheme": "colon-3"})
    save_labels(tmp_path / "a.png", labels, COLON, provenance=made)
    settings = settings_of(tiny_model, tmp_path, least_tissue=0.5)
    shares = [(make_item(model, settings, number).labels > 0).mean() for number in range(6)]
    assert min(shares) >= 0.5


def test_layouts_of_two_classes_at_another_scale_get_the_models_scale_and_nuclei(
    tiny_model: Path, tmp_path: Path, model: PaintModel
) -> None:
    labels = np.ones((120, 120), np.uint8)
    labels[30:90, 30:90] = 2
    save_image(tmp_path / "a.png", get_scheme("prostate-2").encode(labels))  # 1 um per px, by the scheme
    item = make_item(model, settings_of(tiny_model, tmp_path, size=160), 0)
    assert item.labels.shape == (160, 160)
    assert set(np.unique(item.labels)) == {1, 2, 3}


def test_examples_are_layouts_without_end(tiny_model: Path, model: PaintModel) -> None:
    settings = settings_of(tiny_model, "examples", size=96)
    first, other = (make_item(model, settings, number) for number in (0, 5))  # the same kind of tissue or not
    assert first.labels.shape == (96, 96)
    assert (first.labels != other.labels).any()


# -- the folder


def test_a_set_is_complete_and_its_manifest_true(tiny_model: Path, layouts: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    settings = settings_of(tiny_model, layouts)
    done = write(out, settings, 3)
    assert (done.items, done.drawn) == (3, 3)
    with (out / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["name"] for row in rows] == ["000000", "000001", "000002"]
    for row in rows:
        for kind in ("image", "labels"):
            path = out / row[kind]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == row[f"{kind}_sha256"]
        made = read_provenance(out / row["image"])
        assert made is not None
        assert (str(made.seed), str(made.latent_seed)) == (row["seed"], row["latent_seed"])
        assert (row["model_sha256"], row["synthetic"]) == (settings.model_sha256, "true")
        assert row["layout_sha256"] == hashlib.sha256((layouts / row["layout"]).read_bytes()).hexdigest()
        assert read_labels(out / row["labels"], COLON).shape == read_image(out / row["image"]).shape[:2]
    assert "**All pictures are synthetic**" in (out / "README.md").read_text()


def test_one_and_two_workers_write_the_same_bytes(tiny_model: Path, layouts: Path, tmp_path: Path) -> None:
    settings = settings_of(tiny_model, layouts, max_turn=15.0)
    write(tmp_path / "one", settings, 3, workers=1)
    write(tmp_path / "two", settings, 3, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_set_that_was_stopped_is_valid_and_goes_on_to_the_same_bytes(
    tiny_model: Path, layouts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tiny_model, layouts)
    whole, out = tmp_path / "whole", tmp_path / "set"
    write(whole, settings, 4)
    with monkeypatch.context() as patch:
        calls = iter(range(99))
        saved = datasetfolder.save_image

        def stop_at_the_third(*given: Any) -> None:
            if next(calls) == 2:
                raise KeyboardInterrupt
            saved(*given)

        patch.setattr(datasetfolder, "save_image", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            write(out, settings, 4)
    rows = (out / "manifest.csv").read_text().splitlines()
    assert len(rows) == 1 + 2
    assert "pairs | 2," in (out / "README.md").read_text()
    done = write(out, settings, 4)
    assert (done.items, done.drawn) == (4, 2)
    assert contents(out) == contents(whole)


def test_a_set_grows_and_mends_what_was_changed(tiny_model: Path, layouts: Path, tmp_path: Path) -> None:
    settings = settings_of(tiny_model, layouts)
    out = tmp_path / "set"
    write(out, settings, 2)
    before = contents(out)
    (out / "images" / "000000.png").write_bytes(b"damaged")
    image = out / "labels" / "000001.png"
    image.write_bytes(image.read_bytes() + b"\0")
    assert write(out, settings, 3).drawn == 3
    after = contents(out)
    assert all(after[name] == before[name] for name in before if name.endswith(".png"))
    assert write(out, settings, 3).drawn == 0


def test_a_folder_of_other_settings_or_files_is_left_alone(
    tiny_model: Path, layouts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    write(out, settings_of(tiny_model, layouts), 1)
    with pytest.raises(SaveError, match=r"other settings \(seed, looks\)"):
        write(out, settings_of(tiny_model, layouts, seed=6, looks="own"), 1)
    with pytest.raises(SaveError, match="holds other files"):
        write(layouts, settings_of(tiny_model, layouts), 1)


def test_an_error_of_a_worker_is_its_sentence(tiny_model: Path, layouts: Path, tmp_path: Path) -> None:
    (layouts / "map-0.png").write_bytes(b"")
    settings = settings_of(tiny_model, layouts)
    with pytest.raises(HistosynthError, match=r"map-0\.png is empty"):
        write(tmp_path / "set", settings, 4, workers=2)


def test_the_set_can_be_trained_on_split_by_layout(tiny_model: Path, layouts: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    write(out, settings_of(tiny_model, layouts), 4)
    split = Split("manifest.csv", "name", "layout", held_out=("map-1.png",))
    fields = load_fields(out, COLON, 0.5, split)
    assert [field.group for field in fields] == ["map-0.png"] * 2
    batch = CropSampler(fields, crop=16, margin=4, batch=2).batch(0)
    assert batch["image"].shape == (2, 16, 16, 3)
    assert batch["labels"].shape == (2, 24, 24)


# -- what is wrong


def test_the_settings_of_a_set_are_beside_it_without_the_place_of_the_layouts(
    tiny_model: Path, layouts: Path, tmp_path: Path
) -> None:
    write(tmp_path / "set", settings_of(tiny_model, layouts), 1)
    record = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert record["layouts"][0][0] == "map-0.png"
    assert str(tmp_path) not in json.dumps(record)


def test_own_looks_need_an_encoder_and_pictures(tiny_model: Path, layouts: Path, model: PaintModel) -> None:
    with pytest.raises(ModelError, match="has no H&E of its own"):
        make_item(model, settings_of(tiny_model, layouts, looks="own"), 0)
    layouts.rename(layouts.parent / "labels")
    (layouts.parent / "images").mkdir()
    for number in range(2):
        save_image(layouts.parent / "images" / f"map-{number}.png", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ModelError, match="no encoder"):
        make_item(model, settings_of(tiny_model, layouts.parent, looks="own"), 0)


@pytest.mark.parametrize("looks", ["own", "mixed"])
def test_looks_are_those_of_the_layouts_own_pictures_or_lie_between(
    tiny_model: Path, layouts: Path, model: PaintModel, monkeypatch: pytest.MonkeyPatch, looks: str
) -> None:
    layouts.rename(layouts.parent / "labels")
    (layouts.parent / "images").mkdir()
    for number in range(2):
        save_image(layouts.parent / "images" / f"map-{number}.png", np.zeros((64, 64, 3), np.uint8))
    own = np.arange(4, dtype=np.float32)
    monkeypatch.setattr("napari_histosynth.paint.inputs.latent_of_file", lambda *_: own)
    settings = settings_of(tiny_model, layouts.parent, looks=looks)
    made = make_item(model, settings, 0).provenance
    planned = plan(settings, 0)
    if looks == "own":
        assert made.latent_sha256 == hashlib.sha256(own.astype("<f4").tobytes()).hexdigest()
        assert made.latent_seed is None
        assert made.extra["look"] == f"own: {planned.layout.name}"
    else:
        assert made.latent_seed == planned.latent_seed
        share = float(made.extra["look"].split()[0])
        assert 0.2 <= share <= 0.8


@pytest.mark.parametrize("source", ["nowhere", "empty"])
def test_missing_layouts_are_one_sentence(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabelMapError, match=r"^There is no .*\.$"):
        find_layouts(tmp_path / source)


def test_unknown_looks_are_one_sentence(tiny_model: Path, layouts: Path) -> None:
    with pytest.raises(HistosynthError, match='no looks "odd"; choose one of random, own, mixed'):
        settings_of(tiny_model, layouts, looks="odd")
