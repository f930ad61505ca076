"""All measurements of a model in one call: what ``histosynth evaluate paint`` does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.budget import BUDGETS, Budget
from napari_histosynth.study.material import find_subject
from napari_histosynth.study.report import Report

REVISION = 1
"""Counted up when a measurement changes its meaning, so that what was kept of an older one is not read."""

RESULTS, TABLE = "results.json", "results.md"


def evaluate_paint(
    model: str | Path,
    data: Path,
    out: Path,
    *,
    config: Path | None = None,
    budget: str | Budget = "quick",
    device: str = "auto",
    threads: int = 0,
    watch: Callable[[str], Any] = lambda doing: nullcontext(lambda share: None),
) -> Report:
    """Measure how good a paint model is, on patients that it never saw.

    What is drawn, trained and measured is kept below ``out / "cache"``: a call that was stopped goes on where
    it was, and the same call again only prints.

    Parameters
    ----------
    model : str or Path
        Name or folder of the model.
    data : Path
        Folder with ``images/`` and ``masks/`` or ``labels/``, and the table of patients.
    out : Path
        Folder for ``results.json``, ``results.md``, ``pictures.png``, ``neighbors.png``.
    config : Path, optional
        Training configuration that names who was held out; the model's own by default.
    budget : str or Budget
        "quick", "full", or sizes of one's own.
    device : str
        "auto", "cpu", "cuda" or "mps".
    threads : int
        CPU threads, 0 for torch's own choice.
    watch : callable
        Opens a progress bar for what is being done; see :data:`napari_histosynth.study.parts.Watch`.

    Returns
    -------
    Report

    Raises
    ------
    HistosynthError
        If model, configuration, data or budget do not fit; the sentence says which.
    """
    name = budget if isinstance(budget, str) else "custom"
    sizes = named_budget(BUDGETS, budget) if isinstance(budget, str) else budget
    subject = find_subject(model, data, config)
    from napari_histosynth.core.device import choose_device
    from napari_histosynth.study import parts

    if threads:
        import torch

        torch.set_num_threads(threads)
    where = choose_device(device)
    settings = f"{REVISION} {where.type} {sorted(asdict(sizes).items())} {subject.fingerprint()}"
    key = hashlib.sha256(settings.encode()).hexdigest()[:12]
    bench = parts.Bench(subject, sizes, out, key, device, watch)
    measurements = {
        "pictures": (parts.pictures, parts.LOOKS_SHEET),
        "segmentation": (parts.segmentation, None),
        "faithfulness": (parts.faithfulness, None),
        "two_sample": (parts.two_sample, None),
        "frechet": (parts.frechet, None),
        "neighbors": (parts.neighbors, parts.NEIGHBORS_SHEET),
    }
    results = {}
    for part, (measure, sheet) in measurements.items():
        kept = out / "cache" / f"{part}-{key}.json"
        if not kept.exists() or (sheet is not None and not (out / sheet).exists()):
            found = measure(bench)
            kept.parent.mkdir(parents=True, exist_ok=True)
            _write(kept, json.dumps(found, indent=1))
        results[part] = json.loads(kept.read_text(encoding="utf-8"))
    about = {
        "model": subject.name,
        "sha256": subject.sha256,
        "budget": name,
        "sizes": asdict(sizes),
        "device": where.type,
        **results.pop("pictures"),
    }
    report = Report(json.loads(json.dumps(about)), subject.scheme.names, results)
    _write(out / RESULTS, json.dumps(report.to_dict(), indent=1) + "\n")
    _write(out / TABLE, report.to_markdown())
    return report


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
