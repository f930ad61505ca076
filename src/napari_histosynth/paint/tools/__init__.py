"""Tools that change a label map in one step: relabel, reshape, scatter nuclei, stamp glands.

Each takes labels and an area and returns an :class:`Edit`: the window that changed, what was there, and what
is there now. Same labels, arguments and seed: same edit.
"""

from napari_histosynth.paint.tools.fill_glands import fill_with_glands
from napari_histosynth.paint.tools.gland_shape import GLANDS, Gland, gland_of
from napari_histosynth.paint.tools.morphology import dilate, erode, remove_islands, smooth
from napari_histosynth.paint.tools.nuclei import clear_nuclei, scatter
from napari_histosynth.paint.tools.relabel import desmoplasia, relabel
from napari_histosynth.paint.tools.stamp import stamp_gland
from napari_histosynth.paint.tools.workpiece import Area, Edit

__all__ = [
    "GLANDS",
    "Area",
    "Edit",
    "Gland",
    "clear_nuclei",
    "desmoplasia",
    "dilate",
    "erode",
    "fill_with_glands",
    "gland_of",
    "relabel",
    "remove_islands",
    "scatter",
    "smooth",
    "stamp_gland",
]
