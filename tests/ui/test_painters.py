"""The painter of a viewer can be found by other docks."""

from __future__ import annotations

import gc
from typing import Any

from napari_histosynth.ui.painters import Painters, painter_of, painters


class _Painter:
    def __init__(self, viewer: object) -> None:
        self.viewer = viewer


def test_the_newest_painter_of_a_viewer_is_found_and_none_is_kept_alive() -> None:
    viewer, other = object(), object()
    known = Painters()
    heard: list[int] = []
    known.changed.connect(lambda: heard.append(1))
    first, second = _Painter(viewer), _Painter(viewer)
    known.add(first)  # type: ignore[arg-type]
    known.add(second)  # type: ignore[arg-type]
    assert known.of(viewer) is second
    assert known.of(other) is None
    known.remove(second)  # type: ignore[arg-type]
    known.remove(second)  # type: ignore[arg-type]
    assert known.of(viewer) is first
    del first
    gc.collect()
    assert known.of(viewer) is None
    assert len(heard) == 3


def test_a_dock_makes_its_painter_known_until_it_is_closed(open_dock: Any, viewer: Any) -> None:
    heard: list[object] = []
    count = painters.changed.connect(lambda: heard.append(painter_of(viewer)))
    assert painter_of(viewer) is None
    dock = open_dock()
    assert painter_of(viewer) is dock.painter
    dock.shut_down()
    assert painter_of(viewer) is None
    painters.changed.disconnect(count)
    assert heard == [dock.painter, None]
