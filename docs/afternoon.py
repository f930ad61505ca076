"""Work an afternoon in the window, by mouse and keyboard alone; show that what is saved is what was seen.

Run it where there is a display, real or virtual::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/afternoon.py [--size 4096] [-o afternoon-output]

It makes a canvas, fills an area with glands, stamps others, scatters nuclei, paints, protects, undoes and
redoes, changes the look, saves in every format, opens the files in another window and compares them byte for
byte, then draws everything anew and compares that. Each step says how long it took and for how long at
most the window stood still. A second act makes a desmoplastic reaction on a canvas of ten classes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from afternoon_files import LABEL_FILES, PICTURE_FILES, Pixels, check, compare, crop
from hands import Hands, draw_whole, spin, wait_for
from heart import Heart
from qtpy.QtCore import Qt

WINDOW = (1560, 960)
PATIENCE = 1800.0  # s: a canvas of 4,096 px takes a busy machine minutes


class Afternoon:
    """A window with both docks, somebody who works in it, and a watch on how it keeps up.

    Parameters
    ----------
    size : int
        Side of the canvas in pixels.
    folder : Path
        Where files and screenshots go.
    model : str
        Model to draw with.
    viewer : napari.Viewer, optional
        A window that is shown; a new one by default.
    """

    def __init__(self, size: int, folder: Path, model: str, viewer: Any = None) -> None:
        import napari

        folder.mkdir(parents=True, exist_ok=True)
        self.size, self.folder, self.model = size, folder.resolve(), model
        self.viewer = napari.Viewer(title="Histosynth", show=True) if viewer is None else viewer
        self.viewer.window.resize(*WINDOW)
        self.hands, self.heart = Hands(self.viewer), Heart()
        self.holds: dict[str, float] = {}
        """Longest hold of the main thread in each step, in seconds."""
        spin(0.3)

    # ---- what is on screen

    @property
    def labels(self) -> Any:
        """The Labels layer that is painted on."""
        return self.paint.painter.stage.labels

    @property
    def picture(self) -> Pixels:
        """The H&E on screen, uint8 (y, x, 3)."""
        data = self.paint.painter.stage.picture.data
        return np.asarray(data[0] if self.paint.painter.stage.picture.multiscale else data)

    def place(self, down: float, across: float) -> tuple[float, float]:
        """Return the pixel (y, x) at shares of the canvas."""
        return down * self.size, across * self.size

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Time a step, and print how long it took and how long the main thread was held at most."""
        spin(0.05)
        begun = time.perf_counter()
        self.heart.restart()
        yield
        spin(0.05)
        seconds, held = time.perf_counter() - begun, self.heart.longest
        self.holds[title] = held
        print(f"{seconds:7.1f} s   held {1000 * held:4.0f} ms   {title}", flush=True)

    def settle(self) -> None:
        """Wait until a tool is done and everything is drawn."""
        wait_for(lambda: not self.tools.is_busy, PATIENCE, "a tool")
        wait_for(lambda: not self.paint.painter.is_drawing, PATIENCE, "the drawing")

    def screenshot(self, name: str) -> None:
        """Write a picture of the whole window."""
        spin(0.5)
        self.viewer.screenshot(str(self.folder / name), canvas_only=False, flash=False)
        print(f"            wrote {self.folder / name}")

    def end(self) -> None:
        """Close the window."""
        self.heart.stop()
        self.viewer.close()

    # ---- doing things

    def open_docks(self) -> None:
        """Open both docks as the menu Plugins does, and choose the model."""
        window = self.viewer.window
        _, self.paint = window.add_plugin_dock_widget("napari-histosynth", "Paint tissue")
        _, self.tools = window.add_plugin_dock_widget("napari-histosynth", "Tissue tools")
        wait_for(lambda: self.paint.painter.model is not None, PATIENCE, "the model")
        if self.paint.models.currentText() != self.model:
            self.hands.choose(self.paint.models, self.model)
            wait_for(lambda: self.paint.painter.model.name == self.model, PATIENCE, "the other model")

    def new_canvas(self) -> None:
        """Make a blank canvas by the dock's own button, menu and dialog."""

        def answer(dialog: Any) -> None:
            fields = dialog.size_fields
            self.hands.type_into(fields.width_px, str(self.size))
            self.hands.type_into(fields.height_px, str(self.size))
            if dialog.nuclei.isVisible():
                self.hands.tick(dialog.nuclei, False)
            self.hands.accept(dialog)

        before = self.paint.painter.stage
        self.hands.choose_from_menu(self.paint.new_canvas, "Blank", dialogs=[answer])
        wait_for(lambda: self.paint.painter.stage not in (None, before), PATIENCE, "the canvas")
        wait_for(lambda: not self.paint.painter.turns.is_busy, PATIENCE, "the layers of the canvas")
        check(self.labels.data.shape == (self.size, self.size), "the canvas has not the size that was typed")

    def draw_area(self, corners: list[tuple[float, float]]) -> None:
        """Draw a lasso through places given as shares of the canvas."""
        self.hands.click(self.tools.area_button)
        places = [self.place(*corner) for corner in (*corners, corners[0])]
        path = [
            tuple(np.asarray(start) + share * (np.asarray(end) - start))
            for start, end in pairwise(places)
            for share in (0, 0.25, 0.5, 0.75)
        ]
        self.hands.paint(self.labels, path)
        check(self.tools.area() is not None, "the lasso left no area")

    def forget_area(self) -> None:
        """Throw the area away with napari's own bin."""
        self.viewer.layers.selection.active = self.viewer.layers["Area"]
        self.hands.click(self.viewer.window._qt_viewer.layerButtons.deleteButton)
        check("Area" not in self.viewer.layers, "the area is still there")

    def use_tool(self, tool: str, *, run: bool = True, gland: str = "", **numbers: str) -> None:
        """Choose a tool, type its numbers, and run it; it has to change the labels."""
        self.hands.choose(self.tools.tool_box, tool)
        if gland:
            self.hands.choose(self.tools.gland_box, gland)
        for name, text in numbers.items():
            self.hands.type_into(getattr(self.tools, name), text)
        if run:
            before = np.array(self.labels.data)
            self.heart.restart()  # the copy is this script's
            self.hands.click(self.tools.apply_button)
            wait_for(lambda: not self.tools.is_busy, PATIENCE, tool)
            self.heart._beat()
            held = self.heart.longest
            check((self.labels.data != before).any(), f"{tool} changed nothing")
            self.heart.restart()
            self.heart.longest = held

    def stamp(self, places: list[tuple[float, float]]) -> None:
        """Stamp glands with Control held, at places given as shares of the canvas."""
        for place in places:
            count = len(self.labels._undo_history)
            self.hands.click_at(self.labels, self.place(*place), Qt.KeyboardModifier.ControlModifier)
            wait_for(lambda: not self.tools.is_busy, PATIENCE, "the stamp")
            check(len(self.labels._undo_history) > count, f"no gland was stamped at {place}")

    def choose_class(self, key: Qt.Key, index: int) -> None:
        """Press the key of a class."""
        self.hands.press(key)
        check(self.labels.selected_label == index, f"the key did not choose class {index}")

    def brush(self, um: str) -> None:
        """Type the brush's diameter in micrometers."""
        self.hands.type_into(self.tools.brush, um)
        wanted = float(um) / self.paint.painter.model.um_per_px
        check(abs(self.labels.brush_size - wanted) <= 1, "the brush has another diameter")

    def save(self, kind: str, name: str) -> None:
        """Save one file through the dock."""
        path = self.folder / name
        button = self.paint.save.findChild(type(self.paint.new_canvas), "save-one")
        title = "H&E" if kind == "picture" else "Labels (PNG, OME"
        self.hands.choose_from_menu(button, title, dialogs=[self.hands.file_named(path)])
        self.saved(path)

    def saved(self, path: Path) -> None:
        """Wait until a file is there."""
        painter = self.paint.painter
        wait_for(
            lambda: not painter.is_drawing and not painter.tasks.is_busy and path.exists(),
            PATIENCE,
            path.name,
        )


