"""Places and map beside a model's weights: told when they are of other weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.anchors import Anchors, anchor_of
from napari_histosynth.latent.atlas import Atlas
from napari_histosynth.zoo import check_places, find_model, place_names


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(tiny_model, tmp_path / "tiny"))


def _write(folder: Path, sha256: str) -> None:
    Anchors("tiny", sha256, (anchor_of("healthy", [np.zeros(4)]),)).write(folder / "anchors.json")
    styles = np.eye(4, dtype=np.float32)
    atlas = Atlas("tiny", sha256, styles, np.zeros((4, 0), np.float32), ("",) * 4, ("A",) * 4)
    atlas.write(folder / "atlas.safetensors")


def test_places_of_these_weights_are_fine(folder: Path) -> None:
    check_places(find_model(folder))  # none is no fault
    assert place_names(find_model(folder)) == []
    _write(folder, find_model(folder).card.sha256)
    check_places(find_model(folder))
    assert place_names(find_model(folder)) == ["healthy"]


@pytest.mark.parametrize("name", ["anchors.json", "atlas.safetensors"])
def test_places_of_other_weights_are_one_sentence(folder: Path, name: str) -> None:
    _write(folder, "f" * 64)
    for other in {"anchors.json", "atlas.safetensors"} - {name}:
        (folder / other).unlink()
    with pytest.raises(ModelError, match=f"has a {name} of other weights .ffffffffffff.; make it anew with"):
        check_places(find_model(folder))


@pytest.mark.parametrize("name", ["anchors.json", "atlas.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 40, b"[1]"])
def test_damaged_places_are_one_sentence(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"has a damaged {name}"):
        check_places(find_model(folder))
    assert place_names(find_model(folder)) == []
