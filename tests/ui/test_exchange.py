"""Files of others through the dock: in, painted on, out again unharmed; what is malformed is a sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import (
    open_ome_zarr,
    open_tiff,
    read_geojson,
    read_labels,
    save_labels_as,
    save_picture_as,
)
from napari_histosynth.ui.classnames import LEAVE_OUT, ClassNamesDialog, likely_class
from napari_histosynth.ui.newcanvas import ImportDialog

COLON = get_scheme("colon-3")
UM = 0.62  # of the tiny models


def annotation(name: str, *rings: list[list[float]]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": "5b3a7d9e-0000-4000-8000-000000000000",
        "geometry": {"type": "Polygon", "coordinates": list(rings)},
        "properties": {"objectType": "annotation", "classification": {"name": name, "color": [200, 0, 0]}},
    }


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """Write what a user of QuPath has: an OME-TIFF, and annotations with the classes of QuPath."""
    pixels = np.full((120, 150, 3), 220, np.uint8)
    save_picture_as(tmp_path / "case.ome.tif", pixels, Provenance(synthetic=False, um_per_px=UM))
    features = [
        annotation("Stroma", box(0, 0, 150, 120)),
        annotation("Tumor", box(20.4, 30.2, 90.5, 100), box(40, 50, 60, 70)),
        annotation("Tumor: nucleus", box(25, 35, 31, 41)),
        annotation("Ignore*", box(0, 0, 10, 10)),
    ]
    path = tmp_path / "case.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.fixture
def accept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Say OK to every question; collects the dialogs."""
    asked: list[Any] = []

    def ok(dialog: Any) -> Any:
        asked.append(dialog)
        return dialog.DialogCode.Accepted

    for kind in (ClassNamesDialog, ImportDialog):
        monkeypatch.setattr(kind, "exec", ok)
    return asked


def expected() -> np.ndarray:
    labels = np.ones((120, 150), np.uint8)
    labels[30:100, 20:90] = 2
    labels[50:70, 40:60] = 1
    labels[35:41, 25:31] = 2  # "Tumor: nucleus" is a tumor first
    return labels


def save_one(dock: Any, kind: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    dock.save.ask_one(kind)


def test_annotations_of_qupath_go_in_are_painted_on_and_come_out_as_on_screen(
    open_dock: Callable[..., Any],
    wait: Any,
    said: list[tuple[str, str]],
    case: Path,
    accept: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dock = open_dock()
    dock.opener.open_file(case)
    wait(lambda: dock.painter.stage is not None and not dock.painter.is_drawing)
    names = accept[0]
    assert isinstance(names, ClassNamesDialog)
    assert names.names == {
        "Stroma": "non-epithelium",
        "Tumor": "epithelium",
        "Tumor: nucleus": "epithelium",
        "Ignore*": None,
    }
    layer = dock.painter.stage.labels
    np.testing.assert_array_equal(layer.data, expected())
    layer.brush_size = 9
    layer.paint((20, 120), 3)
    wait(lambda: not dock.painter.is_drawing)
    shown, picture = layer.data.copy(), dock.painter.stage.pixels.copy()
    assert (shown == 3).any()
    for name in ("out.geojson", "out.ome.tif", "out.ome.zarr", "out.png"):
        save_one(dock, "labels", tmp_path / name, monkeypatch)
    for name in ("he.ome.tif", "he.ome.zarr"):
        save_one(dock, "picture", tmp_path / name, monkeypatch)
    wait(lambda: len(said) == 6)
    assert {kind for kind, _ in said} == {"info"}

    drawn = read_geojson(tmp_path / "out.geojson")
    np.testing.assert_array_equal(drawn.levels[0], shown)
    assert (drawn.um_per_px, drawn.scheme) == (UM, COLON)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.ome.tif"), shown)
    np.testing.assert_array_equal(open_ome_zarr(tmp_path / "out.ome.zarr").labels("a"), shown)
    np.testing.assert_array_equal(read_labels(tmp_path / "out.png", COLON), shown)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "he.ome.tif"), picture)
    np.testing.assert_array_equal(open_ome_zarr(tmp_path / "he.ome.zarr").pixels("a"), picture)
    made = open_tiff(tmp_path / "he.ome.tif").provenance
    assert made is not None
    assert (made.model, made.synthetic, made.um_per_px) == ("tiny", True, UM)

    # and in again: exactly what was on screen, without a question
    accept.clear()
    for name in ("out.geojson", "out.ome.tif", "out.ome.zarr"):
        before = dock.painter.stage
        dock.opener.open_file(tmp_path / name)
        wait(lambda before=before: dock.painter.stage is not before and dock.painter.stage is not None)
        np.testing.assert_array_equal(dock.painter.stage.labels.data, shown)
    assert accept == []


def test_another_scale_is_resampled_to_the_models(
    open_dock: Callable[..., Any], wait: Any, accept: list[Any], tmp_path: Path
) -> None:
    labels = np.ones((100, 80), np.uint8)
    labels[20:80, 20:60] = 2
    labels[0, 0] = 3
    made = Provenance(synthetic=False, um_per_px=2 * UM)
    save_labels_as(tmp_path / "a.ome.tif", labels, COLON, provenance=made)
    dock = open_dock()
    dock.opener.open_file(tmp_path / "a.ome.tif")
    wait(lambda: dock.painter.stage is not None)
    assert dock.painter.stage.labels.data.shape == (200, 160)
    assert (dock.painter.stage.labels.data[50:150, 50:110] == 2).all()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.geojson", b"", "no JSON, or cut short"),
        ("a.ome.tif", b"II*\0nonsense", "damaged or cut short"),
        ("a.png", b"", "is empty"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "a.png"),
    ],
)
def test_what_is_malformed_is_one_sentence_and_no_canvas(
    open_dock: Callable[..., Any],
    wait: Any,
    said: list[tuple[str, str]],
    tmp_path: Path,
    name: str,
    content: bytes,
    says: str,
) -> None:
    (tmp_path / name).write_bytes(content)
    dock = open_dock()
    dock.opener.open_file(tmp_path / name)
    wait(lambda: bool(said))
    assert len(said) == 1
    kind, sentence = said[0]
    assert (kind, "\n" in sentence, sentence.endswith(".")) == ("error", False, True)
    assert says in sentence
    assert dock.painter.stage is None


