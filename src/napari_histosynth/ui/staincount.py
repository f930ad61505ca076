"""Counts the nuclei of a Ki-67 picture: points, index, heat map, files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDoubleSpinBox, QFileDialog, QFormLayout, QSlider, QVBoxLayout, QWidget

from napari_histosynth.core.errors import HistosynthError, ImageError
from napari_histosynth.core.tiles import Window
from napari_histosynth.ui.hepicture import window_in_sight
from napari_histosynth.ui.jobs import Asked, Job, JobRow, Tell
from napari_histosynth.ui.stainchoice import choice_box
from napari_histosynth.ui.staincountlayers import MOST_POINTS, CountLayers
from napari_histosynth.ui.staindesk import StainDesk
from napari_histosynth.ui.stainsource import StainSource, source_of
from napari_histosynth.ui.widgets import button, row, small

if TYPE_CHECKING:
    from napari_histosynth.stain.heatmap import HeatMap
    from napari_histosynth.stain.ki67 import Ki67Count
    from napari_histosynth.stain.translator import Translator

MOST_TRACED = 2**25
"""Pixels up to which nuclei are traced, so that files hold their outlines."""

_REST = 250  # ms that a threshold rests before the heat map follows


@dataclass(frozen=True, eq=False)
class Counted:
    """A count, and of what.

    Attributes
    ----------
    count : Ki67Count
        Places are in pixels of the whole picture.
    heat : HeatMap or None
        Of large pictures.
    name : str
        Of the picture.
    window : Window
        What of it was counted.
    placed : dict
        Arguments that put a layer where the picture is.
    asked : float or None
        Index that was asked for.
    """

    count: Ki67Count
    heat: HeatMap | None
    name: str
    window: Window
    placed: dict[str, Any]
    asked: float | None = None


class _Drawn:
    """A stained picture as an array: exact pixels, whatever is shown of them."""

    dtype = np.dtype(np.uint8)

    def __init__(self, translator: Translator, is_cancelled: Asked) -> None:
        self.shape = (*translator.shape, 3)
        self._translator, self._is_cancelled = translator, is_cancelled

    def __getitem__(self, key: tuple[slice, slice]) -> npt.NDArray[np.uint8]:
        (y0, y1, _), (x0, x1, _) = (part.indices(side) for part, side in zip(key, self.shape, strict=False))
        return self._translator.translate(Window(y0, y1, x0, x1), is_cancelled=self._is_cancelled)


class _Part:
    """A window of a picture as an array."""

    dtype = np.dtype(np.uint8)

    def __init__(self, picture: Any, window: Window) -> None:
        self.shape = (*window.shape, 3)
        self._picture, self._window = picture, window

    def __getitem__(self, key: tuple[slice, slice]) -> npt.NDArray[np.uint8]:
        (y0, y1, _), (x0, x1, _) = (part.indices(side) for part, side in zip(key, self.shape, strict=False))
        window = Window(y0, y1, x0, x1).shift(self._window.y0, self._window.x0)
        return np.asarray(self._picture[window.slices])


class CountPanel(QWidget):
    """Counts positive and negative nuclei, and shows what it found.

    Parameters
    ----------
    desk : StainDesk
        Has the viewer, and the stained picture if there is one.
    scale_of : callable
        Returns the scale of a layer in um per px, None if it is not known.
    parent : QWidget, optional
        Qt parent.

    Attributes
    ----------
    counted : Counted or None
        What was counted last, with the present threshold.
    layers : CountLayers
        What shows it.
    job : Job
        What counts.
    """

    def __init__(
        self, desk: StainDesk, scale_of: Callable[[Any], float | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("stain-count")
        self._desk, self._scale_of = desk, scale_of
        self.counted: Counted | None = None
        self.layers = CountLayers(desk.viewer)
        self.job = Job(self)
        self._last = Path.home() / "ki67.csv"
        self.picture = choice_box(
            "count-picture", "Ki-67 picture", "Picture stained for Ki-67, virtual or real"
        )
        self.part = choice_box("count-part", "Part", "What of the picture is counted")
        self.part.addItem("what is in sight", True)
        self.part.addItem("all of it", False)
        self.threshold = QDoubleSpinBox()
        self.threshold.setObjectName("count-threshold")
        self.threshold.setAccessibleName("DAB threshold")
        self.threshold.setRange(0, 3)
        self.threshold.setDecimals(3)
        self.threshold.setSingleStep(0.01)
        self.threshold.setSuffix(" OD")
        self.threshold.setToolTip(
            "Mean density of DAB in a nucleus from which it is positive; the points follow at once. Counting "
            "begins with what the picture's own stains give"
        )
        self.slide = QSlider(Qt.Orientation.Horizontal)
        self.slide.setObjectName("count-slide")
        self.slide.setAccessibleName("DAB threshold, coarse")
        self.slide.setRange(0, 1000)
        self.slide.setToolTip("The same threshold, from 0 to 1 OD")
        self.go = button("Count", "count-go", "Find all nuclei, and tell positive from negative ones")
        self.save = button("Save …", "count-save", "Save the nuclei: a table (CSV), or for QuPath (GeoJSON)")
        self.job_row = JobRow(self.job, "Stop; the count before stays")
        self.status = small("count-status")
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Picture", self.picture)
        form.addRow("Part", self.part)
        form.addRow("Threshold", self.threshold)
        form.addRow("", self.slide)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(form)
        column.addLayout(row(self.go, self.save))
        column.addWidget(self.job_row)
        column.addWidget(self.status)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.list_pictures)
        self._map_later = QTimer(self)
        self._map_later.setSingleShot(True)
        self._map_later.timeout.connect(self._map)
        self.go.clicked.connect(self.start)
        self.save.clicked.connect(self.ask)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.slide.valueChanged.connect(lambda value: self.threshold.setValue(value / 1000))
        for signal in (self.job.begun, self.job.ended):
            signal.connect(self._show)
        desk.changed.connect(self.list_pictures)
        self.list_pictures()

    # ---- counting

    def start(self) -> None:
        """Count, in the background."""
        layer = self.picture.currentData()
        try:
            source, window, shown = self._what(layer)
        except HistosynthError as error:
            self.status.setText(str(error))
            return
        asked = self._desk.steering.index if shown is not None and self._desk.steering is not None else None

        def work(tell: Tell, is_cancelled: Asked) -> Counted:
            picture = source.levels[0] if shown is None else _Drawn(shown, is_cancelled)
            counted = counted_of(picture, source.um_per_px, window, tell, is_cancelled)
            return replace(counted, name=source.name, placed=source.placed(), asked=asked)

        self.status.setText(f"Counting the nuclei of {source.name} …")
        self.job.start(f"Counting {source.name}", work, self._take, self.status.setText)

    def _what(self, layer: Any) -> tuple[StainSource, Window, Translator | None]:
        """Return the picture to count, which window of it, and what draws it, if it is drawn here."""
        shown = self._desk.shown
        drawn = shown.translator if shown is not None and shown.layer is layer else None
        scale = drawn.um_per_px if drawn is not None else None if layer is None else self._scale_of(layer)
        if layer is not None and scale is None:
            raise ImageError(
                f'"{layer.name}" does not say its scale; choose it as the picture above, and set it there.'
            )
        source = source_of(layer, scale or 1.0)
        window = Window.of_shape(source.shape)
        if self.part.currentData():
            window = (window_in_sight(layer) or window).clip(source.shape)
        return source, window, drawn

    def _take(self, counted: Counted) -> None:
        """Show a count."""
        self.counted = counted
        self.threshold.blockSignals(True)
        self.threshold.setValue(counted.count.threshold)
        self.threshold.blockSignals(False)
        self._show_threshold(counted.count.threshold)
        self._desk.lay_over()
        self.layers.show(counted.count, counted.placed, counted.name)
        self.layers.show_heat(counted.heat, counted.placed, counted.name)
        self._say()
        self._show()

    def _show_threshold(self, threshold: float) -> None:
        self.slide.blockSignals(True)
        self.slide.setValue(round(threshold * 1000))
        self.slide.blockSignals(False)

    def _on_threshold(self, threshold: float) -> None:
        """Decide anew which nuclei are positive."""
        self._show_threshold(threshold)
        if self.counted is None:
            return
        count = self.counted.count.with_threshold(threshold)
        self.counted = replace(self.counted, count=count)
        self.layers.recolor(count)
        if self.counted.heat is not None:
            self._map_later.start(_REST)
        self._say()

    def _map(self) -> None:
        """Map the index anew, in the background, once the threshold rests."""
        counted = self.counted
        if counted is None:
            return

        def show(heat: HeatMap | None) -> None:
            if self.counted is counted:
                self.counted = replace(counted, heat=heat)
                self.layers.show_heat(heat, counted.placed, counted.name)
                self._say()

        def work(_tell: Tell, _is_cancelled: Asked) -> HeatMap | None:
            return heat_of(counted.count, counted.window)

        if not self.job.start("Mapping the index", work, show, self.status.setText):
            self._map_later.start(_REST)

    def _say(self) -> None:
        if self.counted is not None:
            self.status.setText(in_words(self.counted))

    # ---- files

    def ask(self) -> None:
        """Ask for a file, and save the count."""
        chosen, taken = QFileDialog.getSaveFileName(
            self, "Save the nuclei", str(self._last), "Table (*.csv);;Detections of QuPath (*.geojson)"
        )
        if chosen:
            path = Path(chosen)
            if path.suffix.lower() not in (".csv", ".geojson", ".json"):
                path = path.with_name(path.name + (".geojson" if "geojson" in taken else ".csv"))
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Save the count, in the background, as the ending says."""
        counted = self.counted
        if counted is None:
            return
        self._last = path

        def work(_tell: Tell, _is_cancelled: Asked) -> Path:
            from napari_histosynth.stain.ki67files import save_detections, save_nuclei

            if path.suffix.lower() == ".csv":
                save_nuclei(path, counted.count)
            else:
                save_detections(path, counted.count, None if counted.heat is None else counted.heat.hot_spot)
            return path

        def saved(path: Path) -> None:
            self.status.setText(f"{in_words(counted)} Saved {path.name} in {path.parent}.")

        self.job.start("Saving the nuclei", work, saved, self.status.setText)

    # ---- what there is

    def list_pictures_soon(self, _event: Any = None) -> None:
        """List the pictures once napari is done with what it does."""
        self._later.start(0)

    def list_pictures(self) -> None:
        """List the RGB layers, what was stained here first."""
        before, shown = self.picture.currentData(), self._desk.shown
        drawn = None if shown is None or "Ki-67" not in shown.stain else shown.layer
        layers = sorted(self._desk.pictures(), key=lambda layer: layer is not drawn)
        self.picture.blockSignals(True)
        self.picture.clear()
        for layer in layers:
            self.picture.addItem(layer.name, layer)
        is_new = drawn is not None and drawn is not getattr(self, "_drawn", None)
        self._drawn = drawn
        kept = 0 if is_new else next((i for i, layer in enumerate(layers) if layer is before), 0)
        self.picture.setCurrentIndex(kept if layers else -1)
        self.picture.blockSignals(False)
        self._show()

    def _show(self) -> None:
        busy = self.job.is_busy
        self.go.setEnabled(self.picture.count() > 0 and not busy)
        self.save.setEnabled(self.counted is not None and not busy)
        for widget in (self.threshold, self.slide):
            widget.setEnabled(self.counted is not None)


