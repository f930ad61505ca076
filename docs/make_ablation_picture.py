"""Show what label channels do for a GAN of layouts: the ablation of Beers et al., section 4.2, Figure 3.

Run it anywhere, with two models trained alike, but for ``segmentation = 0`` in one of them::

    python docs/make_ablation_picture.py --with runs/a/model --without runs/b/model --data DATA_FOLDER

It draws the H&E of both GANs from the same latents, without their flows, writes them below one another in
``docs/images/layout-ablation.jpg``, and prints how far each is from held-out tissue: Fréchet distances of the
segmenter's features beside that of the tissue both were trained on. All pictures it writes are synthetic.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from napari_histosynth.layout.config import read_layout_config
from napari_histosynth.layout.data import PairSampler, load_pairs
from napari_histosynth.layout.network import build_generator
from napari_histosynth.layout.reading import apart
from napari_histosynth.paint.data import Field
from napari_histosynth.paint.segment import load_segmenter
from napari_histosynth.study.features import describe_by_network
from napari_histosynth.study.metrics import frechet_distance
from napari_histosynth.zoo import find_model, load_state, select

IMAGES = Path(__file__).parent / "images"
#: Pictures of each kind that are compared, px a side that they are enlarged to, and pictures a row.
COUNT, SIDE, SHOWN = 96, 256, 8
TILE, GAP, TEXT = 150, 4, 16


def drawn(model: str, latents: Tensor) -> list[np.ndarray]:
    """Return the H&E that a GAN draws of latents, grades in turns."""
    folder = find_model(model)
    card = folder.card
    generator = build_generator(card.architecture, card.latent_size).eval()
    load_state(generator, select(folder.read_tensors(), "generator."), folder.where)
    generator.float()
    grades = torch.eye(len(card.architecture["grades"]))
    made = []
    with torch.inference_mode():
        for number, latent in enumerate(latents):
            channels = generator(latent[None], grades[None, number % len(grades)])[0].numpy()
            made.append(apart(channels)[0])
    return made


def real(data: Path, config: Path, cache: Path | None, held_out: bool) -> list[np.ndarray]:
    """Return the H&E of crops as trainings see them."""
    settings = read_layout_config(config)
    sampler = PairSampler(settings, load_pairs(data, settings, held_out=held_out, cache=cache))
    last = [phase for phase in settings.phases if phase.kind in ("fade", "stable")][-1]
    steps = range(last.start, last.start + -(-COUNT // last.batch))
    pictures = np.concatenate([sampler.batch(step)["pictures"] for step in steps])[:COUNT]
    return [apart(one)[0] for one in pictures]


def described(pictures: list[np.ndarray]) -> np.ndarray:
    """Return the segmenter's features of pictures, enlarged to its scale."""
    segmenter = load_segmenter("gland-segmenter", device="cpu")
    large = [
        np.asarray(Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for one in pictures
    ]
    fields = [Field(str(number), "", one, ()) for number, one in enumerate(large)]
    return describe_by_network(segmenter.network, fields).vectors


def main() -> None:
    """Draw, compare, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--with", dest="labelled", required=True, help="model with label channels")
    parser.add_argument("--without", dest="bare", required=True, help="model without")
    parser.add_argument("--data", type=Path, required=True, help="folder of real tissue")
    parser.add_argument("--cache", type=Path, help="folder of a run, which holds its label maps")
    parser.add_argument("--config", type=Path, default=Path("models/colon-layout/train.toml"))
    parser.add_argument("--output", type=Path, default=IMAGES / "layout-ablation.jpg")
    args = parser.parse_args()
    torch.manual_seed(0)
    latents = torch.randn(COUNT, find_model(args.labelled).card.latent_size)
    kinds = {"without label channels": args.bare, "with label channels": args.labelled}
    made = {title: drawn(model, latents) for title, model in kinds.items()}
    held_out = described(real(args.data, args.config, args.cache, held_out=True))
    seen = frechet_distance(described(real(args.data, args.config, args.cache, held_out=False)), held_out)
    print(f"tissue both were trained on: {seen:.1f}")
    for title, pictures in made.items():
        distance = frechet_distance(described(pictures), held_out)
        print(f"{title}: {distance:.1f}, {distance / seen:.2f} times that")
    height = 2 * (TEXT + TILE + GAP)
    sheet = Image.new("RGB", (SHOWN * (TILE + GAP) - GAP, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT - 3)
    for row, (title, pictures) in enumerate(made.items()):
        top = row * (TEXT + TILE + GAP)
        pen.text((0, top), title, "black", font)
        for column, picture in enumerate(pictures[:SHOWN]):
            tile = Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.BICUBIC)
            sheet.paste(tile, (column * (TILE + GAP), top + TEXT))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(args.output, quality=88)
    print(f"wrote {args.output}")


if __name__ == "__main__":
    main()
