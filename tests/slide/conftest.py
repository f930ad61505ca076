"""What tests of training on slides share: two small slides on disk, and the configuration of a small run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_CONFIG = """
[model]
name = "little"
[model.architecture]
widths = [8, 8, 8, 6, 4]
hidden = [4, 4, 4, 4, 4]
[data]
path = "slides"
held_out = ["second"]
tumor = ["first"]
[discriminator]
widths = [4, 8, 8, 8]
fine_widths = [4, 4]
fine_crop = 32
[loop]
steps = 2
batch = 2
crop = 32
checkpoint_every = 1
sheet_every = 2
precision = "32-true"
"""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two slides of 8,192 px: dark tissue in the middle of glass, with a field and a region each."""
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(("first", "second")):
        rng = np.random.default_rng(number)
        folder = root / "slides" / name
        y, x = np.mgrid[:512, :512]
        tissue = ((y - 256) ** 2 + (x - 256) ** 2 < 180**2)[..., None]
        overview = np.where(tissue, [150, 90, 160], [244, 242, 245]) + rng.normal(0, 8, (512, 512, 3))
        for kind, side in (("fields_2um", 256), ("regions_0.5um", 256)):
            (folder / kind).mkdir(parents=True)
            picture = np.clip(rng.normal(140, 30, (side, side, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(folder / kind / "4096_3072.png")
        Image.fromarray(np.clip(overview, 0, 255).astype(np.uint8)).save(folder / "overview_8um.png")
        places = [{"file": "4096_3072.png", "x": 4096, "y": 3072}]
        (folder / "slide.json").write_text(json.dumps({"fields": places, "regions": places}))
    return root


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a small run on them, to be changed at will."""
    path = tmp_path / "train.toml"
    path.write_text(_CONFIG)
    return path
