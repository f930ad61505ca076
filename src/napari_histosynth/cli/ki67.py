"""``histosynth ki67``: the labelling index of a picture or slide."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_histosynth.cli.console import check_output, help_text, progress, remark, say, waiting
from napari_histosynth.core.errors import ImageError
from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_histosynth.stain.heatmap import HeatMap
    from napari_histosynth.stain.ki67 import Ki67Count

KI67_HELP = help_text("""Count the nuclei of a Ki-67 picture: how many, how many are positive (brown).

Hematoxylin and DAB are told apart by optical density, in colors that are read from the picture itself; nuclei
are divided by a watershed. A nucleus is positive if it holds more DAB than a threshold, which follows the
stains of the picture too: about as much DAB as a negative nucleus has hematoxylin. --threshold sets it.

\b
$ histosynth ki67 ki67.png --um-per-px 0.25
$ histosynth ki67 slide.svs -o nuclei.csv --heatmap heat.png --summary index.json
$ histosynth ki67 field.ome.tif --overlay seen.png --geojson nuclei.geojson
$ histosynth ki67 slide.ome.zarr --region 12000 8000 4096 4096

IN is a PNG, JPEG, OME-TIFF, OME-Zarr or SVS of 0.05 to 1 um per px; large files are read a window at a time.
The index comes with a 95 % interval, which says how far chance moves it, not how far a threshold would.""")


def ki67(
    picture: Annotated[Path, typer.Argument(metavar="IN", help="Ki-67: PNG, JPEG, OME-TIFF, OME-Zarr, SVS.")],
    um_per_px: Annotated[
        float | None, typer.Option(help="Micrometers a pixel of IN. By default what the file says.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Mean DAB density (OD) above which nuclei are positive. By default by the picture."
        ),
    ] = None,
    region: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(metavar="X Y WIDTH HEIGHT", help="Part of IN to count, in its pixels."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Picture of IN's size (or the region's), not black where to count."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="CSV", help="Table of the nuclei, in um and px.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="JSON|CSV", help="Write what is printed as JSON or CSV.")
    ] = None,
    geojson: Annotated[
        Path | None,
        typer.Option(metavar="GEOJSON", help="Outlines for QuPath: detections, Positive or Negative."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="IN with outlines: red positive, green negative."),
    ] = None,
    heatmap: Annotated[
        Path | None, typer.Option(metavar="PNG", help="IN under a map of the index, the hot spot circled.")
    ] = None,
    cell_um: Annotated[float, typer.Option(help="Side of a cell of the heat map.")] = 250.0,
    hot_spot_mm2: Annotated[float, typer.Option(help="Area of the hot spot.")] = 1.0,
    hot_spot_nuclei: Annotated[int, typer.Option(help="Nuclei that a hot spot holds at least.")] = 500,
) -> None:
    """Run ``histosynth ki67``; see :data:`KI67_HELP`."""
    _check_outputs(picture, output, summary, geojson, overlay, heatmap)

    from napari_histosynth.stain.heatmap import heat_map
    from napari_histosynth.stain.ki67 import Ki67Settings, count_ki67
    from napari_histosynth.stain.ki67files import save_detections, save_nuclei, save_summary
    from napari_histosynth.stain.ki67files import summary as summed_up
    from napari_histosynth.stain.levels import read_levels
    from napari_histosynth.stain.unmix import check_scale

    settings = Ki67Settings(threshold)
    rgb, stated = _opened(picture)
    scale = stated if um_per_px is None else um_per_px
    if scale is None:
        raise ImageError(f"{picture} does not say how many um a pixel has; give --um-per-px.")
    check_scale(scale)
    if region is not None:
        with waiting(f"Looking at {picture.name}"):
            settings = Ki67Settings(threshold, read_levels(rgb, scale))
        rgb = _part(picture, rgb, region)
    with progress(f"Counting {picture.name}") as tell:
        count = count_ki67(
            rgb,
            scale,
            settings=settings,
            mask=_read_mask(mask),
            labels=False,
            outlines=geojson is not None or overlay is not None,
            progress=tell,
        )
    heat = heat_map(
        count.nuclei,
        (int(rgb.shape[0]), int(rgb.shape[1])),
        cell_um=cell_um,
        hot_spot_mm2=hot_spot_mm2,
        least_nuclei=hot_spot_nuclei,
    )
    _draw(rgb, count, heat, overlay, heatmap)
    if region is not None:  # what is written and said is in pixels of the picture, so that QuPath finds it
        x, y = region[:2]
        count = replace(count, nuclei=count.nuclei.shifted(y, x))
        if heat.hot_spot is not None:
            heat = replace(heat, hot_spot=heat.hot_spot.shifted(y, x))
    spot = heat.hot_spot
    if output is not None:
        save_nuclei(output, count)
    if geojson is not None:
        save_detections(geojson, count, spot)
    if summary is not None:
        found = {"picture": picture.name, "region": None if region is None else list(region)}
        save_summary(summary, found | summed_up(count, spot))
    _report(picture, count, heat, asked=threshold is not None)
    for path in (output, summary, geojson, overlay, heatmap):
        if path is not None:
            say(f"Wrote {path}.")


def _check_outputs(
    picture: Path,
    output: Path | None,
    summary: Path | None,
    geojson: Path | None,
    overlay: Path | None,
    heatmap: Path | None,
) -> None:
    """Make sure that everything can be written, before anything is done."""
    before: list[Path | None] = [picture]
    for path, endings in (
        (output, (".csv",)),
        (summary, (".json", ".csv")),
        (geojson, (".geojson", ".json")),
        (overlay, (".png",)),
        (heatmap, (".png",)),
    ):
        if path is None:
            continue
        if any(path == other for other in before[1:]):
            raise typer.BadParameter(f"{path} is given twice; give each file a name of its own.")
        check_output(path, inputs=(picture,), endings=endings)
        before.append(path)


def _draw(rgb: Any, count: Ki67Count, heat: HeatMap, overlay: Path | None, heatmap: Path | None) -> None:
    """Write the pictures that are asked for."""
    if overlay is None and heatmap is None:
        return
    from napari_histosynth.core.provenance import Provenance
    from napari_histosynth.io import save_image
    from napari_histosynth.stain.ki67picture import draw_heat_map, draw_overlay

    with waiting("Drawing"):
        for path in (overlay, heatmap):
            if path is None:
                continue
            outlined = path == overlay
            pixels = draw_overlay(rgb, count.nuclei, heat.hot_spot) if outlined else draw_heat_map(rgb, heat)
            shown = count.um_per_px * rgb.shape[0] / pixels.shape[0]
            save_image(path, pixels, Provenance(synthetic=False, um_per_px=shown))


def _report(picture: Path, count: Ki67Count, heat: HeatMap, *, asked: bool) -> None:
    """Print what was found."""
    tissue = f"{_mm2(count.area_mm2)} mm2, {_mm2(count.tissue_mm2)} mm2 of it tissue"
    if count.total == 0:
        say(f"{picture.name}: no nuclei on {tissue}.")
        return
    low, high = count.interval
    say(
        f"{picture.name}: index {count.index:.1%} (95 % interval {low:.1%} to {high:.1%}), "
        f"{count.positive:,} of {count.total:,} nuclei positive, {count.negative:,} negative."
    )
    say(f"Counted on {tissue}, {count.per_mm2:,.0f} nuclei per mm2.")
    by = "as asked" if asked else "by the picture's own stains"
    say(f"Positive is a mean DAB density above {count.threshold:.3f}, {by}.")
    spot = heat.hot_spot
    if spot is not None:
        low, high = spot.interval
        say(
            f"Hot spot of {spot.area_mm2:g} mm2 around x {spot.x:.0f}, y {spot.y:.0f} px: index "
            f"{spot.index:.1%} ({low:.1%} to {high:.1%}), {spot.positive:,} of {spot.total:,} nuclei."
        )
    else:
        remark(
            "No hot spot: the picture is smaller than --hot-spot-mm2, or no place holds --hot-spot-nuclei."
        )


def _mm2(area: float) -> str:
    """Return an area with three digits."""
    return "0" if area == 0 else f"{area:.{max(0, 2 - math.floor(math.log10(area)))}f}"


def _opened(path: Path) -> tuple[Any, float | None]:
    """Return a picture, lazy where the format allows, and its scale as far as the file says it."""
    from napari_histosynth.io import open_slide
    from napari_histosynth.io.kinds import file_kind
    from napari_histosynth.io.tiff import is_plain_tiff
    from napari_histosynth.paint.inputs import read_he

    if file_kind(path) == "zarr" or (file_kind(path) == "tiff" and not is_plain_tiff(path)):
        slide = open_slide(path)
        return slide.levels[0], slide.um_per_px
    return read_he(path)


def _part(path: Path, rgb: Any, region: tuple[int, int, int, int]) -> Any:
    """Return a region of a picture, or say why it cannot be."""
    x, y, across, down = region
    window = Window(y, y + down, x, x + across)
    height, width = (int(side) for side in rgb.shape[:2])
    if window.is_empty or window != window.clip((height, width)):
        raise ImageError(
            f"The region {x} {y} {across} {down} is not inside of {path}, which is {width:,} x {height:,} "
            "px; give one that is."
        )
    return rgb[window.slices]


def _read_mask(path: Path | None) -> npt.NDArray[np.bool_] | None:
    """Return where to count."""
    if path is None:
        return None
    from napari_histosynth.io import read_image

    chosen: npt.NDArray[np.bool_] = read_image(path).max(axis=-1) > 0
    return chosen
