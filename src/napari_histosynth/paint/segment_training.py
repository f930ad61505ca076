"""Train a segmenter: H&E and masks of glands in, a network that labels H&E out (SHI-GAN, section 2.6)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.core.training import decayed, settle_norms, update_average
from napari_histosynth.paint.data import Split
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.paint.regions import IN_GLAND, N_KINDS, N_LOGITS, labels_of
from napari_histosynth.paint.run import run_training
from napari_histosynth.paint.segment_config import SegmentConfig, read_segment_config
from napari_histosynth.paint.segment_data import Exemplar, SegmentSampler, load_exemplars
from napari_histosynth.paint.unet import SegmentationNet

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: Batches that settle the statistics of normalization for averaged weights.
SETTLING_BATCHES = 48
#: Side in px of the pictures on a sheet.
SHOWN_SIDE = 416


class SegmentTraining:
    """The network, optimizer and losses of a run; a :class:`~napari_histosynth.core.training.Trainable`.

    Parameters
    ----------
    config : SegmentConfig
        The run.
    sampler : SegmentSampler
        Training crops.
    shown : sequence of Exemplar
        Pictures for the sheets of samples, held out if there are such.
    """

    def __init__(
        self, config: SegmentConfig, sampler: SegmentSampler, shown: Sequence[Exemplar] = ()
    ) -> None:
        self.config, self.sampler, self.shown = config, sampler, shown
        torch.manual_seed(config.loop.seed)
        self.network = SegmentationNet(N_LOGITS, config.model.widths)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.networks: dict[str, nn.Module] = {"network": self.network, "average": self.average}
        adam = config.optimizer
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            "network": torch.optim.AdamW(
                self.network.parameters(), adam.learning_rate, weight_decay=adam.weight_decay
            )
        }

    def batch(self, step: int) -> Mapping[str, Any]:
        """Return the crops of a step."""
        return self.sampler.batch(step)

    def step(self, batch: Mapping[str, Any], step: int, fabric: Fabric) -> dict[str, float]:
        """Update the network once, by cross entropy of the kinds and of being in a gland."""
        optimizer = self.optimizers["network"]
        for group in optimizer.param_groups:
            group["lr"] = self.config.optimizer.learning_rate * decayed(step, self.config.loop.steps)
        image, regions = _tensors(batch, fabric.device)
        with fabric.autocast():
            logits = self.network(image)
        logits = logits.float()
        kinds = F.cross_entropy(logits[:, :N_KINDS], regions % IN_GLAND)
        glands = F.binary_cross_entropy_with_logits(logits[:, N_KINDS], (regions >= IN_GLAND).float())
        optimizer.zero_grad(set_to_none=True)
        (kinds + glands).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        update_average(self.average, self.network, step, self.config.optimizer.average)
        return {"kinds": float(kinds.detach()), "glands": float(glands.detach())}

    def settled(self, fabric: Fabric) -> SegmentationNet:
        """Return a copy of the averaged network with normalization measured anew, ready to use."""
        average = copy.deepcopy(self.average)
        with torch.no_grad(), fabric.autocast():
            settle_norms(
                average,
                lambda number: average(_tensors(self.sampler.batch(number), fabric.device)[0]),
                SETTLING_BATCHES,
            )
        return average.eval()

    def sheet(self, path: Path, step: int, fabric: Fabric) -> None:
        """Draw pictures, their label maps, and what the network makes of them, row by row."""
        from napari_histosynth.io import save_image
        from napari_histosynth.paint.segment import answers

        network = self.settled(fabric)
        scheme = get_scheme(self.config.model.scheme)
        rows = []
        for one in self.shown:
            side = min(SHOWN_SIDE, *one.image.shape[:2]) // network.stride * network.stride
            y, x = ((size - side) // 2 for size in one.image.shape[:2])
            cut = {
                "image": one.image[None, y : y + side, x : x + side],
                "regions": one.regions[None, y : y + side, x : x + side],
            }
            image, regions = _tensors(cut, fabric.device)
            with torch.no_grad(), fabric.autocast():
                found = answers(network(image))
            maps = [labels_of(codes[0].cpu().numpy().astype(np.uint8)) for codes in (regions, found)]
            row = np.hstack([cut["image"][0], *(scheme.encode(one) for one in maps)])
            rows.append(np.pad(row, ((0, SHOWN_SIDE - side), (0, 3 * (SHOWN_SIDE - side)), (0, 0))))
        if rows:
            save_image(path, np.vstack(rows))

    def tensors_to_ship(self, fabric: Fabric) -> dict[str, Tensor]:
        """Return the weights of the averaged network under their names in a model folder."""
        state = self.settled(fabric).state_dict()
        return {
            f"segmenter.{name}": value
            for name, value in state.items()
            if not name.endswith("num_batches_tracked")
        }


def train_segmenter(
    config_path: Path,
    data: Path,
    run: Path,
    out: Path | None = None,
    *,
    steps: int | None = None,
    device: str = "auto",
    threads: int = 0,
    say: Callable[[str], None] = print,
) -> Path:
    """Train a segmenter, or go on with a run that was stopped, and write it as a model folder.

    Parameters
    ----------
    config_path : Path
        The run as TOML (:class:`~napari_histosynth.paint.segment_config.SegmentConfig`).
    data : Path
        Folder with ``images/`` and ``masks/`` or ``labels/``.
    run : Path
        Folder of the run: checkpoint, losses, sheets of samples.
    out : Path, optional
        Model folder to write at the end; ``run / "model"`` when absent.
    steps : int, optional
        Overrides the configuration's length.
    device : str
        "auto", "cpu", "cuda" or "mps".
    threads : int
        CPU threads, 0 for torch's own choice.
    say : callable
        Takes each line of progress.

    Returns
    -------
    Path
        The model folder.

    Raises
    ------
    TrainingError
        If the configuration or the data cannot be used.
    """
    config = read_segment_config(config_path)
    kind = {
        "system": "segmenter",
        "preset": "unet",
        "latent_size": 0,
        "architecture": {"widths": list(config.model.widths)},
    }
    return run_training(
        config,
        lambda config: prepare(config, data, say),
        kind,
        run,
        out,
        steps=steps,
        device=device,
        threads=threads,
        say=say,
    )


def prepare(config: SegmentConfig, data: Path, say: Callable[[str], None] = print) -> SegmentTraining:
    """Read the data and build the network of a run, untrained."""
    wanted, scheme = config.data, get_scheme(config.model.scheme)
    split = Split(wanted.table, wanted.name_column, wanted.group_column, wanted.held_out)
    say(f"Reading pictures and making label maps from {data}.")
    exemplars = load_exemplars(data, scheme, config.model.um_per_px, split)
    held_out = (
        load_exemplars(data, scheme, config.model.um_per_px, split, held_out=True) if wanted.held_out else []
    )
    say(f"{len(exemplars)} pictures to train on, {len(held_out)} held out.")
    sampler = SegmentSampler(
        exemplars,
        crop=config.loop.crop,
        batch=config.loop.batch,
        seed=config.loop.seed,
        zoom=wanted.zoom,
        stain=wanted.stain,
        blur=wanted.blur,
    )
    shown = held_out or exemplars
    return SegmentTraining(config, sampler, shown[:: max(1, len(shown) // 5)][:5])


def _tensors(batch: Mapping[str, Any], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Turn uint8 arrays into pictures (n, 3, y, x) in [-1, 1], channels last, and regions (n, y, x)."""
    regions = torch.from_numpy(np.ascontiguousarray(batch["regions"])).to(device)
    return from_rgb(batch["image"], device), regions.long()
