"""What each tissue tool of the dock does to labels, as functions that know no window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_histosynth.paint import tools

Work = Callable[[Any, dict[str, Any]], tools.Edit]
"""Takes a label map and the options that all tools share, and returns the change."""


SETTINGS: dict[str, tuple[str, ...]] = {
    "Relabel": ("class", "target"),
    "Desmoplastic reaction": ("um", "seed"),
    "Dilate": ("class", "um"),
    "Erode": ("class", "um"),
    "Smooth": ("class", "um", "thin"),
    "Remove islands": ("class", "um2"),
    "Scatter nuclei": ("density", "clear", "seed"),
    "Clear nuclei": (),
    "Stamp gland": ("gland", "radius", "seed"),
    "Fill with glands": ("gland", "radius", "crowding", "seed"),
}
"""The tools, and which settings the form shows for each."""

DEFAULT_UM = {"Desmoplastic reaction": 80.0, "Dilate": 3.0, "Erode": 3.0, "Smooth": 10.0}
"""What the setting "By" begins with, in micrometers."""


def work_of(tool: str, settings: dict[str, Any], gland: tools.Gland) -> Work:
    """Return what a tool does.

    Parameters
    ----------
    tool : str
        As it is called in the dock.
    settings : dict
        ``class``, ``target``, ``um``, ``um2``, ``density``, ``thin``, ``clear``, ``crowding`` and ``seed``.
    gland : Gland
        What glands are like.
    """
    index, um, seed = settings["class"], settings["um"], settings["seed"]

    def relabel(labels: Any, options: dict[str, Any]) -> tools.Edit:
        del options["um_per_px"]
        return tools.relabel(labels, [index], settings["target"], **options)

    works: dict[str, Work] = {
        "Relabel": relabel,
        "Desmoplastic reaction": lambda m, o: tools.desmoplasia(m, radius_um=um, seed=seed, **o),
        "Dilate": lambda m, o: tools.dilate(m, index, um, **o),
        "Erode": lambda m, o: tools.erode(m, index, um, **o),
        "Smooth": lambda m, o: tools.smooth(m, index, um, keep_thin=settings["thin"], **o),
        "Remove islands": lambda m, o: tools.remove_islands(m, index, settings["um2"], **o),
        "Scatter nuclei": lambda m, o: tools.scatter(
            m, density=settings["density"], clear=settings["clear"], seed=seed, **o
        ),
        "Clear nuclei": lambda m, o: tools.clear_nuclei(m, **o),
        "Fill with glands": lambda m, o: tools.fill_with_glands(
            m, gland=gland, crowding=settings["crowding"], seed=seed, **o
        ),
    }
    return works[tool]
