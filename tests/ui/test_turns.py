"""Pieces of work on the main thread: in order, with the event loop in between."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QTimer

from napari_histosynth.ui.turns import Turns


@pytest.fixture
def turns(qtbot: Any) -> Turns:
    return Turns()


def test_pieces_run_in_order_and_not_at_once(turns: Turns, qtbot: Any) -> None:
    done: list[int] = []
    turns.add(lambda: done.append(1), lambda: done.append(2))
    turns.add(lambda: done.append(3))
    assert not done
    assert turns.is_busy
    qtbot.waitUntil(lambda: not turns.is_busy)
    assert done == [1, 2, 3]


def test_the_event_loop_runs_between_two_pieces(turns: Turns, qtbot: Any) -> None:
    done: list[str] = []

    def first() -> None:
        done.append("first")
        QTimer.singleShot(0, lambda: done.append("event"))

    turns.add(first, lambda: done.append("second"))
    qtbot.waitUntil(lambda: not turns.is_busy)
    assert done == ["first", "event", "second"]


def test_a_piece_may_put_another_at_the_end(turns: Turns, qtbot: Any) -> None:
    done: list[int] = []
    turns.add(lambda: turns.add(lambda: done.append(2)), lambda: done.append(1))
    qtbot.waitUntil(lambda: not turns.is_busy)
    assert done == [1, 2]


def test_what_fails_is_told_and_the_rest_is_done(turns: Turns, qtbot: Any) -> None:
    done: list[int] = []

    def fail() -> None:
        raise ValueError("no layer")

    with qtbot.captureExceptions() as caught:
        turns.add(fail, lambda: done.append(1))
        qtbot.waitUntil(lambda: not turns.is_busy)
    assert done == [1]
    assert [str(error) for _, error, _ in caught] == ["no layer"]


def test_finishing_runs_the_rest_at_once(turns: Turns) -> None:
    done: list[int] = []
    turns.add(lambda: done.append(1), lambda: turns.add(lambda: done.append(2)))
    turns.finish()
    assert done == [1, 2]
    assert not turns.is_busy


def test_what_is_dropped_never_runs(turns: Turns, qtbot: Any) -> None:
    done: list[int] = []
    turns.add(lambda: done.append(1))
    turns.drop()
    qtbot.wait(60)
    assert not done
