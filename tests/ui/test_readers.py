"""Opening and saving through napari: what is ours looks right, what is not is left to others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from npe2 import PluginManifest

from napari_histosynth.core.errors import AnnotationError, HistosynthError, ImageError, SchemeError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import (
    open_ome_zarr,
    open_tiff,
    save_geojson,
    save_image,
    save_labels,
    save_ome_tiff,
    save_ome_zarr,
)
from napari_histosynth.ui import readers, writers
from napari_histosynth.ui.layers import METADATA_KEY, label_layer_arguments, layer_scheme, layer_um_per_px

SCHEME = get_scheme("colon-3")
MADE = Provenance(model="m", seed=1, um_per_px=0.5)
READERS = {
    ".ome.tif": readers.get_tiff_reader,
    ".svs": readers.get_tiff_reader,
    ".ome.zarr": readers.get_zarr_reader,
    ".geojson": readers.get_geojson_reader,
    ".png": readers.get_png_reader,
}


def picture(height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def label_map(height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, (height, width), dtype=np.uint8)


def opened(path: Path) -> Any:
    """Open a file as napari would, as a layer."""
    from napari.layers import Layer

    get_reader = next(get for ending, get in READERS.items() if path.name.endswith(ending))
    read = get_reader(str(path))
    assert read is not None
    ((data, arguments, kind),) = read(str(path))
    return Layer.create(data, arguments, kind)


def write_annotations(path: Path, name: str = "epithelium") -> Path:
    """Write annotations as QuPath does, without size and scheme."""
    box = [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [box]},
        "properties": {"objectType": "annotation", "classification": {"name": name}},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


# -- opening


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr", "_he.png"])
def test_a_picture_opens_as_rgb_in_micrometers(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    if ending == "_he.png":
        save_image(path, picture(), MADE)
    elif ending == ".ome.tif":
        save_ome_tiff(path, picture(), provenance=MADE)
    else:
        save_ome_zarr(path, picture(), provenance=MADE)
    layer = opened(path)
    name = "a_he" if ending == "_he.png" else "a"
    assert (layer._type_string, layer.rgb, layer.name) == ("image", True, name)
    np.testing.assert_array_equal(np.asarray(layer.data), picture())
    assert tuple(layer.scale) == (0.5, 0.5)
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert layer.metadata[METADATA_KEY]["provenance"]["synthetic"] is True


@pytest.mark.parametrize("ending", [".ome.tif", ".ome.zarr", ".geojson", "_labels.png", "_colors.png"])
def test_a_label_map_opens_ready_to_be_painted_on(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    drawn = Provenance(synthetic=False, um_per_px=0.5, extra={"scheme": SCHEME.name})
    if ending.endswith(".png"):
        save_labels(path, label_map(), SCHEME, ending == "_colors.png", drawn)
    elif ending == ".ome.tif":
        save_ome_tiff(path, label_map(), SCHEME, 0.5)
    elif ending == ".ome.zarr":
        save_ome_zarr(path, labels=label_map(), scheme=SCHEME, um_per_px=0.5)
    else:
        save_geojson(path, label_map(), SCHEME, 0.5)
    layer = opened(path)
    assert layer._type_string == "labels"
    np.testing.assert_array_equal(layer.data, label_map())
    assert isinstance(layer.data, np.ndarray)
    assert (layer_scheme(layer), layer_um_per_px(layer)) == (SCHEME, 0.5)
    assert layer.get_color(2) == pytest.approx([252 / 255, 247 / 255, 49 / 255, 1])


def test_a_label_map_that_names_no_scheme_is_known_by_its_colors(tmp_path: Path) -> None:
    save_labels(tmp_path / "a_labels.png", np.full((9, 9), 8), get_scheme("colon-10"), provenance=MADE)
    assert layer_scheme(opened(tmp_path / "a_labels.png")).name == "colon-10"


def test_a_large_picture_opens_lazily_as_a_pyramid(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture(2048, 60))
    ((data, arguments, _),) = readers.get_tiff_reader(str(tmp_path / "a.ome.tif"))(
        str(tmp_path / "a.ome.tif")
    )
    assert arguments["multiscale"]
    assert [type(level).__module__.split(".")[0] for level in data] == ["dask"] * 3


def test_a_picture_without_scale_is_in_pixels(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture())
    layer = opened(tmp_path / "a.ome.tif")
    assert tuple(layer.scale) == (1, 1)
    assert {str(unit) for unit in layer.units} == {"pixel"}


@pytest.mark.data
def test_a_slide_opens_as_rgb_in_micrometers(histosynth_data: Path) -> None:
    layer = opened(histosynth_data / "slide-files" / "CMU-1-Small-Region.svs")
    assert (layer.rgb, tuple(layer.scale), layer.data.shape) == (True, (0.499, 0.499), (2967, 2220, 3))


def test_annotations_take_size_and_scale_from_the_picture_beside_them(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture(), um_per_px=0.5)
    layer = opened(write_annotations(tmp_path / "a.geojson"))
    assert (layer.data.shape, layer.data.sum(), layer_um_per_px(layer)) == ((37, 53), 4, 0.5)


def test_annotations_take_size_and_scale_from_the_selected_layer(tmp_path: Path, viewer: Any) -> None:
    viewer.add_image(picture(), rgb=True, scale=(0.25, 0.25), units=("um", "um"))
    layer = opened(write_annotations(tmp_path / "b.geojson", "muscle"))
    assert (layer.data.shape, layer_scheme(layer).name, layer_um_per_px(layer)) == (
        (37, 53),
        "colon-10",
        0.25,
    )


def test_annotations_without_a_picture_ask_for_it(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="put the picture beside it"):
        opened(write_annotations(tmp_path / "a.geojson"))


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture())
    with pytest.raises(AnnotationError, match='class "Tumor", which colon-3 does not have'):
        opened(write_annotations(tmp_path / "a.geojson", "Tumor"))


# -- what is not ours


def test_sound_files_of_other_kinds_are_left_to_other_readers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((9, 9), np.uint16))
    tifffile.imwrite(tmp_path / "b.ome.tif", np.zeros((9, 9), np.uint8))
    save_image(tmp_path / "c_he.png", picture())
    (tmp_path / "folder").mkdir()
    (tmp_path / "d_labels.png").write_text("no PNG")
    for name in ("a.ome.tif", "b.ome.tif"):
        assert readers.get_tiff_reader(str(tmp_path / name)) is None
    for name in ("c_he.png", "d_labels.png"):
        assert readers.get_png_reader(str(tmp_path / name)) is None
    assert readers.get_zarr_reader(str(tmp_path / "folder")) is None


def test_several_files_at_once_are_left_to_other_readers(tmp_path: Path) -> None:
    assert [get([str(tmp_path / "a"), str(tmp_path / "b")]) for get in READERS.values()] == [None] * 5


def test_damage_is_told_when_the_file_is_read(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture())
    whole = (tmp_path / "a.ome.tif").read_bytes()
    (tmp_path / "a.ome.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="cut short"):
        opened(tmp_path / "a.ome.tif")
    zarr.open_group(tmp_path / "a.ome.zarr", mode="w")
    with pytest.raises(ImageError, match="multiscales"):
        opened(tmp_path / "a.ome.zarr")


# -- saving


def saved(path: Path, layer: Any, write: Any) -> list[str]:
    data, attributes, _ = layer.as_layer_data_tuple()
    return write(str(path), data, attributes)


def painted_layer() -> Any:
    from napari.layers import Labels

    return Labels(label_map(), **label_layer_arguments(SCHEME, 0.5))


def test_a_painted_layer_saved_and_opened_is_the_same(tmp_path: Path) -> None:
    for name, write in (
        ("a.ome.tif", writers.write_tiff),
        ("a.ome.zarr", writers.write_zarr),
        ("b.ome.zarr", writers.write_zarr_04),
        ("a.geojson", writers.write_geojson),
    ):
        assert saved(tmp_path / name, painted_layer(), write) == [str(tmp_path / name)]
        layer = opened(tmp_path / name)
        np.testing.assert_array_equal(layer.data, label_map())
        assert (layer_scheme(layer), layer_um_per_px(layer)) == (SCHEME, 0.5)
    assert (tmp_path / "b.ome.zarr" / ".zattrs").is_file()
    assert open_tiff(tmp_path / "a.ome.tif").provenance.synthetic is False


def test_a_picture_keeps_scale_and_provenance_when_saved(tmp_path: Path) -> None:
    save_ome_tiff(tmp_path / "a.ome.tif", picture(2048, 60), provenance=MADE)
    layer = opened(tmp_path / "a.ome.tif")
    saved(tmp_path / "b.ome.tif", layer, writers.write_tiff)
    saved(tmp_path / "b.ome.zarr", layer, writers.write_zarr)
    for read in (open_tiff(tmp_path / "b.ome.tif"), open_ome_zarr(tmp_path / "b.ome.zarr")):
        np.testing.assert_array_equal(read.pixels("b"), picture(2048, 60))
        assert (read.um_per_px, read.provenance) == (0.5, MADE)


def test_layers_that_cannot_be_saved_say_why(tmp_path: Path) -> None:
    from napari.layers import Image, Labels

    for layer, write, error in (
        (Labels(label_map(), name="mine"), writers.write_tiff, SchemeError),
        (Image(label_map(), name="gray"), writers.write_tiff, ImageError),
        (Image(picture(), rgb=True), writers.write_geojson, ImageError),
    ):
        with pytest.raises(error, match=r"^[^\n]*\.$"):
            saved(tmp_path / "a.ome.tif", layer, write)
    assert issubclass(SchemeError, HistosynthError)
    assert list(tmp_path.iterdir()) == []


def test_napari_saves_and_opens_through_us(tmp_path: Path, viewer: Any) -> None:
    layer = viewer.add_labels(label_map(), **label_layer_arguments(SCHEME, 0.5))
    for name in ("a.ome.tif", "a.ome.zarr", "a.geojson"):
        assert layer.save(str(tmp_path / name), plugin="napari-histosynth")
        (again,) = viewer.open(str(tmp_path / name), plugin="napari-histosynth")
        np.testing.assert_array_equal(again.data, layer.data)


# -- the manifest


def test_the_manifest_claims_no_more_than_our_kinds_of_file() -> None:
    contributions = PluginManifest.from_distribution("napari-histosynth").contributions
    patterns = {pattern for reader in contributions.readers for pattern in reader.filename_patterns}
    assert patterns == {
        *("*.svs", "*.ome.tif", "*.ome.tiff", "*.ome.zarr", "*.geojson"),
        *("*_labels.png", "*_colors.png", "*_he.png"),
    }


def test_asking_for_a_reader_by_name_loads_neither_qt_nor_torch(tmp_path: Path) -> None:
    code = (
        "from napari_histosynth.ui.readers import *; from napari_histosynth.ui import writers\n"
        "get_geojson_reader('a.geojson'), get_png_reader('a_he.png'), get_zarr_reader('folder')\n"
        "import sys; print({'torch', 'qtpy', 'dask', 'napari', 'tifffile', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_drawn_picture_is_marked_synthetic_however_it_is_saved(tmp_path: Path) -> None:
    from napari_histosynth.io import open_tiff
    from napari_histosynth.ui.layers import picture_layer_arguments

    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    path = str(tmp_path / "drawn.ome.tif")
    writers.write_tiff(path, pixels, picture_layer_arguments(0.62))
    made = open_tiff(path).provenance
    assert made is not None
    assert made.synthetic
