"""Small pieces that docks are put together from."""

from __future__ import annotations

from typing import Any

from napari_histosynth.ui.widgets import ProgressBar


def test_a_progress_bar_is_painted_with_all_else_and_not_at_every_value(qtbot: Any) -> None:
    painted: list[int] = []

    class Bar(ProgressBar):
        def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
            painted.append(self.value())
            super().paintEvent(event)

    bar = Bar()
    qtbot.addWidget(bar)
    with qtbot.waitExposed(bar):
        bar.show()
    qtbot.waitUntil(lambda: bool(painted))
    painted.clear()
    for value in range(20, 90):
        bar.setValue(value)
    assert painted == []
    assert bar.value() == 89
    qtbot.waitUntil(lambda: painted == [89])
