"""An afternoon by mouse and keyboard: what is saved is what was on screen, and what the labels draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_histosynth.io import read_labels

pytestmark = pytest.mark.slow

SIZE = 640  # px: the least in which two areas hold glands


@pytest.fixture
def script(
    repository: Path,
    tmp_path: Path,
    tiny_model_writer: Callable[[Path, str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Return docs/afternoon.py as a module, with tiny models of three and ten classes to be found."""
    for name, scheme in (("tiny", "colon-3"), ("tiny-10", "colon-10")):
        tiny_model_writer(tmp_path / "models", name, scheme)
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(tmp_path / "models"))
    monkeypatch.syspath_prepend(repository / "docs")
    import afternoon

    monkeypatch.setattr(afternoon, "WINDOW", (1100, 800))

    return afternoon


@pytest.fixture
def day(script: Any, make_napari_viewer: Callable[..., Any], tmp_path: Path, request: Any) -> Any:
    """Return somebody who works with a model, in a window that is shown."""
    request.getfixturevalue("monkeypatch").setattr("napari_histosynth.ui.models.FAVORITE", request.param)
    day = script.Afternoon(SIZE, tmp_path / "out", request.param, make_napari_viewer(show=True))
    yield day
    day.heart.stop()


@pytest.mark.parametrize("day", ["tiny"], indirect=True)
def test_files_of_an_afternoon_equal_the_screen_and_a_full_drawing(
    script: Any, day: Any, make_napari_viewer: Callable[..., Any]
) -> None:
    script.compare(day.folder, "afternoon", script.first_act(day), make_napari_viewer())


@pytest.mark.parametrize("day", ["tiny-10"], indirect=True)
def test_files_of_a_desmoplastic_reaction_equal_the_screen_and_a_full_drawing(
    script: Any, day: Any, make_napari_viewer: Callable[..., Any]
) -> None:
    script.compare(day.folder, "reaction", script.second_act(day), make_napari_viewer())
    scheme = day.paint.painter.model.scheme
    labels = read_labels(day.folder / "reaction_labels.png", scheme)
    assert (labels == scheme.index_of("reactive stroma")).any()
