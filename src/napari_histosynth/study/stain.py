"""The proof of virtual staining in one call: what ``histosynth evaluate stain`` does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.stainmaterial import (
    BUDGETS,
    StainBudget,
    StainSubject,
    load_stain_material,
)
from napari_histosynth.study.stainreport import StainReport
from napari_histosynth.study.stainsheets import cycle_name, cycle_sheet, key_of, steered_name

if TYPE_CHECKING:
    from napari_histosynth.study.stainbench import StainBench, Watch
    from napari_histosynth.study.stainmaterial import StainMaterial

REVISION = 1
"""Counted up when a measurement changes its meaning, so that what was kept of an older one is not read."""

RESULTS, TABLE = "results.json", "results.md"


def evaluate_stain(
    subjects: Sequence[StainSubject],
    out: Path,
    *,
    budget: str | StainBudget = "quick",
    device: str = "auto",
    threads: int = 0,
    watch: Watch = lambda doing: nullcontext(lambda share: None),
) -> StainReport:
    """Measure how good models of two stains are, on tissue that they never saw.

    What is measured is kept below ``out / "cache"``: a call that was stopped goes on where it was, and the
    same call again only prints.

    Parameters
    ----------
    subjects : sequence of StainSubject
        Models, from :func:`~napari_histosynth.study.stainmaterial.find_stain_subject`, each with a label of
        its own.
    out : Path
        Folder for ``results.json``, ``results.md``, and for each model ``cycle-LABEL.png`` and
        ``steered-LABEL.png``.
    budget : str or StainBudget
        "quick", "full", or sizes of one's own.
    device : str
        "auto", "cpu", "cuda" or "mps".
    threads : int
        CPU threads, 0 for torch's own choice.
    watch : callable
        Opens a progress bar for what is being done.

    Returns
    -------
    StainReport

    Raises
    ------
    HistosynthError
        If models, configurations, data or budget do not fit; the sentence says which.
    """
    name = budget if isinstance(budget, str) else "custom"
    sizes = named_budget(BUDGETS, budget) if isinstance(budget, str) else budget
    labels = [one.label for one in subjects]
    if not labels or len({key_of(one) for one in labels}) < len(labels):
        raise HistosynthError(
            f"Models of the names {', '.join(labels) or 'none'} cannot be told apart; give each once."
        )

    from napari_histosynth.core.device import choose_device

    if threads:
        import torch

        torch.set_num_threads(threads)
    where = choose_device(device)
    materials: dict[str, StainMaterial] = {}
    models = {}
    for subject in subjects:
        settings = f"{REVISION} {where.type} {sorted(asdict(sizes).items())} {subject.fingerprint()}"
        key = hashlib.sha256(settings.encode()).hexdigest()[:12]
        models[subject.label] = _measured(subject, sizes, out, key, device, watch, materials)
    about = {
        "models": {one.label: one.sha256 for one in subjects},
        "same_tissue": len({one.material_key() for one in subjects}) == 1,
        "budget": name,
        "sizes": asdict(sizes),
        "device": where.type,
    }
    report = StainReport(json.loads(json.dumps(about)), models)
    save_text(out / RESULTS, json.dumps(report.to_dict(), indent=1) + "\n")
    save_text(out / TABLE, report.to_markdown())
    return report


def _measured(
    subject: StainSubject,
    sizes: StainBudget,
    out: Path,
    key: str,
    device: str,
    watch: Watch,
    materials: dict[str, StainMaterial],
) -> dict[str, Any]:
    """Measure all of a model, or read what was kept; tissue is read when something is to be measured."""
    from napari_histosynth.io import save_image
    from napari_histosynth.study.stainbench import StainBench
    from napari_histosynth.study.staincycle import cycle, likeness
    from napari_histosynth.study.stainseams import seams
    from napari_histosynth.study.stainsteering import steering
    from napari_histosynth.study.stainstructure import densities, structure

    def cycle_with_sheet(bench: StainBench) -> dict[str, Any]:
        found = cycle(bench)
        save_image(out / cycle_name(subject.label), cycle_sheet(bench))
        return found

    def tissue(bench: StainBench) -> dict[str, Any]:
        return {
            "fields": [one.name for one in bench.material.he],
            "field": sizes.field,
            "crops": len(bench.material.ki67),
            "crop": sizes.crop,
            "um_per_px": bench.um_per_px,
        }

    measurements = {
        "tissue": (tissue, None),
        "likeness": (likeness, None),
        "cycle": (cycle_with_sheet, cycle_name(subject.label)),
        "structure": (structure, None),
        "densities": (densities, None),
        "steering": (steering, steered_name(subject.label)),
        "seams": (seams, None),
    }
    bench: StainBench | None = None
    results: dict[str, Any] = {}
    for part, (measure, sheet) in measurements.items():
        kept = out / "cache" / f"{part}-{key_of(subject.label)}-{key}.json"
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else None
        without = part == "steering" and known is not None and not known["rows"]  # there is no sheet of it
        if known is None or not (sheet is None or without or (out / sheet).exists()):
            if bench is None:
                whose = subject.material_key()
                if whose not in materials:
                    with watch("Reading held-out tissue"):
                        materials[whose] = load_stain_material(subject, sizes)
                bench = StainBench(subject, materials[whose], sizes, out, device, watch)
            found = plain(measure(bench))
            kept.parent.mkdir(parents=True, exist_ok=True)
            save_text(kept, json.dumps(found, indent=1))
            known = json.loads(json.dumps(found))
        results[part] = known
    return results


def plain(value: Any) -> Any:
    """Return what JSON can hold: numbers to six digits, none where there is no finite number."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def save_text(path: Path, text: str) -> None:
    """Write a text file whole, or leave what was there."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
