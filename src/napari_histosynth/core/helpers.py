"""Threads that do tasks at once which need one another, each of them with one thread of torch.

Bits of a convolution depend on the number of threads that compute it. A task that is always computed by one
is the same whether others are done beside it or not, and on machines with few cores or many.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import torch

K = TypeVar("K")

#: Most threads that work at once: each holds what it works on.
MOST_AT_ONCE = 8

_counting = threading.Lock()


class Helpers:
    """Threads that do tasks at once, as many as are free, whoever asks for them.

    Networks keep several cores busy with one picture, but all else that is done for it keeps one busy:
    several pictures at once, each with one core, are done sooner than one after another.

    Parameters
    ----------
    most : int
        How many are at work at once. With less than two, tasks are done by whoever asks.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._lock = threading.Lock()

    def do(self, needs: Mapping[K, Iterable[K]], task: Callable[[K], object]) -> None:
        """Do each task once, after those that it needs; return when all are done.

        A task that nothing can be done beside is done by the thread that asks, with one thread of torch, too.

        Parameters
        ----------
        needs : mapping
            For each task those that have to be done before; each of these is in the mapping, too.
        task : callable
            Does one of them.

        Raises
        ------
        Exception
            What the first task raised that failed. Those at work then are ended, no other is begun.
        """
        if not needs:
            return
        with self._lock:
            taken = min(self._free, len(needs))
            self._free -= taken
        try:
            if taken < 2:
                with one_thread():
                    for key in TopologicalSorter(needs).static_order():
                        task(key)
            else:
                _Shift(task, taken).do(needs)
        finally:
            with self._lock:
                self._free += taken


class _Shift(Generic[K]):
    """Some threads that do tasks, from the first that is handed out until all are done."""

    def __init__(self, task: Callable[[K], object], count: int) -> None:
        self._task, self._count = task, count
        self._todo: SimpleQueue[K | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[K, BaseException | None]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._ended = False

    def do(self, needs: Mapping[K, Iterable[K]]) -> None:
        order, at_work = TopologicalSorter(needs), 0
        order.prepare()
        try:
            while order.is_active():
                ready = order.get_ready()
                if len(ready) == 1 and not at_work:
                    with one_thread():
                        self._task(ready[0])
                    order.done(ready[0])
                    continue
                self._begin()
                for key in ready:
                    self._todo.put(key)
                at_work += len(ready)
                done, error = self._done.get()
                at_work -= 1
                if error is not None:
                    raise error
                order.done(done)
        finally:
            self._ended = True
            for _ in self._threads:
                self._todo.put(None)
            for thread in self._threads:
                thread.join()

    def _begin(self) -> None:
        while len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name="histosynth-helper", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        use_one_thread()
        while (key := self._todo.get()) is not None and not self._ended:
            try:
                self._task(key)
            except BaseException as error:
                self._done.put((key, error))
            else:
                self._done.put((key, None))


def at_once_on(device: torch.device) -> int:
    """Return how many pictures are best drawn at once: one on a GPU, one a thread of torch on the CPU."""
    import torch

    return min(torch.get_num_threads(), MOST_AT_ONCE) if device.type == "cpu" else 1


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Have torch compute in one thread what this thread asks for meanwhile; others keep what they have."""
    import torch

    before = use_one_thread()
    try:
        yield
    finally:
        if before > 1:
            torch.set_num_threads(before)


def use_one_thread() -> int:
    """Have torch compute in one thread what this thread asks for from now on; others keep what they have.

    Returns
    -------
    int
        In how many it did so far.
    """
    import torch

    with _counting:
        before = torch.get_num_threads()  # also what this thread would be given when it first computes
        if before > 1:
            torch.set_num_threads(1)
            # it goes for this thread, but also for those that never computed yet
            other = threading.Thread(target=torch.set_num_threads, args=(before,))
            other.start()
            other.join()
    return before
