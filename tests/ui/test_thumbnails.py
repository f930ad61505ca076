"""Thumbnails in a thread: newest first, a bounded number kept, failures and closing."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from napari_histosynth.ui.thumbnails import Thumbnailer


def latent(number: int) -> np.ndarray:
    return np.full(3, number, np.float32)


class Artist:
    """Draws one color, one at a time, when it is let go on."""

    def __init__(self) -> None:
        self.drawn: list[int] = []
        self.go_on = threading.Event()

    def __call__(self, latent: Any) -> Any:
        self.go_on.wait(30)
        self.drawn.append(int(latent[0]))
        if latent[0] < 0:
            raise RuntimeError("no such color")
        return np.full((4, 4, 3), latent[0], np.uint8)


def test_the_newest_wish_is_drawn_first(qtbot: Any) -> None:
    artist = Artist()
    thumbnails = Thumbnailer(artist)
    made: list[int] = []
    thumbnails.made.connect(made.append)
    for number in range(4):
        assert thumbnails.get(number, latent(number)) is None
        if number == 0:
            qtbot.wait(50)  # the first one is begun
    artist.go_on.set()
    qtbot.waitUntil(lambda: len(made) == 4, timeout=30_000)
    assert artist.drawn == [0, 3, 2, 1]
    picture = thumbnails.get(2, latent(2))
    assert picture is not None
    assert (picture == 2).all()
    assert artist.drawn == [0, 3, 2, 1], "what is kept is not drawn again"
    thumbnails.close()


def test_a_bounded_number_is_kept_those_looked_at_last(qtbot: Any) -> None:
    artist = Artist()
    artist.go_on.set()
    thumbnails = Thumbnailer(artist, kept=3)
    for number in range(5):
        thumbnails.get(number, latent(number))
        qtbot.waitUntil(lambda: not thumbnails.is_busy, timeout=30_000)
        thumbnails.get(0, latent(0))
        qtbot.waitUntil(lambda: not thumbnails.is_busy, timeout=30_000)
    assert len(thumbnails) == 3
    assert [number for number in range(5) if number in thumbnails] == [0, 3, 4]
    thumbnails.close()


def test_old_wishes_are_forgotten(qtbot: Any) -> None:
    artist = Artist()
    thumbnails = Thumbnailer(artist)
    for number in range(200):
        thumbnails.get(number, latent(number))
    artist.go_on.set()
    qtbot.waitUntil(lambda: not thumbnails.is_busy, timeout=30_000)
    assert 199 in thumbnails
    assert len(artist.drawn) < 40
    thumbnails.close()


def test_one_that_fails_is_none_and_the_next_is_drawn(qtbot: Any) -> None:
    artist = Artist()
    artist.go_on.set()
    thumbnails = Thumbnailer(artist)
    thumbnails.get("bad", latent(-1))
    thumbnails.get("good", latent(1))
    qtbot.waitUntil(lambda: not thumbnails.is_busy, timeout=30_000)
    assert thumbnails.get("bad", latent(-1)) is None
    assert thumbnails.get("good", latent(1)) is not None
    assert artist.drawn.count(-1) == 1
    thumbnails.close()


def test_closing_stops_the_thread_and_is_harmless_when_repeated(qtbot: Any) -> None:
    artist = Artist()
    artist.go_on.set()
    thumbnails = Thumbnailer(artist)
    thumbnails.get(1, latent(1))
    thumbnails.close()
    thumbnails.close()
    qtbot.waitUntil(
        lambda: not [one for one in threading.enumerate() if one.name == "histosynth-thumbnails"],
        timeout=30_000,
    )
    assert thumbnails.get(2, latent(2)) is None
