"""The tables of the proof of virtual staining: a part each, with a word on what would be good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari_histosynth.study.staincycle import WAYS
from napari_histosynth.study.stainmaterial import MODES, TOLD_SHARE
from napari_histosynth.study.stainseams import METHODS
from napari_histosynth.study.stainsteering import KINDS

Models = Mapping[str, Mapping[str, Any]]

NONE = "-"


@dataclass(frozen=True)
class Table:
    """A table of one part.

    Attributes
    ----------
    title : str
        What is measured.
    words : str
        How to read it.
    columns : tuple of str
        Heads of the columns; the first is the model.
    rows : list of tuple of str
        Cells.
    """

    title: str
    words: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def to_markdown(self) -> str:
        """Return title, words and table as Markdown."""
        lines = [f"**{self.title}.** {self.words}", "", "| " + " | ".join(self.columns) + " |"]
        lines += ["|" + "---|" * len(self.columns)]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)])


def all_tables(models: Models) -> list[Table]:
    """Return the tables of all parts that have a row."""
    makers: tuple[Callable[[Models], Table], ...] = (
        likeness_table,
        cycle_table,
        structure_table,
        stains_table,
        steering_table,
        seams_table,
    )
    return [table for table in (make(models) for make in makers) if table.rows]


def likeness_table(models: Models) -> Table:
    """Return the P-hash of drawn to real Ki-67 (Liu et al., table 1)."""
    rows: list[tuple[str, ...]] = []
    for label, one in models.items():
        like = one["likeness"]
        pairs = f"{like['crops']} x {like['real_crops']}"
        beside = [_spread(like[key]) for key in ("source", "real")]
        rows += [
            (label, MODES[mode], _spread(drawn), *beside, pairs) for mode, drawn in like["drawn"].items()
        ]
    features = next(iter(models.values()))["likeness"]
    caution = "" if features["paper"] else "; not comparable with the paper's figures"
    return Table(
        "P-hash of drawn to real Ki-67 (paper, Table 1)",
        f"Mean ± sd over pairs of crops; channel means of the {features['features']}{caution}. Good: above "
        "H&E as it is, and as near as real to real.",
        ("model", "drawn", "drawn to real Ki-67", "H&E as it is to real Ki-67", "real to real", "pairs"),
        rows,
    )


def cycle_table(models: Models) -> Table:
    """Return likeness after a cycle (Liu et al., figure 3)."""
    rows: list[tuple[str, ...]] = []
    for label, one in models.items():
        for way, title in WAYS.items():
            found = one["cycle"][way]
            if found is not None:
                cells = [
                    _spread(found["ssim"]),
                    _spread(found["ms_ssim"]),
                    _spread(found["psnr"], 1),
                    _spread(found["mae"], 1),
                ]
                rows.append((label, title, *cells))
    return Table(
        "Given back by the cycle (paper, Fig. 3)",
        "Mean ± sd over pictures. Good: SSIM and MS-SSIM near 1, PSNR high, MAE (gray levels of 255) low. A "
        "model may hide H&E in invisible grain, so this alone proves little.",
        ("model", "cycle", "SSIM", "MS-SSIM", "PSNR, dB", "MAE"),
        rows,
    )


def structure_table(models: Models) -> Table:
    """Return which nuclei are found again."""
    rows: list[tuple[str, ...]] = []
    for label, one in models.items():
        for mode, kept in one["structure"].items():
            counts = f"{kept['he']} / {kept['ki67']}"
            shares = [_percent(kept[key]) for key in ("matched", "lost", "invented")]
            numbers = [_number(kept[key]) for key in ("f1", "chance", "distance", "correlation")]
            rows.append((label, MODES[mode], counts, *shares, *numbers))
    return Table(
        "Structure: nuclei of H&E found again in its Ki-67",
        "Centers within 3 um, each at most once. Lost: of those of H&E; invented: of those of Ki-67. Two "
        "finders (hematoxylin; hematoxylin and DAB) never agree on all. Good: F1 far above chance, that of "
        "the same Ki-67 mirrored.",
        (
            "model",
            "drawn",
            "nuclei",
            "matched",
            "lost",
            "invented",
            "F1",
            "F1 by chance",
            "apart, um",
            "densities r",
        ),
        rows,
    )


def stains_table(models: Models) -> Table:
    """Return how hematoxylin, DAB and glass compare with real Ki-67."""
    rows: list[tuple[str, ...]] = []
    for label, one in models.items():
        dense = one["densities"]
        index = dense["index"]
        for mode, glass in dense["glass"].items():
            distances = [
                f"{_number(dense[stain][mode], 3)} ({_number(dense[stain]['source'], 3)}; "
                f"{_number(dense[stain]['real'], 3)})"
                for stain in ("hematoxylin", "dab")
            ]
            tint = NONE
            if glass["pale"] is not None:
                tint = (
                    f"{glass['drawn']['gray']:.0f}, {glass['drawn']['tint']:.0f} "
                    f"({glass['source']['gray']:.0f}, {glass['source']['tint']:.0f})"
                )
            indices = f"{_percent(index[mode])} ({_percent(index['real'])})"
            rows.append((label, MODES[mode], *distances, indices, _percent(glass["pale"]), tint))
    return Table(
        "Stains: drawn against real Ki-67",
        "Earth mover's distance of optical densities of stained pixels, in brackets H&E as it is; real to "
        f"real. The labelling index that is counted (of real Ki-67); {TOLD_SHARE:.0%} are told. Glass: share "
        "drawn pale; gray level and tint (in H&E). Good: distances near real to real, glass pale, no tint.",
        ("model", "drawn", "hematoxylin", "DAB", "index", "glass pale", "glass: gray, tint"),
        rows,
    )


def steering_table(models: Models) -> Table:
    """Return indices asked for and counted."""
    rows: list[tuple[str, ...]] = []
    for label, one in models.items():
        for kind, title in KINDS.items():
            found = one["steering"][kind]
            if found is None:
                continue
            means = ", ".join(f"{float(a):.0%}: {b:.0%}" for a, b in found["means"].items())
            rows.append(
                (
                    label,
                    title,
                    str(found["pictures"]),
                    _number(found["correlation"], 3),
                    _number(found["slope"]),
                    _percent(found["error"]),
                    means,
                )
            )
    return Table(
        "Labelling index asked for against counted",
        "Over pictures of all indices; mean absolute difference in percentage points. Good: Pearson above "
        "0.95, slope 1.",
        ("model", "on", "pictures", "Pearson", "slope", "difference", "asked: counted, mean"),
        rows,
    )


def seams_table(models: Models) -> Table:
    """Return the seams of tiles, and the speed."""
    rows: list[tuple[str, ...]] = []
    for label, one in models.items():
        seams = one["seams"]
        for method, title in METHODS.items():
            found = seams.get(method)
            if found is not None:
                measure = f"{_number(found['ratio'], 3)} ± {_number(found['error'], 3)}"
                own = f"{_number(seams['source']['ratio'], 3)}; {_number(seams['control']['ratio'], 3)}"
                speeds = [_number(found[key]) for key in ("megapixels_s", "megapixels_cpu_s")]
                rows.append((label, title, measure, own, *speeds))
    seams = next(iter(models.values()))["seams"]
    return Table(
        f"Seams of tiles of {seams['tile']} px in a field of {seams['side']} px",
        "Change across borders of tiles over that inside, ± standard error; beside it the same lines in the "
        "H&E, and in the same picture drawn by ours in other tiles: tissue has steps of its own. Good: "
        "within 2 % of the last. Megapixels a second, all included, on this machine; and a second that "
        "its threads computed, which other programs do not lengthen.",
        ("model", "statistics", "seam", "H&E; other tiles", "Mpx/s", "Mpx/CPU s"),
        rows,
    )


def _number(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.1%}"


def _spread(found: Mapping[str, float | None] | None, digits: int = 3) -> str:
    if found is None or found["mean"] is None:
        return NONE
    return f"{found['mean']:.{digits}f} ± {_number(found['sd'], digits)}"
