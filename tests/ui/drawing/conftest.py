"""A drawing thread with an engine that the test holds in its hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui.drawing import DrawingThread
from napari_histosynth.ui.pyramid import Pyramid
from napari_histosynth.ui.reports import Begun

SCHEME = get_scheme("colon-3")
REACH = 8
PATIENCE = 20.0


def eventually(ready: Callable[[], bool]) -> None:
    """Wait until something is true."""
    until = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.002)


class FakeEngine:
    """Paints 10 times the label, reaches 8 px, and draws only when it is allowed to."""

    def __init__(self, labels: np.ndarray, shade: int = 0) -> None:
        self.labels, self.shade = labels, shade
        self.drawn: list[Window] = []
        self.cancelled: list[Window] = []
        self.allowed = threading.Semaphore(0)
        self.calls = 0
        self.error: Exception | None = None
        self.sketched: list[tuple[Window, int]] = []
        self.sketch_shade: int | None = None

    def affected(self, window: Window) -> Window:
        return window.grow(REACH).clip(self.labels.shape)

    def render(self, window: Window | None = None, *, cancel: Callable[[], bool] | None = None) -> np.ndarray:
        assert window is not None
        assert cancel is not None
        self.calls += 1
        until = time.monotonic() + PATIENCE
        while not self.allowed.acquire(timeout=0.005):
            assert time.monotonic() < until, "the test never allowed this window"
            if cancel():
                self.cancelled.append(window)
                raise Cancelled("stopped")
        if self.error is not None:
            raise self.error
        self.drawn.append(window)
        pixels = self.labels[window.slices].astype(np.uint8) * 10 + self.shade
        return np.repeat(pixels[..., None], 3, axis=2)

    def sketch(
        self, window: Window, factor: int, *, cancel: Callable[[], bool] | None = None
    ) -> np.ndarray | None:
        self.sketched.append((window, factor))
        if self.sketch_shade is None:
            return None
        height, width = (-(-side // factor) for side in window.shape)
        return np.full((height, width, 3), self.sketch_shade, np.uint8)

    def provenance(self) -> Provenance:
        return Provenance(model="fake")

    def wait_for_call(self, number: int) -> None:
        eventually(lambda: self.calls >= number)

    def wait_until_cancelled(self) -> None:
        eventually(lambda: bool(self.cancelled))


class Studio:
    """A drawing thread, its engine, and what it has reported."""

    def __init__(
        self, shape: tuple[int, int] = (64, 64), tile: int = 4096, sketch_after: float = 1e9
    ) -> None:
        self.shade: int | None = None
        self.reports: list[Any] = []
        self._arrived = threading.Condition()
        self.thread = DrawingThread(self._take, tile, sketch_after)
        self.labels = np.ones(shape, np.uint8)
        self.engine: FakeEngine = FakeEngine(self.labels)
        self.picture = Pyramid(shape)
        self.made = threading.Event()

    def _take(self, report: Any) -> None:
        with self._arrived:
            if isinstance(report, Begun):
                self.picture = report.pyramid
            self.reports.append(report)
            self._arrived.notify_all()

    def make(self, labels: np.ndarray, shade: int = 0) -> FakeEngine:
        self.engine = FakeEngine(labels, shade)
        self.engine.sketch_shade = self.shade
        self.made.set()
        return self.engine

    def begin(self, scene: int = 1, free: int = 10_000) -> FakeEngine:
        self.made.clear()
        self.thread.begin(scene, self.labels, SCHEME, self.make)
        assert self.made.wait(PATIENCE)
        self.engine.allowed.release(free) if free else None
        return self.engine

    def until(self, kind: type, count: int = 1) -> list[Any]:
        """Wait until so many reports of a kind are in, and return them."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE)
        assert arrived, f"only {self.reports}"
        return self.of(kind)

    def of(self, kind: type) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]

    def expected(self) -> np.ndarray:
        return np.repeat((self.labels * 10)[..., None], 3, axis=2)


@pytest.fixture
def open_studio() -> Iterator[Callable[..., Studio]]:
    """Return a function that opens studios; all are closed in the end."""
    opened: list[Studio] = []

    def open_one(shape: tuple[int, int] = (64, 64), tile: int = 4096, sketch_after: float = 1e9) -> Studio:
        opened.append(Studio(shape, tile, sketch_after))
        return opened[-1]

    yield open_one
    for studio in opened:
        studio.thread.close()
        assert not studio.thread.is_alive


@pytest.fixture
def studio(open_studio: Callable[..., Studio]) -> Studio:
    return open_studio()
