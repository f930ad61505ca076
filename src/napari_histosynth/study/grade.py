"""The proof of the grade slider in one call: what ``histosynth evaluate grade`` does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study import ranks
from napari_histosynth.study.asked import named_budget
from napari_histosynth.study.correlates import NAMES, measure
from napari_histosynth.study.gradematerial import (
    BUDGETS,
    GradeBudget,
    as_examples,
    ends_of,
    real_pictures,
    spread_over_patients,
    tissues_of,
)
from napari_histosynth.study.gradereport import GradeReport
from napari_histosynth.study.material import Subject, find_subject

if TYPE_CHECKING:
    from torch import device as Device  # noqa: N812

    from napari_histosynth.latent.anchors import Anchor, Anchors
    from napari_histosynth.latent.atlas import Atlas
    from napari_histosynth.paint.graded import GradedPicture
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.study.gradejudge import GradeJudge
    from napari_histosynth.study.gradeslide import Slides

Watch = Callable[[str], AbstractContextManager[Callable[[float], None]]]
"""Opens a progress bar for what is being done; the bar is told the share that is done."""

RESULTS, TABLE, SHEET = "results.json", "results.md", "slider.png"
REVISION = 1
"""Counted up when the judge is taught otherwise, so that one that was kept is not read."""

CARCINOMA = 0.6
"""Grades from which tissue counts as carcinoma."""


def evaluate_grade(
    model: str | Path,
    data: Path,
    out: Path,
    *,
    config: Path | None = None,
    budget: str | GradeBudget = "quick",
    start: str | None = None,
    end: str | None = None,
    seed: int = 0,
    device: str = "auto",
    watch: Watch = lambda doing: nullcontext(lambda share: None),
) -> GradeReport:
    """Measure whether a model's grade slider does what it says.

    Parameters
    ----------
    model : str or Path
        Name or folder of the model.
    data : Path
        Folder of the data that it was trained on.
    out : Path
        Folder for ``results.json``, ``results.md``, ``slider.png``; the judge is kept in its ``cache``.
    config : Path, optional
        Training configuration that names grades and who was held out; the model's own by default.
    budget : str or GradeBudget
        "quick", "full", or sizes of one's own.
    start, end : str, optional
        Named places that the slider goes between; lowest and highest grade of one source by default.
    seed : int
        Of the judge, textures and stains.
    device : str
        "auto", "cpu", "cuda" or "mps".
    watch : callable
        Opens a progress bar for what is being done.

    Returns
    -------
    GradeReport

    Raises
    ------
    HistosynthError
        If model, configuration, data or budget do not fit; the sentence says which.
    """
    name, sizes = (
        ("custom", budget) if isinstance(budget, GradeBudget) else (budget, named_budget(BUDGETS, budget))
    )
    subject = find_subject(model, data, config)
    trained, held_out = real_pictures(subject)

    from napari_histosynth.core.device import choose_device
    from napari_histosynth.io import save_image
    from napari_histosynth.paint.model import load_model
    from napari_histosynth.study.gradejudge import judge_pictures
    from napari_histosynth.study.gradeslide import draw_slides, monotony, separation

    where = choose_device(device)
    loaded = load_model(subject.model, device=device)
    anchors, atlas = _places(loaded, subject, watch)
    ends = ends_of(anchors, start, end)
    judge = _judge(subject, trained, sizes, seed, where, out, watch)
    results: dict[str, Any] = {"judge": _try_judge(judge, subject, held_out, where, watch)}
    results["ends"] = _judge_ends(judge, subject, trained, held_out, ends, sizes, where, watch)
    results["latents"] = _latents(loaded, subject, held_out, atlas, ends, watch)
    with watch("Measuring nuclei of real tissue") as tell:
        chosen = spread_over_patients([*trained, *held_out], sizes.measured)
        results["real"] = measure_real(chosen, subject.config.model.um_per_px, tell)
    with watch("Making label maps of held-out patients"):
        tissues = tissues_of(subject, held_out, sizes, seed)
    with watch(f"Drawing from {ends[0].name} to {ends[1].name}") as tell:
        slides = draw_slides(
            loaded,
            tissues,
            ends[0].style,
            ends[1].style,
            lambda pictures: judge_pictures(judge, pictures, where, stained=False),
            places=sizes.places,
            stains=sizes.stains,
            seed=seed,
            tell=tell,
        )
    results["slider"] = {
        "shares": slides.shares.tolist(),
        "maps": list(slides.names),
        "stains": slides.judged.shape[1],
        "grade": monotony(slides.judged, slides.shares),
        "correlates": {one: monotony(values, slides.shares) for one, values in slides.measured.items()},
    }
    results["separate"] = separation(slides)
    about = {
        "model": subject.name,
        "sha256": subject.sha256,
        "budget": name,
        "sizes": asdict(sizes),
        "seed": seed,
        "device": where.type,
        "from": ends[0].name,
        "to": ends[1].name,
        "source": ends[0].source,
        "trained": len(trained),
        "held_out": len(held_out),
        "patients": sorted({f"{one.source} {one.group}" for one in held_out}),
    }
    report = GradeReport(json.loads(json.dumps(_plain(about))), json.loads(json.dumps(_plain(results))))
    _write(out / RESULTS, json.dumps(report.to_dict(), indent=1) + "\n")
    _write(out / TABLE, report.to_markdown())
    save_image(out / SHEET, _sheet(slides, ends[0].name, ends[1].name, subject))
    return report


def measure_real(
    pictures: Sequence[GradedPicture], um_per_px: float, tell: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Measure nuclei of real tissue by grade.

    Returns
    -------
    dict
        For each source: ``pictures``, ``grades`` (names in order), for each correlate its Spearman with the
        grade and ``means`` by grade.
    """
    found: dict[str, list[tuple[float, str, dict[str, float]]]] = {}
    for number, one in enumerate(pictures):
        image = one.read(um_per_px)
        mask = one.read_mask((image.shape[0], image.shape[1]))
        if mask is not None and one.value is not None:
            row = measure(image, mask, um_per_px).to_dict()
            if np.isfinite(row["nuclear_area"]):
                found.setdefault(one.source, []).append((one.value, one.grade, row))
        tell((number + 1) / len(pictures))
    tables: dict[str, Any] = {}
    for source, rows in found.items():
        order = list(dict.fromkeys(grade for _, grade, _ in sorted(rows, key=lambda row: row[:2])))
        values = [value for value, _, _ in rows]
        table: dict[str, Any] = {"pictures": len(rows), "grades": order}
        for name in NAMES:
            column = [row[name] for _, _, row in rows]
            by_grade = [np.mean([row[name] for _, grade, row in rows if grade == one]) for one in order]
            table[name] = {
                "spearman": ranks.spearman(values, column),
                "means": [float(mean) for mean in by_grade],
            }
        tables[source] = table
    return tables


