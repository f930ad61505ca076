"""Several files that belong together take their names in one step: all of them, or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_histosynth.core.atomic import reason_of
from napari_histosynth.core.errors import SaveError
from napari_histosynth.io.omezarr import check_replaceable


def put_all_in_place(finished: Mapping[Path, Path], aside: Path, *, outdated: Sequence[Path] = ()) -> None:
    """Give finished files and folders their names; what had them goes only when all have theirs.

    Parameters
    ----------
    finished : mapping of Path to Path
        Where each belongs, and where it lies: on the same disk.
    aside : Path
        Empty folder on that disk, for what is replaced. If this ends well, or nothing was changed, it may be
        removed; if what was there could not be put back, the error says that it lies there.
    outdated : sequence of Path
        Files that are to go with those that are replaced, if they are there.

    Raises
    ------
    SaveError
        If a file cannot be put in place. The sentence says what was not written, and, in the rare case that
        not all could be undone, what is written now and where the old files are.
    """
    names = ", ".join(path.name for path in finished)
    kept: dict[Path, Path] = {}
    placed: list[Path] = []
    target = next(iter(finished))
    try:
        for target in finished:
            check_replaceable(target)
        for target in (*finished, *outdated):
            if os.path.lexists(target):
                os.replace(target, aside / target.name)
                kept[target] = aside / target.name
        for target, source in finished.items():
            os.replace(source, target)
            placed.append(target)
    except OSError as error:
        stuck = _undo(finished, placed, kept)
        sentence = f"Cannot write {target}: {reason_of(error)}; "
        if not stuck:
            raise SaveError(
                f"{sentence}none of {names} was written, and what was there is untouched."
            ) from error
        raise SaveError(
            f"{sentence}what was there of {', '.join(path.name for path in stuck)} could not be put back and "
            f"lies in {aside}, so move it from there by hand."
        ) from error


def _undo(finished: Mapping[Path, Path], placed: Sequence[Path], kept: Mapping[Path, Path]) -> list[Path]:
    """Put everything back as it was; return the files whose old content could not be."""
    stuck = []
    for target in placed:
        with contextlib.suppress(OSError):  # if not, what was there takes its place below
            os.replace(target, finished[target])
    for target, old in kept.items():
        try:
            os.replace(old, target)
        except OSError:
            stuck.append(target)
    return stuck
