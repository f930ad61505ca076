"""A folder of layouts: drawn one by one, each kept, what is there not drawn again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.cli.console import make_folder
from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import SaveError

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.layout.sampler import Sampler
    from napari_histosynth.paint.model import PaintModel

MANIFEST = "manifest.csv"
COLUMNS = (
    "name", "labels", "image", "seed", "grade", "um_per_px", "width", "height", "scheme", "shares",
    "model", "model_sha256", "painter", "synthetic",
)  # fmt: skip
"""Columns of the manifest."""


@dataclass(frozen=True)
class LayoutSettings:
    """What layouts to draw.

    Attributes
    ----------
    grades : tuple of str
        In full; seeds take turns. Empty: the seed chooses.
    size_px : tuple of int
        Height and width.
    um_per_px : float
        Micrometers a pixel.
    scheme : TissueScheme
        Of the label maps.
    nuclei : bool
        Whether nuclei are placed.
    """

    grades: tuple[str, ...]
    size_px: tuple[int, int]
    um_per_px: float
    scheme: TissueScheme
    nuclei: bool

    def grade(self, seed: int) -> str:
        """Return the grade of a seed's layout; empty where the seed chooses."""
        return self.grades[seed % len(self.grades)] if self.grades else ""

    def identity(self, seed: int, model_sha256: str) -> dict[str, Any]:
        """Return all that a label map depends on, as JSON can hold it."""
        return {
            "model": model_sha256,
            "seed": seed,
            "grade": self.grade(seed),
            "size": list(self.size_px),
            "scale": self.um_per_px,
            "scheme": self.scheme.name,
            "nuclei": self.nuclei,
        }


def write_layouts(
    out: Path,
    sampler: Sampler,
    settings: LayoutSettings,
    seeds: range,
    painter: PaintModel | None = None,
    tell: Callable[[float], None] = lambda share: None,
) -> int:
    """Draw layouts into ``labels/SEED.png`` of a folder, and their H&E into ``images/SEED.png``.

    Every file is written whole or not at all; what is there of the same model, seed and settings stays.

    Parameters
    ----------
    out : Path
        The folder.
    sampler : Sampler
        What draws.
    settings : LayoutSettings
        What to draw.
    seeds : range
        Of which seeds.
    painter : PaintModel, optional
        What paints them to H&E, each in a look of its seed.
    tell : callable
        Told the share that is done, 0 to 1.

    Returns
    -------
    int
        How many label maps were drawn now.

    Raises
    ------
    SaveError
        If a file is there that was drawn otherwise, or a file cannot be written.
    HistosynthError
        If a layout cannot be drawn or painted.
    """
    missing = _missing(out, sampler, settings, seeds, painter)
    drawn = 0
    try:
        for number, (seed, parts) in enumerate(missing):
            drawn += _write(out, sampler, settings, seed, parts, painter)
            tell((number + 1) / len(missing))
    finally:
        if (out / "labels").is_dir():
            _list(out)
    return drawn


def name_of(seed: int) -> str:
    """Return the name of the files of a seed, without ending."""
    return f"{seed:06d}"


Missing = list[tuple[int, tuple[str, ...]]]


def _missing(
    out: Path, sampler: Sampler, settings: LayoutSettings, seeds: range, painter: PaintModel | None
) -> Missing:
    """Return the seeds that are not there, with what of them is not: labels, images."""
    from napari_histosynth.io.png import peek_png

    found = []
    for seed in seeds:
        asked = settings.identity(seed, sampler.model.sha256)
        parts = []
        for folder in ("labels", "images") if painter else ("labels",):
            path = out / folder / f"{name_of(seed)}.png"
            wanted = asked if folder == "labels" or painter is None else asked | {"painter": painter.sha256}
            if not path.exists():
                parts.append(folder)
                continue
            peeked = peek_png(path)
            before = {} if peeked is None else peeked[1].extra.get("asked", {})
            other = [key for key in wanted if before.get(key) != json.loads(json.dumps(wanted[key]))]
            if other:
                raise SaveError(
                    f"{path} was not drawn with these settings ({', '.join(other)} differ); give another "
                    "folder or other seeds."
                )
        if parts:
            found.append((seed, tuple(parts)))
    return found


def _write(
    out: Path,
    sampler: Sampler,
    settings: LayoutSettings,
    seed: int,
    parts: tuple[str, ...],
    painter: PaintModel | None,
) -> int:
    """Draw what is missing of a seed; returns 1 if that is the label map."""
    from napari_histosynth.core.scheme_note import scheme_note
    from napari_histosynth.io import save_image, save_labels

    name = name_of(seed)
    layout = sampler.sample(
        seed,
        grade=settings.grade(seed),
        size_px=settings.size_px,
        um_per_px=settings.um_per_px,
        nuclei=settings.nuclei,
        scheme=settings.scheme.name,
    )
    asked = settings.identity(seed, sampler.model.sha256)
    made = sampler.provenance(layout)
    shares = {
        entry: round(float((layout.labels == index).mean()), 4)
        for index, entry in enumerate(settings.scheme.names)
    }
    about = {**made.extra, **scheme_note(settings.scheme), "kind": "layout", "shares": shares, "asked": asked}
    for part in parts:
        make_folder(out / part)
    if "labels" in parts:
        save_labels(
            out / "labels" / f"{name}.png",
            layout.labels,
            settings.scheme,
            provenance=replace(made, extra=about),
        )
    if "images" in parts and painter is not None:
        from napari_histosynth.paint.render import render_labels

        painted = render_labels(
            painter,
            layout.labels,
            scheme=settings.scheme,
            um_per_px=settings.um_per_px,
            seed=seed,
            latent_seed=seed,
            add_nuclei=settings.nuclei or "nuclei" not in settings.scheme.names,
        )
        note = {
            "layout": {"model": made.model, "model_sha256": made.model_sha256, **made.extra},
            "asked": asked | {"painter": painter.sha256},
        }
        told = replace(painted.provenance, extra={**painted.provenance.extra, **note})
        save_image(out / "images" / f"{name}.png", painted.image, told)
    return int("labels" in parts)


def _list(out: Path) -> None:
    """Write the manifest of the layouts that are there."""
    from napari_histosynth.io.png import peek_png

    rows: list[dict[str, Any]] = []
    for path in sorted((out / "labels").glob("*.png")):
        peeked = peek_png(path)
        if peeked is None or peeked[1].extra.get("kind") != "layout":
            continue
        made = peeked[1]
        height, width = made.size or (0, 0)
        image = out / "images" / path.name
        painted = peek_png(image)
        shares = made.extra.get("shares", {})
        rows.append(
            {
                "name": path.stem,
                "labels": f"labels/{path.name}",
                "image": f"images/{path.name}" if painted else "",
                "seed": made.seed,
                "grade": made.extra.get("grade", ""),
                "um_per_px": made.um_per_px,
                "width": width,
                "height": height,
                "scheme": made.extra.get("scheme", ""),
                "shares": "; ".join(f"{name} {share:g}" for name, share in shares.items()),
                "model": made.model,
                "model_sha256": made.model_sha256,
                "painter": painted[1].model if painted else "",
                "synthetic": "true",
            }
        )
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_path(out / MANIFEST) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
