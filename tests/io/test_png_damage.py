"""Damaged pictures and failing disks: one sentence, and the old file stays."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from napari_histosynth.core.errors import ImageError, SaveError
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import (
    read_image,
    read_labels,
    read_provenance,
    save_image,
    save_labels,
    save_provenance,
)

SCHEME = get_scheme("prostate-3")
MADE_BY = Provenance(model="colon-3class", seed=3, um_per_px=0.62, size=(37, 53))


def png_header(width: int, height: int) -> bytes:
    """Return the start of a PNG that claims a size, without its pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(b"\0" * 1000)
    parts = (struct.pack(">I", len(b) - 4) + b + struct.pack(">I", zlib.crc32(b)) for b in (body, idat))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def faulty_file(tmp_path: Path, fault: str) -> Path:
    """Write a file with the fault."""
    path = tmp_path / "faulty.png"
    whole = tmp_path / "whole.png"
    save_image(whole, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = whole.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF
    contents = {
        "empty": b"",
        "truncated": data[: len(data) // 2],
        "truncated in its header": data[:20],
        "flipped": bytes(flipped),
        "text": b"This is no picture.\n" * 50,
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "too wide": png_header(16_385, 4),
        "too high": png_header(4, 16_385),
        "bomb": png_header(2_000_000_000, 2_000_000_000),
        "without its pixels": png_header(16_000, 4),
    }
    if fault == "folder":
        path.mkdir()
    elif fault != "missing":
        path.write_bytes(contents[fault])
    return path


FAULTS = {
    "empty": "is empty",
    "missing": "no such file",
    "folder": "is a folder",
    "truncated": "damaged or cut short",
    "truncated in its header": "damaged or cut short",
    "flipped": "damaged",
    "text": "no picture",
    "postscript": "no picture",
    "too wide": "16,385 x 4 px",
    "too high": "4 x 16,385 px",
    "bomb": "2,000,000,000 x 2,000,000,000 px",
    "without its pixels": "damaged or cut short",
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_file_that_cannot_be_read_is_one_sentence_with_its_path(tmp_path: Path, fault: str) -> None:
    path = faulty_file(tmp_path, fault)
    for read in (read_image, lambda path: read_labels(path, SCHEME), read_provenance):
        with pytest.raises(ImageError) as caught:
            read(path)
        message = str(caught.value)
        assert str(path) in message
        assert FAULTS[fault] in message
        assert "\n" not in message


def test_the_largest_side_is_read_and_pillow_keeps_its_own_limit(tmp_path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    Image.new("L", (16_384, 2), 1).save(tmp_path / "a.png")
    assert read_labels(tmp_path / "a.png", SCHEME).shape == (2, 16_384)
    with pytest.raises(ImageError):
        read_image(faulty_file(tmp_path, "bomb"))
    assert limit == Image.MAX_IMAGE_PIXELS


def test_a_canvas_that_pillow_would_call_a_bomb_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rgb: np.ndarray
) -> None:
    save_image(tmp_path / "a.png", rgb)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as if 37 x 53 were beyond its limit
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rgb)


@pytest.mark.parametrize("writer", ["image", "index", "color", "json"])
def test_a_disk_that_fills_up_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rgb: np.ndarray, labels: np.ndarray, writer: str
) -> None:
    path = tmp_path / ("a.json" if writer == "json" else "a.png")
    path.write_bytes(b"old")

    def fills_up(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(PngImagePlugin, "putchunk", fills_up)
    monkeypatch.setattr(os, "fsync", fills_up)
    writers = {
        "image": lambda: save_image(path, rgb, MADE_BY),
        "index": lambda: save_labels(path, labels, SCHEME),
        "color": lambda: save_labels(path, labels, SCHEME, color=True),
        "json": lambda: save_provenance(path, MADE_BY),
    }
    with pytest.raises(SaveError, match="the disk is full") as caught:
        writers[writer]()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [path.name]
