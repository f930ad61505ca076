"""The measurements of an evaluation, each a function of the same bench; what they find is plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.device import choose_device
from napari_histosynth.io import save_image
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.study.budget import Budget
from napari_histosynth.study.drawn import OTHER, OWN, RANDOM, Order, draw_fields, orders
from napari_histosynth.study.features import (
    Described,
    describe_by_network,
    describe_by_pixels,
    distances_of_halves,
    nearest,
    nearest_in_any_turn,
    scaled_by,
    with_tissue,
)
from napari_histosynth.study.material import Material, Subject, load_material
from napari_histosynth.study.metrics import scores
from napari_histosynth.study.segmentation import ARMS, compare_arms, judge_fields, train_segmenter
from napari_histosynth.study.sheets import closest_pairs, looks_sheet, neighbors_sheet
from napari_histosynth.study.two_sample import found_again, halves, tell_apart

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.data import Field
    from napari_histosynth.paint.unet import SegmentationNet

Watch = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Opens a progress bar for what is being done; the bar is told the share that is done."""

LOOKS_SHEET, NEIGHBORS_SHEET = "pictures.png", "neighbors.png"


@dataclass
class Bench:
    """What the measurements share; everything is made when it is first needed, and only then.

    Attributes
    ----------
    subject : Subject
        What is evaluated.
    budget : Budget
        How thoroughly.
    folder : Path
        Where sheets go, and in its ``cache`` what was drawn and trained.
    key : str
        Stands for subject and budget in the names of what is kept.
    device : str
        Where to compute.
    watch : callable
        Shows progress.
    """

    subject: Subject
    budget: Budget
    folder: Path
    key: str
    device: str
    watch: Watch
    _networks: dict[tuple[str, int], SegmentationNet] = field(default_factory=dict)

    @cached_property
    def material(self) -> Material:
        """Return the real fields."""
        with self.watch("Reading fields and making their label maps"):
            return load_material(self.subject, self.folder / "cache")

    @cached_property
    def model(self) -> PaintModel:
        """Return the model."""
        return load_model(self.subject.model, device=self.device)

    @property
    def footer(self) -> str:
        """Return what is written below each sheet."""
        return (
            f"Synthetic beside real tissue: {self.subject.name} {self.subject.sha256[:12]}, "
            f"{self.subject.config.model.um_per_px:g} um per px. Never for diagnosis."
        )

    @cached_property
    def held_out_drawn(self) -> dict[int, list[Field]]:
        """Return the held-out fields drawn in their own look, in a random look, and in another."""
        fields = self.material.held_out
        wanted = [Order(number, look) for look in (OWN, RANDOM, OTHER) for number in range(len(fields))]
        with self.watch("Drawing held-out fields") as tell:
            drawn = self._draw(fields, wanted, tell)
        n = len(fields)
        return {OWN: drawn[:n], RANDOM: drawn[n : 2 * n], OTHER: drawn[2 * n :]}

    @cached_property
    def described(self) -> dict[str, Described]:
        """Return features of training fields, of held-out fields and of those drawn, all scaled alike."""
        network = self.network("real", 0)
        sets = {
            "known": self.material.trained,
            "real": self.material.held_out,
            "own": self.held_out_drawn[OWN],
            "random": self.held_out_drawn[RANDOM],
        }
        with self.watch("Describing fields by the network trained on real tissue") as tell:
            found = [describe_by_network(network, fields, tell) for fields in sets.values()]
        return dict(zip(sets, scaled_by(*found), strict=True))

    @cached_property
    def pool(self) -> list[Field]:
        """Return the synthetic fields to train on."""
        fields = self.material.trained
        with self.watch("Drawing fields to train on") as tell:
            return self._draw(fields, orders(len(fields), self.budget.drawn), tell)

    def trained_drawn(self, look: int) -> list[Field]:
        """Return the training fields, as many as the pool has, drawn in their own look or in random ones."""
        fields = self.material.trained
        wanted = [Order(number, look) for number in range(min(len(fields), self.budget.drawn))]
        with self.watch("Drawing training fields") as tell:
            return self._draw(fields, wanted, tell)

    def network(self, arm: str, seed: int) -> SegmentationNet:
        """Return a segmentation network of an arm, trained now or read from where it was kept."""
        if (arm, seed) not in self._networks:
            self._networks[arm, seed] = self._read_or_train(arm, seed)
        return self._networks[arm, seed]

    def _draw(self, fields: list[Field], wanted: list[Order], tell: Callable[[float], None]) -> list[Field]:
        folder = self.folder / "cache" / f"drawn-{self.subject.sha256[:12]}"
        return draw_fields(self.model, fields, wanted, folder, tell)

    def _read_or_train(self, arm: str, seed: int) -> SegmentationNet:
        from safetensors.torch import load_file, save_file

        from napari_histosynth.paint.unet import SegmentationNet

        device, n_classes = choose_device(self.device), self.subject.scheme.n_classes
        path = self.folder / "cache" / f"segmenter-{arm}-{seed}-{self.key}.safetensors"
        if path.exists():
            network = SegmentationNet(n_classes, self.budget.widths)
            network.load_state_dict(load_file(path))
            return network.to(device).eval().requires_grad_(False)
        sources = {
            "real": lambda: [self.material.trained],
            "synthetic": lambda: [self.pool],
            "both": lambda: [self.material.trained, self.pool],
        }[arm]()
        with self.watch(f"Training a segmentation network on {arm}, seed {seed}") as tell:
            network = train_segmenter(sources, n_classes, self.budget, seed, device, tell)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            save_file(
                {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}, temporary
            )
        return network


