"""What the proof of the grade slider found, as tables for a terminal, for a card and for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.correlates import NAMES
from napari_histosynth.zoo.folder import CARD_NAME, NOTES_NAME

if TYPE_CHECKING:
    from napari_histosynth.zoo import ModelFolder

Row = tuple[str, str, str, str]
"""What is measured, what came out, what it is compared with, and what would be good."""

HEADING = "## Grade slider"
_SECTION = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)

WANTED = 0.9
"""Spearman of the judged grade along the slider from which it counts as rising."""

ENOUGH = 0.5
"""Share of the difference of real tissue from which the slider goes far enough."""


@dataclass(frozen=True)
class GradeReport:
    """Results of a proof.

    Attributes
    ----------
    subject : dict
        Model, hash, ends of the slider, budget, patients held out.
    results : dict
        "judge", "slider", "real", "latents", "separate": what each found.
    """

    subject: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def heading(self) -> str:
        """Return one line that says what was measured on what."""
        said = self.subject
        return (
            f"{said['model']} {said['sha256'][:12]}, from {said['from']} to {said['to']}, budget "
            f"{said['budget']}: {len(self.results['slider']['maps'])} label maps in "
            f"{self.results['slider']['stains']} stains; {said['held_out']} graded pictures of "
            f"{len(said['patients'])} patients held out"
        )

    @property
    def verdicts(self) -> list[tuple[str, bool]]:
        """What the slider must do, and whether it does."""
        slider, apart, nearest = (self.results["slider"], self.results["separate"], self.results["latents"])
        rho = slider["grade"]["spearman"]
        above_chance = [one["balanced"] > one["chance_95"] for one in nearest["nearest"].values()]
        found = [
            (f"the judged grade rises (Spearman {WANTED} or more)", rho is not None and rho >= WANTED),
            (
                "it rises at least half as far as real tissue of both ends differs",
                self.reach is not None and self.reach >= ENOUGH,
            ),
            (
                "latents of held-out patients carry the grade (nearest mean, beyond chance)",
                bool(above_chance) and all(above_chance),
            ),
        ]
        if apart["grade_ratio"] is not None:
            found += [
                ("the slider moves the judged grade more than a stain does", apart["grade_ratio"] > 1),
                ("a stain changes the stain more than the slider does", apart["stain_ratio"] > 1),
            ]
        return found

    @property
    def reach(self) -> float | None:
        """Change of the judged grade along the slider, as a share of that of real tissue of both ends."""
        moved, real = self.results["slider"]["grade"].get("change"), self.results["ends"]["change"]
        return None if moved is None or real is None or real <= 0 else float(moved / real)

    def rows(self) -> list[Row]:
        """Return the table."""
        return [*self._judge(), *self._slider(), *self._correlates(), *self._latents(), *self._separate()]

    def metrics(self) -> dict[str, float]:
        """Return the figures that a model's card holds, by name."""
        slider, apart = self.results["slider"], self.results["separate"]
        found = {
            "grade_judge_spearman": self.results["judge"]["all"]["spearman"],
            "grade_spearman": slider["grade"]["spearman"],
            "grade_change": slider["grade"].get("change"),
            "grade_change_to_real": self.reach,
            **{f"grade_{name}_spearman": one["spearman"] for name, one in slider["correlates"].items()},
            "grade_over_stain": apart["grade_ratio"],
            "stain_over_grade": apart["stain_ratio"],
        }
        for source, one in self.results["latents"]["nearest"].items():
            key = re.sub(r"\W+", "_", source.lower()).strip("_")
            found[f"grade_nearest_{key}"] = one["balanced"]
            found[f"grade_nearest_{key}_chance"] = one["chance"]
        return {name: round(float(value), 3) for name, value in found.items() if value is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        verdicts = dict(self.verdicts)
        return {
            "subject": dict(self.subject),
            "metrics": self.metrics(),
            "verdicts": verdicts,
            **self.results,
        }

    def to_markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"{self.heading}.", "", "| measure | result | beside it | good |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows()]
        lines += ["", *(f"- {said}: {'yes' if held else '**no**'}" for said, held in self.verdicts)]
        return "\n".join(lines) + "\n"

    def _judge(self) -> list[Row]:
        rows = []
        for source, one in self.results["judge"].items():
            auc = (
                "" if one["carcinoma_auc"] is None else f", carcinoma or not: AUC {one['carcinoma_auc']:.2f}"
            )
            rows.append(
                (
                    f"judge on real tissue held out, {source}: Spearman",
                    f"{one['spearman']:.2f}{auc}",
                    f"{one['pictures']} pictures of {one['patients']} patients; off by {one['error']:.2f}, "
                    f"their mean by {one['error_of_mean']:.2f}",
                    "1",
                )
            )
        return rows

    def _slider(self) -> list[Row]:
        found = self.results["slider"]["grade"]
        if found["spearman"] is None:
            return []
        places = zip(self.results["slider"]["shares"], found["means"], found["intervals"], strict=True)
        means = "; ".join(
            f"{share:.0%} {mean:.2f} ({low:.2f}-{high:.2f})" for share, mean, (low, high) in places
        )
        ends = self.results["ends"]
        real = ""
        if ends["change"] is not None:
            both = f"{_whose(ends['from'])} to {_whose(ends['to'])}"
            real = f"; real tissue of both ends {ends['change']:+.2f}: {both}"
        return [
            (
                "judged grade along the slider: Spearman, mean of label maps (95 %)",
                f"{found['spearman']:.2f} ({found['interval'][0]:.2f} to {found['interval'][1]:.2f})",
                f"lowest of a map {found['lowest']:.2f}; all pictures {found['overall']:.2f}",
                f"{WANTED} or more",
            ),
            (
                "judged grade at each place (95 %)",
                means,
                f"change {found['change']:+.2f}{real}",
                "rises as far as real",
            ),
        ]

    def _correlates(self) -> list[Row]:
        rows = []
        for name, title in NAMES.items():
            found = self.results["slider"]["correlates"][name]
            if found["spearman"] is None:
                said = "too few nuclei"
            else:
                low, high = (found["means"][place] for place in (0, -1))
                said = f"{found['spearman']:+.2f} ({_short(low)} to {_short(high)})"
            real = "; ".join(
                f"{source} {table[name]['spearman']:+.2f} ({', '.join(map(_short, table[name]['means']))})"
                for source, table in self.results["real"].items()
            )
            rows.append(
                (f"{title}: Spearman along the slider", said, f"real tissue by grade: {real}", "as real")
            )
        return rows

    def _latents(self) -> list[Row]:
        found = self.results["latents"]
        rows = [
            (
                f"nearest grade of latents held out, {source}: balanced accuracy",
                f"{one['balanced']:.2f}",
                f"shuffled {one['chance']:.2f} (95 % below {one['chance_95']:.2f}); {one['places']} grades, "
                f"{one['pictures']} pictures",
                "above chance",
            )
            for source, one in found["nearest"].items()
        ]
        rows += [
            (
                f"grade by the latent's place along the slider, {source}: Spearman (Pearson)",
                f"{one['spearman']:.2f} ({one['pearson']:.2f})",
                f"by all of the style, ridge: {one['foretold_spearman']:.2f} ({one['foretold_pearson']:.2f})",
                "1",
            )
            for source, one in found["along"].items()
        ]
        if found["stain"] is not None:
            rows.append(("stain foretold from the style: R²", f"{found['stain']:.2f}", "", "0 or less"))
        if found["source"] is not None:
            one = found["source"]
            rows.append(
                (
                    "source foretold from the style: balanced accuracy",
                    f"{one['balanced']:.2f}",
                    f"chance {one['chance']:.2f}",
                    "chance",
                )
            )
        return rows

    def _separate(self) -> list[Row]:
        one = self.results["separate"]
        if one["grade_ratio"] is None:
            return [("stain and grade", "this model keeps no stain apart", "", "")]
        return [
            (
                "judged grade, moved by the slider",
                f"{one['grade_by_slider']:+.2f}",
                f"by another stain {one['grade_by_stain']:.2f} ({one['grade_ratio']:.1f} times)",
                "far above 1 times",
            ),
            (
                "hematoxylin and eosin as read, moved by another stain",
                f"{one['stain_by_stain']:.2f}",
                f"by the slider {one['stain_by_slider']:.2f} ({one['stain_ratio']:.1f} times)",
                "far above 1 times",
            ),
        ]


def record_grade(folder: ModelFolder, report: GradeReport) -> None:
    """Write the figures into ``model.toml`` of a model, and a section into its ``card.md``.

    Raises
    ------
    SaveError
        If a file cannot be written.
    """
    kept = {key: value for key, value in folder.card.metrics.items() if not _ours(key)}
    card = folder.card.model_copy(update={"metrics": kept | report.metrics()})
    with atomic_path(folder.path / CARD_NAME) as path:
        path.write_text(card.to_toml(), encoding="utf-8")
    body = report.to_markdown()
    section = f"{HEADING}\n\nBy `histosynth evaluate grade` (docs/evaluation.md says what each means): {body}"
    notes = folder.notes
    if _SECTION.search(notes):
        notes = _SECTION.sub(lambda _: section + "\n", notes).rstrip() + "\n"
    else:
        notes = f"{notes.rstrip()}\n\n{section}"
    with atomic_path(folder.path / NOTES_NAME) as path:
        path.write_text(notes, encoding="utf-8")


def _ours(key: str) -> bool:
    return key.startswith("grade_") or key == "stain_over_grade"


def _whose(end: Mapping[str, Any]) -> str:
    return f"{end['judged']:.2f} ({end['pictures']} pictures, {end['held_out']} of patients held out)"


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