def counted_of(picture: Any, um_per_px: float, window: Window, tell: Tell, is_cancelled: Asked) -> Counted:
    """Count a window of a picture; in a thread."""
    from napari_histosynth.stain.ki67 import count_ki67

    whole = tuple(picture.shape[:2]) == window.shape
    part = picture if whole else _Part(picture, window)
    found = count_ki67(
        part,
        um_per_px,
        labels=False,
        outlines=window.area <= MOST_TRACED,
        cancel=is_cancelled,
        progress=tell,
    )
    count = replace(found, nuclei=found.nuclei.shifted(window.y0, window.x0))
    return Counted(count, heat_of(count, window), "", window, {})


def heat_of(count: Ki67Count, window: Window) -> HeatMap | None:
    """Return the heat map of a count, None where a hot spot would not fit into the window."""
    from napari_histosynth.stain.heatmap import HOT_SPOT_MM2, heat_map

    if min(window.shape) * count.um_per_px < 2 * (HOT_SPOT_MM2 * 1e6 / np.pi) ** 0.5:
        return None
    heat = heat_map(count.nuclei.shifted(-window.y0, -window.x0), window.shape)
    spot = None if heat.hot_spot is None else heat.hot_spot.shifted(window.y0, window.x0)
    return replace(heat, hot_spot=spot)


def in_words(counted: Counted) -> str:
    """Say what was counted."""
    count = counted.count
    if count.total == 0:
        return f"No nuclei were found in {counted.name}: is it stained with hematoxylin and DAB?"
    low, high = count.interval
    text = (
        f"Index {count.index:.1%} (95 % interval {low:.1%} to {high:.1%}): {count.positive:,} positive, "
        f"{count.negative:,} negative nuclei in {count.area_mm2:.3g} mm², {count.per_mm2:,.0f} per mm²."
    )
    if counted.asked is not None:
        text += f" Asked for {counted.asked:.1%}, counted {count.index:.1%}."
    if counted.heat is not None and counted.heat.hot_spot is not None:
        spot = counted.heat.hot_spot
        text += f" Hot spot of {spot.area_mm2:g} mm²: {spot.index:.1%} of {spot.total:,} nuclei."
    if count.total > MOST_POINTS:
        text += f" They are too many for points (more than {MOST_POINTS:,})."
    return text
