"""What the proof of slides found, as tables for a terminal, for a card and for programs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.slidematerial import MEASURED
from napari_histosynth.study.slidetables import all_slide_tables
from napari_histosynth.zoo.folder import CARD_NAME, NOTES_NAME

if TYPE_CHECKING:
    from napari_histosynth.study.staintables import Table
    from napari_histosynth.zoo import ModelFolder

HEADING = "## Whole slides"
_SECTION = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_PREFIX = "slide_"

COHERENT = 35.0
"""PSNR in dB that a level reduced four times has against its parent at least."""

SEAMLESS = 0.02
"""How far a seam measure may be from that inside of tiles; or two standard errors, where that is more."""

DRIFT = 2.0
"""Gray levels that the color of tissue may change by from sketch to full magnification, in any channel."""

PALE = 0.95
"""Share of glass that must stay pale."""

NOISY = 0.1
"""How much fine detail must differ between seeds: 0 is not at all, real neighbors have about 1."""

STRENGTH = 1.5
"""How many times stronger or weaker than real the two finer bands of detail may be."""

NEAR = 2.0
"""How many times farther synthetic tissue may be from real slides than other real slides are."""

TOLD = 0.9
"""Area under the curve from which drawn tissue is told from real too easily, after the fewest steps."""

SAVING = 50.0
"""How many times fewer evaluations than URCDM the setting "fast" must take."""


@dataclass(frozen=True)
class SlideReport:
    """Results of a proof.

    Attributes
    ----------
    subject : dict
        Model, hash, budget, device, slides.
    settings : dict
        For "fast", and "diffusion" if the model has it: "likeness", "told_apart", "detail", "joins", "cost".
    """

    subject: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Any]]

    @property
    def heading(self) -> str:
        """Return one line that says what was measured on what."""
        said = self.subject
        sizes = said["sizes"]
        return (
            f"{said['model']} {said['sha256'][:12]}, budget {said['budget']}: {sizes['slides']} synthetic "
            f"slides of {sizes['side']:,} px; real ones held out: {', '.join(said['held_out'])} "
            f"({len(said['trained'])} others seen)"
        )

    @property
    def tables(self) -> list[Table]:
        """The tables, one a part, one row or more a level."""
        return all_slide_tables(self.settings)

    def verdicts(self, setting: str) -> list[tuple[str, bool]]:
        """Return what must hold in a setting, and whether it does."""
        one = self.settings[setting]
        levels = [str(level) for level in MEASURED]
        joined, fine = [one["joins"][level] for level in levels], [one["detail"][level] for level in levels]
        like = [one["likeness"][level] for level in levels]
        judged = [one["told_apart"][level]["whole"] for level in levels]
        pale = [each["glass"]["pale"] for each in joined if each["glass"]["pale"] is not None]
        drift = [abs(sum(each["drift"][color] for each in joined)) for color in range(3)]
        refined = [each["refined"] for each in like]
        found = [
            (
                f"every level reduced four times is its parent, away from borders (above {COHERENT:g} dB)",
                all(each["coherence"] > COHERENT for each in joined),
            ),
            (
                f"tiles show no seams (within {SEAMLESS:.0%} of one piece, or 2 errors of lines inside)",
                all(map(seamless, joined)),
            ),
            (f"colors of tissue drift by less than {DRIFT:g} gray levels", max(drift) < DRIFT),
            (f"{PALE:.0%} or more of glass stays pale at every level", bool(pale) and min(pale) >= PALE),
            (
                f"noise makes a difference at every level ({NOISY:g} or more)",
                all(each["noise"]["seeds"] >= NOISY for each in fine),
            ),
            (
                f"finest detail of synthetic tissue is as strong as real within {STRENGTH:g} times",
                all(
                    1 / STRENGTH <= band <= STRENGTH
                    for each in fine
                    for band in each["strength"]["whole"][:2]
                ),
            ),
            (
                "drawn from real parents, tissue is nearer to real than the parents enlarged (Fréchet)",
                all(each["drawn"]["median"] < each["enlarged"]["median"] for each in refined),
            ),
            (
                f"synthetic slides are at most {NEAR:g} times as far from real ones as these are from "
                "one another (Fréchet)",
                all(
                    each["whole"]["drawn"]["median"] <= NEAR * each["whole"]["real"]["median"]
                    for each in like
                ),
            ),
            (
                f"a small network does not tell synthetic tissue at first sight (AUC below {TOLD:g} at "
                f"every level after {next(iter(judged[0]))} steps)",
                all(next(iter(areas.values())) < TOLD for areas in judged),
            ),
        ]
        if setting == "fast":
            said = f"a slide takes at most 1/{SAVING:g} of URCDM's network evaluations"
            found.append((said, one["cost"]["urcdm"] >= SAVING))
        return found

    def metrics(self) -> dict[str, float]:
        """Return the figures that a model's card holds, by name."""
        found: dict[str, float | None] = {}
        for setting, one in self.settings.items():
            for level in map(str, MEASURED):
                like, told = one["likeness"][level], one["told_apart"][level]
                steps = list(told["whole"])[-1]
                found |= {
                    f"{setting}_frechet_{level}": like["whole"]["drawn"]["median"],
                    f"{setting}_frechet_to_real_{level}": _over(like["whole"], "drawn", "real"),
                    f"{setting}_refined_to_enlarged_{level}": _over(like["refined"], "drawn", "enlarged"),
                    f"{setting}_auc_{level}": told["whole"][steps],
                    f"{setting}_coherence_{level}": one["joins"][level]["coherence"],
                    f"{setting}_seam_{level}": one["joins"][level]["seam"]["ratio"],
                    f"{setting}_noise_{level}": one["detail"][level]["noise"]["seeds"],
                }
            for name in ("evaluations", "urcdm", "seconds_tile", "megapixels_s"):
                found[f"{setting}_{name}"] = one["cost"][name]
        return {_PREFIX + key: round(float(each), 3) for key, each in found.items() if each is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        of_each = {
            setting: {"verdicts": dict(self.verdicts(setting)), **results}
            for setting, results in self.settings.items()
        }
        return {"subject": dict(self.subject), "metrics": self.metrics(), "settings": of_each}

    def to_markdown(self) -> str:
        """Return the tables as Markdown."""
        parts = [f"{self.heading}.", *(table.to_markdown() for table in self.tables)]
        for setting in self.settings:
            lines = [f"- {said}: {'yes' if held else '**no**'}" for said, held in self.verdicts(setting)]
            parts.append("\n".join([f"Setting {setting}:", "", *lines]))
        return "\n\n".join(parts) + "\n"


def seamless(joined: Mapping[str, Any]) -> bool:
    """Return whether borders of tiles change no more than without tiles, or else than lines inside."""
    if joined["one"] is not None:
        return bool(abs(joined["one"]["ratio"] - 1) <= SEAMLESS)
    seam, inside = joined["seam"], joined["inside"]
    if seam["ratio"] is None or inside["ratio"] is None:
        return False
    error = math.hypot(seam["error"] or 0, inside["error"] or 0)
    return bool(abs(seam["ratio"] - inside["ratio"]) <= max(SEAMLESS, 2 * error))


def record_slide(folder: ModelFolder, report: SlideReport) -> None:
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
    said = "By `histosynth evaluate slide` (docs/evaluation.md says what each means)"
    section = f"{HEADING}\n\n{said}: {report.to_markdown()}"
    notes = folder.notes
    if _SECTION.search(notes):
        notes = _SECTION.sub(lambda _: section + "\n", notes).rstrip() + "\n"
    else:
        notes = f"{notes.rstrip()}\n\n{section}"
    with atomic_path(folder.path / NOTES_NAME) as path:
        path.write_text(notes, encoding="utf-8")


def _over(found: Mapping[str, Any], one: str, other: str) -> float | None:
    under = found[other]["median"]
    return found[one]["median"] / under if under else None
