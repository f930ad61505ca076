"""What the tests of PNG share: pictures, labels, and a PNG taken apart."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def rgb() -> np.ndarray:
    """Return noise, uint8 (37, 53, 3)."""
    return np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)


@pytest.fixture
def labels() -> np.ndarray:
    """Return noise of four classes, uint8 (37, 53)."""
    return np.random.default_rng(1).integers(0, 4, (37, 53), dtype=np.uint8)


@pytest.fixture
def chunks() -> Callable[[Path], dict[bytes, bytes]]:
    """Return a function that takes a PNG apart."""

    def split(path: Path) -> dict[bytes, bytes]:
        """Split a PNG into its chunks by the specification, checking each sum."""
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        found: dict[bytes, bytes] = {}
        place = 8
        while place < len(data):
            (length,) = struct.unpack(">I", data[place : place + 4])
            kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
            assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(
                kind + body
            )
            found[kind] = found.get(kind, b"") + body
            place += 12 + length
        return found

    return split
