"""The proof of whole slides in one call: what ``histosynth evaluate slide`` does."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.slidematerial import (
    BUDGETS,
    MEASURED,
    SlideBudget,
    SlideMaterial,
    SlideSubject,
    load_slide_material,
)
from napari_histosynth.study.slidereport import SlideReport
from napari_histosynth.study.stain import plain, save_text

if TYPE_CHECKING:
    from napari_histosynth.study.slidebench import SlideBench, Watch

REVISION = 1
"""Counted up when a measurement changes its meaning, so that what was kept of an older one is not read."""

RESULTS, TABLE = "results.json", "results.md"
FAST, DIFFUSION = "fast", "diffusion"


def evaluate_slide(
    subject: SlideSubject,
    out: Path,
    *,
    budget: str | SlideBudget = "quick",
    device: str = "auto",
    threads: int = 0,
    watch: Watch = lambda doing: nullcontext(lambda share: None),
) -> SlideReport:
    """Measure how good a model of slides is, beside real slides that it never saw.

    What is drawn and measured is kept below ``out / "cache"``: a call that was stopped goes on where it was,
    and the same call again only prints.

    Parameters
    ----------
    subject : SlideSubject
        From :func:`~napari_histosynth.study.slidematerial.find_slide_subject`.
    out : Path
        Folder for ``results.json``, ``results.md`` and ``sheet-LEVEL.png``.
    budget : str or SlideBudget
        "quick", "full", or sizes of one's own. Tissue of the setting "diffusion" is a part of it.
    device : str
        "auto", "cpu", "cuda" or "mps".
    threads : int
        CPU threads, 0 for torch's own choice.
    watch : callable
        Opens a progress bar for what is being done.

    Returns
    -------
    SlideReport

    Raises
    ------
    HistosynthError
        If model, configuration, data or budget do not fit; the sentence says which.
    """
    name = budget if isinstance(budget, str) else "custom"
    sizes = named_budget(BUDGETS, budget) if isinstance(budget, str) else budget

    from napari_histosynth.core.device import choose_device

    if threads:
        import torch

        torch.set_num_threads(threads)
    where = choose_device(device)
    fingerprint = subject.fingerprint()
    read: dict[SlideBudget, SlideMaterial] = {}
    settings: dict[str, Any] = {}
    for setting in settings_of(subject):
        own = sizes if setting == FAST else sizes.small()
        said = f"{REVISION} {setting} {where.type} {sorted(asdict(own).items())} {fingerprint}"
        key = hashlib.sha256(said.encode()).hexdigest()[:12]

        def material(own: SlideBudget = own) -> SlideMaterial:
            if own not in read:
                with watch("Reading real slides"):
                    read[own] = load_slide_material(subject, own)
            return read[own]

        from napari_histosynth.study.slidebench import SlideBench

        bench = SlideBench(subject, cast("Any", setting), own, out, key, device, watch, material)
        settings[setting] = _measured(bench)
    slides = settings[FAST]["tissue"]
    about = {
        "model": subject.name,
        "sha256": subject.sha256,
        "budget": name,
        "sizes": asdict(sizes),
        "device": where.type,
        "trained": slides["trained"],
        "held_out": slides["held_out"],
    }
    report = SlideReport(json.loads(json.dumps(about)), settings)
    save_text(out / RESULTS, json.dumps(report.to_dict(), indent=1) + "\n")
    save_text(out / TABLE, report.to_markdown())
    return report


def settings_of(subject: SlideSubject) -> list[str]:
    """Return the settings that a model has and that this installation can draw in."""
    from importlib.util import find_spec

    from napari_histosynth.zoo import find_model, select

    has = bool(select(find_model(subject.model).read_tensors(), "diffusion."))
    return [FAST, DIFFUSION] if has and find_spec("diffusers") is not None else [FAST]


def _measured(bench: SlideBench) -> dict[str, Any]:
    """Measure all of a setting, or read what was kept."""
    from napari_histosynth.io import save_image
    from napari_histosynth.study.slidecost import cost
    from napari_histosynth.study.slidedetail import detail
    from napari_histosynth.study.slidejoins import joins
    from napari_histosynth.study.slidelikeness import likeness, told_apart
    from napari_histosynth.study.slidesheets import level_sheet, sheet_name

    def tissue(bench: SlideBench) -> dict[str, Any]:
        for level in MEASURED:
            save_image(bench.out / sheet_name(level, bench.setting), level_sheet(bench, level))
        slides = bench.material.slides
        return {
            "trained": slides[False],
            "held_out": slides[True],
            "real": {str(level): len(bench.material.pieces[level]) for level in MEASURED},
            "whole": {str(level): len(bench.whole[level]) for level in MEASURED},
        }

    parts = {
        "tissue": tissue,
        "detail": detail,
        "joins": joins,
        "likeness": likeness,
        "told_apart": told_apart,
        "cost": cost,
    }
    results: dict[str, Any] = {}
    for part, measure in parts.items():
        kept = bench.out / "cache" / f"{part}-{bench.setting}-{bench.key}.json"
        shown = part != "tissue" or all(
            (bench.out / sheet_name(one, bench.setting)).exists() for one in MEASURED
        )
        if not (kept.exists() and shown):
            found = plain(measure(bench))
            kept.parent.mkdir(parents=True, exist_ok=True)
            save_text(kept, json.dumps(found, indent=1))
        results[part] = json.loads(kept.read_text(encoding="utf-8"))
    return results
