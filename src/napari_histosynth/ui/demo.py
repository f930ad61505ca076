"""The window that `histosynth demo` opens: an example tissue, ready to be painted on."""

from __future__ import annotations

from typing import Any

EXAMPLE = "moderate"
TITLE = "Paint tissue"


def open_demo(
    model_name: str = "colon-3class",
    show: bool = True,
    *,
    example: str = EXAMPLE,
    shape: tuple[int, int] = (1024, 1024),
    block: bool | None = None,
) -> Any:
    """Open napari with the dock and an example canvas.

    Parameters
    ----------
    model_name : str
        Model to draw with, or the folder of one.
    show : bool
        Whether the window is shown.
    example : str
        One of :func:`napari_histosynth.paint.examples.example_names`.
    shape : tuple of int
        Height and width of the canvas in pixels.
    block : bool, optional
        Whether to return only when the window is closed; by default if it is shown.

    Returns
    -------
    napari.Viewer
        The viewer; the dock is ``viewer.window.dock_widgets["Paint tissue"]``.
    """
    import napari

    from napari_histosynth.ui.paint import PaintDock

    viewer = napari.Viewer(title="Histosynth", show=show)
    dock = PaintDock(viewer, open_model=None)
    viewer.window.add_dock_widget(dock, name=TITLE, area="right")
    dock.painter.choose_model(model_name, lambda: dock.opener.open_example(example, shape))
    if show if block is None else block:
        napari.run()
    return viewer
