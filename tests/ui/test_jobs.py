"""One piece of work at a time: called back, stopped, and told about in one sentence."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_histosynth.core.errors import Cancelled, ImageError
from napari_histosynth.ui.jobs import Job, JobRow


@pytest.fixture
def heard() -> list[Any]:
    return []


def test_work_is_called_back_with_its_result(qtbot: Any, wait: Any, heard: list[Any]) -> None:
    job, shares = Job(), []
    job.progressed.connect(shares.append)

    def work(tell: Any, is_cancelled: Any) -> int:
        tell(0.5)
        return 7

    assert job.start("Counting", work, heard.append, heard.append)
    assert not job.start("Counting", work, heard.append, heard.append)
    wait(lambda: not job.is_busy)
    assert heard == [7]
    assert shares == [0.5]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImageError("It is gray."), "It is gray."),
        (OSError("the disk is gone\nand more"), "Counting failed: the disk is gone."),
        (Cancelled("Stopped."), "Counting was cancelled."),
    ],
)
def test_an_error_is_one_sentence(
    qtbot: Any, wait: Any, heard: list[Any], error: Exception, said: str
) -> None:
    job = Job()

    def work(*_: Any) -> None:
        raise error

    job.start("Counting", work, heard.append, heard.append)
    wait(lambda: not job.is_busy)
    assert heard == [said]


def test_the_button_stops_work_that_takes_a_moment(qtbot: Any, wait: Any, heard: list[Any]) -> None:
    job = Job()
    shown = JobRow(job, "Stop")
    qtbot.addWidget(shown)

    def work(tell: Any, is_cancelled: Any) -> None:
        while not is_cancelled():
            tell(0.25)
            threading.Event().wait(0.01)
        raise Cancelled("Stopped.")

    job.start("Counting", work, heard.append, heard.append)
    assert not shown.isVisible()
    wait(lambda: shown.isVisible() and shown.bar.value() == 25)
    qtbot.mouseClick(shown.stop, Qt.MouseButton.LeftButton)
    wait(lambda: not job.is_busy)
    assert heard == ["Counting was cancelled."]
    assert not shown.isVisible()
