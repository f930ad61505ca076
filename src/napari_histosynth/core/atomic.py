"""Files that are either complete or as they were before."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.errors import SaveError

if TYPE_CHECKING:
    import numpy.typing as npt

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or save elsewhere",
    errno.EDQUOT: "your quota on this disk is used up; free some space or save elsewhere",
    errno.EACCES: "you may not write there; choose another folder",
    errno.EPERM: "you may not write there; choose another folder",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENAMETOOLONG: "its name is too long; choose a shorter one",
    errno.EFBIG: "it is larger than this disk allows; save elsewhere",
}


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file name beside ``path`` and put the file in place once it is whole.

    The temporary has the same suffix, so that writers which go by it work. When the block ends well, its
    content is on the disk before it takes the name; when it fails in any way, the temporary is removed and
    what was at ``path`` is untouched.

    Parameters
    ----------
    path : str or path-like
        File to write. Links are followed, and the mode of a file that is there is kept.

    Yields
    ------
    Path
        Name to write to; nothing is there yet.

    Raises
    ------
    SaveError
        If the block, or putting the file in place, raises an ``OSError``: a full disk, a folder that is
        missing or closed to the user, and the like. Other exceptions pass unchanged.

    Examples
    --------
    >>> with atomic_path("notes.txt") as temporary:  # doctest: +SKIP
    ...     temporary.write_text("all or nothing")
    """
    asked = Path(path)
    target = Path(os.path.realpath(asked))
    # Names may have 255 bytes at most, so a long one is not repeated in full.
    temporary = target.with_name(f".{target.stem[:40]}.{secrets.token_hex(6)}.tmp{target.suffix[:20]}")
    try:
        if target.is_dir():
            raise SaveError(f"Cannot write {asked}: it is a folder; give the name of a file.")
        if not target.parent.is_dir():
            raise SaveError(f"Cannot write {asked}: there is no folder {target.parent}; create it first.")
        yield temporary
        _flush(temporary)
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise SaveError(f"Cannot write {asked}: {reason_of(error)} (what was there is untouched).") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until the file is on the disk: some disks report that they are full only then."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def reason_of(error: OSError) -> str:
    """Return why a file could not be written in a clause, with the remedy where it is known."""
    if error.errno in _REASONS:
        return _REASONS[error.errno]
    return (error.strerror or str(error) or type(error).__name__).rstrip(".").lower()


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays by their names, as :func:`numpy.load` reads them; the folder is made if it is not there.

    Raises
    ------
    SaveError
        As :func:`atomic_path` raises it.
    """
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
