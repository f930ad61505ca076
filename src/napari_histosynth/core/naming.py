"""Names as people type them: whole, or only how they begin."""

from __future__ import annotations

from collections.abc import Sequence


def beginning_with(given: str, names: Sequence[str]) -> list[int]:
    """Return which names are meant: one, if it is clear; none, or several, if it is not.

    Parameters
    ----------
    given : str
        A name or its beginning; upper case counts as lower. Whole words count before parts of them:
        "moderately" is "moderately differentiated", even where there is a "moderately-to-poorly
        differentiated".
    names : sequence of str
        Those that there are.

    Returns
    -------
    list of int
        Numbers of the names.
    """
    wanted = given.casefold()
    found: list[int] = []
    for begins in (str.__eq__, lambda own, given: own.startswith(f"{given} "), str.startswith):
        found = [number for number, name in enumerate(names) if begins(name.casefold(), wanted)]
        if found:
            break
    return found
