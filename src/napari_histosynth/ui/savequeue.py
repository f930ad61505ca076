"""What is to be saved once the picture is finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.ui.save import Painting, save_painting

if TYPE_CHECKING:
    from napari_histosynth.paint.lookfile import LookPlan
    from napari_histosynth.paint.model import PaintModel

UNFINISHED = "Nothing was saved, since the picture was not finished; draw the rest and save again."


class SaveQueue:
    """Keeps requests to save until there is a finished picture, then writes it in the background.

    Parameters
    ----------
    tasks : Tasks
        What runs the writing.
    told, failed : callable
        Called with one sentence when files were written, or were not.

    Attributes
    ----------
    looks : callable
        Returns the looks on the canvas, as :class:`~napari_histosynth.ui.save.Painting` has them.
    """

    def __init__(self, tasks: Any, told: Callable[[str], None], failed: Callable[[str], None]) -> None:
        self._tasks, self._told, self._failed = tasks, told, failed
        self._waiting: list[dict[str, Path]] = []
        self.looks: Callable[[], tuple[LookPlan, PaintModel] | None] = lambda: None

    def __bool__(self) -> bool:
        """Return whether anything waits."""
        return bool(self._waiting)

    def add(self, files: dict[str, Path]) -> None:
        """Ask for files, by kind, as :func:`napari_histosynth.ui.save.save_painting` takes them."""
        self._waiting.append(files)

    def write(self, painting: Painting) -> None:
        """Write a finished canvas to all files that wait."""
        waiting, self._waiting = self._waiting, []
        for files in waiting:
            self._write(painting, files)

    def give_up(self) -> None:
        """Say that what waits is not saved, if anything does."""
        if self._waiting:
            self._waiting.clear()
            self._failed(UNFINISHED)

    def _write(self, painting: Painting, files: dict[str, Path]) -> None:
        painting = replace(painting, looks=self.looks())

        def written(paths: list[Path]) -> None:
            self._told(f"Saved {', '.join(path.name for path in paths)} in {paths[0].parent}.")

        self._tasks.run("Saving", lambda: save_painting(painting, files), written, self._failed)
