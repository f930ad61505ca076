"""Ways to a canvas in the dock: a file, an example, a layer that is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import save_labels


def test_a_label_map_of_two_classes_is_opened_with_nuclei(
    painted: Any, wait: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_histosynth.ui.newcanvas import ImportDialog

    labels = np.ones((100, 100), np.uint8)
    labels[30:70, 30:70] = 2
    save_labels(tmp_path / "map.png", labels, get_scheme("prostate-2"), color=True)
    monkeypatch.setattr(ImportDialog, "exec", lambda dialog: dialog.DialogCode.Accepted)
    first = painted.painter.stage
    painted.opener.open_file(tmp_path / "map.png")
    wait(lambda: painted.painter.stage is not first)
    shown = painted.painter.stage.labels.data
    assert shown.shape == (161, 161)  # 1 um/px to 0.62
    assert set(np.unique(shown)) == {1, 2, 3}


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_a_file_that_is_no_picture_is_one_sentence(
    painted: Any, wait: Any, said: list[tuple[str, str]], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "map.png").write_bytes(content)
    stage = painted.painter.stage
    painted.opener.open_file(tmp_path / "map.png")
    wait(lambda: bool(said))
    assert len(said) == 1
    assert said[0][0] == "error"
    assert "map.png" in said[0][1]
    assert painted.painter.stage is stage


def test_an_example_is_put_up(open_dock: Callable[..., Any], wait: Any) -> None:
    dock = open_dock()
    dock.opener.open_example("adenoma", (96, 128))
    wait(lambda: dock.painter.stage is not None and not dock.painter.is_drawing)
    assert dock.painter.stage.labels.data.shape == (96, 128)
    assert 3 in dock.painter.stage.labels.data


def test_the_selected_labels_layer_is_painted_on_itself(painted: Any, viewer: Any, settle: Any) -> None:
    from napari_histosynth.ui.layers import label_layer_arguments

    arguments = label_layer_arguments(painted.painter.model.scheme, painted.painter.model.um_per_px)
    layer = viewer.add_labels(np.full((80, 80), 3, np.uint8), **arguments)
    viewer.layers.selection.active = layer
    painted.opener.use_selected_layer()
    settle()
    assert painted.painter.stage.labels is layer


def test_a_layer_of_three_dimensions_is_one_sentence(
    painted: Any, viewer: Any, said: list[tuple[str, str]]
) -> None:
    stage = painted.painter.stage
    viewer.layers.selection.active = viewer.add_labels(np.ones((3, 40, 40), np.uint8), name="stack")
    painted.opener.use_selected_layer()
    assert len(said) == 1
    assert "stack" in said[0][1]
    assert painted.painter.stage is stage


def test_a_layer_that_is_no_labels_layer_is_one_sentence(
    painted: Any, viewer: Any, said: list[tuple[str, str]]
) -> None:
    viewer.layers.selection.active = painted.painter.stage.picture
    painted.opener.use_selected_layer()
    assert said == [("error", 'Select a Labels layer first, since "H&E" is of the kind Image.')]


def test_sample_data_is_taken_up_when_nothing_is_painted(
    open_dock: Callable[..., Any], viewer: Any, wait: Any
) -> None:
    from napari_histosynth.ui.layers import label_layer_arguments

    dock = open_dock()
    scheme = get_scheme("colon-3")
    layer = viewer.add_labels(np.full((64, 64), 3, np.uint8), **label_layer_arguments(scheme, 0.62))
    wait(lambda: dock.painter.stage is not None)
    assert dock.painter.stage.labels is layer
