"""An engine of layouts that draws stripes: what a label map is of tells at a glance."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.ui import layoutform, layoutwork

GRADES = ("healthy", "poor")
#: Pixels a side of the canvas.
SIDE = 256


def stripes(seed: int, grade: str, shape: tuple[int, int]) -> np.ndarray:
    """Return the label map of a seed and a grade: stripes across if healthy, else down; 2 by 2 classes."""
    rows, columns = np.indices(shape)
    along = columns if grade == "poor" else rows
    return ((along // 16 + seed) % 3).astype(np.uint8)


class FakeSampler:
    """Draws stripes of 16 px; what lies between two layouts is the second one up to a share of the width.

    Attributes
    ----------
    asked : list of tuple
        What was drawn: seed, grade, shape, nuclei, scheme.
    threads : set of bool
        Whether that was on the main thread.
    seconds : float
        That drawing takes.
    """

    def __init__(self, name: str = "fake") -> None:
        self.model = SimpleNamespace(
            name=name,
            sha256="1" * 64,
            grades=GRADES,
            scheme=get_scheme("colon-2"),
            encode=self._encode,
        )
        self.asked: list[tuple[Any, ...]] = []
        self.threads: set[bool] = set()
        self.read: list[tuple[Any, ...]] = []
        self.seconds = 0.0

    def sample(
        self,
        seed: int,
        *,
        grade: str = "",
        size_px: tuple[int, int] = (512, 512),
        um_per_px: float = 0.62,
        nuclei: bool = False,
        scheme: str = "colon-2",
        progress: Any = None,
    ) -> Any:
        if seed == 13:
            raise ModelError("The model has no such tissue; choose another seed.")
        self.asked.append((seed, grade, size_px, nuclei, scheme))
        self._work(progress)
        grade = grade or GRADES[seed % 2]
        return self._layout(stripes(seed, grade, size_px), um_per_px, seed, grade)

    def at(
        self, latent: Any, weights: Any, *, seed: int = 0, size_px: Any, um_per_px: float, **_: Any
    ) -> Any:
        labels = np.full(size_px, int(latent[0]), np.uint8)
        return self._layout(labels, um_per_px, seed, GRADES[int(np.argmax(weights))], latent)

    def between(self, first: Any, second: Any, t: float, *, progress: Any = None) -> Any:
        self._work(progress)
        labels = first.labels.copy()
        edge = round(t * labels.shape[1])
        labels[:, :edge] = second.labels[:, :edge]
        return self._layout(labels, first.um_per_px, first.seed, "")

    def _work(self, progress: Any) -> None:
        self.threads.add(threading.current_thread() is threading.main_thread())
        for share in range(10):
            time.sleep(self.seconds / 10)
            progress(share / 10)

    def _encode(self, image: Any, labels: Any, um_per_px: float) -> Any:
        self.read.append((image, labels, um_per_px))
        return np.full(4, 2, np.float32), np.array([0.25, 0.75], np.float32)

    def _layout(self, labels: Any, um_per_px: float, seed: int, grade: str, latent: Any = None) -> Any:
        weights = np.array([grade != "poor", grade == "poor"], np.float32)
        return SimpleNamespace(
            cells=SimpleNamespace(kept=None),
            labels=labels,
            image=np.stack([labels * 80] * 3, -1).astype(np.uint8),
            um_per_px=um_per_px,
            seed=seed,
            grade=grade,
            latent=np.zeros(4, np.float32) if latent is None else latent,
            weights=weights,
        )


@pytest.fixture(autouse=True)
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what napari would show."""
    sentences: list[str] = []
    from napari_histosynth.ui import layout

    monkeypatch.setattr(layout, "show_error", sentences.append)
    return sentences


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let layouts be stripes; returns what draws them."""
    sampler = FakeSampler()
    cards = {"fake": SimpleNamespace(name="fake", architecture={"grades": list(GRADES)})}
    monkeypatch.setattr(layoutwork, "load_sampler_cached", lambda name: sampler)
    monkeypatch.setattr(layoutform, "layout_cards", lambda: cards)
    return sampler


@pytest.fixture
def canvas(open_dock: Callable[..., Any], wait: Any) -> Any:
    """Return a dock that paints, with a canvas of one class."""
    paint = open_dock()
    paint.painter.new_canvas(np.full((SIDE, SIDE), 1, np.uint8))
    wait(lambda: not paint.painter.is_drawing)
    return paint
