"""Fields painted into a slide: joined softly, at all levels, kept beside the tiles."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.slide.overlay import Overlay, PaintedSlide, Patch, feathered


def field(
    value: int = 200, shape: tuple[int, int] = (300, 400), corner: tuple[int, int] = (100, 500)
) -> Patch:
    pixels = np.full((*shape, 3), value, np.uint8)
    return Patch.of(pixels, corner, np.ones(shape, np.float32))


def test_a_field_is_seen_where_it_was_painted_and_nowhere_else() -> None:
    overlay = Overlay()
    overlay.add(field())
    window = Window(50, 450, 450, 950)
    seen = overlay.over(np.full((400, 500, 3), 10, np.uint8), window, 0)
    expected = np.full((400, 500, 3), 10)
    expected[50:350, 50:450] = 200
    np.testing.assert_array_equal(seen, expected)


def test_coarse_levels_show_the_means_of_what_the_finest_shows() -> None:
    overlay = Overlay()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (512, 768, 3), np.uint8)
    overlay.add(Patch.of(pixels, (256, 256), np.ones((512, 768), np.float32)))
    under = np.full((32, 32, 3), 100, np.uint8)
    seen = overlay.over(under, Window(0, 32, 0, 32), 5)
    means = pixels.reshape(16, 32, 24, 32, 3).mean((1, 3))
    np.testing.assert_allclose(seen[8:24, 8:32], means, atol=3)
    assert (seen[:8] == 100).all()


def test_half_covered_pixels_of_coarse_levels_are_half_the_field() -> None:
    overlay = Overlay()
    overlay.add(field(200, (1, 256), (0, 0)))
    seen = overlay.over(np.full((1, 1, 3), 100, np.uint8), Window(0, 1, 0, 1), 1)
    np.testing.assert_allclose(seen, 150, atol=1)


def test_the_border_passes_over_softly() -> None:
    share = feathered(np.ones((200, 300), bool), 40, inwards=True)
    assert share[0].max() < 0.01
    assert share[100, 150] == 1
    assert (np.diff(share[:50, 150]) >= 0).all()
    assert np.abs(np.diff(share[:, 150])).max() < 0.05, "no seam"


def test_around_what_was_edited_it_passes_over_outside() -> None:
    mask = np.zeros((200, 300), bool)
    mask[90:110, 140:160] = True
    share = feathered(mask, 40, inwards=False)
    assert (share[mask] == 1).all()
    assert 0 < share[70, 150] < 1
    assert share[40, 150] == 0
    mask[:] = True
    assert feathered(mask, 40, inwards=False)[0].max() < 0.01, "the border of the field has no seam, either"


def test_the_latest_field_lies_on_top_and_is_taken_back_first() -> None:
    overlay, under, window = Overlay(), np.zeros((10, 10, 3), np.uint8), Window(200, 210, 600, 610)
    overlay.add(field(50))
    overlay.add(field(90))
    assert (overlay.over(under, window, 0) == 90).all()
    assert overlay.take_back() == Window(0, 512, 256, 1024)
    assert (overlay.over(under, window, 0) == 50).all()
    assert overlay.take_back() is not None
    assert overlay.take_back() is None
    assert overlay.over(under, window, 0) is under


def test_fields_are_kept_and_found_again(tmp_path: Path) -> None:
    overlay = Overlay()
    overlay.add(field(50))
    overlay.keep_in(tmp_path / "painted")
    overlay.add(field(90, corner=(600, 600)))
    again = Overlay(tmp_path / "painted")
    window = Window(0, 1024, 400, 1200)
    under = np.zeros((1024, 800, 3), np.uint8)
    np.testing.assert_array_equal(again.over(under, window, 0), overlay.over(under, window, 0))
    again.take_back()
    assert len(Overlay(tmp_path / "painted")) == 1


def test_a_damaged_field_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "painted"
    overlay = Overlay()
    overlay.keep_in(folder)
    overlay.add(field())
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ImageError, match="is damaged; delete it"):
        Overlay(folder)


def test_whoever_reads_a_painted_slide_sees_what_was_painted() -> None:
    white = np.full((20, 20, 3), 255, np.uint8)
    slide = SimpleNamespace(read=lambda *_: white, glance=lambda *_: white, seed=3)
    overlay = Overlay()
    overlay.add(field(7))
    painted = PaintedSlide(slide, overlay)
    window = Window(200, 220, 600, 620)
    assert (painted.read(0, window) == 7).all()
    assert (painted.glance(0, window) == 7).all()
    assert painted.seed == 3
