"""Widgets that napari docks, and that let go of everything when their dock is closed."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget


class Docked(QWidget):
    """A widget that calls :meth:`shut_down` when napari takes it out of its dock.

    That is how a plugin's dock is closed: the widget gets no event of closing, and lives on as long as a
    layer calls it back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._docked = False

    def shut_down(self) -> None:
        """Disconnect from viewer and layers, and stop all threads. Harmless when repeated."""
        raise NotImplementedError

    def event(self, event: QEvent | None) -> bool:
        """Notice when napari takes the widget out of its dock."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.shut_down()
        return bool(super().event(event))


def dock_painter(viewer: Any) -> Any:
    """Open the dock that paints, or find it; return it."""
    from napari_histosynth.ui.paint import PaintDock

    return _dock(viewer, "Paint tissue", PaintDock)


def dock_stain(viewer: Any) -> Any:
    """Open the dock that stains, or find it; return it."""
    from napari_histosynth.ui.stain import StainDock

    return _dock(viewer, "Virtual stain", StainDock)


def docked(viewer: Any, kind: type[Docked]) -> Any:
    """Return the dock of a kind that is open in a viewer, None if there is none."""
    return next((one for one in viewer.window.dock_widgets.values() if isinstance(one, kind)), None)


def _dock(viewer: Any, name: str, kind: type[Docked]) -> Any:
    """Return the dock of a kind in a viewer, opened if there is none."""
    there = docked(viewer, kind)
    if there is not None:
        return there
    try:
        return viewer.window.add_plugin_dock_widget("napari-histosynth", name, tabify=True)[1]
    except (KeyError, ValueError):  # run from source, without napari knowing the plugin
        widget = kind(viewer)  # type: ignore[call-arg]
        viewer.window.add_dock_widget(widget, name=name, area="right", tabify=True)
        return widget
