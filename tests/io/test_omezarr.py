"""OME-Zarr 0.4 and 0.5: exact, valid to others, lazy; what is malformed is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_histosynth.core.errors import HistosynthError, ImageError, LabelMapError, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io.omezarr import open_ome_zarr, save_ome_zarr

SCHEME = get_scheme("colon-10")
MADE = Provenance(model="m", seed=3, um_per_px=0.5)
VERSIONS = ("0.4", "0.5")
ONE_SENTENCE = r"^[^\n]*\.$"


def picture(height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def label_map(height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 11, (height, width), dtype=np.uint8)


def metadata(path: Path, version: str) -> dict[str, Any]:
    """Return the OME metadata of a group as they lie on the disk."""
    if version == "0.4":
        return json.loads((path / ".zattrs").read_text())
    return json.loads((path / "zarr.json").read_text())["attributes"]["ome"]


@pytest.fixture(params=VERSIONS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Return a picture of 2,048 x 90 px with its label map, in each version."""
    path = tmp_path / "a.ome.zarr"
    options = {"um_per_px": 0.5, "provenance": MADE, "version": request.param}
    save_ome_zarr(path, picture(2048, 90), label_map(2048, 90), SCHEME, **options)
    return path, request.param


# -- what goes in comes out


def test_picture_and_label_map_come_back_with_scale_scheme_and_provenance(both: tuple[Path, str]) -> None:
    path, _ = both
    read, labels = open_ome_zarr(path), open_ome_zarr(path / "labels" / "tissue")
    np.testing.assert_array_equal(read.pixels(path), picture(2048, 90))
    np.testing.assert_array_equal(labels.labels(path), label_map(2048, 90))
    assert (read.kind, read.um_per_px, read.provenance) == ("picture", 0.5, MADE)
    assert (labels.kind, labels.um_per_px, labels.scheme) == ("labels", 0.5, SCHEME)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_label_map_alone_is_the_folder_itself(tmp_path: Path, version: Any) -> None:
    save_ome_zarr(tmp_path / "a.zarr", labels=label_map(), scheme=SCHEME, version=version)
    read = open_ome_zarr(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read.labels("a"), label_map())
    assert (read.kind, read.scheme, read.um_per_px) == ("labels", SCHEME, None)


def test_levels_are_read_lazily_and_halve(both: tuple[Path, str]) -> None:
    levels = open_ome_zarr(both[0]).levels
    assert [level.shape for level in levels] == [(2048, 90, 3), (1024, 45, 3), (512, 23, 3)]
    assert {type(level).__module__.split(".")[0] for level in levels} == {"dask"}


def test_writing_again_replaces_what_was_there(tmp_path: Path) -> None:
    save_ome_zarr(tmp_path / "a.zarr", picture(40, 40), label_map(40, 40), SCHEME)
    save_ome_zarr(tmp_path / "a.zarr", picture(), version="0.4")
    np.testing.assert_array_equal(open_ome_zarr(tmp_path / "a.zarr").pixels("a"), picture())
    assert not (tmp_path / "a.zarr" / "labels").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


# -- as others see it


def test_the_metadata_are_those_of_the_specification(both: tuple[Path, str]) -> None:
    path, version = both
    found = metadata(path, version)
    (multiscale,) = found["multiscales"]
    unit = {"type": "space", "unit": "micrometer"}
    assert multiscale["axes"] == [
        {"name": "c", "type": "channel"},
        {"name": "y", **unit},
        {"name": "x", **unit},
    ]
    assert [dataset["coordinateTransformations"] for dataset in multiscale["datasets"]] == [
        [{"type": "scale", "scale": [1.0, size, size]}] for size in (0.5, 1.0, 2.0)
    ]
    assert [channel["color"] for channel in found["omero"]["channels"]] == ["FF0000", "00FF00", "0000FF"]
    label = metadata(path / "labels" / "tissue", version)["image-label"]
    assert label["colors"][6] == {"label-value": 6, "rgba": [0x4F, 0x32, 0x86, 255]}
    assert label["properties"][6] == {"label-value": 6, "class": "inflammatory cells"}
    assert label["source"] == {"image": "../../"}
    assert metadata(path / "labels", version)["labels"] == ["tissue"]


def test_chunks_of_04_lie_in_folders_as_qupath_wants_them(tmp_path: Path) -> None:
    save_ome_zarr(tmp_path / "a.zarr", picture(), version="0.4")
    array = json.loads((tmp_path / "a.zarr" / "0" / ".zarray").read_text())
    assert (array["dimension_separator"], array["zarr_format"]) == ("/", 2)
    assert (tmp_path / "a.zarr" / "0" / "0" / "0" / "0").is_file()