def first_act(day: Afternoon) -> tuple[Pixels, Pixels, Pixels]:
    """Paint mucosa, adenoma and carcinoma in three classes; return labels, picture, and all drawn anew."""
    hands, size = day.hands, day.size
    with day.step("open both docks, load the model"):
        day.open_docks()
    with day.step(f"new canvas of {size} px"):
        day.new_canvas()
    with day.step("lasso, fill it with crypts"):
        day.draw_area([(0.04, 0.04), (0.05, 0.50), (0.30, 0.55), (0.55, 0.40), (0.60, 0.05)])
        day.use_tool("Fill with glands", gland="crypt", crowding="0.6")
    with day.step("another lasso, fill it with adenoma"):
        day.draw_area([(0.04, 0.60), (0.04, 0.96), (0.50, 0.96), (0.46, 0.62)])
        day.use_tool("Fill with glands", gland="adenoma", crowding="0.8", seed="5")
    with day.step("stamp six glands of carcinoma and three nests"):
        day.forget_area()
        day.hands.click(day.paint.palette_box.buttons[2])
        day.use_tool("Stamp gland", run=False, gland="carcinoma", seed="1")
        day.stamp([(0.62, 0.60), (0.66, 0.76), (0.60, 0.90), (0.80, 0.62), (0.82, 0.80), (0.78, 0.92)])
        day.use_tool("Stamp gland", run=False, gland="nest", seed="20")
        day.stamp([(0.72, 0.50), (0.93, 0.70), (0.92, 0.88)])
    with day.step("protect epithelium, scatter nuclei into the stroma"):
        epithelium = day.labels.data == 2
        day.heart.restart()
        hands.click(day.paint.palette_box.locks.buttons[2])
        day.use_tool("Scatter nuclei", density="5200", seed="3")
        hands.click(day.paint.palette_box.locks.buttons[2])
    check(((day.labels.data == 2) == epithelium).all(), "protected epithelium got nuclei")
    with day.step("wait until all of it is drawn"):
        day.settle()
    day.screenshot("1-tissue.png")
    paint_by_hand(day)
    with day.step("another stain, typed"):
        hands.type_into(day.paint.look_panel.latent_seed, "7")
        check(day.paint.painter.looks.present.latent_seed == 7, "the look has another seed")
    with day.step("wait until all of it is drawn"):
        day.settle()
    day.screenshot("3-close.png")
    with day.step("overview"):
        hands.zoom_out()
    day.screenshot("4-overview.png")
    return finish(day, "afternoon")


