"""Can a small network tell drawn tissue from real? The classifier two-sample test, on patients never seen.

    python benchmarks/two_sample.py --data GLAS_FOLDER [--model colon-3class] [--steps 300 900]

Every field is drawn again from its own label map in its own look. A four-stage convolutional network learns
to tell drawn from real crops of the patients that the generator was trained on, then judges crops of those
that neither saw: area under the ROC curve, 0.5 if it cannot tell, 1 if it always can. Both sides go through
the same JPEG codec first, or the network would read the marks that the codec left on the real ones.

Beside it, how faithful the pictures are to the labels: nuclei and background found again in the drawn picture
by the recipe that made the labels, as Dice overlap with them.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import nn

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.config import read_config
from napari_histosynth.paint.data import Field, Split, load_fields
from napari_histosynth.paint.labels import labels_from_he
from napari_histosynth.paint.model import PaintModel, load_model

CROP, BATCH, TESTED = 112, 32, 2048
QUALITY = 94  # of the JPEG codec, GlaS's own


def through_codec(rgb: np.ndarray) -> np.ndarray:
    """Compress a picture as the real ones were."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return np.array(Image.open(buffer))


def pairs(model: PaintModel, fields: list[Field], random_look: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return real and drawn pictures of each field."""
    drawn = []
    for number, field in enumerate(fields):
        latent = model.sample_latent(number) if random_look else model.encode(field.image)
        picture = Canvas(model, field.labels[0], latent=latent, seed=number).render()
        drawn.append((through_codec(field.image), through_codec(picture)))
    return drawn


def crops(pictures: list[tuple[np.ndarray, np.ndarray]], count: int, rng: np.random.Generator) -> tuple:
    """Return crops in all symmetries, float (n, 3, y, x), and which are drawn, float (n,)."""
    images, truth = [], []
    for index in range(count):
        kind = index % 2
        picture = pictures[rng.integers(len(pictures))][kind]
        y, x = (rng.integers(size - CROP + 1) for size in picture.shape[:2])
        crop = np.rot90(picture[y : y + CROP, x : x + CROP], rng.integers(4))
        images.append(crop[:, ::-1] if rng.integers(2) else crop)
        truth.append(float(kind))
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(images)))
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1, torch.tensor(truth)


def judge() -> nn.Module:
    """Return the network that tells drawn from real: four stages, mean over the crop."""
    layers: list[nn.Module] = []
    for shallow, deep in ((3, 32), (32, 64), (64, 96), (96, 128)):
        layers += [nn.Conv2d(shallow, deep, 3, 2, 1), nn.BatchNorm2d(deep), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 1))


def area_under_curve(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of (drawn, real) pairs that the scores order rightly."""
    order = np.argsort(np.argsort(scores)) + 1
    positives = truth == 1
    n, m = positives.sum(), (~positives).sum()
    return float((order[positives].sum() - n * (n + 1) / 2) / (n * m))


def tell_apart(trained: list, tested: list, steps: list[int]) -> dict[int, float]:
    """Train the judge and return its area under the curve after each number of steps."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = judge()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    found = {}
    images, truth = crops(tested, TESTED, np.random.default_rng(1))
    for step in range(1, max(steps) + 1):
        batch, target = crops(trained, BATCH, rng)
        network.train()
        loss = nn.functional.binary_cross_entropy_with_logits(network(batch)[:, 0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in steps:
            network.eval()
            with torch.inference_mode():
                scores = torch.cat([network(part)[:, 0] for part in images.split(128)])
            found[step] = area_under_curve(scores.numpy(), truth.numpy())
    return found


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Return the overlap of two masks."""
    return float(2 * (a & b).sum() / max(1, a.sum() + b.sum()))


def faithfulness(model: PaintModel, fields: list[Field]) -> dict[str, float]:
    """Find nuclei and background again in drawn pictures and compare them with the labels."""
    overlaps: dict[str, list[float]] = {"nuclei": [], "background": []}
    for number, field in enumerate(fields):
        labels = field.labels[0]
        drawn = Canvas(model, labels, latent=model.encode(field.image), seed=number).render()
        epithelium = (labels == 2) | (labels == 3)
        found = labels_from_he(drawn, um_per_px=model.um_per_px, epithelium=epithelium)
        for name, value in (("nuclei", 3), ("background", 0)):
            overlaps[name].append(dice(found == value, labels == value))
    return {name: float(np.mean(values)) for name, values in overlaps.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="colon-3class")
    parser.add_argument("--config", type=Path, default=Path("models/colon-3class/train.toml"))
    parser.add_argument("--steps", type=int, nargs="+", default=[300, 900])
    arguments = parser.parse_args()
    config = read_config(arguments.config)
    scheme, model = get_scheme(config.model.scheme), load_model(arguments.model)
    split = Split(config.data.table, config.data.name_column, config.data.group_column, config.data.held_out)
    trained = load_fields(arguments.data, scheme, config.model.um_per_px, split)
    tested = load_fields(arguments.data, scheme, config.model.um_per_px, split, held_out=True)
    console = Console()
    console.print(
        f"{model.name} {model.sha256[:12]}: {len(tested)} fields of patients {', '.join(split.held_out)}"
    )
    table = Table("look", *(f"AUC after {step} steps" for step in arguments.steps))
    for name, random_look in (("its own", False), ("random", True)):
        found = tell_apart(
            pairs(model, trained, random_look), pairs(model, tested, random_look), arguments.steps
        )
        table.add_row(name, *(f"{found[step]:.3f}" for step in arguments.steps))
    console.print(table)
    for name, overlap in faithfulness(model, tested).items():
        console.print(f"Dice of {name} found again in the drawn picture: {overlap:.3f}")


if __name__ == "__main__":
    main()
