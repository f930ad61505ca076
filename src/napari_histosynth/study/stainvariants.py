"""The ablation of Liu et al. (table 1, figure 3): CycleGAN, + skip connections, + SSIM, and both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.study.stainmaterial import ALONE, MODES
from napari_histosynth.study.stainreport import StainReport
from napari_histosynth.study.staintables import NONE, Table

VARIANTS = {
    "plain": ("CycleGAN", 0.7366),
    "skips": ("CycleGAN + skip connections", 0.7544),
    "ssim": ("CycleGAN + SSIM", 0.7545),
    "both": ("CycleGAN + skip connections + SSIM", 0.7767),
}
"""Names of the folders, what the paper calls them, and its P-hash of each."""

#: What is compared, its head, digits, and whether more is better.
_MEASURES = (
    ("phash", "P-hash", 3, True),
    ("cycle_ssim", "SSIM", 3, True),
    ("cycle_ms_ssim", "MS-SSIM", 3, True),
    ("cycle_psnr", "PSNR, dB", 1, True),
    ("cycle_mae", "MAE", 1, False),
    ("nuclei_matched", "nuclei matched", 2, True),
    ("nuclei_invented", "invented", 2, False),
    ("hematoxylin_distance", "hematoxylin", 3, False),
    ("dab_distance", "DAB", 3, False),
    ("glass_pale", "glass pale", 2, True),
)


def find_variants(folder: Path) -> dict[str, Path]:
    """Return the model folders of the variants, by what they are called.

    Parameters
    ----------
    folder : Path
        Holds ``plain/model``, ``skips/model``, ``ssim/model`` and ``both/model``.

    Raises
    ------
    TrainingError
        If any of them is missing.
    """
    found = {title: folder / name / "model" for name, (title, _) in VARIANTS.items()}
    missing = [path for path in found.values() if not (path / "model.toml").is_file()]
    if missing:
        raise TrainingError(
            f"There is no model in {', '.join(map(str, missing))}; train the variants with "
            "benchmarks/stain_variants.py."
        )
    return found


def variants_table(report: StainReport) -> Table:
    """Return the table of the variants, and of other models beside them."""
    papers = dict(VARIANTS.values())
    rows: list[tuple[str, ...]] = []
    for label, one in report.models.items():
        own, paper = report.metrics(label), f"{papers[label]:.4f}" if label in papers else NONE
        plain = one["seams"].get("plain")
        seam = NONE if plain is None else f"{plain['ratio']:.3f}"
        for mode in one["structure"]:
            way, said = ("", label) if mode == ALONE else (f"{mode}_", f"{label}, {MODES[mode]}")
            cells = [_cell(own, name, way, digits) for name, _, digits, _ in _MEASURES]
            rows.append((said, *cells, seam, paper))
    features = next(iter(report.models.values()))["likeness"]
    network = "ResNet-18, as in the paper" if features["paper"] else "the tissue network, not ResNet-18"
    return Table(
        "The variants of the paper",
        f"P-hash on {network}; the cycle is that of H&E; densities are distances to real Ki-67. What the "
        "paper reports was trained on 60,000 tiles of each stain.",
        ("model", *(head for _, head, _, _ in _MEASURES), "seam, plain tiles", "P-hash in the paper"),
        rows,
    )


def best_of_variants(report: StainReport) -> list[tuple[str, str]]:
    """Return for each measure which of the four variants is best: (measure, variant)."""
    metrics = {label: report.metrics(label) for label in report.models if label in dict(VARIANTS.values())}
    found = []
    for name, head, _, more in _MEASURES:
        key = f"stain_{name}"
        values = {label: own[key] for label, own in metrics.items() if key in own}
        if values:
            found.append((head, (max if more else min)(values, key=values.__getitem__)))
    return found


def _cell(metrics: Mapping[str, float], name: str, way: str, digits: int) -> str:
    key = f"stain_{way}{name}"
    return f"{metrics[key]:.{digits}f}" if key in metrics else NONE
