"""Schemes and label maps: colors to indices and back, checks, conversions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_histosynth.core import colors as colors_module
from napari_histosynth.core.errors import LabelMapError, SchemeError, UnknownColorError
from napari_histosynth.core.tissue import (
    TissueClass,
    TissueScheme,
    convert_labels,
    get_scheme,
    scheme_names,
)

# Palettes as published with SHI-GAN, by index.
TWO = ["#ffffff", "#5ac6e9", "#fcf731"]
THREE = [*TWO, "#6c0307"]
TEN = [
    *("#2365ad", "#30b155", "#4c86b2", "#c26744", "#842e1e", "#ea242e"),
    *("#4f3286", "#9d3b8a", "#d7c2d8", "#907e99", "#ffffff"),
]
PALETTES = {"prostate-2": TWO, "prostate-3": THREE, "colon-2": TWO, "colon-3": THREE, "colon-10": TEN}


def rgb_of(color: str) -> list[int]:
    return list(bytes.fromhex(color.removeprefix("#")))


def random_labels(scheme: TissueScheme, shape: tuple[int, int] = (61, 83)) -> np.ndarray:
    return np.random.default_rng(3).integers(0, scheme.n_classes, shape, dtype=np.uint8)


def scheme_of(*classes: TissueClass, name: str = "test") -> TissueScheme:
    return TissueScheme(name, "Test", classes)


def message_of(error: pytest.ExceptionInfo[Exception]) -> str:
    """Return the message after checking that it is one sentence: one line, one full stop at its end."""
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert ". " not in message
    return message


# -- the built-in schemes


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_built_in_schemes_have_the_published_palette_in_the_published_order(name: str) -> None:
    scheme = get_scheme(name)
    assert scheme.palette.tolist() == [rgb_of(color) for color in PALETTES[name]]
    assert scheme.palette.dtype == np.uint8
    assert [entry.index for entry in scheme.classes] == list(range(scheme.n_classes))


def test_the_built_in_schemes_are_those_five() -> None:
    assert set(scheme_names()) == set(PALETTES)


def test_classes_go_by_the_names_of_the_field() -> None:
    assert get_scheme("prostate-2").names == ("background", "non-epithelium", "epithelium")
    assert get_scheme("prostate-3").names == ("background", "non-epithelium", "epithelium", "nuclei")
    assert get_scheme("colon-10").names == (
        *("mucin", "epithelium (mature)", "epithelium (proliferative)", "necrosis", "reactive stroma"),
        *("blood", "inflammatory cells", "loose stroma", "muscle", "non-reactive stroma", "background"),
    )


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_the_background_is_the_white_class(name: str) -> None:
    scheme = get_scheme(name)
    assert scheme.names[scheme.background] == "background"
    assert scheme.palette[scheme.background].tolist() == [255, 255, 255]


@pytest.mark.parametrize("name", ["prostate-2", "prostate-3", "colon-10"])
def test_published_label_maps_are_at_one_um_per_px(name: str) -> None:
    assert get_scheme(name).um_per_px == 1.0


def test_an_index_is_found_by_name_and_an_unknown_name_lists_the_known() -> None:
    scheme = get_scheme("prostate-3")
    assert scheme.index_of("nuclei") == 3
    with pytest.raises(SchemeError) as caught:
        scheme.index_of("gland")
    assert '"gland"' in message_of(caught)
    assert "epithelium, nuclei" in str(caught.value)


def test_an_unknown_scheme_lists_the_known() -> None:
    with pytest.raises(SchemeError) as caught:
        get_scheme("prostate-4")
    assert '"prostate-4"' in message_of(caught)
    assert all(name in str(caught.value) for name in PALETTES)


def test_a_scheme_is_returned_as_it_is() -> None:
    scheme = get_scheme("colon-3")
    assert get_scheme(scheme) is scheme


def test_the_palette_of_a_built_in_scheme_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        get_scheme("colon-3").palette[0] = 0


# -- decoding


@pytest.mark.parametrize("name", sorted(PALETTES))
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


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_every_color_within_the_published_wander_is_read_and_as_the_nearest_class(name: str) -> None:
    scheme = get_scheme(name)
    labels = random_labels(scheme)
    offsets = np.random.default_rng(1).normal(size=(*labels.shape, 3))
    offsets *= 12.8 / np.linalg.norm(
        offsets, axis=-1, keepdims=True
    )  # the farthest that published files stray
    wandering = np.clip(scheme.encode(labels) + np.trunc(offsets), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(scheme.decode(wandering), labels)


@pytest.mark.parametrize("name", sorted(PALETTES))
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


def test_a_foreign_color_is_named_with_its_count_its_place_and_the_nearest_class() -> None:
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


def test_one_foreign_pixel_is_told_in_the_singular() -> None:
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


def test_transparent_pixels_are_refused_with_their_count_and_place() -> None:
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
def test_what_is_no_color_picture_is_refused_in_a_sentence(picture: np.ndarray, named: str) -> None:
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


# -- checking and sanitizing


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">i2", "i4", "u8", "i8"])
def test_integers_of_any_kind_become_uint8(dtype: str) -> None:
    labels = np.array([[0, 1], [2, 3]], dtype=dtype)
    checked = get_scheme("colon-3").check(labels)
    assert checked.dtype == np.uint8
    assert checked.tolist() == [[0, 1], [2, 3]]


def test_booleans_become_zero_and_one() -> None:
    assert get_scheme("colon-3").check(np.array([[True, False]])).tolist() == [[1, 0]]
    as_pillow_makes_them = np.array([[255, 0]], dtype=np.uint8).view(bool)
    assert get_scheme("colon-3").check(as_pillow_makes_them).tolist() == [[1, 0]]


def test_a_uint8_map_is_not_copied_so_that_edits_in_place_are_seen() -> None:
    labels = np.zeros((3, 3), dtype=np.uint8)
    assert get_scheme("colon-3").check(labels) is labels
    assert get_scheme("colon-3").sanitize(labels)[0] is labels


@pytest.mark.parametrize("method", ["check", "sanitize"])
@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (np.zeros((2, 3, 4), dtype=np.uint8), "2 x 3 x 4"),
        (np.zeros(5, dtype=np.uint8), "is 5;"),
        (np.uint8(1), "a single value"),
        (np.zeros((3, 3)), "float64"),
        (np.zeros((3, 3), dtype=complex), "complex"),
        (np.array([["a"]]), "<U1"),
        (np.zeros((0, 7), dtype=np.uint8), "empty, 0 x 7"),
    ],
)
def test_what_is_no_label_map_is_refused_in_a_sentence(method: str, labels: np.ndarray, named: str) -> None:
    with pytest.raises(LabelMapError) as caught:
        getattr(get_scheme("colon-3"), method)(labels)
    assert named in message_of(caught)


@pytest.mark.parametrize(("value", "dtype"), [(4, np.uint8), (-1, np.int16), (2**40, np.int64)])
def test_a_value_outside_the_scheme_is_named_with_its_place(value: int, dtype: type) -> None:
    labels = np.zeros((5, 6), dtype=dtype)
    labels[2:4, 3] = value
    with pytest.raises(LabelMapError) as caught:
        get_scheme("colon-3").check(labels)
    message = message_of(caught)
    assert f"the value {value}" in message
    assert "2 pixels" in message
    assert "row 2, column 3" in message


def test_sanitizing_draws_foreign_values_as_background_and_counts_them() -> None:
    scheme = get_scheme("colon-10")  # its background is 10, not 0
    labels = np.array([[0, 1, 99], [-1, 99, 10], [99, 5, 300]], dtype=np.int32)
    cleaned, strays = scheme.sanitize(labels)
    assert cleaned.tolist() == [[0, 1, 10], [10, 10, 10], [10, 5, 10]]
    assert cleaned.dtype == np.uint8
    assert strays == {-1: 1, 99: 3, 300: 1}
    assert list(strays) == sorted(strays)
    assert labels[0, 2] == 99, "the painter's own array must stay as it is"


def test_what_was_sanitized_is_said_in_one_sentence() -> None:
    scheme = get_scheme("colon-3")
    assert scheme.describe_strays({}) == ""
    assert scheme.describe_strays({7: 1200}) == (
        "Value 7 (1,200 pixels) is outside colon-3 (0 to 3) and is drawn as background."
    )
    assert scheme.describe_strays({4: 1, 5: 2, 6: 3, 7: 4, 8: 5}) == (
        "Values 4 (1 pixel), 5 (2 pixels), 6 (3 pixels) and 2 more are outside colon-3 (0 to 3) "
        "and are drawn as background."
    )


# -- making schemes


A, B = TissueClass(0, "a", "#000000"), TissueClass(1, "b", "#0000ff")


@pytest.mark.parametrize(
    ("classes", "named"),
    [
        ((), "0 classes"),
        ((A, replace(B, index=0)), "index 0"),
        ((A, replace(B, index=2)), "none of index 1"),
        ((replace(A, index=1), replace(B, index=2)), "none of index 0"),
        ((A, replace(B, name="A ")), 'named "a"'),
        ((A, replace(B, color="#000000")), "#000000 twice"),
        ((A, replace(B, aliases=("#000000",))), "#000000 twice"),
        (tuple(TissueClass(k, f"class {k}", f"#{k:06x}") for k in range(256)), "256 classes"),
    ],
)
def test_classes_that_make_no_scheme_are_refused_in_a_sentence(
    classes: tuple[TissueClass, ...], named: str
) -> None:
    with pytest.raises(SchemeError) as caught:
        scheme_of(*classes)
    assert named in message_of(caught)


def test_255_classes_are_allowed_and_decode() -> None:
    scheme = scheme_of(*(TissueClass(k, f"class {k}", f"#{k * 300:06x}") for k in range(255)))
    labels = np.arange(255, dtype=np.uint8).reshape(15, 17)
    np.testing.assert_array_equal(scheme.decode(scheme.encode(labels)), labels)


@pytest.mark.parametrize("color", ["", "red", "#fff", "#12345g", "123456", "#1234567"])
def test_a_bad_color_is_named_with_its_class(color: str) -> None:
    with pytest.raises(SchemeError) as caught:
        TissueClass(0, "gland", color)
    assert f'"{color}"' in message_of(caught)
    assert '"gland"' in str(caught.value)


def test_colors_are_compared_without_regard_to_case() -> None:
    assert TissueClass(0, "a", "#ABCDEF").color == "#abcdef"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"background": 2}, "calls 2 its background"),
        ({"background": -1}, "calls -1 its background"),
        ({"um_per_px": 0.0}, "0.0 um per px"),
        ({"um_per_px": float("inf")}, "inf um per px"),
        ({"name": " "}, "no name"),
    ],
)
def test_other_faults_of_a_scheme_are_named(change: dict[str, object], named: str) -> None:
    with pytest.raises(SchemeError) as caught:
        replace(scheme_of(A, B), **change)
    assert named in message_of(caught)


def test_classes_may_come_in_any_order() -> None:
    assert scheme_of(B, A).names == ("a", "b")


# -- scheme files


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_a_scheme_written_to_a_file_reads_back_the_same(name: str, tmp_path: Path) -> None:
    file = tmp_path / "scheme.toml"
    file.write_text(get_scheme(name).to_toml(), encoding="utf-8")
    assert TissueScheme.from_toml(file) == get_scheme(name)
    assert get_scheme(str(file)) == get_scheme(name)


def test_names_with_quotes_umlauts_and_controls_survive_a_file(tmp_path: Path) -> None:
    odd = TissueScheme('q"\\', "Drüse\tµ", (replace(A, description="a\nb\x7f"), B))
    file = tmp_path / "scheme.toml"
    file.write_text(odd.to_toml(), encoding="utf-8")
    assert TissueScheme.from_toml(file) == odd


def test_the_documented_example_is_a_scheme(tmp_path: Path) -> None:
    from textwrap import dedent

    from napari_histosynth.core import scheme_file

    assert scheme_file.__doc__ is not None
    file = tmp_path / "kidney.toml"
    file.write_text(dedent(scheme_file.__doc__.partition("::")[2]))
    scheme = get_scheme(file)
    assert scheme.names == ("background", "glomerulus", "tubulus")
    assert scheme.um_per_px == 0.5
    assert scheme.classes[1].aliases == ("#d62830",)


CLASS = '[[classes]]\nindex = 0\nname = "a"\ncolor = "#000000"\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", '"name"'),
        ('name = "x"', '"classes"'),
        ('name = "x"\nclasses = []', "0 classes"),
        ('name = "x"\nclasses = [3]', "class number 1"),
        ("name = 3\n" + CLASS, '"name" of the scheme is 3'),
        ('name = "x"\nbackground = 1.5\n' + CLASS, '"background" of the scheme is 1.5'),
        ('name = "x"\nbackground = true\n' + CLASS, '"background" of the scheme is True'),
        ('name = "x"\num_per_px = "1"\n' + CLASS, '"um_per_px"'),
        ('name = "x"\ncolours = 3\n' + CLASS, 'unknown key "colours"'),
        ('name = "x"\n' + CLASS.replace("color", "colour"), '"color"'),
        ('name = "x"\n' + CLASS + 'extra = "1"', 'unknown key "extra"'),
        ('name = "x"\n' + CLASS + "aliases = [1]", "aliases of class number 1"),
        ('name = "x"\n' + CLASS.replace("#000000", "black"), '"black"'),
        ('name = "x"\n' + CLASS + CLASS.replace('"a"', '"b"'), "index 0"),
        ('name = "x', "not a TOML file"),
    ],
)
def test_a_faulty_scheme_file_is_named_with_its_fault(text: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "faulty.toml"
    file.write_text(text)
    with pytest.raises(SchemeError) as caught:
        get_scheme(file)
    message = str(caught.value)
    assert str(file) in message
    assert named in message
    assert "\n" not in message


def test_a_missing_scheme_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match=r"no scheme file .*absent\.toml") as caught:
        get_scheme(tmp_path / "absent.toml")
    message_of(caught)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"# " + b"x" * 2_000_000])
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_bytes(content)
    with pytest.raises(SchemeError, match=r"other\.toml"):
        get_scheme(file)


def test_a_folder_is_no_scheme_file(tmp_path: Path) -> None:
    with pytest.raises(SchemeError):
        TissueScheme.from_toml(tmp_path)


# -- conversion


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("prostate-2", "colon-2"),
        ("colon-2", "prostate-2"),
        ("prostate-3", "colon-3"),
        ("prostate-2", "prostate-3"),
        ("colon-2", "prostate-3"),
        ("colon-10", "colon-10"),
    ],
)
def test_classes_of_the_same_name_keep_their_index(source: str, target: str) -> None:
    labels = random_labels(get_scheme(source))
    converted = convert_labels(labels, get_scheme(source), get_scheme(target))
    np.testing.assert_array_equal(converted, labels)
    assert converted.dtype == np.uint8
    assert not np.shares_memory(converted, labels)


@pytest.mark.parametrize("target", ["prostate-2", "prostate-3", "colon-2", "colon-3"])
def test_ten_classes_become_epithelium_background_and_the_rest(target: str) -> None:
    labels = np.arange(11, dtype=np.uint8)[None]
    #          mucin, two epithelia, then seven kinds of other tissue, background
    expected = [[2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 0]]
    assert convert_labels(labels, get_scheme("colon-10"), get_scheme(target)).tolist() == expected


@pytest.mark.parametrize("source", ["prostate-2", "prostate-3"])
def test_there_is_no_way_from_few_classes_to_ten_and_the_class_is_named(source: str) -> None:
    with pytest.raises(SchemeError) as caught:
        convert_labels(random_labels(get_scheme(source)), get_scheme(source), get_scheme("colon-10"))
    assert '"non-epithelium" of ' + source in message_of(caught)
    assert "colon-10" in str(caught.value)


def test_only_classes_that_a_map_holds_need_a_counterpart() -> None:
    blank = np.zeros((3, 3), dtype=np.uint8)
    converted = convert_labels(blank, get_scheme("prostate-3"), get_scheme("colon-10"))
    assert (converted == 10).all()


def test_nuclei_take_the_nearest_tissue_around_them() -> None:
    labels = np.array(
        [
            [1, 1, 1, 1, 2, 2, 2, 2],
            [1, 3, 3, 1, 2, 3, 3, 2],
            [1, 3, 3, 1, 2, 3, 3, 2],
            [1, 1, 1, 1, 2, 2, 2, 2],
        ]
    )
    converted = convert_labels(labels, get_scheme("prostate-3"), get_scheme("prostate-2"))
    assert converted.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]] * 4


def test_nuclei_beside_a_lumen_are_tissue_not_background() -> None:
    labels = np.array([[0, 0, 3, 3, 2, 2], [0, 0, 3, 3, 2, 2]])
    converted = convert_labels(labels, get_scheme("colon-3"), get_scheme("colon-2"))
    assert converted.tolist() == [[0, 0, 2, 2, 2, 2]] * 2


def test_nuclei_alone_become_non_epithelium() -> None:
    labels = np.array([[3, 3], [0, 3]])
    converted = convert_labels(labels, get_scheme("colon-3"), get_scheme("colon-2"))
    assert converted.tolist() == [[1, 1], [0, 1]]


def test_conversion_checks_the_label_map() -> None:
    with pytest.raises(LabelMapError, match="the value 9"):
        convert_labels([[9]], get_scheme("colon-3"), get_scheme("colon-2"))
