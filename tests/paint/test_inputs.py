"""Label maps and latents from files: what they are is found out, and what they cannot be is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from napari_histosynth.core.errors import ImageError, LabelMapError, ModelError, UnknownColorError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import TissueClass, TissueScheme, get_scheme
from napari_histosynth.io import save_image, save_labels
from napari_histosynth.paint.inputs import LabelFile, read_label_file, read_latent, read_scale
from napari_histosynth.zoo import ModelCard

COLON = get_scheme("colon-3")
CARD = ModelCard(name="tiny", preset="local", scheme="colon-3", um_per_px=0.62, latent_size=4)


def read(path: Path, **known: object) -> LabelFile:
    return read_label_file(path, COLON, 0.62, **known)  # type: ignore[arg-type]


def labels_up_to(value: int) -> npt.NDArray[np.uint8]:
    return (np.arange(48, dtype=np.uint8) % (value + 1)).reshape(6, 8)


@pytest.mark.parametrize(
    ("written", "highest", "found"),
    [("prostate-3", 3, "prostate-3"), ("prostate-3", 2, "prostate-2"), ("colon-10", 10, "colon-10")],
)
def test_the_scheme_of_a_color_map_is_that_which_holds_its_colors(
    tmp_path: Path, written: str, highest: int, found: str
) -> None:
    labels = labels_up_to(highest)
    save_image(tmp_path / "map.png", get_scheme(written).encode(labels))
    file = read(tmp_path / "map.png")
    assert (file.scheme.name, file.um_per_px, file.guessed) == (found, 1.0, ("scheme", "um_per_px"))
    assert np.array_equal(file.labels, labels)


@pytest.mark.parametrize(("highest", "found"), [(3, "colon-3"), (2, "colon-2")])
def test_a_map_of_gray_indices_is_taken_for_the_models(tmp_path: Path, highest: int, found: str) -> None:
    Image.fromarray(labels_up_to(highest)).save(tmp_path / "map.png")
    file = read(tmp_path / "map.png")
    assert (file.scheme.name, file.um_per_px) == (found, 0.62)


def test_gray_indices_beyond_the_models_classes_are_ten_classes(tmp_path: Path) -> None:
    Image.fromarray(labels_up_to(10)).save(tmp_path / "map.png")
    assert read(tmp_path / "map.png").scheme.name == "colon-10"


def test_a_models_own_scheme_comes_first_if_it_is_not_built_in(tmp_path: Path) -> None:
    own = TissueScheme("own", "Own", (TissueClass(0, "glass", "#ffffff"), TissueClass(1, "fat", "#fcf731")))
    save_image(tmp_path / "map.png", own.encode(labels_up_to(1)))
    assert read_label_file(tmp_path / "map.png", own, 0.62).scheme is own


def test_what_the_file_says_of_itself_is_no_guess(tmp_path: Path) -> None:
    record = Provenance(synthetic=False, um_per_px=0.25, extra={"scheme": "colon-3"})
    save_labels(tmp_path / "map.png", labels_up_to(2), COLON, provenance=record)
    file = read(tmp_path / "map.png")
    assert (file.scheme.name, file.um_per_px, file.guessed) == ("colon-3", 0.25, ())


def test_what_the_caller_says_goes_before_what_the_file_says(tmp_path: Path) -> None:
    record = Provenance(synthetic=False, um_per_px=0.25, extra={"scheme": "colon-3"})
    save_labels(tmp_path / "map.png", labels_up_to(2), COLON, provenance=record)
    file = read(tmp_path / "map.png", scheme=get_scheme("prostate-2"), um_per_px=2.0)
    assert (file.scheme.name, file.um_per_px, file.guessed) == ("prostate-2", 2.0, ())


def test_the_error_is_that_of_the_scheme_that_fits_best(tmp_path: Path) -> None:
    rgb = get_scheme("colon-10").encode(labels_up_to(10)).copy()
    rgb[2, 3] = (0, 255, 0)
    save_image(tmp_path / "map.png", rgb)
    with pytest.raises(UnknownColorError, match=r"#00ff00 belongs to no class of colon-10.*1 pixel"):
        read(tmp_path / "map.png")


def test_an_index_outside_every_scheme_is_an_error_of_the_models_scheme(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 200, np.uint8)).save(tmp_path / "map.png")
    with pytest.raises(LabelMapError, match="200"):
        read(tmp_path / "map.png")


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_file_that_is_no_picture_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "map.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"map\.png"):
        read(tmp_path / "map.png")


@pytest.mark.parametrize(
    ("dpi", "um_per_px"), [(25_400, 1.0), (25_400 / 0.5, 0.5), (300, None), (72, None), (1e8, None)]
)
def test_a_resolution_counts_if_tissue_can_have_it(
    tmp_path: Path, dpi: float, um_per_px: float | None
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "picture.png", dpi=(dpi, dpi))
    found = read_scale(tmp_path / "picture.png")
    assert found == (None if um_per_px is None else pytest.approx(um_per_px, rel=1e-4))


@pytest.mark.parametrize(
    ("saved", "shape"), [(np.arange(4.0), (4,)), (np.arange(4)[None], (4,)), (np.zeros((4, 2, 3)), (4, 2, 3))]
)
def test_a_latent_is_read_as_float32(
    tmp_path: Path, saved: npt.NDArray[np.generic], shape: tuple[int, ...]
) -> None:
    np.save(tmp_path / "z.npy", saved)
    latent = read_latent(tmp_path / "z.npy", CARD)
    assert (latent.dtype, latent.shape) == (np.float32, shape)
    assert np.array_equal(latent.ravel(), saved.ravel())


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        (np.zeros(5), "is 5, but tiny takes 4 numbers"),
        (np.zeros((2, 4)), "is 2 x 4, but tiny takes 4"),
        (np.float32(1), "is a single number"),
        (np.array([1, np.nan, 1, 1]), "not finite"),
        (np.array(list("abcd")), "no NumPy array of numbers"),
        (np.array([{}, {}, {}, {}], dtype=object), "no NumPy file of numbers"),
    ],
)
def test_a_latent_that_does_not_fit_is_one_sentence(tmp_path: Path, saved: object, words: str) -> None:
    np.save(tmp_path / "z.npy", saved, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=words):
        read_latent(tmp_path / "z.npy", CARD)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "z.npy"), (b"\x80\x04K\x01.", "z.npy"), (None, "no such file")]
)
def test_a_file_that_is_no_latent_is_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "z.npy").write_bytes(content)
    with pytest.raises(ModelError, match=words):
        read_latent(tmp_path / "z.npy", CARD)


@pytest.mark.data
def test_every_published_label_map_is_known_for_what_it_is(histosynth_data: Path) -> None:
    paths = sorted((histosynth_data / "seed-label-maps").glob("*.png"))
    assert paths
    for path in paths:
        file = read(path)
        n_classes, organ = path.name.split("-class-")[0], path.name.split("-")[2]
        assert file.scheme.name == f"{organ}-{n_classes}"
        assert file.um_per_px == 1.0
