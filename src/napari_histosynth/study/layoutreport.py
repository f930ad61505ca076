"""What the proof of layouts found, as tables for a terminal, for a card and for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.layoutshapes import NAMES
from napari_histosynth.study.layouttables import GRIDS, all_layout_tables
from napari_histosynth.zoo.folder import CARD_NAME, NOTES_NAME

if TYPE_CHECKING:
    from napari_histosynth.study.staintables import Table
    from napari_histosynth.zoo import ModelFolder

HEADING = "## New tissue"
_SECTION = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_PREFIX = "layout_"

NEAR, CLOSE = 2.0, 0.25
"""How many times farther than real from real a measure may be; or how much of the spread of real tissue."""

FOUND = 0.05
"""How far the AUC of glands in pictures of layouts may be below that in real tissue."""

ALIKE = 0.05
"""How much more alike (MS-SSIM) two layouts may be than two patients."""

OWN = 0.8
"""How near to the nearest training map layouts may be, beside maps of held-out patients."""

RECALLED = 0.1
"""By how much Dice of the encoder's layout must exceed that of a layout of chance."""

TAUGHT = 0.95
"""Share of the mIOU of real maps that layouts must teach."""

SEAMLESS = 0.05
"""How far borders on lines of a grid may be from those elsewhere; or two standard errors, if that is more."""

CLEAR = 0.5
"""Spearman of real tissue from which a measure is to follow the grade, and that of layouts must reach."""

ASKED = ("glands", "solidity")
"""What is asked to follow the grade, if real tissue's does so at all (0.2 or more)."""

_TELLS = 0.2


