"""The tables of the proof of slides: a part each, a row a level, with a word on what would be good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari_histosynth.slide.levels import um_of
from napari_histosynth.study.slidecost import URCDM_CASCADES, URCDM_EVALUATIONS, URCDM_STEPS
from napari_histosynth.study.slidematerial import MEASURED
from napari_histosynth.study.staintables import NONE, Table

Settings = Mapping[str, Mapping[str, Any]]


def all_slide_tables(settings: Settings) -> list[Table]:
    """Return the tables of all parts."""
    makers: tuple[Callable[[Settings], Table], ...] = (
        likeness_table,
        judged_table,
        detail_table,
        joins_table,
        cost_table,
    )
    return [make(settings) for make in makers]


def likeness_table(settings: Settings) -> Table:
    """Return Fréchet distances."""
    rows: list[tuple[str, ...]] = []
    for setting, level, one in _levels(settings, "likeness"):
        whole, refined = one["whole"], one["refined"]
        rows.append(
            (
                setting,
                _named(level),
                _middle(whole["drawn"]),
                f"{_middle(whole['real'])} ({_times(whole)})",
                _middle(refined["drawn"]),
                f"{_middle(refined['real'])}; {_middle(refined['enlarged'])}",
                f"{whole['windows']}; {refined['windows']}",
            )
        )
    features = next(iter(settings.values()))["likeness"]["features"]
    return Table(
        "Fréchet distance",
        f"Features: {features}; weights of Inception (the usual FID) are not on this machine, so these "
        "figures compare with no published one. Median and middle 90 % of divisions of the slides. Whole: "
        "one half of all real slides to synthetic ones, beside the other half. Refined: held-out slides "
        "to the same places drawn from their real parents, beside other held-out slides, and the parents "
        "enlarged. Good: whole as near as real; refined far nearer than the parents enlarged.",
        ("setting", "level", "whole", "real to real", "refined", "real to real; enlarged", "windows"),
        rows,
    )


def judged_table(settings: Settings) -> Table:
    """Return areas under the curve of telling drawn from real."""
    rows: list[tuple[str, ...]] = []
    for setting, level, one in _levels(settings, "told_apart"):
        for steps in one["whole"]:
            cells = [_number(one[kind][steps], 3) for kind in ("whole", "refined", "real")]
            rows.append((setting, _named(level), steps, *cells))
    return Table(
        "Drawn told from real",
        "Area under the ROC curve of a small network after so many steps, on slides that it did not learn "
        "from. Real against real: slides divided in two, so that a stain alone may tell them apart or "
        "mislead. Good: 0.5.",
        ("setting", "level", "steps", "whole", "refined", "real against real"),
        rows,
    )


def detail_table(settings: Settings) -> Table:
    """Return error, strength of detail and use of noise."""
    rows: list[tuple[str, ...]] = []
    for setting, level, one in _levels(settings, "detail"):
        error, strength, noise = one["mae"], one["strength"], one["noise"]
        rows.append(
            (
                setting,
                _named(level),
                f"{_number(error['drawn'], 1)} ({_number(error['enlarged'], 1)})",
                *(_bands(strength[kind]) for kind in ("refined", "enlarged", "whole")),
                f"{_number(noise['seeds'])} ({_number(noise['neighbors'])})",
            )
        )
    return Table(
        "Detail",
        "MAE from the real child in gray levels (the parent enlarged; less is not better: right texture "
        "at other places counts twice). Strength of detail over that of real tissue, in three bands, fine "
        "to coarse. Noise: how much fine detail differs between two seeds on one parent, 0 for not at all "
        "(between real neighbors). Good: strengths near 1, seeds well above 0.",
        ("setting", "level", "MAE", "refined", "enlarged", "whole", "noise"),
        rows,
    )


def joins_table(settings: Settings) -> Table:
    """Return coherence, drift, seams and glass."""
    rows: list[tuple[str, ...]] = []
    for setting, level, one in _levels(settings, "joins"):
        drift = ", ".join(f"{change:+.1f}" for change in one["drift"])
        pale = one["glass"]["pale"]
        rows.append(
            (
                setting,
                _named(level),
                f"{_number(one['coherence'], 1)} dB",
                f"{_number(one['with_borders'], 1)} dB",
                drift,
                *(_spread(one[key]) for key in ("seam", "inside", "alone")),
                NONE
                if one["one"] is None
                else f"{_number(one['one']['ratio'], 4)} (differs by {one['one']['differs']})",
                NONE if pale is None else f"{pale:.1%}",
            )
        )
    return Table(
        "Levels and tiles",
        "Coherence: the level reduced four times against its parent, PSNR, away from borders of tissue; "
        "with them, where haze becomes a line. Drift: change of mean red, green "
        "and blue of tissue from the parent, gray levels. Seam: change across borders of tiles over that "
        "beside them, ± standard error; the same at lines in the middle of tiles; with each tile drawn "
        "alone, its parent mirrored; and over that at the same lines of the same picture drawn in one "
        "piece, with the most gray levels that the two differ by. Glass: share that stays pale. Good: above "
        "35 dB, no drift, seam as in the middle of tiles, 1 to one piece.",
        (
            "setting",
            "level",
            "coherence",
            "with borders",
            "drift",
            "seam",
            "inside",
            "alone",
            "to one piece",
            "glass pale",
        ),
        rows,
    )


def cost_table(settings: Settings) -> Table:
    """Return what a slide costs."""
    rows: list[tuple[str, ...]] = []
    for setting, one in settings.items():
        found = one["cost"]
        memory = found["memory_mb"]
        rows.append(
            (
                setting,
                f"{found['evaluations']:,.0f} ± {found['evaluations_error']:,.0f}",
                f"1/{found['urcdm']:,.0f}",
                _number(found["seconds_overview"]),
                _number(found["seconds_view"], 1),
                _number(found["seconds_tile"], 3),
                _number(found["hours"]),
                _number(found["megapixels_s"]),
                NONE if memory is None else f"{memory:,.0f}",
            )
        )
    first = next(iter(settings.values()))["cost"]
    return Table(
        f"Cost of a slide of {first['side']:,} px",
        "Evaluations of the network, counted on coarse levels and on tiles at random places of fine ones; "
        f"beside URCDM's {URCDM_EVALUATIONS:,} ({URCDM_CASCADES:,} cascades of {URCDM_STEPS:,} steps). "
        "Seconds to the overview, to a whole view of 1,024 px at full magnification of a new slide, and a "
        "tile of 256 px; hours and megapixels a second of the whole at that pace. Threads: "
        f"{first['threads']}; whatever else ran on this machine made it slower.",
        (
            "setting",
            "evaluations",
            "of URCDM's",
            "overview, s",
            "view, s",
            "tile, s",
            "whole, h",
            "Mpx/s",
            "memory, MB",
        ),
        rows,
    )


def _levels(settings: Settings, part: str) -> list[tuple[str, int, Mapping[str, Any]]]:
    """Return setting, level and what was found of each."""
    return [
        (setting, level, one[part][str(level)]) for setting, one in settings.items() for level in MEASURED
    ]


def _named(level: int) -> str:
    return f"{level} ({um_of(level):g} um/px)"


def _times(whole: Mapping[str, Any]) -> str:
    real = whole["real"]["median"]
    return f"{whole['drawn']['median'] / real:.2f} times" if real else NONE


def _middle(found: Mapping[str, float]) -> str:
    return f"{found['median']:.1f} ({found['low']:.1f} to {found['high']:.1f})"


def _spread(found: Mapping[str, float | None]) -> str:
    return f"{_number(found['ratio'], 3)} ± {_number(found['error'], 3)}"


def _bands(values: list[float]) -> str:
    return ", ".join(_number(one) for one in values)


def _number(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{value:.{digits}f}"
