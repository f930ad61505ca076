"""What ``histosynth evaluate flat`` leaves behind: a sheet of pictures, and lines in the model's folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.study.flat import FlatClass
from napari_histosynth.study.spectra import Octave
from napari_histosynth.zoo.folder import CARD_NAME, NOTES_NAME

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.zoo import ModelFolder

HEADING = "## Maps of one class"

_SECTION = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def flat_sheet(model: PaintModel, classes: list[FlatClass]) -> npt.NDArray[np.uint8]:
    """Return a sheet: of each class the first flat map, and that which repeats most, uint8 (y, x, 3)."""
    from napari_histosynth.io.sheet import contact_sheet

    rows = {}
    for one in classes:
        verdict = "repeats" if one.repeats else "fine"
        middle = tuple(slice((side - 512) // 2, (side - 512) // 2 + 512) for side in one.worst.shape[:2])
        rows[f"{one.name}: {one.peak:.2f}, {verdict}"] = [one.example[:512, :512], one.worst[middle]]
    return contact_sheet(rows, ["first", "highest peak"], f"{model.name}, maps of one class alone; synthetic")


def record_flat(folder: ModelFolder, classes: list[FlatClass], octaves: list[Octave]) -> None:
    """Write into ``model.toml`` which classes repeat, and a section into ``card.md``.

    Raises
    ------
    SaveError
        If a file cannot be written.
    """
    metrics = {key: value for key, value in folder.card.metrics.items() if not key.startswith("flat_peak_")}
    metrics |= {f"flat_peak_{_key(one.name)}": round(one.peak, 2) for one in classes}
    repeats = tuple(one.name for one in classes if one.repeats)
    card = folder.card.model_copy(update={"metrics": metrics, "repeats": repeats})
    with atomic_path(folder.path / CARD_NAME) as path:
        path.write_text(card.to_toml(), encoding="utf-8")
    section = card_section(classes, octaves)
    notes = folder.notes
    if _SECTION.search(notes):
        notes = _SECTION.sub(lambda _: section + "\n", notes).rstrip() + "\n"
    else:
        notes = f"{notes.rstrip()}\n\n{section}"
    with atomic_path(folder.path / NOTES_NAME) as path:
        path.write_text(notes, encoding="utf-8")


def card_section(classes: list[FlatClass], octaves: list[Octave]) -> str:
    """Return the section of a card about maps of one class, Markdown."""
    lines = [
        HEADING,
        "",
        "By `histosynth evaluate flat`: the highest peak of the autocorrelation at shifts of 40 µm and more,",
        "over what chance gives (1), median of the maps drawn of each class alone.",
        "",
        "| class | peak | p | what repeats, gray levels | real tissue or glass, 9 of 10 below | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for one in classes:
        real = f"{one.bound:.2f}" if one.real else "not measured"
        verdict = "**repeats**" if one.repeats else "does not repeat visibly"
        lines.append(
            f"| {one.name} | {one.peak:.2f} | {one.p:.2f} | {one.visible:.1f} | {real} | {verdict} |"
        )
    if octaves:
        lines += [
            "",
            "Power of drawn over real luminance by wavelength (1 is right; stroma and glass drawn from real",
            "labels in the look of the field, or maps of one class beside bare stroma and glass):",
            "",
            "| µm | stroma, flat map | stroma, real labels | glass, flat map | glass, real labels |",
            "|---|---|---|---|---|",
        ]
        for octave in octaves:
            ratios = (octave.flat_stroma, octave.stroma, octave.flat_glass, octave.glass)
            cells = " | ".join("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
            lines.append(f"| {octave.low_um:.1f} to {octave.high_um:.1f} | {cells} |")
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    """Return the name of a class as a key: letters, digits and underscores."""
    return re.sub(r"\W+", "_", name).strip("_")
