"""What the proof of virtual staining found, as tables for a terminal, for a card and for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.stainmaterial import ALONE, MODES
from napari_histosynth.study.stainsimilarity import MEASURES
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
"""How far a seam measure may be from 1; or twice its standard error, where that is more."""


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
        found = [each for mode in one["structure"] for each in self._of_mode(label, mode)]
        if one["cycle"]["he"] is not None:
            given_back = one["cycle"]["he"]["ssim"]["mean"]
            found.append((f"H&E comes back (SSIM {RETURNS:g} or more)", given_back >= RETURNS))
        if one["steering"]["all"] is not None:
            kinds = [one["steering"][kind] for kind in ("he", "canvas") if one["steering"][kind] is not None]
            follows = all((each["correlation"] or 0) > FOLLOWS for each in kinds)
            said = f"counted indices follow those asked for (Pearson above {FOLLOWS:g})"
            found.append((said, follows))
        seam = _ours(one["seams"])
        seamless = abs(seam["ratio"] / one["seams"]["control"]["ratio"] - 1) <= SEAMLESS
        said = f"tiles show no seams (within {SEAMLESS:.0%} of the same lines inside of other tiles)"
        found.append((said, bool(seamless)))
        return found

    def _of_mode(self, label: str, mode: str) -> list[tuple[str, bool]]:
        """Return what must hold of the Ki-67 that a model draws by itself, or told its nuclei."""
        one = self.models[label]
        like, kept, dense = one["likeness"], one["structure"][mode], one["densities"]
        pale = dense["glass"][mode]["pale"]
        nearer = like["drawn"][mode]["mean"] > like["source"]["mean"]
        found = [
            ("drawn Ki-67 is nearer to real Ki-67 than H&E is (P-hash)", nearer),
            (
                "its hematoxylin and DAB are nearer to real Ki-67 than those of H&E",
                all(_less(dense[stain][mode], dense[stain]["source"]) for stain in ("hematoxylin", "dab")),
            ),
            (f"{KEPT:.0%} or more of the nuclei of H&E are found again", _least(kept["matched"], KEPT)),
            (
                f"{INVENTED:.0%} or less of the nuclei of Ki-67 are invented",
                kept["invented"] is not None and kept["invented"] <= INVENTED,
            ),
        ]
        if pale is not None:
            found.append((f"{PALE:.0%} or more of glass stays pale", pale >= PALE))
        way = "" if list(one["structure"]) == [ALONE] else f"{MODES[mode]}: "
        return [(way + said, held) for said, held in found]

    def metrics(self, label: str) -> dict[str, float]:
        """Return the figures that a model's card holds, by name."""
        one = self.models[label]
        found: dict[str, float | None] = {}
        for mode, kept in one["structure"].items():
            way = "" if mode == ALONE else f"{mode}_"
            cycle = one["cycle"]["he" if mode == ALONE else f"he_{mode}"] or {}
            found |= {
                f"{way}phash": one["likeness"]["drawn"][mode]["mean"],
                **{f"{way}cycle_{name}": found_again["mean"] for name, found_again in cycle.items()
                   if name in MEASURES},
                **{f"{way}nuclei_{name}": kept[name] for name in ("matched", "lost", "invented")},
                f"{way}hematoxylin_distance": one["densities"]["hematoxylin"][mode],
                f"{way}dab_distance": one["densities"]["dab"][mode],
                f"{way}glass_pale": one["densities"]["glass"][mode]["pale"],
            }  # fmt: skip
        for kind in ("he", "canvas"):
            if one["steering"][kind] is not None:
                for name in ("correlation", "slope", "error"):
                    found[f"index_{name}_{kind}"] = one["steering"][kind][name]
        found["seam"] = _ours(one["seams"])["ratio"]
        return {_PREFIX + key: round(float(each), 3) for key, each in found.items() if each is not None}

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


def _ours(seams: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the seams of the way in which pictures are drawn unless another is chosen."""
    ours: Mapping[str, Any] = seams.get("local") or seams["position"]
    return ours


def _least(one: float | None, least: float) -> bool:
    return one is not None and one >= least


def _less(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other
