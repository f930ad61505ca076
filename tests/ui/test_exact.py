"""After any sequence of edits, looks, pauses and views, the picture equals a full drawing of the labels."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.ui.drawing import DrawingThread
from napari_histosynth.ui.follow import LabelsFollower
from napari_histosynth.ui.look import Look
from napari_histosynth.ui.lookdesk import LookDesk
from napari_histosynth.ui.models import engine_maker
from napari_histosynth.ui.reports import Begun, Failed, Idle
from napari_histosynth.ui.sketches import View

SHAPE = (200, 232)  # no multiples of the cells' 16 px

places = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
classes = st.integers(0, 3)
windows = st.tuples(places, places).map(
    lambda ends: Window(
        min(ends[0][0], ends[1][0]),
        max(ends[0][0], ends[1][0]) + 1,
        min(ends[0][1], ends[1][1]),
        max(ends[0][1], ends[1][1]) + 1,
    )
)
actions = st.one_of(
    st.tuples(st.just("stroke"), st.lists(places, min_size=1, max_size=4), classes, st.integers(1, 60)),
    st.tuples(st.just("fill"), places, classes, st.booleans()),
    st.tuples(st.just("polygon"), st.lists(places, min_size=3, max_size=5), classes),
    st.tuples(st.just("in place"), windows, st.integers(0, 5)),
    st.tuples(st.just("replace"), st.integers(0, 50)),
    st.tuples(st.just("look"), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("view"), windows),
    st.sampled_from([("undo",), ("undo",), ("redo",), ("hold",), ("settle",)]),
)


class Easel:
    """A Labels layer without a viewer, followed and drawn."""

    def __init__(self, model: Any, labels: np.ndarray, sketch_after: float) -> None:
        from napari.layers import Labels

        self.model, self.look = model, Look()
        self.layer = Labels(labels)
        self._idle, self._arrived = -1, threading.Condition()
        self.failures: list[str] = []
        self.thread = DrawingThread(self._take, tile=64, sketch_after=sketch_after)
        self.thread.begin(1, self.layer.data, model.scheme, engine_maker(model, self.look, LookDesk()))
        self.follower = LabelsFollower(
            self.layer,
            edited=self.thread.edited,
            compare=self.thread.compare,
            replaced=lambda: self.thread.compare(self.layer.data),
        )

    def _take(self, report: Any) -> None:
        with self._arrived:
            if isinstance(report, Begun):
                self.picture = report.pyramid.levels[0]
            elif isinstance(report, Idle):
                self._idle = report.orders
            elif isinstance(report, Failed):
                self.failures.append(report.sentence)
            self._arrived.notify_all()

    def settle(self) -> None:
        """Wait until all is drawn."""
        self.thread.resume()
        with self._arrived:
            assert self._arrived.wait_for(lambda: self._idle == self.thread.orders, 60)

    def act(self, action: tuple[Any, ...]) -> None:
        """Do one thing that a user does."""
        layer, what = self.layer, action[0]
        if what == "stroke":
            _, points, value, layer.brush_size = action
            with layer.block_history():
                for point in points:
                    layer.paint(point, value)
        elif what == "fill":
            _, place, value, layer.contiguous = action
            layer.fill(place, value)
        elif what == "polygon":
            layer.paint_polygon(action[1], action[2])
        elif what == "in place":
            layer.data[action[1].slices] = action[2]
            layer.refresh()
        elif what == "replace":
            layer.data = np.roll(layer.data, action[1], axis=1)
        elif what == "look":
            self.look = Look(action[1], action[2])
            self.thread.remake(engine_maker(self.model, self.look, LookDesk()))
        elif what == "view":
            self.thread.look_at(View(action[1]))
        elif what == "hold":
            self.thread.hold()
        elif what == "settle":
            self.settle()
        else:
            getattr(layer, what)()

    def whole(self) -> np.ndarray:
        """Draw all of the labels in one go."""
        cleaned, _ = self.model.scheme.sanitize(self.layer.data)
        look = self.look
        return Canvas(self.model, cleaned.copy(), seed=look.seed, latent_seed=look.latent_seed).render()

    def close(self) -> None:
        """End the thread."""
        self.follower.close()
        self.thread.close()


@pytest.fixture
def labels() -> np.ndarray:
    """Return labels of stroma with a gland and some nuclei."""
    made = np.ones(SHAPE, np.uint8)
    made[60:140, 80:160] = 2
    made[90:110, 100:140] = 0
    made[::17, ::19] = 3
    return made


@pytest.mark.parametrize("sketch_after", [0.0, 1e9], ids=["sketched", "plain"])
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(done=st.lists(actions, min_size=1, max_size=10))
def test_the_picture_equals_a_full_drawing(
    model: Any, labels: np.ndarray, sketch_after: float, done: list[tuple[Any, ...]]
) -> None:
    easel = Easel(model, labels.copy(), sketch_after)
    try:
        for action in done:
            easel.act(action)
        easel.settle()
        assert easel.failures == []
        # windows of other sizes may round sums otherwise
        assert np.abs(easel.picture.astype(int) - easel.whole()).max() <= 1
    finally:
        easel.close()
