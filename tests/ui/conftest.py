"""What the tests of the window share: a tiny model that draws in milliseconds, docks, and patience."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tissue import get_scheme

SIDE = 160


def write_tiny_model(folder: Path, name: str, scheme: str) -> None:
    """Write a local model of three small levels with random weights."""
    import torch

    from napari_histosynth.paint.network import build_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    architecture = {"widths": [8, 8, 8], "hidden": [8, 8, 8]}
    torch.manual_seed(len(name))
    generator = build_generator("local", get_scheme(scheme).n_classes, 4, **architecture)
    tensors = {f"generator.{key}": value for key, value in generator.state_dict().items()}
    for key, value in tensors.items():
        if key.endswith("weight"):  # fresh weights draw one gray; these draw something that labels change
            tensors[key] = value * 2.5
    card = ModelCard(
        name=name,
        preset="local",
        scheme=scheme,
        um_per_px=0.62,
        latent_size=4,
        architecture=architecture,
    )
    write_folder(folder / name, card, tensors)


@pytest.fixture(scope="session")
def tiny_model_writer() -> Callable[[Path, str, str], None]:
    """Return what writes a tiny model: folder of models, name, scheme."""
    return write_tiny_model


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of tiny models: "tiny" (colon-3), "tiny-2" (colon-2) and "tiny-10" (colon-10)."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder, "tiny", "colon-3")
    write_tiny_model(folder, "tiny-2", "colon-2")
    write_tiny_model(folder, "tiny-10", "colon-10")
    return folder


@pytest.fixture(autouse=True)
def tiny_models(user_models: Path, model_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny models be found before any other."""
    monkeypatch.setenv("HISTOSYNTH_MODELS", str(model_folders))


@pytest.fixture
def model() -> Any:
    """Return the tiny model, loaded."""
    from napari_histosynth.ui.models import load_cached

    return load_cached("tiny")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Collect what is told to the user, as (kind, sentence), instead of showing it."""
    sentences: list[tuple[str, str]] = []
    for module in ("paint", "opening", "fromhe"):
        for kind in ("error", "info", "warning"):
            name = f"napari_histosynth.ui.{module}.show_{kind}"
            monkeypatch.setattr(name, lambda text, kind=kind: sentences.append((kind, text)), raising=False)
    return sentences


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Callable[[], bool]], None]:
    """Return a function that lets the event loop run until something is true."""
    return lambda ready: qtbot.waitUntil(ready, timeout=60_000)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any], said: list[tuple[str, str]]) -> Any:
    """Return a viewer that is not shown."""
    return make_napari_viewer()


@pytest.fixture
def open_dock(viewer: Any, wait: Any) -> Callable[..., Any]:
    """Return a function that docks the widget and waits for its model."""

    def dock_in(where: Any = viewer, model: str = "tiny") -> Any:
        from napari_histosynth.ui.paint import PaintDock

        dock = PaintDock(where, model)
        where.window.add_dock_widget(dock, name="Paint tissue", area="right")
        wait(lambda: dock.painter.model is not None)
        return dock

    return dock_in


@pytest.fixture
def painted(open_dock: Callable[..., Any], wait: Any) -> Any:
    """Return a dock with a blank canvas of stroma that is drawn."""
    dock = open_dock()
    dock.painter.new_canvas(np.full((SIDE, SIDE + 32), 1, np.uint8))
    wait(lambda: not dock.painter.is_drawing)
    return dock


@pytest.fixture
def draw_whole() -> Callable[[Any], np.ndarray[Any, Any]]:
    """Return a function that draws all of a painter's canvas in one go, by the engine alone."""

    def draw(painter: Any) -> np.ndarray[Any, Any]:
        from napari_histosynth.paint.canvas import Canvas

        look = painter.looks.present
        cleaned, _ = painter.model.scheme.sanitize(np.asarray(painter.stage.labels.data))
        canvas = Canvas(painter.model, np.array(cleaned), seed=look.seed, latent_seed=look.latent_seed)
        return canvas.render()

    return draw


@pytest.fixture
def settle(painted: Any, wait: Any) -> Callable[[], None]:
    """Return a function that waits until all is drawn."""
    return lambda: wait(lambda: not painted.painter.is_drawing)
