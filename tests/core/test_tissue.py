"""Label maps checked and sanitized by their scheme, and which classes make a scheme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.tissue import TissueClass, TissueScheme, get_scheme


def scheme_of(*classes: TissueClass, name: str = "test") -> TissueScheme:
    return TissueScheme(name, "Test", classes)


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
def test_what_is_no_label_map_is_refused_in_a_sentence(
    message_of: Callable[..., str], method: str, labels: np.ndarray, named: str
) -> None:
    with pytest.raises(LabelMapError) as caught:
        getattr(get_scheme("colon-3"), method)(labels)
    assert named in message_of(caught)


@pytest.mark.parametrize(("value", "dtype"), [(4, np.uint8), (-1, np.int16), (2**40, np.int64)])
def test_a_value_outside_the_scheme_is_named_with_its_place(
    message_of: Callable[..., str], value: int, dtype: type
) -> None:
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
    message_of: Callable[..., str], classes: tuple[TissueClass, ...], named: str
) -> None:
    with pytest.raises(SchemeError) as caught:
        scheme_of(*classes)
    assert named in message_of(caught)


def test_255_classes_are_allowed_and_decode() -> None:
    scheme = scheme_of(*(TissueClass(k, f"class {k}", f"#{k * 300:06x}") for k in range(255)))
    labels = np.arange(255, dtype=np.uint8).reshape(15, 17)
    np.testing.assert_array_equal(scheme.decode(scheme.encode(labels)), labels)


@pytest.mark.parametrize("color", ["", "red", "#fff", "#12345g", "123456", "#1234567"])
def test_a_bad_color_is_named_with_its_class(message_of: Callable[..., str], color: str) -> None:
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
def test_other_faults_of_a_scheme_are_named(
    message_of: Callable[..., str], change: dict[str, object], named: str
) -> None:
    with pytest.raises(SchemeError) as caught:
        replace(scheme_of(A, B), **change)
    assert named in message_of(caught)


def test_classes_may_come_in_any_order() -> None:
    assert scheme_of(B, A).names == ("a", "b")
