"""Keeping Python's collector of garbage from stopping all threads while libraries are loaded."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_blocks = 0
_was_on = False


@contextmanager
def collections_put_off() -> Iterator[None]:
    """Start no collection meanwhile, and count what was made as old afterwards.

    Libraries leave hundreds of thousands of objects that stay for good. Python takes so many new ones for a
    reason to look through all there are, several times while it imports and once after, and no thread runs
    meanwhile: a third of a second each time. What becomes garbage later is found as ever.
    """
    global _blocks, _was_on
    with _lock:
        if _blocks == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _blocks += 1
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0:
                if not gc.get_freeze_count():  # somebody who froze objects wants them to stay so
                    gc.freeze()
                    gc.unfreeze()  # all objects are in the oldest generation now, and none was looked at
                if _was_on:
                    gc.enable()