def _places(model: PaintModel, subject: Subject, watch: Watch) -> tuple[Anchors, Atlas]:
    """Return the places and the map that lie beside the weights, or make them."""
    from napari_histosynth.latent.anchors import ANCHORS_NAME, read_anchors
    from napari_histosynth.latent.atlas import ATLAS_NAME, read_atlas
    from napari_histosynth.latent.surveying import build_places, grade_direction
    from napari_histosynth.zoo import find_model

    anchors, atlas = subject.model / ANCHORS_NAME, subject.model / ATLAS_NAME
    if anchors.exists() and atlas.exists():
        return read_anchors(anchors, model), read_atlas(atlas, model)
    with watch("Encoding training pictures, since the model ships no named places") as tell:
        tells = grade_direction(find_model(subject.model))
        return build_places(model, subject.config, subject.data, tells=tells, neighbors=False, tell=tell)


def _judge(
    subject: Subject,
    trained: Sequence[GradedPicture],
    sizes: GradeBudget,
    seed: int,
    device: Device,
    out: Path,
    watch: Watch,
) -> GradeJudge:
    """Teach the judge, or read the one that was kept."""
    from safetensors.torch import load_file, save

    from napari_histosynth.study.gradejudge import GradeJudge, train_judge

    chosen = spread_over_patients(trained, sizes.pictures)
    facts = [REVISION, seed, device.type, sizes.judge_steps, sizes.judge_batch, sizes.judge_crop]
    facts += [subject.config.model.um_per_px]
    facts += [(one.source, one.name, one.group, one.value, one.path.stat().st_size) for one in chosen]
    key = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
    kept = out / "cache" / f"grade-judge-{key}.safetensors"
    if kept.exists():
        judge = GradeJudge(sorted({one.value for one in chosen if one.value is not None}))
        judge.load_state_dict(load_file(kept))
        return judge.to(device).eval().requires_grad_(False)
    um_per_px = subject.config.model.um_per_px
    with watch("Reading real tissue for the judge") as tell:
        examples = as_examples(chosen, um_per_px, tell)
    with watch("Teaching the judge of grades on real tissue") as tell:
        judge = train_judge(
            examples,
            steps=sizes.judge_steps,
            batch=sizes.judge_batch,
            crop=sizes.judge_crop,
            seed=seed,
            device=device,
            tell=tell,
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(kept) as temporary:
        temporary.write_bytes(
            save({name: one.cpu().contiguous() for name, one in judge.state_dict().items()})
        )
    return judge


def _try_judge(
    judge: GradeJudge, subject: Subject, held_out: Sequence[GradedPicture], device: Device, watch: Watch
) -> dict[str, Any]:
    """Measure how well the judge grades real tissue of held-out patients."""
    from napari_histosynth.study.gradejudge import judge_pictures
    from napari_histosynth.study.metrics import area_under_curve

    um_per_px = subject.config.model.um_per_px
    with watch("Judging real tissue of held-out patients") as tell:
        found = []
        for number, one in enumerate(held_out):
            found.append(float(judge_pictures(judge, [one.read(um_per_px)], device)[0]))
            tell((number + 1) / len(held_out))
    judged, truth = np.array(found), np.array([one.value for one in held_out], float)
    result: dict[str, Any] = {}
    for source in ("all", *dict.fromkeys(one.source for one in held_out)):
        own = np.array([source in ("all", one.source) for one in held_out])
        tumor = truth[own] >= CARCINOMA
        result[source] = {
            "pictures": int(own.sum()),
            "patients": len({one.group for one, here in zip(held_out, own, strict=True) if here}),
            "spearman": ranks.spearman(truth[own], judged[own]),
            "error": float(np.abs(truth[own] - judged[own]).mean()),
            "error_of_mean": float(np.abs(truth[own] - truth[own].mean()).mean()),
            "carcinoma_auc": (
                area_under_curve(judged[own], tumor) if tumor.any() and not tumor.all() else None
            ),
        }
    return result


def _judge_ends(
    judge: GradeJudge,
    subject: Subject,
    trained: Sequence[GradedPicture],
    held_out: Sequence[GradedPicture],
    ends: tuple[Anchor, Anchor],
    sizes: GradeBudget,
    device: Device,
    watch: Watch,
) -> dict[str, Any]:
    """Judge real tissue of the two grades that the slider goes between: how far it should go.

    Of all patients, held out or not: of some grades nobody is held out.
    """
    from napari_histosynth.study.gradejudge import judge_pictures

    found: dict[str, Any] = {}
    with watch("Judging real tissue of both ends") as tell:
        for number, (key, place) in enumerate(zip(("from", "to"), ends, strict=True)):
            same = [
                one for one in (*held_out, *trained) if (one.source, one.value) == (place.source, place.grade)
            ]
            chosen = spread_over_patients(same, 2 * sizes.measured)
            pictures = [one.read(subject.config.model.um_per_px) for one in chosen]
            judged = judge_pictures(judge, pictures, device) if pictures else np.array([np.nan])
            unseen = sum(one in held_out for one in chosen)
            found[key] = {"judged": float(judged.mean()), "pictures": len(chosen), "held_out": unseen}
            tell((number + 1) / 2)
    found["change"] = found["to"]["judged"] - found["from"]["judged"]
    return found


def _latents(
    model: PaintModel,
    subject: Subject,
    held_out: Sequence[GradedPicture],
    atlas: Atlas,
    ends: tuple[Anchor, Anchor],
    watch: Watch,
) -> dict[str, Any]:
    from napari_histosynth.latent.surveying import survey_pictures
    from napari_histosynth.paint.graded import grade_values
    from napari_histosynth.study.gradelatents import carried

    with watch("Encoding real tissue of held-out patients") as tell:
        survey = survey_pictures(model, held_out, tell)
    counts = grade_values(subject.config)
    known = np.array([counts.get(grade, np.nan) for grade in atlas.grades])
    return carried(survey, [counts[grade] for grade in survey.grades], atlas, known, ends)


def _sheet(slides: Slides, first: str, last: str, subject: Subject) -> Any:
    """Lay out every other place of the slider, one row a label map."""
    from napari_histosynth.io.sheet import contact_sheet

    places = np.unique(np.linspace(0, len(slides.shares) - 1, 5).round().astype(int))
    rows = {
        f"{name}: judged {slides.judged[m, 0, 0]:.2f} to {slides.judged[m, 0, -1]:.2f}": [
            _square(slides.shown[m][place]) for place in places
        ]
        for m, name in enumerate(slides.names)
    }
    titles = [f"{slides.shares[place]:.0%}" for place in places]
    titles[0], titles[-1] = first, last
    said = f"Synthetic: {subject.name} {subject.sha256[:12]}; labels, stain and texture stay."
    return contact_sheet(rows, titles, f"{said} Never for diagnosis.")


def _square(picture: Any) -> Any:
    side = min(picture.shape[:2])
    return np.ascontiguousarray(picture[:side, :side])


def _plain(value: Any) -> Any:
    """Return what JSON can hold: numbers to six digits, none where there is no number."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
