"""What the proof of virtual staining found, as tables for a terminal, for a card and for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.staintables import Table, all_tables
from napari_histosynth.zoo.folder import CARD_NAME, NOTES_NAME

if TYPE_CHECKING:
    from napari_histosynth.zoo import ModelFolder

HEADING = "## Virtual stain"
_SECTION = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_PREFIX = "stain_"

RETURNS = 0.8
"""SSIM of H&E after a cycle from which it counts as given back."""

KEPT, INVENTED = 0.7, 0.3
"""Share of the nuclei of H&E that must be found again in Ki-67, and of those of Ki-67 that may be new."""

PALE = 0.95
"""Share of glass that must be drawn pale."""

FOLLOWS = 0.95
"""Pearson's correlation of indices asked for and counted, of each kind of picture."""

SEAMLESS = 0.02
"""How far a seam measure may be from that of the picture itself, beyond twice its standard error."""


@dataclass(frozen=True)
class StainReport:
    """Results of a proof.

    Attributes
    ----------
    subject : dict
        Models by label with their hashes, budget, device.
    models : dict
        For each label: "tissue", "likeness", "cycle", "structure", "densities", "steering", "seams".
    """

    subject: Mapping[str, Any]
    models: Mapping[str, Mapping[str, Any]]

    @property
    def heading(self) -> str:
        """Return one line that says what was measured on what."""
        named = ", ".join(f"{label} {sha256[:12]}" for label, sha256 in self.subject["models"].items())
        tissue = next(iter(self.models.values()))["tissue"]
        same = "" if self.subject["same_tissue"] else " (models were trained on different tissue)"
        return (
            f"{named}; budget {self.subject['budget']}: {len(tissue['fields'])} fields of H&E of "
            f"{tissue['field']} px and {tissue['crops']} crops of real Ki-67 of {tissue['crop']} px, at "
            f"{tissue['um_per_px']:g} um per px, held out{same}"
        )

    @property
    def tables(self) -> list[Table]:
        """The tables, one a part, one row or more a model."""
        return all_tables(self.models)

    def verdicts(self, label: str) -> list[tuple[str, bool]]:
        """Return what must hold of a model, and whether it does."""
        one = self.models[label]
        like, kept, dense = one["likeness"], one["structure"], one["densities"]
        found = [
            (
                "drawn Ki-67 is nearer to real Ki-67 than H&E is (P-hash)",
                like["drawn"]["mean"] > like["source"]["mean"],
            ),
            (
                "its hematoxylin and DAB are nearer to real Ki-67 than those of H&E",
                all(_less(dense[stain]["drawn"], dense[stain]["source"]) for stain in ("hematoxylin", "dab")),
            ),
            (
                f"{KEPT:.0%} or more of the nuclei of H&E are found again",
                kept["matched"] is not None and kept["matched"] >= KEPT,
            ),
            (
                f"{INVENTED:.0%} or less of the nuclei of Ki-67 are invented",
                kept["invented"] is not None and kept["invented"] <= INVENTED,
            ),
        ]
        if one["cycle"]["he"] is not None:
            given_back = one["cycle"]["he"]["ssim"]["mean"]
            found.append((f"H&E comes back (SSIM {RETURNS:g} or more)", given_back >= RETURNS))
        if dense["glass"]["pale"] is not None:
            found.append((f"{PALE:.0%} or more of glass stays pale", dense["glass"]["pale"] >= PALE))
        if one["steering"]["all"] is not None:
            kinds = [one["steering"][kind] for kind in ("he", "canvas") if one["steering"][kind] is not None]
            follows = all((each["correlation"] or 0) > FOLLOWS for each in kinds)
            said = f"counted indices follow those asked for (Pearson above {FOLLOWS:g})"
            found.append((said, follows))
        found.append(("tiles show no seams (within 2 % of the picture itself)", self._seamless(label)))
        return found

    def _seamless(self, label: str) -> bool:
        """Return whether the way in which pictures are drawn by default leaves no seams."""
        seams = self.models[label]["seams"]
        ours = seams.get("local") or seams["position"]
        return bool(abs(ours["ratio"] - seams["source"]["ratio"]) <= SEAMLESS + 2 * (ours["error"] or 0))

    def metrics(self, label: str) -> dict[str, float]:
        """Return the figures that a model's card holds, by name."""
        one = self.models[label]
        cycle, steered = one["cycle"]["he"] or {}, one["steering"]
        seams = one["seams"]
        found = {
            "phash": one["likeness"]["drawn"]["mean"],
            **{f"cycle_{name}": cycle[name]["mean"] for name in ("ssim", "ms_ssim", "psnr", "mae") if cycle},
            "nuclei_matched": one["structure"]["matched"],
            "nuclei_lost": one["structure"]["lost"],
            "nuclei_invented": one["structure"]["invented"],
            "hematoxylin_distance": one["densities"]["hematoxylin"]["drawn"],
            "dab_distance": one["densities"]["dab"]["drawn"],
            "glass_pale": one["densities"]["glass"]["pale"],
            "seam": (seams.get("local") or seams["position"])["ratio"],
        }
        for kind in ("he", "canvas"):
            if steered[kind] is not None:
                for name in ("correlation", "slope", "error"):
                    found[f"index_{name}_{kind}"] = steered[kind][name]
        return {f"{_PREFIX}{key}": round(float(one), 3) for key, one in found.items() if one is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        of_each = {
            label: {"metrics": self.metrics(label), "verdicts": dict(self.verdicts(label)), **results}
            for label, results in self.models.items()
        }
        return {"subject": dict(self.subject), "models": of_each}

    def to_markdown(self) -> str:
        """Return the tables as Markdown."""
        parts = [f"{self.heading}.", *(table.to_markdown() for table in self.tables)]
        for label in self.models:
            lines = [f"- {said}: {'yes' if held else '**no**'}" for said, held in self.verdicts(label)]
            parts.append("\n".join([f"{label}:", "", *lines]))
        return "\n\n".join(parts) + "\n"


def record_stain(folder: ModelFolder, report: StainReport, label: str) -> None:
    """Write the figures of a model into its ``model.toml``, and a section into its ``card.md``.

    Raises
    ------
    SaveError
        If a file cannot be written.
    """
    alone = StainReport(
        {**report.subject, "models": {label: report.subject["models"][label]}, "same_tissue": True},
        {label: report.models[label]},
    )
    kept = {key: value for key, value in folder.card.metrics.items() if not key.startswith(_PREFIX)}
    card = folder.card.model_copy(update={"metrics": kept | alone.metrics(label)})
    with atomic_path(folder.path / CARD_NAME) as path:
        path.write_text(card.to_toml(), encoding="utf-8")
    said = "By `histosynth evaluate stain` (docs/evaluation.md says what each means)"
    section = f"{HEADING}\n\n{said}: {alone.to_markdown()}"
    notes = folder.notes
    if _SECTION.search(notes):
        notes = _SECTION.sub(lambda _: section + "\n", notes).rstrip() + "\n"
    else:
        notes = f"{notes.rstrip()}\n\n{section}"
    with atomic_path(folder.path / NOTES_NAME) as path:
        path.write_text(notes, encoding="utf-8")


def _less(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other
