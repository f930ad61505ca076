"""The tables of the proof of layouts: a part each, with a word on what would be good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_histosynth.study.layoutaxis import FOLLOWED
from napari_histosynth.study.layoutshapes import NAMES
from napari_histosynth.study.layoutteach import ARMS
from napari_histosynth.study.staintables import NONE, Table

Results = Mapping[str, Any]

GRIDS = {"latents": "lattice of latents", "places": "places of a base", "blocks": "blocks drawn at once"}
"""Grids that a large layout is drawn by."""


def all_layout_tables(results: Results) -> list[Table]:
    """Return the tables of all parts."""
    return [
        shapes_table(results["shapes"]),
        means_table(results["shapes"]),
        looks_table(results["looks"]),
        variety_table(results["variety"], results["memory"]),
        encoded_table(results["encoded"]),
        teaching_table(results["teaching"]),
        axis_table(results["axis"]),
        large_table(results["large"]),
    ]


def shapes_table(found: Results) -> Table:
    """Return distances between drawn and real tissue."""
    rows: list[tuple[str, ...]] = []
    for name, title in NAMES.items():
        cells = [f"{number(of[name]['drawn'])} ({number(of[name]['real'])})" for of in found.values()]
        rows.append((title, *cells))
    heads = []
    for grade, of in found.items():
        whose = "held out" if of["held_out"] else "seen"
        heads.append(f"{grade}: {of['windows']} windows, {of['patients']} patients {whose}")
    return Table(
        "Architecture: drawn against real label maps",
        "Wasserstein-1 distance over the spread of all real windows; in brackets real to real, training "
        "patients to held-out ones. Where nobody of a grade was held out, halves of training patients stand "
        "for both (no bracket where there is one patient). Good: near the bracket.",
        ("measure", *heads),
        rows,
    )


def means_table(found: Results) -> Table:
    """Return the means behind the distances."""
    rows: list[tuple[str, ...]] = []
    for name, title in NAMES.items():
        cells = []
        for of in found.values():
            drawn, real = of[name]["means"]
            cells.append(f"{short(drawn)} ({short(real)})")
        rows.append((title, *cells))
    return Table(
        "The same, means",
        "Drawn, in brackets real.",
        ("measure", *found),
        rows,
    )


def looks_table(found: Results) -> Table:
    """Return whether the segmenter finds the labels."""
    names = list(found["drawn"]["dice"])
    rows: list[tuple[str, ...]] = [
        (
            title,
            str(of["pictures"]),
            number(of["auc"], 3),
            *(number(of["dice"][name], 3) for name in names),
        )
        for title, of in (("layouts", found["drawn"]), ("real tissue held out", found["real"]))
    ]
    return Table(
        f"{found['segmenter']}, taught by real tissue, on image channels against label channels",
        "Area under the curve of being in a gland, and Dice overlap by class. The paper reports an AUC of "
        "0.97 (vessels of the retina). Good: as on real tissue.",
        ("pictures of", "pictures", "AUC of glands", *(f"Dice, {name}" for name in names)),
        rows,
    )


def variety_table(various: Results, near: Results) -> Table:
    """Return how alike layouts are, and how near to what was trained on."""
    rows: list[tuple[str, ...]] = [
        (
            f"MS-SSIM of two {kind}",
            number(various["drawn"][key], 3),
            f"{number(various['real'][key], 3)} between patients",
            "as real, or below",
        )
        for key, kind in (("image", "pictures"), ("labels", "label maps"))
    ]
    for key, ratio, title in (
        ("median", "ratio", "median"),
        ("closest", "closest_ratio", "closest 5 %"),
    ):
        rows.append(
            (
                f"distance to the nearest training map, {title}",
                number(near["drawn"][key], 3),
                f"{number(near['held_out'][key], 3)} of held-out patients ({number(near[ratio])} times)",
                "1 times; far below is memory",
            )
        )
    return Table(
        "Variety and memory",
        "Distances: share of the area of a window, half a field a side, that another class has, in 8 x 8 "
        f"cells; the nearest of {near['windows']:,} windows of training in any of eight symmetries.",
        ("measure", "layouts", "beside it", "good"),
        rows,
    )


def encoded_table(found: Results) -> Table:
    """Return what the encoder gives back."""
    rows: list[tuple[str, ...]] = []
    if found["windows"]:
        rows = [
            (title, number(found[key]["dice"], 3), number(found[key]["error"], 1), grade)
            for title, key, grade in (
                (
                    "its layout found by the encoder",
                    "again",
                    f"{number(found['grade'])} (chance {number(found['chance'])}, 95 % below "
                    f"{number(found['chance_95'])})",
                ),
                ("a layout of chance, of the same grade", "random", NONE),
            )
        ]
    return Table(
        "The encoder on tissue of held-out patients",
        f"{found['windows']} windows. Dice: mean of classes; error: mean absolute difference of the "
        "pictures, gray levels of 255; grade: balanced accuracy. Good: Dice far above and error far below "
        "chance.",
        ("against the real window", "Dice", "error", "grade read rightly"),
        rows,
    )


def teaching_table(found: Results) -> Table:
    """Return what networks learned."""
    rows: list[tuple[str, ...]] = []
    for arm, of in found["arms"].items():
        shares = ", ".join(
            f"{name} {number(value, 3)}" for name, value in zip(found["classes"], of["iou"], strict=True)
        )
        low, high = of["interval"]
        beside = "" if arm == "maps" else f"{of['to_maps']:.1%} ({low:.1%} to {high:.1%})"
        rows.append((ARMS[arm], f"{of['miou']:.3f}", f"{of['mpa']:.3f}", shares, beside))
    return Table(
        f"Segmentation trained on painted label maps, tested on real tissue of {found['patients']} patients",
        f"{found['drawn']} pictures an arm, painted by {found['painter']} with nuclei by rule; "
        f"{found['fields']} real fields that nobody saw. Who always says the most frequent class has a mIOU "
        f"of {number(found['chance'], 3)}. Good: 100 % of real maps.",
        ("trained on", "mIOU", "mPA", "IOU of each class", "of real maps"),
        rows,
    )


def axis_table(found: Results) -> Table:
    """Return what grades do along their axis."""
    rows: list[tuple[str, ...]] = []
    for name in FOLLOWED:
        if name not in found:
            continue
        of = found[name]
        means = of["means"] or []
        ends = f"{short(means[0])} to {short(means[-1])}" if means else NONE
        real = [short(one) for one in of["real_means"]]
        interval = of["interval"]
        spread = "" if interval is None else f" ({number(interval[0])} to {number(interval[1])})"
        rows.append((NAMES[name], number(of["drawn"]) + spread, ends, number(of["real"]), ", ".join(real)))
    ends = " to ".join((found["grades"][0], found["grades"][-1])) if found["grades"] else ""
    return Table(
        f"Along the axis of grades, {ends}",
        f"Spearman of place and measure in {found['latents']} latents that stay as they are, mean (95 % over "
        "latents); in real tissue of grade and measure over windows. Good: the same sign, and as clear.",
        ("measure", "layouts, Spearman", "means at both ends", "real, Spearman", "real means by grade"),
        rows,
    )


def large_table(found: Results) -> Table:
    """Return whether a grid shows in large layouts."""
    rows: list[tuple[str, ...]] = []
    for key, title in GRIDS.items():
        of = found[key]
        rows.append(
            (
                f"{title}, {of['period']} px",
                f"{number(of['ratio'], 3)} ± {number(of['error'], 3)}",
                number(of["blend"], 3),
                str(of["lines"]),
            )
        )
    return Table(
        f"Grids in layouts of {found['side']:,} px at {found['um_per_px']:g} um",
        f"{found['layouts']} drawn, {found['seconds']:.1f} s each. Label borders on lines of the grid over "
        "those elsewhere, ± standard error over lines; and those midway between crossings over those near "
        "them. Good: 1.",
        ("grid", "borders on its lines", "midway", "lines"),
        rows,
    )


def number(value: float | None, digits: int = 2) -> str:
    """Return a number in so many digits."""
    return NONE if value is None or value != value else f"{value:.{digits}f}"


def short(value: float | None) -> str:
    """Return a number in three significant digits."""
    if value is None or value != value:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