def paint_by_hand(day: Afternoon) -> None:
    """Zoom in, and paint a gland by hand: its ring, its lumen, nuclei kept, strokes undone and redone."""
    hands = day.hands
    y, x = day.place(0.74, 0.26)
    reach = 60 / day.paint.painter.model.um_per_px  # px

    def circle(radius: float, steps: int = 24) -> list[tuple[float, float]]:
        angles = np.linspace(0, 2 * np.pi, steps + 1)
        return [(y + radius * reach * np.sin(a), x + radius * reach * np.cos(a)) for a in angles]

    with day.step("zoom in with the wheel"):
        hands.zoom_to(day.labels, (y, x), 1.0)
    with day.step("paint a gland: brush of 40 um"):
        day.brush("40")
        day.choose_class(Qt.Key.Key_2, 2)
        hands.paint(day.labels, circle(0.7))
        hands.paint(day.labels, circle(0.4))
    with day.step("nuclei along its base: brush of 6 um, 26 dabs"):
        day.brush("6")
        day.choose_class(Qt.Key.Key_3, 3)
        for (y0, x0), (y1, x1) in zip(circle(0.92, 26)[:-1], circle(0.80, 26)[:-1], strict=True):
            hands.paint(day.labels, [(y0, x0), (y1, x1)])
    day.settle()
    before = np.array(day.labels.data)
    with day.step("protect nuclei, paint the lumen across them"):
        hands.click(day.paint.palette_box.locks.buttons[3])
        day.brush("34")
        day.choose_class(Qt.Key.Key_0, 0)
        hands.paint(day.labels, [(y - 0.2 * reach, x - 0.1 * reach), (y + 0.2 * reach, x + 0.1 * reach)])
        hands.paint(day.labels, [(y, x), (y, x + 1.6 * reach)], 1)
        hands.click(day.paint.palette_box.locks.buttons[3])
    after = np.array(day.labels.data)
    check((after[before == 3] == 3).all(), "protected nuclei were painted over")
    check((after != before).any(), "the strokes changed nothing")
    day.heart.restart()
    with day.step("undo the last stroke, and redo it, three times"):
        for _ in range(3):
            hands.undo()
            check((day.labels.data != after).any(), "undo did nothing")
            hands.redo()
            check((day.labels.data == after).all(), "redo is not exact")
    with day.step("undo both strokes, redo the first"):
        hands.undo()
        hands.undo()
        check((day.labels.data == before).all(), "undo is not exact")
        hands.redo()
    with day.step("wait until all of it is drawn"):
        day.settle()
    day.screenshot("2-painted.png")