def segmentation(bench: Bench) -> dict[str, Any]:
    """Measure Table 1 of the paper: trained on real, on synthetic, on both; tested on held-out patients."""
    counts = {
        arm: [
            judge_fields(bench.network(arm, seed), bench.material.held_out, bench.subject.scheme.n_classes)
            for seed in range(bench.budget.seeds)
        ]
        for arm in ARMS
    }
    return compare_arms(counts)


def faithfulness(bench: Bench) -> dict[str, Any]:
    """Measure whether a network trained on real tissue finds the labels in the drawn pictures of them."""
    n_classes = bench.subject.scheme.n_classes
    drawn = bench.held_out_drawn
    sets = {"real": bench.material.held_out, "own": drawn[OWN], "random": drawn[RANDOM]}
    found: dict[str, Any] = {}
    for name, fields in sets.items():
        miou = [
            scores(np.sum(judge_fields(bench.network("real", seed), fields, n_classes), axis=0)).miou
            for seed in range(bench.budget.seeds)
        ]
        found[f"miou_{name}"] = float(np.mean(miou))
    found["ratio"] = found["miou_own"] / found["miou_real"]
    um_per_px = bench.subject.config.model.um_per_px
    found["dice"] = found_again(drawn[OWN], bench.subject.scheme, um_per_px)
    return found


def two_sample(bench: Bench) -> dict[str, Any]:
    """Measure how well a small network tells drawn from real."""
    device, steps = choose_device(bench.device), bench.budget.judge_steps
    real, unseen = bench.material.trained[: bench.budget.drawn], bench.material.held_out
    found = {}
    for look in bench.budget.judge_looks:
        if look == "real":
            pairs = halves(real), halves(unseen)
        else:
            number = OWN if look == "own" else RANDOM
            pairs = (real, bench.trained_drawn(number)), (unseen, bench.held_out_drawn[number])
        with bench.watch(f"Telling drawn from real, {look} looks") as tell:
            areas = tell_apart(*pairs, steps, bench.budget.judged, device, tell)
        found[look] = {str(step): area for step, area in areas.items()}
    return found


def frechet(bench: Bench) -> dict[str, Any]:
    """Measure Fréchet distances in the features of the network that was trained on real tissue."""
    real, n = bench.described["real"], len(bench.material.held_out)
    found: dict[str, Any] = {"windows": len(real) // 2, "dimensions": real.vectors.shape[1]}
    for look in ("own", "random"):
        each = distances_of_halves(real, bench.described[look], n, bench.budget.halvings)
        found["real"] = _summary(each["real"])
        found[look] = _summary(each["drawn"])
        found[f"{look}_same_tissue"] = _summary(each["paired"])
        found[f"{look}_to_real"] = found[look]["median"] / found["real"]["median"]
    return found


def neighbors(bench: Bench) -> dict[str, Any]:
    """Measure how near to the training fields drawn pictures are, and real ones of held-out patients."""
    described, drawn = bench.described, bench.held_out_drawn
    fields = {"real": bench.material.held_out, "own": drawn[OWN], "random": drawn[RANDOM]}
    found: dict[str, Any] = {}
    pairs = {}

    def tissue(windows: Described) -> Described:
        return with_tissue(windows, bench.material.held_out, bench.subject.scheme.background)

    with bench.watch("Looking for nearest training neighbors"):
        known = described["known"]
        queries = {name: tissue(described[name]) for name in fields}
        by_network = {name: nearest(queries[name], known) for name in fields}
        found["features"] = _nearness(by_network, len(known))
        pairs["features"] = closest_pairs(queries["random"], known, *by_network["random"])
        known = describe_by_pixels(bench.material.trained)
        queries = {name: tissue(describe_by_pixels(some, 4)) for name, some in fields.items()}
        by_pixels = {name: nearest_in_any_turn(queries[name], known) for name in fields}
        found["pixels"] = _nearness(by_pixels, len(known))
        pairs["pixels"] = closest_pairs(queries["random"], known, *by_pixels["random"])
    sheet = neighbors_sheet(drawn[RANDOM], bench.material.trained, pairs, bench.footer)
    save_image(bench.folder / NEIGHBORS_SHEET, sheet)
    return found


def pictures(bench: Bench) -> dict[str, Any]:
    """Lay out the sheet of held-out patients: label map, real, drawn in its own look and in random ones."""
    drawn = bench.held_out_drawn
    looks = {
        "drawn, own look": drawn[OWN],
        "drawn, random look": drawn[RANDOM],
        "drawn, another": drawn[OTHER],
    }
    sheet = looks_sheet(bench.material.held_out, looks, bench.subject.scheme, bench.footer)
    save_image(bench.folder / LOOKS_SHEET, sheet)
    return {
        "trained": len(bench.material.trained),
        "held_out": len(bench.material.held_out),
        "patients": sorted({one.group for one in bench.material.held_out}),
    }


def _summary(values: list[float]) -> dict[str, float]:
    """Return the median and the middle 90 % of distances."""
    low, median, high = np.percentile(values, [5, 50, 95])
    return {"median": float(median), "low": float(low), "high": float(high)}


def _nearness(found: Mapping[str, tuple[npt.NDArray[np.float32], Any]], known: int) -> dict[str, float]:
    """Return median distances to the nearest training window, and those of drawn windows by those of real."""
    median = {name: float(np.median(distances)) for name, (distances, _) in found.items()}
    closest = {name: float(np.percentile(distances, 1)) for name, (distances, _) in found.items()}
    return {
        "training_windows": known,
        **{f"median_{name}": value for name, value in median.items()},
        **{f"closest_{name}": value for name, value in closest.items()},
        **{f"{name}_to_real": median[name] / median["real"] for name in ("own", "random")},
        **{f"{name}_to_real_closest": closest[name] / closest["real"] for name in ("own", "random")},
    }
