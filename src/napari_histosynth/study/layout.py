"""The proof of layouts in one call: what ``histosynth evaluate layout`` does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.layoutmaterial import BUDGETS, LayoutBudget, LayoutSubject
from napari_histosynth.study.layoutreport import LayoutReport

if TYPE_CHECKING:
    from napari_histosynth.study.layoutbench import Watch

REVISION = 1
"""Counted up when a measurement changes its meaning, so that what was kept of an older one is not read."""

RESULTS, TABLE = "results.json", "results.md"


def evaluate_layout(
    subject: LayoutSubject,
    out: Path,
    *,
    budget: str | LayoutBudget = "quick",
    device: str = "auto",
    threads: int = 0,
    painter: str = "colon-3class",
    segmenter: str = "gland-segmenter",
    watch: Watch = lambda doing: nullcontext(lambda share: None),
) -> LayoutReport:
    """Measure how good a model of layouts is, beside real label maps of patients that it never saw.

    What each part finds is kept below ``out / "cache"``: a call that was stopped goes on where it was, and
    the same call again only prints.

    Parameters
    ----------
    subject : LayoutSubject
        The model and the data.
    out : Path
        Folder for ``results.json``, ``results.md``, ``layouts.png``, ``neighbors.png``, ``large.png``.
    budget : str or LayoutBudget
        "quick", "full", or sizes of one's own.
    device : str
        "auto", "cpu", "cuda" or "mps".
    threads : int
        CPU threads, 0 for torch's own choice.
    painter, segmenter : str
        Models that paint layouts, and that label their pictures.
    watch : callable
        Opens a progress bar for what is being done.

    Returns
    -------
    LayoutReport

    Raises
    ------
    HistosynthError
        If model, data or budget do not fit; the sentence says which.
    """
    from napari_histosynth.core.device import choose_device
    from napari_histosynth.core.errors import TrainingError
    from napari_histosynth.study import layoutaxis, layoutbench, layoutteach
    from napari_histosynth.zoo import find_model

    name = budget if isinstance(budget, str) else "custom"
    sizes = named_budget(BUDGETS, budget) if isinstance(budget, str) else budget
    if threads:
        import torch

        torch.set_num_threads(threads)
    where = choose_device(device)
    others = [find_model(one).card.sha256 for one in (painter, segmenter)]
    facts = f"{REVISION} {where.type} {sorted(asdict(sizes).items())} {subject.fingerprint()} {others}"
    key = hashlib.sha256(facts.encode()).hexdigest()[:12]
    bench = layoutbench.LayoutBench(subject, sizes, out, device, watch, painter, segmenter)
    if len(bench.model.grades) < 1:
        raise TrainingError(f"The model {subject.name!r} knows no grades, by which real tissue is compared.")
    parts: dict[str, tuple[Callable[[layoutbench.LayoutBench], dict[str, Any]], str | None]] = {
        "pictures": (layoutaxis.pictures, layoutbench.LAYOUTS_SHEET),
        "shapes": (layoutbench.shapes, None),
        "looks": (layoutbench.looks, None),
        "variety": (layoutbench.variety, None),
        "memory": (layoutbench.memory, layoutbench.NEIGHBORS_SHEET),
        "encoded": (layoutbench.encoded, None),
        "axis": (layoutaxis.axis, None),
        "large": (layoutaxis.large, layoutbench.LARGE_SHEET),
        "teaching": (layoutteach.teaching, None),
    }
    results = {}
    for part, (measure, sheet) in parts.items():
        kept = out / "cache" / f"{part}-{key}.json"
        if not kept.exists() or (sheet is not None and not (out / sheet).exists()):
            found = plain(measure(bench))
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
    report = LayoutReport(json.loads(json.dumps(about)), results)
    _write(out / RESULTS, json.dumps(report.to_dict(), indent=1) + "\n")
    _write(out / TABLE, report.to_markdown())
    return report


def plain(value: Any) -> Any:
    """Return what JSON can hold: numbers to six digits, none where there is no number."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) or hasattr(value, "dtype"):
        number = float(value)
        return float(f"{number:.6g}") if number == number and abs(number) != float("inf") else None
    return value


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
