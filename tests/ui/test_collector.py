"""No collection of garbage while libraries load, and all as it was afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from napari_histosynth.ui.collector import collections_put_off


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    """Undo for a while what tests of viewers do once for their speed."""
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    yield
    if frozen:
        gc.freeze()


@pytest.fixture
def collections() -> Iterator[list[int]]:
    """Return the generations that are collected, from now on."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "stop":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_many_new_objects_start_no_collection(collections: list[int]) -> None:
    gc.collect()
    collections.clear()
    with collections_put_off():
        kept: list[Any] = [[number] for number in range(300_000)]
    assert not collections
    more = [[number] for number in range(20_000)]
    assert 2 not in collections, "what was made is old already: no reason to look through everything"
    assert len(kept) + len(more) == 320_000


def test_collecting_goes_on_afterwards_and_only_after_the_last() -> None:
    assert gc.isenabled()
    with collections_put_off():
        with collections_put_off():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_collects_by_hand_goes_on_to() -> None:
    gc.disable()
    try:
        with collections_put_off():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_garbage_of_that_time_is_still_found() -> None:
    class Node:
        other: Any = None

    with collections_put_off():
        node = Node()
        node.other = node
        gone = weakref.ref(node)
    assert gc.get_freeze_count() == 0
    del node
    gc.collect()
    assert gone() is None


def test_an_error_does_not_leave_it_off() -> None:
    with pytest.raises(ImportError), collections_put_off():
        raise ImportError("no such library")
    assert gc.isenabled()
