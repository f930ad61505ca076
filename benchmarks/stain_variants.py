"""Train the four variants of Liu et al.'s CycleGAN one after another, and print their table beside our model.

    python benchmarks/stain_variants.py --data DATA_FOLDER
    python benchmarks/stain_variants.py --data DATA_FOLDER --steps 2000 --budget full

CycleGAN, with skip connections, with the SSIM loss, with both (docs/stain-variants/*.toml); then
``histosynth evaluate stain --variants``. Stopped, the same command goes on: a variant that is trained is not
trained again, one in the middle goes on from its checkpoint, and measurements are kept. Some 8 minutes a
variant on one CPU core, and 2 a model to measure.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from napari_histosynth.stain.config import read_stain_config
from napari_histosynth.stain.fit import train_stain
from napari_histosynth.study.stainvariants import VARIANTS
from napari_histosynth.zoo import ModelFolder

CONFIGS = Path(__file__).resolve().parent.parent / "docs" / "stain-variants"


def is_trained(model: Path, steps: int) -> bool:
    """Return whether a model folder holds a variant trained for so many steps."""
    if not (model / "model.toml").is_file():
        return False
    return ModelFolder(model).card.trained.startswith(f"{steps} steps")


def main() -> int:
    """Train what is not trained yet, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that paths in the TOML are relative to"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/stain-variants"), help="where to write")
    parser.add_argument("--steps", type=int, help="length of each run, instead of the TOML's")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--budget", default="quick", help="of the evaluation: quick or full")
    parser.add_argument("--model", default="ki67-he", help="the model to stand beside them")
    parser.add_argument("--train-only", action="store_true", help="do not measure")
    asked = parser.parse_args()

    for name, (title, _) in VARIANTS.items():
        config, run = CONFIGS / f"{name}.toml", asked.runs / name
        steps = asked.steps or read_stain_config(config).loop.steps
        if not is_trained(run / "model", steps):
            print(f"{title}:", flush=True)
            train_stain(config, asked.data, run, steps=steps, threads=asked.threads)
            if not is_trained(run / "model", steps):
                return 1  # stopped; its checkpoint is kept
        shutil.copyfile(config, run / "model" / "train.toml")  # who was held out
    if asked.train_only:
        return 0
    command = [sys.executable, "-m", "napari_histosynth", "evaluate", "stain", "--variants", str(asked.runs)]
    command += ["--data", str(asked.data), "--budget", asked.budget, "--threads", str(asked.threads)]
    command += ["-o", str(asked.runs / "evaluation"), "--model", asked.model]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
