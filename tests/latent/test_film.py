"""Films: the same frames are the same bytes, and what cannot be written is one sentence."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.latent.film import Frame, check_film, save_film, strip


def _frames(count: int = 5, height: int = 24, width: int = 40) -> list[Frame]:
    rng = np.random.default_rng(0)
    made = Provenance(model="tiny", um_per_px=1.0, size=(height, width))
    ground = rng.integers(0, 255, (height, width, 3))
    images = [np.asarray(ground * (0.5 + 0.1 * number), np.uint8) for number in range(count)]
    return [Frame(image, str(number), made) for number, image in enumerate(images)]


@pytest.mark.parametrize("size", [(24, 40), (23, 41), (64, 64)])
def test_the_same_film_is_the_same_bytes_whatever_memory_held_before(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    pytest.importorskip("av")
    frames, seen = _frames(6, *size), set()
    for _ in range(40):
        for length in (1000, 5000, 20_000, 200_000):  # what the next one to ask for memory finds in it
            np.frombuffer(os.urandom(length), np.uint8).copy()
        save_film(tmp_path / "film.mp4", frames)
        seen.add((tmp_path / "film.mp4").read_bytes())
    assert len(seen) == 1


def test_a_strip_shows_all_frames_beside_one_another() -> None:
    frames = _frames(3)
    sheet = strip(frames)
    assert sheet.shape == (24 + 24, 3 * 40 + 2 * 4, 3)
    np.testing.assert_array_equal(sheet[:24, 44:84], frames[1].image)
    assert (sheet[:24, 40:44] == 255).all()


def test_long_captions_are_broken_into_lines_that_fit() -> None:
    frames = [replace(frame, caption="poorly differentiated") for frame in _frames(2, 30, 100)]
    sheet = strip(frames)
    assert sheet.shape[0] == 30 + 2 * 16 + 8
    assert (sheet[30:, 100:104] == 255).all()  # no letter in the gap between both
    assert (sheet[52:66] < 128).any()


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"film\.avi must end in \.png, \.gif or \.mp4"):
        save_film(tmp_path / "film.avi", _frames())
    with pytest.raises(SaveError, match="no picture to write"):
        save_film(tmp_path / "film.gif", [])
    assert not list(tmp_path.iterdir())


def test_a_film_that_does_not_fit_into_memory_is_refused() -> None:
    check_film(9, (2048, 2048))
    with pytest.raises(SaveError, match=r"60 pictures of 8,000 x 8,000 px take 10\.7 GB.*choose fewer"):
        check_film(60, (8000, 8000))
