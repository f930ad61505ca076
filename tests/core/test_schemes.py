"""The built-in schemes: the published classes, colors and scales, found by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_histosynth.core.errors import SchemeError
from napari_histosynth.core.tissue import get_scheme, scheme_names

# Palettes as published with SHI-GAN, by index.
TWO = ["#ffffff", "#5ac6e9", "#fcf731"]
THREE = [*TWO, "#6c0307"]
TEN = [
    *("#2365ad", "#30b155", "#4c86b2", "#c26744", "#842e1e", "#ea242e"),
    *("#4f3286", "#9d3b8a", "#d7c2d8", "#907e99", "#ffffff"),
]
PALETTES = {"prostate-2": TWO, "prostate-3": THREE, "colon-2": TWO, "colon-3": THREE, "colon-10": TEN}
LAYOUT = ["#ffffff", "#f0aac8", "#965abe", "#5a1e6e", "#dc3c3c"]
ALL = {**PALETTES, "slide-layout": LAYOUT}


def rgb_of(color: str) -> list[int]:
    return list(bytes.fromhex(color.removeprefix("#")))


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_built_in_schemes_have_the_published_palette_in_the_published_order(name: str) -> None:
    scheme = get_scheme(name)
    assert scheme.palette.tolist() == [rgb_of(color) for color in PALETTES[name]]
    assert scheme.palette.dtype == np.uint8
    assert [entry.index for entry in scheme.classes] == list(range(scheme.n_classes))


def test_the_built_in_schemes_are_those_five_and_the_one_of_layouts() -> None:
    assert set(scheme_names()) == set(ALL)


def test_a_layout_tells_five_coarse_classes_at_32_um_per_px() -> None:
    scheme = get_scheme("slide-layout")
    assert scheme.names == ("glass", "tissue", "mucosa", "tumor", "muscle")
    assert scheme.palette.tolist() == [rgb_of(color) for color in LAYOUT]
    assert scheme.names[scheme.background] == "glass"
    assert scheme.um_per_px == 32.0


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


def test_an_index_is_found_by_name_and_an_unknown_name_lists_the_known(
    message_of: Callable[..., str],
) -> None:
    scheme = get_scheme("prostate-3")
    assert scheme.index_of("nuclei") == 3
    with pytest.raises(SchemeError) as caught:
        scheme.index_of("gland")
    assert '"gland"' in message_of(caught)
    assert "epithelium, nuclei" in str(caught.value)


def test_an_unknown_scheme_lists_the_known(message_of: Callable[..., str]) -> None:
    with pytest.raises(SchemeError) as caught:
        get_scheme("prostate-4")
    assert '"prostate-4"' in message_of(caught)
    assert all(name in str(caught.value) for name in ALL)


def test_a_scheme_is_returned_as_it_is() -> None:
    scheme = get_scheme("colon-3")
    assert get_scheme(scheme) is scheme


def test_the_palette_of_a_built_in_scheme_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        get_scheme("colon-3").palette[0] = 0
