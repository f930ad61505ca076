"""Colors to indices and back: wander, foreign colors, transparency, the authors' files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core import colors as colors_module
from napari_histosynth.core.errors import LabelMapError, UnknownColorError
from napari_histosynth.core.tissue import TissueClass, TissueScheme, get_scheme, scheme_names

# The palette of three classes as published with SHI-GAN, by index.
THREE = ["#ffffff", "#5ac6e9", "#fcf731", "#6c0307"]


def rgb_of(color: str) -> list[int]:
    return list(bytes.fromhex(color.removeprefix("#")))


def random_labels(scheme: TissueScheme, shape: tuple[int, int] = (61, 83)) -> np.ndarray:
    return np.random.default_rng(3).integers(0, scheme.n_classes, shape, dtype=np.uint8)


def scheme_of(*classes: TissueClass, name: str = "test") -> TissueScheme:
    return TissueScheme(name, "Test", classes)


@pytest.mark.parametrize("name", scheme_names())
def test_decoding_undoes_encoding(name: str) -> None:
    scheme = get_scheme(name)
    labels = random_labels(scheme)
    np.testing.assert_array_equal(scheme.decode(scheme.encode(labels)), labels)


def test_encoding_draws_each_class_in_its_color() -> None:
    labels = np.array([[0, 1], [2, 3]], dtype=np.int32)
    expected = [[rgb_of(THREE[index]) for index in row] for row in labels.tolist()]
    drawn = get_scheme("prostate-3").encode(labels)
    assert drawn.tolist() == expected
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize(("alias", "index"), [("#1ab255", 1), ("#fc0d1b", 5)])
def test_colors_that_the_authors_use_besides_are_read_as_the_same_class(alias: str, index: int) -> None:
    assert get_scheme("colon-10").decode(np.array([[rgb_of(alias)]], dtype=np.uint8)).tolist() == [[index]]


@pytest.mark.parametrize("name", scheme_names())
def test_every_color_within_the_published_wander_is_read_and_as_the_nearest_class(name: str) -> None:
    scheme = get_scheme(name)
    labels = random_labels(scheme)
    offsets = np.random.default_rng(1).normal(size=(*labels.shape, 3))
    offsets *= 12.8 / np.linalg.norm(
        offsets, axis=-1, keepdims=True
    )  # the farthest that published files stray
    wandering = np.clip(scheme.encode(labels) + np.trunc(offsets), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(scheme.decode(wandering), labels)


@pytest.mark.parametrize("name", scheme_names())
def test_the_tolerance_stays_well_under_half_way_between_classes(name: str) -> None:
    scheme = get_scheme(name)
    known = [(rgb_of(color), entry.index) for entry in scheme.classes for color in entry.colors]
    smallest = min(np.linalg.norm(np.subtract(a, b)) for a, i in known for b, j in known if i != j)
    assert 12.81 < scheme.tolerance <= smallest / 3


def test_a_color_just_beyond_the_tolerance_is_foreign() -> None:
    scheme = get_scheme("prostate-3")
    within = np.array([[[0x5A + 16, 0xC6, 0xE9]]], dtype=np.uint8)
    beyond = np.array([[[0x5A + 17, 0xC6, 0xE9]]], dtype=np.uint8)
    assert scheme.decode(within).tolist() == [[1]]
    with pytest.raises(UnknownColorError):
        scheme.decode(beyond)


def test_classes_with_neighboring_colors_are_told_apart() -> None:
    scheme = scheme_of(TissueClass(0, "a", "#101010"), TissueClass(1, "b", "#101011"))
    assert scheme.decode(np.array([[[16, 16, 16], [16, 16, 17]]], dtype=np.uint8)).tolist() == [[0, 1]]
    with pytest.raises(UnknownColorError):
        scheme.decode(np.array([[[16, 16, 18]]], dtype=np.uint8))


def test_a_foreign_color_is_named_with_its_count_its_place_and_the_nearest_class(
    message_of: Callable[..., str],
) -> None:
    scheme = get_scheme("prostate-3")
    picture = scheme.encode(random_labels(scheme, (40, 50)))
    picture[7, 31] = rgb_of("#00ff00")  # first, but rare
    picture[8, 2:14] = rgb_of("#6c4040")  # commonest
    picture[39, 49] = rgb_of("#010101")
    with pytest.raises(UnknownColorError) as caught:
        scheme.decode(picture)
    assert message_of(caught) == (
        "The color #6c4040 and 2 more belong to no class of prostate-3 (nearest: nuclei, #6c0307): "
        "14 pixels are off, the first at row 7, column 31; recolor them or choose another scheme."
    )


def test_one_foreign_pixel_is_told_in_the_singular(message_of: Callable[..., str]) -> None:
    picture = get_scheme("prostate-2").encode(np.zeros((3, 4), dtype=np.uint8))
    picture[2, 1] = 0
    with pytest.raises(UnknownColorError) as caught:
        get_scheme("prostate-2").decode(picture)
    assert "The color #000000 belongs to no class" in message_of(caught)
    assert "1 pixel is off at row 2, column 1" in str(caught.value)


def test_foreign_pixels_are_counted_and_placed_over_the_whole_of_a_large_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(colors_module, "_STRIP_PIXELS", 100)  # 9 rows a strip
    scheme = get_scheme("prostate-2")
    labels = random_labels(scheme, (50, 11))
    picture = scheme.encode(labels)
    np.testing.assert_array_equal(scheme.decode(picture), labels)
    picture[[20, 49], [3, 10]] = rgb_of("#ff00ff")
    with pytest.raises(UnknownColorError, match="2 pixels are off, the first at row 20, column 3"):
        scheme.decode(picture)


def test_an_opaque_alpha_channel_is_accepted() -> None:
    scheme = get_scheme("prostate-2")
    labels = random_labels(scheme)
    opaque = np.full((*labels.shape, 1), 255, dtype=np.uint8)
    rgba = np.concatenate([scheme.encode(labels), opaque], axis=-1)
    np.testing.assert_array_equal(scheme.decode(rgba), labels)


def test_transparent_pixels_are_refused_with_their_count_and_place(message_of: Callable[..., str]) -> None:
    rgba = np.full((5, 6, 4), 255, dtype=np.uint8)
    rgba[3:5, 2, 3] = [254, 0]
    with pytest.raises(LabelMapError, match="2 pixels, the first at row 3, column 2") as caught:
        get_scheme("prostate-2").decode(rgba)
    message_of(caught)


@pytest.mark.parametrize(
    ("picture", "named"),
    [
        (np.zeros((4, 4), dtype=np.uint8), "4 x 4"),
        (np.zeros((4, 4, 2), dtype=np.uint8), "4 x 4 x 2"),
        (np.zeros((2, 4, 4, 3), dtype=np.uint8), "2 x 4 x 4 x 3"),
        (np.ones((4, 4, 3)), "float64"),
        (np.zeros((0, 4, 3), dtype=np.uint8), "empty"),
    ],
)
def test_what_is_no_color_picture_is_refused_in_a_sentence(
    message_of: Callable[..., str], picture: np.ndarray, named: str
) -> None:
    with pytest.raises(LabelMapError) as caught:
        get_scheme("prostate-2").decode(picture)
    assert named in message_of(caught)


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "scheme", "held"),
    [
        ("2-class-prostate-1.png", "prostate-2", {0, 1, 2}),
        ("2-class-prostate-2.png", "prostate-2", {0, 1, 2}),
        ("2-class-prostate-3.png", "prostate-2", {0, 1, 2}),
        ("3-class-prostate-2.png", "prostate-3", {0, 1, 2, 3}),
        ("3-class-prostate-3.png", "prostate-3", {0, 1, 2, 3}),
        ("10-class-colon-1.png", "colon-10", {0, 1, 2, 3, 4, 5, 7, 8, 9, 10}),
        ("10-class-colon-2.png", "colon-10", {2, 3, 4, 5, 7, 8, 9, 10}),
    ],
)
def test_the_authors_files_decode_completely(
    file: str, scheme: str, held: set[int], histosynth_data: Path
) -> None:
    picture = np.asarray(Image.open(histosynth_data / "seed-label-maps" / file))
    chosen = get_scheme(scheme)
    labels = chosen.decode(picture)
    assert labels.shape == (512, 512)
    assert set(np.unique(labels).tolist()) == held
    known = np.array([rgb_of(c) for entry in chosen.classes for c in entry.colors])
    of_class = np.array([entry.index for entry in chosen.classes for _ in entry.colors])
    for color in np.unique(picture.reshape(-1, 3), axis=0):
        nearest = of_class[np.linalg.norm(known - color, axis=1).argmin()]
        assert (labels[(picture == color).all(axis=-1)] == nearest).all()