def test_ome_zarr_models_finds_it_valid(both: tuple[Path, str]) -> None:
    pytest.importorskip("ome_zarr_models")
    path, version = both
    if version == "0.4":
        from ome_zarr_models.v04 import Image, ImageLabel, Labels
    else:
        from ome_zarr_models.v05 import Image, ImageLabel, Labels
    image = Image.from_zarr(zarr.open_group(path, mode="r"))
    assert image.labels is not None
    Labels.from_zarr(zarr.open_group(path / "labels", mode="r"))
    ImageLabel.from_zarr(zarr.open_group(path / "labels" / "tissue", mode="r"))


def test_napari_ome_zarr_reads_the_same_pixels(both: tuple[Path, str]) -> None:
    reader = pytest.importorskip("napari_ome_zarr")
    layers = reader.napari_get_reader(str(both[0]))(str(both[0]))
    arrays = [np.asarray(data[0] if isinstance(data, list) else data) for data, *_ in layers]
    planes = [array for array in arrays if array.shape[-2:] == (2048, 90)]
    np.testing.assert_array_equal(planes[0].reshape(-1, 2048, 90)[0], picture(2048, 90)[..., 0])


# -- what others write


def test_axes_of_length_one_are_left_out(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    planes = np.moveaxis(picture(), 2, 0)[None, :, None]
    group.create_array("0", shape=planes.shape, dtype="uint8")[...] = planes
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [1, 1, 1, 0.001, 0.001]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    read = open_ome_zarr(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read.pixels("a"), picture())
    assert read.um_per_px == pytest.approx(1.0)


# -- what is wrong


def spoiled(path: Path, **changes: Any) -> Path:
    """Write an OME-Zarr 0.5 and change its multiscale."""
    save_ome_zarr(path, picture())
    group = zarr.open_group(path, mode="r+")
    ome = dict(group.attrs["ome"])
    ome["multiscales"] = [{**ome["multiscales"][0], **changes}]
    group.attrs["ome"] = ome
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"datasets": [{"path": "7"}]},
        {"datasets": []},
        {"axes": [{"name": "x"}]},
        {"axes": 5},
        {"datasets": None},
    ],
)
def test_multiscales_that_do_not_fit_are_one_sentence(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ImageError, match="do not fit"):
        open_ome_zarr(spoiled(tmp_path / "a.zarr", **changes))


def test_a_zarr_without_multiscales_is_one_sentence(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(ImageError, match='without "multiscales"'):
        open_ome_zarr(tmp_path / "a.zarr")


def test_what_is_no_zarr_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is no zarr group"):
        open_ome_zarr(tmp_path)
    (tmp_path / "zarr.json").write_text("{")
    with pytest.raises(ImageError, match="is no zarr group"):
        open_ome_zarr(tmp_path)
    with pytest.raises(ImageError, match="no such folder"):
        open_ome_zarr(tmp_path / "b.zarr")


@pytest.mark.parametrize(
    ("shape", "dtype", "says"), [((3, 9, 9), "u2", "uint16"), ((5, 9, 9), "u1", "stack of 5")]
)
def test_pixels_of_another_kind_are_one_sentence(tmp_path: Path, shape: Any, dtype: str, says: str) -> None:
    path = spoiled(tmp_path / "a.zarr", datasets=[{"path": "9"}])
    zarr.open_group(path, mode="r+").create_array("9", shape=shape, dtype=dtype)
    with pytest.raises(ImageError, match=says):
        open_ome_zarr(path)


def test_a_damaged_chunk_is_one_sentence(tmp_path: Path) -> None:
    save_ome_zarr(tmp_path / "a.zarr", picture())
    (tmp_path / "a.zarr" / "0" / "c" / "0" / "0" / "0").write_bytes(b"nonsense")
    with pytest.raises(ImageError, match="damaged or cut short"):
        open_ome_zarr(tmp_path / "a.zarr").pixels("a.zarr")


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("a.zarr", {}, ImageError),
        ("a.zarr", {"picture": label_map(), "scheme": SCHEME}, ImageError),
        ("a.zarr", {"labels": label_map()}, ImageError),
        ("a.zarr", {"labels": label_map() + 9, "scheme": SCHEME}, LabelMapError),
        ("a.zarr", {"picture": picture(), "labels": label_map(9, 9), "scheme": SCHEME}, ImageError),
        ("a.zarr", {"picture": picture(), "um_per_px": float("nan")}, ImageError),
        ("a.zarr", {"picture": picture(), "version": "0.3"}, SaveError),
        ("a.tif", {"picture": picture()}, SaveError),
        ("no/a.zarr", {"picture": picture()}, SaveError),
    ],
)
def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, name: str, options: dict[str, Any], error: type[HistosynthError]
) -> None:
    with pytest.raises(error, match=ONE_SENTENCE):
        save_ome_zarr(tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_zarr_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(SaveError, match="something else is there"):
        save_ome_zarr(tmp_path / "a.zarr", picture())
    assert (tmp_path / "a.zarr" / "thesis.txt").read_text() == "years of work"