def test_crossing_outlines_are_one_sentence(
    open_dock: Callable[..., Any], wait: Any, said: list[tuple[str, str]], tmp_path: Path
) -> None:
    bow = annotation("epithelium", [[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]])
    note = {"histosynth": {"size": [64, 64]}}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [bow], **note}))
    dock = open_dock()
    dock.opener.open_file(tmp_path / "a.geojson")
    wait(lambda: bool(said))
    assert "crosses its own outline" in said[0][1]


def test_a_folder_that_may_not_be_written_is_one_sentence(
    painted: Any, wait: Any, said: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: Any, **__: Any) -> str:  # root may write anywhere
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("napari_histosynth.ui.save.tempfile.mkdtemp", closed)
    painted.painter.save({"labels": tmp_path / "a.geojson"})
    wait(lambda: bool(said))
    assert said[0][0] == "error"
    assert "choose another folder" in said[0][1]


@pytest.mark.parametrize("name", ["a.geojson", "a.ome.tif"])
def test_a_disk_that_fills_up_keeps_the_old_file(
    painted: Any,
    wait: Any,
    said: list[tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    import errno

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    painted.painter.save({"labels": tmp_path / name})
    wait(lambda: bool(said))
    assert said[0][0] == "error"
    assert "the disk is full" in said[0][1]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"old"}


def test_a_scheme_of_ones_own_is_chosen_by_its_file(qtbot: Any, model: Any, tmp_path: Path) -> None:
    from napari_histosynth.ui import prepare

    text = COLON.to_toml().replace('name = "colon-3"', 'name = "mine"').replace("#fcf731", "#102030")
    (tmp_path / "mine.toml").write_text(text)
    (tmp_path / "broken.toml").write_text("classes = 3")
    dialog = ImportDialog(prepare.Origin(np.full((64, 64), 2, np.uint8), COLON, UM, "map"), model)
    qtbot.addWidget(dialog)
    dialog.take_scheme(str(tmp_path / "mine.toml"))
    assert dialog.origin.scheme.name == "mine"
    dialog.take_scheme(str(tmp_path / "broken.toml"))
    assert "broken.toml" in dialog.becomes.text()
    assert dialog.origin.scheme.name == "mine"


@pytest.mark.parametrize("ending", [".geojson", ".ome.tif", ".ome.zarr"])
def test_a_layer_in_a_scheme_of_ones_own_is_saved_and_opened_with_it(tmp_path: Path, ending: str) -> None:
    from napari_histosynth.ui import readers, writers

    text = COLON.to_toml().replace('name = "colon-3"', 'name = "mine"').replace("#fcf731", "#102030")
    (tmp_path / "mine.toml").write_text(text)
    mine = get_scheme(tmp_path / "mine.toml")
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4) % 4
    made = Provenance(synthetic=False, um_per_px=UM)
    save_labels_as(tmp_path / f"a{ending}", labels, mine, provenance=made)
    reader = {
        ".geojson": readers.get_geojson_reader,
        ".ome.tif": readers.get_tiff_reader,
        ".ome.zarr": readers.get_zarr_reader,
    }[ending](str(tmp_path / f"a{ending}"))
    assert reader is not None
    ((data, arguments, _),) = reader(str(tmp_path / f"a{ending}"))
    np.testing.assert_array_equal(data, labels)
    writers.write_geojson(str(tmp_path / "b.geojson"), data, arguments)
    again = read_geojson(tmp_path / "b.geojson")
    assert again.scheme == mine
    np.testing.assert_array_equal(again.levels[0], labels)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Tumor", "epithelium"), ("Immune cells", "non-epithelium"), ("Nuclei", "nuclei"), ("Region*", None)],
)
def test_what_a_name_most_likely_means_is_offered(name: str, meant: str | None) -> None:
    assert likely_class(name, COLON) == meant


def test_a_class_can_be_left_out(qtbot: Any) -> None:
    dialog = ClassNamesDialog(["Tumor"], COLON)
    qtbot.addWidget(dialog)
    dialog.choices["Tumor"].setCurrentText(LEAVE_OUT)
    assert dialog.names == {"Tumor": None}


# -- what the layer knows of its origin


def test_the_layer_of_the_picture_says_what_made_it_and_its_files_do_too(
    painted: Any, wait: Any, tmp_path: Path
) -> None:
    from napari_histosynth.ui.layers import METADATA_KEY

    painter = painted.painter
    painted.look_panel.renew.click()
    wait(lambda: not painter.is_drawing)
    look = painter.looks.present
    record = painter.stage.picture.metadata[METADATA_KEY]["provenance"]
    assert (record["model"], record["model_sha256"]) == ("tiny", painter.model.sha256)
    assert (record["seed"], record["latent_seed"]) == (look.seed, look.latent_seed)
    assert record["size"] == list(painter.stage.shape)
    painter.stage.picture.save(str(tmp_path / "he.ome.tif"), plugin="napari-histosynth")
    made = open_tiff(tmp_path / "he.ome.tif").provenance
    assert made is not None
    assert made.to_dict() == record
