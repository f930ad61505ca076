"""Saving a canvas: all files of one piece, or those that were there."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_labels, read_provenance
from napari_histosynth.paint.lookfile import LookPlan, NamedLook, read_look_plan
from napari_histosynth.paint.lookmap import Place
from napari_histosynth.ui.save import (
    KINDS,
    Painting,
    clean_stem,
    file_names,
    save_painting,
    saved_looks,
)

SCHEME = get_scheme("colon-3")


@pytest.fixture
def painting() -> Painting:
    chance = np.random.default_rng(0)
    return Painting(
        chance.integers(0, 256, (20, 30, 3)).astype(np.uint8),
        chance.integers(0, 4, (20, 30)).astype(np.uint8),
        SCHEME,
        Provenance(model="tiny", model_sha256="ab", seed=1, latent_seed=2, um_per_px=0.5, size=(20, 30)),
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_everything_is_saved_and_reads_back(painting: Painting, tmp_path: Path) -> None:
    files = file_names(tmp_path / "gland")
    save_painting(painting, files)
    np.testing.assert_array_equal(read_image(files["picture"]), painting.picture)
    np.testing.assert_array_equal(read_labels(files["labels"], SCHEME), painting.labels)
    np.testing.assert_array_equal(SCHEME.decode(read_image(files["colors"])), painting.labels)
    assert sorted(contents(tmp_path)) == [
        "gland.json",
        "gland_colors.png",
        "gland_he.png",
        "gland_labels.png",
    ]


def test_picture_and_record_say_what_made_them(painting: Painting, tmp_path: Path) -> None:
    files = file_names(tmp_path / "gland")
    save_painting(painting, files)
    for kind in ("picture", "provenance"):
        record = read_provenance(files[kind])
        assert record is not None
        assert (record.synthetic, record.model, record.model_sha256) == (True, "tiny", "ab")
        assert (record.seed, record.latent_seed, record.um_per_px) == (1, 2, 0.5)


def test_labels_carry_scheme_and_scale_and_are_not_called_synthetic(
    painting: Painting, tmp_path: Path
) -> None:
    files = file_names(tmp_path / "gland")
    save_painting(painting, files)
    record = read_provenance(files["labels"])
    assert record is not None
    assert (record.synthetic, record.model, record.um_per_px) == (False, None, 0.5)
    assert record.extra["scheme"] == "colon-3"


def test_saving_twice_gives_the_same_bytes(painting: Painting, tmp_path: Path) -> None:
    save_painting(painting, file_names(tmp_path / "gland"))
    first = contents(tmp_path)
    save_painting(painting, file_names(tmp_path / "gland"))
    assert contents(tmp_path) == first


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_can_be_saved_alone(painting: Painting, tmp_path: Path, kind: str) -> None:
    files = file_names(tmp_path / "x", [kind])
    save_painting(painting, files)
    assert list(contents(tmp_path)) == [files[kind].name]


def test_a_disk_that_fills_up_half_way_leaves_all_old_files(
    painting: Painting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = file_names(tmp_path / "gland")
    save_painting(painting, files)
    before = contents(tmp_path)

    def full(*_: Any, **__: Any) -> None:
        raise SaveError(f"Cannot write {_[0]}: the disk is full; free some space or save elsewhere.")

    monkeypatch.setattr("napari_histosynth.ui.save.save_labels_as", full)
    with pytest.raises(SaveError) as caught:
        save_painting(Painting(255 - painting.picture, painting.labels, SCHEME, painting.provenance), files)
    assert str(files["labels"]) in str(caught.value)
    assert "none of gland_he.png, gland_labels.png, gland_colors.png, gland.json was written." in str(
        caught.value
    )
    assert contents(tmp_path) == before


def test_looks_go_with_the_labels_and_those_of_an_earlier_canvas_go(
    painting: Painting, model: Any, tmp_path: Path
) -> None:
    regions = np.zeros((20, 30), np.uint8)
    plan = LookPlan(0.5, (NamedLook.of_seed(model, 5),), (Place(4, 5, 1),), regions)
    files = file_names(tmp_path / "gland")
    written = save_painting(replace(painting, looks=(plan, model)), files)
    assert {path.name for path in written} == set(contents(tmp_path))
    assert {"gland_looks.json", "gland_looks.png"} <= set(contents(tmp_path))
    assert read_look_plan(saved_looks(files["labels"]), model).looks[0].seed == 5
    save_painting(replace(painting, looks=(replace(plan, regions=None), model)), files)
    assert "gland_looks.png" not in contents(tmp_path)
    save_painting(painting, {"picture": files["picture"]})
    assert saved_looks(files["labels"]) is not None
    save_painting(painting, files)
    assert saved_looks(files["labels"]) is None


@pytest.mark.parametrize("failing", range(6))
def test_whichever_file_cannot_be_put_in_place_all_old_files_stay(
    painting: Painting, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    plan = LookPlan(0.5, (NamedLook.of_seed(model, 5),), (), np.zeros((20, 30), np.uint8))
    files = file_names(tmp_path / "gland")
    save_painting(replace(painting, looks=(plan, model)), files)
    before = contents(tmp_path)
    new = Painting(
        255 - painting.picture, 3 - painting.labels, SCHEME, painting.provenance, (replace(plan), model)
    )
    placed: list[Path] = []

    def held(source: Path, target: Path) -> None:
        if Path(target).parent == tmp_path and Path(source).parent.name.startswith(".histosynth-"):
            placed.append(Path(target))
            if len(placed) == failing + 1:
                raise OSError(errno.EACCES, "Permission denied")
        real(source, target)

    real = os.replace
    monkeypatch.setattr("napari_histosynth.io.together.os.replace", held)
    with pytest.raises(SaveError, match=r"none of .*gland_labels\.png.* was written.*untouched\.$") as caught:
        save_painting(new, files)
    assert str(placed[failing]) in str(caught.value)
    assert contents(tmp_path) == before


def test_a_zarr_is_replaced_but_no_other_folder(painting: Painting, tmp_path: Path) -> None:
    files = {"labels": tmp_path / "a.ome.zarr"}
    for _ in range(2):
        save_painting(painting, files)
    (tmp_path / "b.ome.zarr").mkdir()
    (tmp_path / "b.ome.zarr" / "precious.txt").write_text("precious")
    with pytest.raises(SaveError, match="is a folder of something else; choose another folder"):
        save_painting(painting, {"labels": tmp_path / "b.ome.zarr"})
    assert (tmp_path / "b.ome.zarr" / "precious.txt").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ome.zarr", "b.ome.zarr"]


def test_a_folder_that_is_missing_is_one_sentence(painting: Painting, tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"no such file or directory; choose another folder\.$"):
        save_painting(painting, file_names(tmp_path / "missing" / "gland"))


def test_a_file_that_cannot_be_put_in_place_is_one_sentence(
    painting: Painting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    files = file_names(tmp_path / "gland")
    with monkeypatch.context() as patch:
        patch.setattr("napari_histosynth.ui.save.os.replace", refuse)
        with pytest.raises(SaveError, match=r"gland_he\.png"):
            save_painting(painting, {"picture": files["picture"]})
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("chosen", "stem"),
    [
        ("a/tissue", "a/tissue"),
        ("a/tissue.png", "a/tissue"),
        ("a/tissue_he.png", "a/tissue"),
        ("a/tissue_labels.png", "a/tissue"),
        ("a/tissue.json", "a/tissue"),
        ("a/tissue_looks.json", "a/tissue"),
        ("a/case.12", "a/case.12"),
        ("a/.png", "a/.png"),
    ],
)
def test_the_stem_is_what_a_person_means(chosen: str, stem: str) -> None:
    assert clean_stem(chosen) == Path(stem)