@dataclass(frozen=True)
class LayoutReport:
    """Results of a proof.

    Attributes
    ----------
    subject : dict
        Model, hash, budget, device, patients.
    results : dict
        "shapes", "looks", "variety", "memory", "encoded", "teaching", "axis", "large": what each found.
    """

    subject: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def heading(self) -> str:
        """Return one line that says what was measured on what."""
        said = self.subject
        return (
            f"{said['model']} {said['sha256'][:12]}, budget {said['budget']}: {said['sizes']['layouts']} "
            f"layouts of each of {len(said['grades'])} grades; {said['held_out']} windows of "
            f"{len(said['patients'])} patients held out, {said['trained']} of others"
        )

    @property
    def tables(self) -> list[Table]:
        """The tables, one a part."""
        return all_layout_tables(self.results)

    @property
    def verdicts(self) -> list[tuple[str, bool]]:
        """What must hold, and whether it does."""
        one = self.results
        various, near, looks = one["variety"], one["memory"], one["looks"]
        found = [
            (
                f"{title}: as in real tissue (at most {NEAR:g} times as far as real from real, or {CLOSE:g} "
                "of its spread)",
                _is_near(one["shapes"]["all"][name]),
            )
            for name, title in NAMES.items()
        ]
        found.append(
            (
                f"pictures show their labels: AUC of glands at most {FOUND:g} below that in real tissue",
                _beside(looks["drawn"]["auc"], looks["real"]["auc"], -FOUND),
            )
        )
        for key, kind in (("image", "pictures"), ("labels", "label maps")):
            drawn, real = various["drawn"][key], various["real"][key]
            if drawn is not None and real is not None:
                said = f"{kind} are as various as between patients (MS-SSIM at most {ALIKE:g} above)"
                found.append((said, drawn <= real + ALIKE))
        found.append(
            (
                f"layouts are no copies: at least {OWN:g} times as far from training maps as held-out ones, "
                "the closest 5 % too",
                all((near[key] or 0) >= OWN for key in ("ratio", "closest_ratio")),
            )
        )
        again = one["encoded"]
        if again["windows"]:
            found += [
                (
                    f"the encoder finds the layout of held-out tissue (Dice {RECALLED:g} above chance)",
                    again["again"]["dice"] >= again["random"]["dice"] + RECALLED,
                ),
                (
                    "its picture is nearer to the real one than that of chance",
                    again["again"]["error"] < again["random"]["error"],
                ),
            ]
        taught = one["teaching"]["arms"]["layouts"]["to_maps"]
        found.append((f"layouts teach {TAUGHT:.0%} or more of what real label maps do", taught >= TAUGHT))
        found += [
            (
                f"{NAMES[name]} follow the grade as in real tissue (Spearman {CLEAR:g} or more, or as real)",
                follows(one["axis"][name]),
            )
            for name in ASKED
            if name in one["axis"] and abs(one["axis"][name]["real"]) >= _TELLS
        ]
        for key, kind in GRIDS.items():
            if one["large"][key]["ratio"] is not None:
                said = f"no grid of {kind} shows in large layouts (within {SEAMLESS:.0%}, or 2 errors)"
                found.append((said, _is_seamless(one["large"][key])))
        return found

    def metrics(self) -> dict[str, float]:
        """Return the figures that a model's card holds, by name."""
        one = self.results
        found: dict[str, float | None] = {}
        for name in NAMES:
            found[f"{name}_distance"] = one["shapes"]["all"][name]["drawn"]
            found[f"{name}_distance_real"] = one["shapes"]["all"][name]["real"]
        for key, suffix in (("drawn", ""), ("real", "_real")):
            found[f"gland_auc{suffix}"] = one["looks"][key]["auc"]
            found[f"epithelium_dice{suffix}"] = one["looks"][key]["dice"]["epithelium"]
            found[f"ms_ssim{suffix}"] = one["variety"][key]["image"]
            found[f"ms_ssim_labels{suffix}"] = one["variety"][key]["labels"]
        found["nearest_to_held_out"] = one["memory"]["ratio"]
        found["nearest_to_held_out_closest"] = one["memory"]["closest_ratio"]
        if one["encoded"]["windows"]:
            for key in ("again", "random"):
                found[f"encoder_dice_{key}"] = one["encoded"][key]["dice"]
                found[f"encoder_error_{key}"] = one["encoded"][key]["error"]
            found["encoder_grade"] = one["encoded"]["grade"]
        for arm, of in one["teaching"]["arms"].items():
            found[f"miou_{arm}"] = of["miou"]
        found["miou_to_maps"] = one["teaching"]["arms"]["layouts"]["to_maps"]
        for name in ASKED:
            if name in one["axis"]:
                found[f"grade_{name}_spearman"] = one["axis"][name]["drawn"]
                found[f"grade_{name}_spearman_real"] = one["axis"][name]["real"]
        for key in GRIDS:
            found[f"seam_{key}"] = one["large"][key]["ratio"]
        return {_PREFIX + key: round(float(each), 3) for key, each in found.items() if each is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {
            "subject": dict(self.subject),
            "metrics": self.metrics(),
            "verdicts": dict(self.verdicts),
            **self.results,
        }

    def to_markdown(self) -> str:
        """Return the tables as Markdown."""
        lines = [f"- {said}: {'yes' if held else '**no**'}" for said, held in self.verdicts]
        parts = [f"{self.heading}.", *(table.to_markdown() for table in self.tables)]
        return "\n\n".join([*parts, "\n".join(["What must hold:", "", *lines])]) + "\n"


def follows(of: Mapping[str, Any]) -> bool:
    """Return whether a measure goes with the grade as it does in real tissue: the same way, as clearly."""
    drawn, real = of["drawn"], of["real"]
    if drawn is None or drawn * real <= 0:
        return False
    return bool(abs(drawn) >= min(CLEAR, abs(real)))


def record_layout(folder: ModelFolder, report: LayoutReport) -> None:
    """Write the figures into a model's ``model.toml``, and a section into its ``card.md``.

    Raises
    ------
    SaveError
        If a file cannot be written.
    """
    kept = {key: value for key, value in folder.card.metrics.items() if not key.startswith(_PREFIX)}
    card = folder.card.model_copy(update={"metrics": kept | report.metrics()})
    with atomic_path(folder.path / CARD_NAME) as path:
        path.write_text(card.to_toml(), encoding="utf-8")
    said = "By `histosynth evaluate layout` (docs/evaluation.md says what each means)"
    section = f"{HEADING}\n\n{said}: {report.to_markdown()}"
    notes = folder.notes
    if _SECTION.search(notes):
        notes = _SECTION.sub(lambda _: section + "\n", notes).rstrip() + "\n"
    else:
        notes = f"{notes.rstrip()}\n\n{section}"
    with atomic_path(folder.path / NOTES_NAME) as path:
        path.write_text(notes, encoding="utf-8")


def _is_near(of: Mapping[str, Any]) -> bool:
    drawn, real = of["drawn"], of["real"]
    return drawn is not None and bool(drawn <= max(CLOSE, NEAR * (real or 0)))


def _beside(drawn: float | None, real: float | None, least: float) -> bool:
    return drawn is not None and real is not None and drawn >= real + least


def _is_seamless(of: Mapping[str, Any]) -> bool:
    return bool(abs(of["ratio"] - 1) <= max(SEAMLESS, 2 * (of["error"] or 0)))
