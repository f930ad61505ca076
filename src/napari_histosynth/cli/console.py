"""What commands share: how they speak, show progress, and check where they are to write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from napari_histosynth.core.errors import SaveError

if TYPE_CHECKING:
    from napari_histosynth.study.staintables import Table

#: Columns of a table that is written to a file or a pipe, where no window says how many fit.
WIDTH_UNSEEN = 200

#: Work shorter than this, in seconds, shows no progress bar.
PATIENCE_S = 1.0


def results() -> Console:
    """Return where results go: standard output."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_UNSEEN
    return console


def remarks() -> Console:
    """Return where everything else goes, which no script wants to read: standard error."""
    return Console(stderr=True, highlight=False)


def say(sentence: str) -> None:
    """Print a result: a line on standard output."""
    results().print(Text(sentence), soft_wrap=True)


def remark(sentence: str) -> None:
    """Print a remark: a line on standard error."""
    remarks().print(Text(sentence, style="dim"), soft_wrap=True)


def complain(sentence: str) -> None:
    """Print what went wrong: a line on standard error."""
    remarks().print(Text.assemble(("Error: ", "bold red"), sentence), soft_wrap=True)


def print_table(table: Table) -> None:
    """Print a table with its words below."""
    from rich.table import Table as Shown

    shown = Shown(*table.columns, title=table.title, title_justify="left", caption=table.words,
                  caption_justify="left")  # fmt: skip
    for row in table.rows:
        shown.add_row(*row)
    results().print(shown)


def help_text(text: str) -> str:
    r"""Return a command's help with the lines of each paragraph joined, to be wrapped by the window's width.

    Paragraphs that begin with a backspace (``\b``) keep their lines: examples.
    """
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(
        paragraph if paragraph.startswith("\b") else " ".join(paragraph.split()) for paragraph in paragraphs
    )


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Show on a terminal that something is going on whose length is unknown."""
    console = remarks()
    if not console.is_terminal:
        yield
        return
    with console.status(doing):
        yield


@contextmanager
def progress(doing: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on a terminal, if the work takes longer than a second.

    Parameters
    ----------
    doing : str
        What is being done.

    Yields
    ------
    callable
        To be told the share that is done, 0 to 1.
    """
    console = remarks()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    began = time.monotonic()
    task: TaskID | None = None

    def tell(share: float) -> None:
        nonlocal task
        if task is None:
            if not console.is_terminal or time.monotonic() - began < PATIENCE_S:
                return
            bar.start()
            task = bar.add_task(doing, total=1.0)
        bar.update(task, completed=share)

    try:
        yield tell
    finally:
        if task is not None:
            bar.stop()


def check_output(
    path: Path, *, inputs: tuple[Path | None, ...] = (), endings: tuple[str, ...] = (".png",)
) -> Path:
    """Return a path to write to after making sure, before any work is done, that it can be written.

    Raises
    ------
    SaveError
        If the name ends in none of ``endings``, is a folder's or an input's, or its folder is missing or
        closed to the user.
    """
    from napari_histosynth.io.kinds import has_ending

    if not has_ending(path, endings):
        raise SaveError(f"Cannot write {path}: give a name that ends in {' or '.join(endings)}.")
    if path.is_dir() and path.suffix.lower() != ".zarr":
        raise SaveError(f"Cannot write {path}: it is a folder; give the name of a file.")
    if not path.parent.is_dir():
        raise SaveError(f"Cannot write {path}: there is no folder {path.parent}; create it first.")
    if not os.access(path.parent, os.W_OK):
        raise SaveError(f"Cannot write {path}: you may not write to {path.parent}; choose another folder.")
    for given in inputs:
        if given is not None and path.exists() and given.exists() and path.samefile(given):
            raise SaveError(f"Cannot write {path}: it is read at the same time; give another name.")
    return path


def make_folder(path: Path) -> Path:
    """Return a folder to write to, made if it is not there.

    Raises
    ------
    SaveError
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
        raise SaveError(f"The folder {path} cannot be made ({why}); choose another.") from error
    return path