def second_act(day: Afternoon) -> tuple[Pixels, Pixels, Pixels]:
    """Make a desmoplastic reaction on a canvas of ten classes; return as the first act does."""
    with day.step("open both docks, load the model of ten classes"):
        day.open_docks()
    with day.step(f"new canvas of {day.size} px"):
        day.new_canvas()
    with day.step("stamp five glands"):
        day.use_tool("Stamp gland", run=False, gland="carcinoma", seed="1")
        day.stamp([(0.3, 0.3), (0.35, 0.6), (0.55, 0.45), (0.7, 0.3), (0.7, 0.65)])
    before = np.array(day.labels.data)
    with day.step("desmoplastic reaction of 80 um"):
        day.use_tool("Desmoplastic reaction", um="80")
    with day.step("undo it, redo it"):
        day.hands.click(day.paint.palette_box.buttons[0])
        after = np.array(day.labels.data)
        day.hands.undo()
        check((day.labels.data == before).all(), "undo is not exact")
        day.hands.redo()
        check((day.labels.data == after).all(), "redo is not exact")
    with day.step("wait until all of it is drawn"):
        day.settle()
    day.screenshot("5-reaction.png")
    return finish(day, "reaction")


def finish(day: Afternoon, stem: str) -> tuple[Pixels, Pixels, Pixels]:
    """Save in every format through the dock; return labels, picture, and the picture drawn anew."""
    for ending in LABEL_FILES:
        with day.step(f"save {stem}{ending}"):
            day.save("labels", stem + ending)
    for ending in PICTURE_FILES:
        with day.step(f"save {stem}{ending}"):
            day.save("picture", stem + ending)
    labels, picture = np.array(day.labels.data), day.picture.copy()
    begun = time.perf_counter()
    whole = draw_whole(day.paint.painter)
    print(
        f"{time.perf_counter() - begun:7.1f} s                  draw all of it anew by the engine", flush=True
    )
    return labels, picture, whole


def main() -> None:
    """Work an afternoon."""
    import napari

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096, help="side of the canvas, px")
    parser.add_argument("-o", "--output", type=Path, default=Path("afternoon-output"))
    parser.add_argument("--model", default="colon-3class")
    arguments = parser.parse_args()
    day = Afternoon(arguments.size, arguments.output, arguments.model)
    labels, picture, whole = first_act(day)
    for number, place in enumerate([(0.2, 0.3), (0.25, 0.8), (0.72, 0.78), (0.74, 0.26)]):
        crop(picture, labels, day.place(*place), day.folder / f"crop-{number}.png")
    names = [day.paint.models.itemText(row) for row in range(day.paint.models.count())]
    day.end()
    acts = {"afternoon": (labels, picture, whole)}
    if "colon-10class" in names:
        evening = Afternoon(min(arguments.size, 2048), arguments.output, "colon-10class")
        acts["reaction"] = second_act(evening)
        evening.end()
    else:
        print("no second act: the model colon-10class is not there")
    for stem, shown in acts.items():
        fresh = napari.Viewer(show=True)
        compare(day.folder, stem, shown, fresh)
        fresh.close()
    worst = max(day.holds, key=lambda title: day.holds[title])
    print(f"the window stood still for {1000 * day.holds[worst]:.0f} ms at most: {worst}")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
