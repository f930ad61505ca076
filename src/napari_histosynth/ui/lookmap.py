"""Looks on the canvas: the list of looks, the layers that place them, and what is drawn of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.lookfile import (
    DEFAULT_WIDTH_UM,
    LookPlan,
    read_look_plan,
    save_look_plan,
)
from napari_histosynth.ui import looklayers
from napari_histosynth.ui.follow import LabelsFollower
from napari_histosynth.ui.lookdesk import PlacedLooks
from napari_histosynth.ui.looklist import LookList
from napari_histosynth.ui.painter import Painter
from napari_histosynth.ui.stage import Sheet

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel

_PAUSE = 30  # ms between looks at a point that is dragged


class LookMapper(QObject):
    """Keeps the looks of a painter's canvas: what they are, and where.

    Parameters
    ----------
    painter : Painter
        What draws.
    parent : QObject, optional
        Qt parent.

    Attributes
    ----------
    changed : Signal
        The list of looks, the present one, the width or a layer is another now.
    placing : Signal
        A layer to place looks in was added: one wants to see the H&E under it.
    looks : LookList
        What can be placed.
    current : int
        Look that points are placed and regions painted with; 0 without any.
    width_um : float
        Over which distance one look gives way to another.
    points, regions : napari layers or None
        What places them.
    """

    changed = Signal()
    placing = Signal()

    def __init__(self, painter: Painter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.painter = painter
        self.looks = LookList(painter, self)
        self.current = 0
        self.width_um = DEFAULT_WIDTH_UM
        self.points: Any = None
        self.regions: Any = None
        self._sheet: Sheet | None = None
        self._follower: LabelsFollower | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._sync_points)
        self.looks.added.connect(self._on_added)
        painter.saving.looks = self.kept
        painter.canvas_changed.connect(self._on_canvas)
        painter.model_changed.connect(self._on_model)
        painter.viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Disconnect from viewer and layers, which stay as they are."""
        self._timer.stop()
        self.painter.viewer.layers.events.removed.disconnect(self._on_removed)
        self._let_go(self.points)
        self._let_go(self.regions)

    # ---- which look

    def remove(self, number: int) -> None:
        """Remove a look; what carried it has the canvas's own look, later looks move up."""
        if not 1 <= number <= len(self.looks):
            return
        del self.looks.entries[number - 1]
        if self.points is not None and len(self.points.data):
            table = self.points.features.copy()
            table["look"] = [looklayers.moved_up(int(look), number) for look in table["look"]]
            self.points.features = table
            looklayers.color_points(self.points)
        if self.regions is not None:
            table = np.array([looklayers.moved_up(value, number) for value in range(256)], np.uint8)
            self.regions.data[...] = table[self.regions.data]
            self.regions.refresh()
        self.choose(min(max(self.current, 1), len(self.looks)))
        self._push()

    def choose(self, number: int) -> None:
        """Place and paint with a look; selected points take it as well."""
        self.current = number
        if number and self.points is not None:
            looklayers.set_point_features(self.points, look=number)
        if number and self.regions is not None and self.regions.selected_label != number:
            self.regions.selected_label = number
        self.changed.emit()

    # ---- where they are

    def place_points(self) -> None:
        """Have points ready to be placed, in a layer of their own."""
        if not self._ready():
            return
        self.painter.turns.finish()  # they lie over the canvas
        if self.points is None:
            self._make_points()
            self.painter.viewer.layers.append(self.points)
            self.placing.emit()
        self.painter.viewer.layers.selection.active = self.points
        self.points.mode = "add"
        self.choose(self.current)

    def paint_regions(self) -> None:
        """Have regions ready to be painted, in a layer of their own."""
        if not self._ready():
            return
        self.painter.turns.finish()
        if self.regions is None and (stage := self.painter.stage) is not None:
            self.regions = looklayers.add_regions(self.painter.viewer, stage.labels, self._um_per_px)
            self._follower = LabelsFollower(
                self.regions, edited=self._on_edited, compare=self._on_edited, replaced=self._on_replaced
            )
            self.regions.events.selected_label.connect(self._on_selected_label)
            self.placing.emit()
        self.painter.viewer.layers.selection.active = self.regions
        self.regions.mode = "paint"
        self.choose(self.current)
        self._push()

    def set_point(self, **values: float) -> None:
        """Give new and selected points a ``radius_um`` (0: none) or a ``share``."""
        if self.points is not None:
            looklayers.set_point_features(self.points, **values)

    def set_width(self, um: float) -> None:
        """Blend over another distance."""
        if um != self.width_um:
            self.width_um = um
            self._push()

    def reset(self) -> None:
        """Take all looks off the canvas: it has its own everywhere."""
        viewer = self.painter.viewer
        for layer in (self.points, self.regions):
            if layer is not None and layer in viewer.layers:
                viewer.layers.remove(layer)
            else:
                self._let_go(layer)
        self.looks.entries.clear()
        self.current, self.width_um = 0, DEFAULT_WIDTH_UM
        self._push()
        self.changed.emit()

    @property
    def is_plain(self) -> bool:
        """Whether nothing is placed."""
        return self.painter.desk.placed.is_plain

    # ---- files

    def save(self, path: str | Path) -> None:
        """Save looks, points and regions as a JSON with its PNG."""
        model, path = self.painter.model, Path(path)
        if model is None:
            return
        plan = self._plan(model)
        self.painter.tasks.run(
            "Saving looks",
            lambda: save_look_plan(path, plan, model),
            lambda files: self.painter.told.emit(
                f"Saved {', '.join(file.name for file in files)} in {path.parent}."
            ),
            self.painter.failed.emit,
        )

    def kept(self) -> tuple[LookPlan, PaintModel] | None:
        """Return what is saved with the labels: the looks and their model, None if nothing is placed."""
        model = self.painter.model
        if model is None or (self.is_plain and self.painter.looks.present.style_for(model) is None):
            return None  # the record of the picture says its seed
        return self._plan(model), model

    def _plan(self, model: PaintModel) -> LookPlan:
        """Return the looks, where they are, and the canvas's own."""
        regions = None if self.regions is None else np.array(self.regions.data)
        look, looks = self.painter.looks.present, tuple(self.looks.entries)
        own, by_class = look.named(model), look.by_class(model)
        return LookPlan(model.um_per_px, looks, self._places(), regions, self.width_um, own, by_class)

    def open(self, path: str | Path, um_per_px: float | None = None, *, placing: bool = True) -> None:
        """Lay the looks of a file on the canvas, in place of those that are there.

        Parameters
        ----------
        path : str or Path
            The JSON.
        um_per_px : float, optional
            Scale of its positions, where it does not say; the model's without.
        placing : bool
            Whether somebody is about to place them elsewhere: they are selected then, else the canvas is.
        """
        model, stage = self.painter.model, self.painter.stage
        if model is None or stage is None:
            self.painter.failed.emit("There is no canvas to lay looks on; make one first.")
            return
        shape = stage.shape
        self.painter.tasks.run(
            f"Reading {Path(path).name}",
            lambda: read_look_plan(path, model, um_per_px).fitted(model.um_per_px, shape),
            lambda plan: self._take(plan, stage) if placing else self.lay(plan, stage),
            self.painter.failed.emit,
        )

    def lay(self, plan: LookPlan, canvas: Any = None) -> None:
        """Lay looks on the canvas, in place of those that are there; it stays selected, its points hidden."""
        stage = self.painter.stage
        if stage is None or canvas not in (None, stage):  # the one they were read for is gone
            return
        before = self.blockSignals(True)  # nobody is about to place anything
        try:
            self._take(plan, stage, hidden=True)
        finally:
            self.blockSignals(before)
        self.changed.emit()
        self.painter.turns.add(lambda: looklayers.put_up(self.painter.viewer, self.points, stage.labels))

    def _take(self, plan: LookPlan, stage: Any, *, hidden: bool = False) -> None:
        """Lay out a plan that was read; points that are to be hidden are not in the viewer yet."""
        if self.painter.stage is not stage or not self._can_place():
            return
        self.reset()
        self.looks.entries, self.width_um = list(plan.looks), plan.width_um
        self.current = min(1, len(self.looks))
        if plan.regions is not None:
            self.paint_regions()
            self.regions.data[...] = plan.regions
            self.regions.refresh()
        if plan.places:
            self._make_points(visible=False) if hidden else self.place_points()
            looklayers.put_places(self.points, plan.places)
            self.points.mode = "select"
        if plan.own is not None and self.painter.model is not None:
            look = self.painter.looks.present.taken(plan.own, self.painter.model, plan.strengths)
            self.painter.choose_look(look)
        self._push()
        self.changed.emit()

    # ---- what comes in

    def _on_canvas(self) -> None:
        """Let the layers of a canvas go with it."""
        stage, before = self.painter.stage, self._sheet
        sheet = None if stage is None else stage.sheet
        layers = [layer for layer in (self.points, self.regions) if layer is not None]
        if sheet is before:
            self._on_replaced()  # the canvas may have another size
            return
        gone = before is not None and before.removed
        self._sheet = sheet
        for layer in layers:
            self._put_away(layer, remove=gone)
        self._push()
        self.changed.emit()

    def _on_model(self) -> None:
        if self.looks.follow_model():
            self._push()
            self.changed.emit()

    def _on_added(self, number: int) -> None:
        self._push()
        self.choose(number)

    def _on_points(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _sync_points(self) -> None:
        """Draw where points have moved, come or gone."""
        if self.points is not None and self._places() != self.painter.desk.placed.places:
            looklayers.color_points(self.points)
            self._push()

    def _on_edited(self, window: Window | None = None) -> None:
        self.painter.desk.edited(window)
        self.painter.redraw_looks()

    def _on_replaced(self) -> None:
        """Follow the regions to other data of the same size."""
        stage = self.painter.stage
        if stage is not None and self.regions is not None and self.regions.data.shape != stage.shape:
            self.painter.failed.emit("The regions became another size than the canvas; paint new ones.")
            self._put_away(self.regions, remove=False)
        self._push()

    def _on_selected_label(self) -> None:
        number = int(self.regions.selected_label)
        if number != self.current and 1 <= number <= len(self.looks):
            self.choose(number)

    def _on_removed(self, event: Any) -> None:
        if event.value is self.points or event.value is self.regions:
            self._let_go(event.value)
            self._push()
            self.changed.emit()

    # ---- inside

    @property
    def _um_per_px(self) -> float:
        return 1.0 if self.painter.model is None else self.painter.model.um_per_px

    def _can_place(self) -> bool:
        """Return whether looks can be placed, after saying why not."""
        if self.painter.stage is None or self.painter.model is None:
            self.painter.failed.emit("There is no canvas to place looks on; make one first.")
            return False
        if self.painter.model.preset != "local":
            self.painter.failed.emit(
                f"The model {self.painter.model.name!r} has one look for all of a canvas; choose another."
            )
            return False
        return True

    def _ready(self) -> bool:
        """Return whether a look can be placed; the present one is taken where there is none."""
        if not self._can_place() or self.painter.stage is None:
            return False
        self._sheet = self.painter.stage.sheet
        if not self.looks:
            self.looks.add_random()
        return True

    def _make_points(self, visible: bool = True) -> None:
        """Make the layer of points, which somebody else puts into the viewer."""
        stage = self.painter.stage
        assert stage is not None
        self._sheet = stage.sheet
        self.points = looklayers.made_points(self.painter.viewer, stage.labels, self._um_per_px)
        self.points.visible = visible
        looklayers.set_point_features(self.points, look=max(self.current, 1))
        for emitter in looklayers.point_events(self.points):
            emitter.connect(self._on_points)

    def _places(self) -> tuple[Any, ...]:
        stage = self.painter.stage
        if self.points is None or stage is None:
            return ()
        return looklayers.places_of(self.points, stage.labels)

    def _push(self) -> None:
        """Lay the present state on the desk and have drawn what is others by it."""
        model = self.painter.model
        if model is None or self.painter.stage is None:
            return
        regions = None if self.regions is None else self.regions.data
        was_plain = self.is_plain
        self.painter.desk.placed = PlacedLooks(
            tuple(self.looks.entries), self._places(), regions, self.width_um, model.sha256
        )
        if not (was_plain and self.is_plain):
            self.painter.redraw_looks()

    def _put_away(self, layer: Any, *, remove: bool) -> None:
        """Stop following a layer, and take it away or hide it."""
        self._let_go(layer)
        looklayers.put_away(self.painter.viewer, layer, remove=remove)

    def _let_go(self, layer: Any) -> None:
        """Stop following a layer."""
        if layer is None:
            return
        if layer is self.points:
            for emitter in looklayers.point_events(self.points):
                emitter.disconnect(self._on_points)
            self.points = None
        elif layer is self.regions:
            if self._follower is not None:
                self._follower.close()
            self._follower = None
            self.regions.events.selected_label.disconnect(self._on_selected_label)
            self.regions = None
