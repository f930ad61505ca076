"""Draw the picture of docs/looks.md: one canvas, moderately differentiated on the left, poorly on the right.

Run it anywhere, it needs no screen::

    python docs/make_looks_picture.py

It writes a label map, looks for it, and H&E into ``looks-output/``, the last by ``histosynth render``, and
``docs/images/looks.jpg`` from them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, save_labels
from napari_histosynth.paint.examples import example_labels

SHAPE = (448, 1344)
UM_PER_PX = 0.62
LEFT, RIGHT = 8, 2  # seeds of the two looks
OUTPUT = Path("looks-output")


def two_grades() -> np.ndarray:
    """Return a label map whose glands give way to solid nests from left to right, uint8 (y, x)."""
    moderate, poor = (example_labels(name, SHAPE, UM_PER_PX, seed=4) for name in ("moderate", "poor"))
    y = np.arange(SHAPE[0])
    border = SHAPE[1] / 2 + 60 * np.sin(y / 70) + 25 * np.sin(y / 23 + 1)
    labels: np.ndarray = np.where(np.arange(SHAPE[1]) < border[:, None], moderate, poor)
    return labels


def main() -> None:
    """Write all files."""
    OUTPUT.mkdir(exist_ok=True)
    scheme = get_scheme("colon-3")
    labels = two_grades()
    save_labels(OUTPUT / "labels.png", labels, scheme)
    middle, far = SHAPE[0] / 2, SHAPE[1] - 1 - SHAPE[1] / 8
    looks = {
        "format": "histosynth-looks-1",
        "um_per_px": UM_PER_PX,
        "width_um": round((far - SHAPE[1] / 8) * UM_PER_PX),  # all the way from one point to the other
        "looks": [{"name": "moderate", "seed": LEFT}, {"name": "poor", "seed": RIGHT}],
        "points": [
            {"y": middle, "x": SHAPE[1] / 8, "look": 1},
            {"y": middle, "x": far, "look": 2},
        ],
    }
    (OUTPUT / "labels_looks.json").write_text(json.dumps(looks, indent=1) + "\n")
    command = [sys.executable, "-m", "napari_histosynth", "render", str(OUTPUT / "labels.png")]
    command += ["-o", str(OUTPUT / "he.png"), "--look-map", str(OUTPUT / "labels_looks.json")]
    command += ["--scheme", "colon-3", "--um-per-px", str(UM_PER_PX), "--seed", "1"]
    subprocess.run(command, check=True)
    small = Image.fromarray(scheme.encode(labels)).resize(
        (SHAPE[1] // 2, SHAPE[0] // 2), Image.Resampling.BOX
    )
    sheet = Image.new("RGB", (SHAPE[1], SHAPE[0] + SHAPE[0] // 2 + 8), "white")
    sheet.paste(small, (SHAPE[1] // 4, 0))
    sheet.paste(Image.fromarray(read_image(OUTPUT / "he.png")), (0, SHAPE[0] // 2 + 8))
    sheet.save(Path(__file__).parent / "images" / "looks.jpg", quality=90)


if __name__ == "__main__":
    main()
