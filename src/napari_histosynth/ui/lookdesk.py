"""Which looks are to be drawn where: written on the main thread, read on the drawing thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_histosynth.core.tiles import Window

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.paint.canvas import Canvas
    from napari_histosynth.paint.lookfile import NamedLook
    from napari_histosynth.paint.lookmap import LookMap, Place
    from napari_histosynth.paint.lookregions import Regions
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.paint.strengthmap import Strengths
    from napari_histosynth.ui.look import Look
    from napari_histosynth.ui.shadow import Shadow


@dataclass(frozen=True, eq=False)
class PlacedLooks:
    """What the user has laid out.

    Attributes
    ----------
    looks : tuple of NamedLook
        Looks 1, 2, ...
    places : tuple of Place
        Points, in pixels of the canvas.
    regions : array_like or None
        The data of the layer of regions, (y, x), edited in place.
    width_um : float
        Over which distance one look gives way to another.
    model_sha256 : str
        Model that the latents are for. Another one makes its own of those that have a seed.
    """

    looks: tuple[NamedLook, ...] = ()
    places: tuple[Place, ...] = ()
    regions: Any = None
    width_um: float = 0.0
    model_sha256: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether all of the canvas has its own look."""
        return not self.places and self.regions is None


class LookDesk:
    """Hands the drawing thread the newest layout, however many changes came meanwhile.

    Attributes
    ----------
    placed : PlacedLooks
        The layout; replace it as a whole.
    """

    def __init__(self) -> None:
        self.placed = PlacedLooks()
        self._lock = threading.Lock()
        self._edits: list[Window | None] = []
        # of the drawing thread alone
        self._source: Any = None
        self._shadow: Shadow | None = None

    def clear(self) -> None:
        """Forget the layout: the canvas that it was for is gone."""
        self.placed = PlacedLooks()

    def edited(self, window: Window | None = None) -> None:
        """Say that regions may have been painted in a window, or anywhere."""
        with self._lock:
            if window is None:
                self._edits = [None]
            elif self._edits != [None]:
                self._edits.append(window)

    # ---- on the drawing thread

    def canvas(self, model: PaintModel, look: Look, labels: npt.NDArray[np.uint8]) -> Canvas:
        """Build the engine for labels, with the looks that are placed on them."""
        from napari_histosynth.paint.canvas import Canvas
        from napari_histosynth.paint.strengthmap import Strengths

        placed = self.placed
        own, start, given = look.latent(model), look.start(model), look.style_for(model)
        strengths = None if start is None or given is None else Strengths(start, given.strengths, labels)
        if placed.is_plain and strengths is None:
            latent: Any = own
        else:
            self._take_edits()
            latent = _field(placed, model, own, self._fresh_regions(placed, model, labels.shape), strengths)
        canvas = Canvas(model, labels, latent=latent, seed=look.seed, latent_seed=look.latent_seed)
        canvas.latent_seed = look.latent_seed if given is None else None
        canvas.note = look.note(model)
        return canvas

    def amend(self, canvas: Canvas) -> list[Window]:
        """Bring an engine up to date with the layout.

        Returns
        -------
        list of Window
            What has to be drawn again, in pixels.
        """
        from napari_histosynth.paint.lookmap import LookMap
        from napari_histosynth.paint.strengthmap import StrengthMap

        placed, edits = self.placed, self._take_edits()
        before = canvas.latent
        changed: list[Window] = []
        regions = before.regions if isinstance(before, LookMap) else None
        if placed.regions is None:
            regions = None
        elif regions is None or placed.regions is not self._source:
            regions = self._fresh_regions(placed, canvas.model, canvas.shape)
        else:
            changed += [canvas.affected_by_latent(cells) for cells in self._follow(regions, edits)]
            width = placed.width_um / canvas.um_per_px
            if width != regions.width:
                regions = regions.with_width(width)
        own = before.latents[0] if isinstance(before, LookMap) else np.asarray(before)
        if not (placed.is_plain and not isinstance(before, LookMap)):
            strengths = before.by_class if isinstance(before, StrengthMap) else None
            changed += canvas.change_looks(_field(placed, canvas.model, own, regions, strengths))
        return changed

    def _take_edits(self) -> list[Window | None]:
        with self._lock:
            edits, self._edits = self._edits, []
        return edits

    def _fresh_regions(
        self, placed: PlacedLooks, model: PaintModel, shape: tuple[int, ...]
    ) -> Regions | None:
        """Measure the regions of a layer, if they are those of this canvas."""
        from napari_histosynth.paint.lookfile import region_scheme
        from napari_histosynth.paint.lookregions import Regions
        from napari_histosynth.ui.shadow import Shadow

        if placed.regions is None or tuple(placed.regions.shape) != tuple(shape):
            self._source, self._shadow = None, None
            return None
        self._source, self._shadow = placed.regions, Shadow(placed.regions, region_scheme())
        stride = int(getattr(model.generator, "stride", 1))
        return Regions(self._shadow.labels, stride, placed.width_um / model.um_per_px)

    def _follow(self, regions: Regions, edits: list[Window | None]) -> list[Window]:
        """Take over what was painted; return the cells that are others now."""
        assert self._shadow is not None
        found = []
        for edit in edits:
            for window in self._shadow.update(self._source, edit).windows:
                found.append(regions.update(self._shadow.labels, window))
        return [cells for cells in found if not cells.is_empty]


def _field(
    placed: PlacedLooks,
    model: PaintModel,
    own: npt.NDArray[np.float32],
    regions: Regions | None,
    strengths: Strengths | None = None,
) -> LookMap:
    """Return the map of latents of a layout; looks of another model that cannot be had are its own."""
    from napari_histosynth.paint.lookmap import LookMap
    from napari_histosynth.paint.strengthmap import StrengthMap

    same = placed.model_sha256 == model.sha256
    latents = [
        look.latent if same else own if look.seed is None else model.sample_latent(look.seed)
        for look in placed.looks
    ]
    layout: dict[str, Any] = {
        "places": placed.places,
        "regions": regions,
        "width_um": placed.width_um,
        "um_per_px": model.um_per_px,
        "stride": int(getattr(model.generator, "stride", 1)),
    }
    if strengths is None:
        return LookMap(own, latents, **layout)
    return StrengthMap(own, latents, by_class=strengths, **layout)
