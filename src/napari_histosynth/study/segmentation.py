"""Segmentation networks trained on real tissue, on synthetic, and on both (SHI-GAN, section 2.6, Table 1)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.training import decayed, update_average
from napari_histosynth.paint.data import CropSampler, Field
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.paint.unet import SegmentationNet
from napari_histosynth.study.metrics import Counts, confusion, scores

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.study.budget import Budget

ARMS = ("real", "synthetic", "both")
"""What the networks are trained on."""

AVERAGE = 0.99  # of the weights over steps: what is tested hangs less on the last few batches


def train_segmenter(
    sources: Sequence[Sequence[Field]],
    n_classes: int,
    budget: Budget,
    seed: int,
    device: torch.device,
    tell: Callable[[float], None] = lambda share: None,
) -> SegmentationNet:
    """Train a segmentation network on crops from one source of fields, or in equal parts from several.

    Softmax cross-entropy and Adam, as in the paper. However many sources there are, steps and crops a step
    are the budget's.

    Parameters
    ----------
    sources : sequence of sequence of Field
        Fields with label maps.
    n_classes : int
        Classes of the label maps.
    budget : Budget
        Length and size of the training.
    seed : int
        Of weights and crops.
    device : torch.device
        Where to train.
    tell : callable
        Told the share that is done, 0 to 1.

    Returns
    -------
    SegmentationNet
        Averaged over the last steps, frozen.

    Raises
    ------
    TrainingError
        If a picture is smaller than a crop.
    """
    torch.manual_seed(seed)
    network = SegmentationNet(n_classes, budget.widths).to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), budget.learning_rate)
    shares = _shares(budget.batch, len(sources))
    samplers = [
        CropSampler(
            fields,
            crop=budget.crop,
            margin=0,
            batch=share,
            seed=seed + 1000 * number,
            detail=(1.0,),
            jitter=budget.jitter,
        )
        for number, (fields, share) in enumerate(zip(sources, shares, strict=True))
    ]
    network.train()
    with ThreadPoolExecutor(1) as loader:
        ahead = loader.submit(_batch, samplers, 0)
        for step in range(budget.steps):
            images, labels = ahead.result()
            ahead = loader.submit(_batch, samplers, step + 1)
            for group in optimizer.param_groups:
                group["lr"] = budget.learning_rate * decayed(step, budget.steps, hold=0.4, warmup=30)
            with autocast(device):
                logits = network(from_rgb(images, device))
            loss = F.cross_entropy(logits.float(), torch.from_numpy(labels).to(device).long())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            update_average(average, network, step, AVERAGE)
            tell((step + 1) / budget.steps)
    average.eval().requires_grad_(False)
    return average


def segment(network: SegmentationNet, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Name the class of each pixel of a picture, uint8 (y, x, 3), at once; returns uint8 (y, x)."""
    device = next(network.parameters()).device
    with torch.inference_mode(), autocast(device):
        logits = network(from_rgb(whole_strides(image, network.stride)[None], device))
    height, width = image.shape[:2]
    return np.asarray(logits[0, :, :height, :width].argmax(0).to(torch.uint8).cpu().numpy())


def judge_fields(network: SegmentationNet, fields: Sequence[Field], n_classes: int) -> list[Counts]:
    """Return the confusion matrix of each field."""
    return [confusion(field.labels[0], segment(network, field.image), n_classes) for field in fields]


def compare_arms(
    counts: Mapping[str, Sequence[Sequence[Counts]]], resamplings: int = 1000
) -> dict[str, dict[str, Any]]:
    """Return the rows of the table, and how each arm stands to real.

    Parameters
    ----------
    counts : mapping of str to sequence of sequence of ndarray
        For each arm, for each seed, the confusion matrix of each test field.
    resamplings : int
        Draws of the test fields with replacement, for the interval of the ratio.

    Returns
    -------
    dict
        For each arm ``mpa``, ``miou`` and ``iou`` (mean over seeds), ``miou_spread`` (standard deviation over
        seeds), ``miou_seeds``, ``to_real`` (its mIOU by that of real) and ``to_real_interval`` (95 % of the
        resamplings).
    """
    rows: dict[str, dict[str, Any]] = {}
    for arm, seeds in counts.items():
        each = [scores(np.sum(fields, axis=0)) for fields in seeds]
        miou = [one.miou for one in each]
        rows[arm] = {
            "mpa": float(np.mean([one.mpa for one in each])),
            "miou": float(np.mean(miou)),
            "miou_spread": float(np.std(miou, ddof=1)) if len(miou) > 1 else None,
            "miou_seeds": miou,
            "iou": [float(value) for value in np.mean([one.iou for one in each], axis=0)],
        }
    n_fields = len(counts["real"][0])
    rng = np.random.default_rng(0)
    draws = [rng.integers(n_fields, size=n_fields) for _ in range(resamplings)]
    drawn = {arm: np.array([_mean_miou(seeds, draw) for draw in draws]) for arm, seeds in counts.items()}
    for arm, row in rows.items():
        row["to_real"] = row["miou"] / rows["real"]["miou"]
        low, high = np.percentile(drawn[arm] / drawn["real"], [2.5, 97.5])
        row["to_real_interval"] = [float(low), float(high)]
    return rows


def autocast(device: torch.device) -> torch.autocast:
    """Return the number format to compute in: bfloat16 where matrices are multiplied."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type in ("cpu", "cuda"))


def whole_strides(image: npt.NDArray[np.uint8], stride: int) -> npt.NDArray[np.uint8]:
    """Mirror a picture, (y, x, 3), beyond its end until its sides are multiples of a stride."""
    below, beside = (-side % stride for side in image.shape[:2])
    return np.pad(image, ((0, below), (0, beside), (0, 0)), mode="symmetric")


def _mean_miou(seeds: Sequence[Sequence[Counts]], fields: npt.NDArray[np.int64]) -> float:
    """Return the mIOU of some fields, mean over seeds."""
    return float(np.mean([scores(np.asarray(one)[fields].sum(0)).miou for one in seeds]))


def _shares(batch: int, n_sources: int) -> list[int]:
    """Divide a batch among sources as evenly as it goes."""
    return [batch // n_sources + (number < batch % n_sources) for number in range(n_sources)]


def _batch(samplers: Sequence[CropSampler], step: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return crops and labels of a step."""
    parts = [sampler.batch(step) for sampler in samplers]
    return np.concatenate([part["image"] for part in parts]), np.concatenate(
        [part["labels"] for part in parts]
    )
