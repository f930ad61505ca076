"""Loading what is slow to load before it is needed, in a thread that lets the main thread go on.

Imports are Python and give way to the main thread every few milliseconds, with two exceptions that hold
it up: opening torch's libraries (hundreds of megabytes, read with the interpreter locked) and what napari
imports when the first layer with units is added. Both are done here, ahead of time.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_histosynth.ui.collector import collections_put_off

_log = logging.getLogger(__name__)

# What the first Labels layer of a session imports while the window stands still, over half a second.
_NAPARI_NEEDS = ("pandas", "scipy.linalg", "scipy.ndimage", "scipy.special", "skimage.segmentation")
_TORCH_LIBRARIES = ("libc10", "libtorch_cpu")
_once = threading.Lock()
_begun = False


def load_torch() -> None:
    """Load torch's libraries and torch; harmless when repeated. Call it in a thread."""
    if "torch" in sys.modules:
        _try(_import_torch)  # waits for a thread that may be importing it
        return
    with collections_put_off():
        _try(_open_torch_libraries)
        _try(_import_torch)


def load_for_layers() -> None:
    """Load in a thread, once, what napari needs for the first layer."""
    global _begun
    with _once:
        if _begun:
            return
        _begun = True
    threading.Thread(target=_load_for_layers, name="histosynth-warm").start()


def _load_for_layers() -> None:
    with collections_put_off():
        _try(_import_for_layers)
        _try(_read_units)


def _try(load: Callable[[], None]) -> None:
    """Load something; errors are left to those who import it in earnest."""
    try:
        load()
    except Exception as error:
        _log.debug("%s failed: %s", load, error)


def _open_torch_libraries() -> None:
    """Open torch's libraries by ctypes, which unlocks the interpreter meanwhile, as importing does not."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    everything = folder / f"libtorch_global_deps{suffix}"
    if everything.is_file():  # torch opens this one first itself
        ctypes.CDLL(str(everything), mode=ctypes.RTLD_GLOBAL)
    for name in _TORCH_LIBRARIES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            ctypes.CDLL(str(path))


def _import_torch() -> None:
    importlib.import_module("torch")


def _import_for_layers() -> None:
    for name in _NAPARI_NEEDS:
        importlib.import_module(name)


def _read_units() -> None:
    """Let pint read its table of units, unless somebody else has begun to.

    The registry that pint keeps for all is no place to read it: while one thread fills it, others find units
    missing there. So a registry is filled apart, and put in its place when it is whole.
    """
    pint: Any = importlib.import_module("pint")
    shared = pint.get_application_registry()
    if isinstance(shared.get(), pint.registry.LazyRegistry):
        registry = pint.UnitRegistry()
        registry("um")
        if isinstance(shared.get(), pint.registry.LazyRegistry):
            pint.set_application_registry(registry)
