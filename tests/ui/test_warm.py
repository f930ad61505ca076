"""Loading ahead: what it loads is loaded, and what fails is left to others."""

from __future__ import annotations

import sys
import threading

import pytest

from napari_histosynth.ui import warm


def test_what_the_first_layer_needs_is_imported() -> None:
    warm.load_torch()
    warm._load_for_layers()
    assert {"torch", "pandas", "scipy.ndimage", "pint"} <= set(sys.modules)


def test_it_is_imported_in_one_thread_once(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    monkeypatch.setattr(warm, "_begun", False)
    monkeypatch.setattr(warm, "_load_for_layers", lambda: done.append(threading.current_thread().name))
    for _ in range(3):
        warm.load_for_layers()
    for thread in threading.enumerate():
        if thread.name == "histosynth-warm":
            thread.join()
    assert done == ["histosynth-warm"]


def test_a_failure_is_no_error_and_the_rest_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def fail() -> None:
        raise ImportError("no such library")

    monkeypatch.setattr(warm, "_import_for_layers", fail)
    monkeypatch.setattr(warm, "_read_units", lambda: done.append("units"))
    warm._load_for_layers()
    assert done == ["units"]


def test_torch_libraries_are_found_where_torch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(warm.ctypes, "CDLL", lambda path, **_: opened.append(path))
    warm._open_torch_libraries()
    assert any("torch_cpu" in path for path in opened)
