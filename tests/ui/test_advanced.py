"""Device and precision: chosen in the dock, refused in one sentence, shown as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from napari_histosynth.ui.advanced import AdvancedPanel


@pytest.fixture
def panel(painted: Any) -> Any:
    return painted.findChild(AdvancedPanel)


@pytest.fixture
def choose(painted: Any, panel: Any, wait: Any) -> Callable[[str, str], None]:
    """Return a function that picks a word in one of the two boxes and waits for the model."""

    def pick(name: str, word: str) -> None:
        box = getattr(panel, name)
        box.setCurrentText(word)
        box.activated.emit(box.currentIndex())
        wait(lambda: not painted.painter.tasks.is_busy and not painted.painter.is_drawing)

    return pick


def test_another_precision_draws_the_canvas_anew(painted: Any, choose: Any) -> None:
    for precision in ("bf16", "fp32"):
        choose("precision", precision)
        assert painted.painter.model.precision == precision
        assert precision in painted.model_line.text()
        assert painted.painter.stage.pixels.std() > 1


def test_a_device_that_is_not_there_is_one_sentence_and_changes_nothing(
    painted: Any, panel: Any, choose: Any, said: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    choose("device", "cpu")
    before = painted.painter.model
    choose("device", "mps")
    assert said[-1] == ("error", "This machine has no device 'mps'; use 'auto' or 'cpu'.")
    assert painted.painter.model is before
    assert panel.device.currentText() == "cpu"


def test_both_boxes_have_a_hint(panel: Any) -> None:
    assert panel.device.toolTip()
    assert panel.precision.toolTip()
