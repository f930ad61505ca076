"""What the drawing thread tells: errors in a sentence, stray values, snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui.reports import Failed, Idle, Patch, Snapshot, Strays

SCHEME = get_scheme("colon-3")


def test_an_error_is_one_sentence_and_the_next_edit_tries_again(studio: Any) -> None:
    engine = studio.begin(free=1)
    studio.until(Idle)
    before = studio.picture.levels[0].copy()
    engine.error = ValueError("weights are bad\nsecond line")
    engine.allowed.release(1)
    studio.labels[8, 8] = 2
    studio.thread.edited(Window(8, 9, 8, 9))
    (failed,) = studio.until(Failed)
    assert "weights are bad" in failed.sentence
    assert "second line" not in failed.sentence
    assert studio.until(Idle, 2)[-1].held > 0
    np.testing.assert_array_equal(studio.picture.levels[0], before)
    engine.error = None
    engine.allowed.release(100)
    studio.labels[60, 60] = 2
    studio.thread.edited(Window(60, 61, 60, 61))
    assert studio.until(Idle, 3)[-1].held == 0
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())


def test_an_error_of_ours_is_told_word_for_word(studio: Any) -> None:
    engine = studio.begin(free=0)
    engine.error = ModelError("The model is tired; give it a rest.")
    engine.allowed.release(1)
    (failed,) = studio.until(Failed)
    assert failed.sentence == "The model is tired; give it a rest."


def test_an_engine_that_cannot_be_built_is_told(studio: Any) -> None:
    def refuse(labels: np.ndarray) -> Any:
        raise ModelError("No.")

    studio.thread.begin(7, studio.labels, SCHEME, refuse)
    (failed,) = studio.until(Failed)
    assert (failed.scene, failed.sentence) == (7, "No.")


def test_values_outside_the_scheme_are_reported_and_drawn_as_background(studio: Any) -> None:
    studio.begin()
    studio.until(Idle)
    studio.labels[0:4, 0:4] = 200
    studio.thread.edited(Window(0, 4, 0, 4))
    (strays,) = studio.until(Strays)
    studio.until(Idle, 2)
    assert strays.values == {200: 16}
    assert studio.picture.levels[0][0, 0, 0] == SCHEME.background * 10


def test_a_snapshot_comes_when_all_is_drawn_put_off_or_not(open_studio: Callable[..., Any]) -> None:
    studio = open_studio((128, 128), tile=64)
    engine = studio.begin(free=1)
    studio.until(Patch)
    studio.thread.hold()
    studio.until(Idle)
    engine.allowed.release(100)
    studio.thread.ask_snapshot()
    (snapshot,) = studio.until(Snapshot)
    np.testing.assert_array_equal(snapshot.labels, studio.labels)
    np.testing.assert_array_equal(studio.picture.levels[0], studio.expected())
    assert snapshot.provenance.model == "fake"


def test_a_snapshot_does_not_come_of_a_canvas_that_fails(studio: Any) -> None:
    engine = studio.begin(free=0)
    studio.thread.ask_snapshot()
    engine.error = ModelError("No.")
    engine.allowed.release(5)
    assert studio.until(Idle)[-1].held > 0
    assert studio.of(Snapshot) == []
