"""The window that `histosynth demo` opens: an example tissue, ready to be painted on."""

from __future__ import annotations

from typing import Any

EXAMPLE, TEN_EXAMPLE = "moderate", "invasion"
"""What is opened for models of three classes or fewer, and of ten."""

TITLE = "Paint tissue"


def open_demo(
    model_name: str = "colon-3class",
    show: bool = True,
    *,
    example: str | None = None,
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
    example : str, optional
        One of :func:`napari_histosynth.paint.examples.example_names`; by default one in the model's classes.
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

    from napari_histosynth.paint.tenclasses import takes_ten_classes
    from napari_histosynth.ui.paint import PaintDock

    viewer = napari.Viewer(title="Histosynth", show=show)
    dock = PaintDock(viewer, open_model=None)
    viewer.window.add_dock_widget(dock, name=TITLE, area="right")

    def open_one() -> None:
        model = dock.painter.model
        usual = TEN_EXAMPLE if model is not None and takes_ten_classes(model.scheme) else EXAMPLE
        dock.opener.open_example(example or usual, shape)

    dock.painter.choose_model(model_name, open_one)
    if show if block is None else block:
        napari.run()
    return viewer
