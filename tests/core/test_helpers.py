"""Tasks that need one another, done by several threads: each once, in order, whatever fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import torch

from napari_histosynth.core.helpers import Helpers, at_once_on, use_one_thread

#: Four tasks that need nothing, two that need two of those, one that needs all.
NEEDS = {"g": ["e", "f"], "e": ["a", "b"], "f": ["c", "d"], "a": [], "b": [], "c": [], "d": []}


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_each_task_is_done_once_after_those_that_it_needs(most: int) -> None:
    done: list[str] = []
    helpers = Helpers(most)
    for _ in range(3):
        done.clear()
        helpers.do(NEEDS, done.append)
        assert sorted(done) == sorted(NEEDS)
        assert all(done.index(need) < done.index(key) for key, needs in NEEDS.items() for need in needs)


def test_where_nothing_is_to_be_done_no_thread_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda thread: pytest.fail("a thread begins"))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        Helpers(2).do({}, pytest.fail)
    finally:
        torch.set_num_threads(before)


def test_tasks_are_done_at_once() -> None:
    met = threading.Barrier(2, timeout=10)
    Helpers(2).do({"a": [], "b": []}, lambda _: met.wait())
    alone = threading.Barrier(2, timeout=0.01)
    with pytest.raises(threading.BrokenBarrierError):
        Helpers(1).do({"a": [], "b": []}, lambda _: alone.wait())


def test_what_nothing_can_be_done_beside_is_done_by_the_thread_that_asks() -> None:
    who: set[tuple[int, int]] = set()
    chain = {key: [before] for before, key in pairwise("abcd")} | {"a": []}
    here = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for most in (1, 4):
            Helpers(most).do(chain, lambda _: who.add((threading.get_ident(), torch.get_num_threads())))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(here)
    assert who == {(threading.get_ident(), 1)}, "in one thread of torch, as helpers do"


def test_helpers_compute_with_one_thread_and_leave_others_theirs() -> None:
    here = torch.get_num_threads()
    seen: dict[str, int] = {}
    met = threading.Barrier(2, timeout=10)

    def look(key: str) -> None:
        met.wait()
        torch.ones(64, 64) @ torch.ones(64, 64)
        seen[key] = torch.get_num_threads()

    torch.set_num_threads(3)
    try:
        Helpers(2).do({"a": [], "b": []}, look)
        assert seen == {"a": 1, "b": 1}
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
            pool.submit(use_one_thread).result()
            assert pool.submit(torch.get_num_threads).result() == 1
        assert torch.get_num_threads() == 3
        assert at_once_on(torch.device("cpu")) == 3
        assert at_once_on(torch.device("meta")) == 1
    finally:
        torch.set_num_threads(here)


def test_a_task_that_fails_ends_the_others_and_is_told() -> None:
    begun: list[str] = []

    def fail(key: str) -> None:
        begun.append(key)
        if key == "e":
            raise MemoryError(key)

    before = threading.active_count()
    helpers = Helpers(2)
    with pytest.raises(MemoryError, match="e"):
        helpers.do(NEEDS, fail)
    assert "g" not in begun
    assert threading.active_count() == before
    done: list[str] = []
    helpers.do(NEEDS, done.append)  # they are free again
    assert len(done) == len(NEEDS)


def test_who_finds_no_helper_free_does_the_tasks_itself() -> None:
    helpers = Helpers(2)
    inner: list[str] = []
    who: set[int] = set()

    def note(key: str) -> None:
        inner.append(key)
        who.add(threading.get_ident())

    def ask(key: str) -> None:
        if key == "a":
            helpers.do({"x": [], "y": []}, note)
            who.add(threading.get_ident())

    helpers.do({"a": [], "b": []}, ask)
    assert sorted(inner) == ["x", "y"]
    assert len(who) == 1
