"""Units are read ahead of time without anybody finding half a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from napari_histosynth.ui import warm

pint: Any = pytest.importorskip("pint")


@pytest.fixture
def unread() -> Iterator[Any]:
    """Let pint's shared registry be unread, as at the start of a session."""
    shared = pint.get_application_registry()
    before = shared.get()
    shared.set(pint.registry.LazyRegistry())
    yield shared
    shared.set(before)


def test_units_are_read(unread: Any) -> None:
    warm._read_units()
    assert not isinstance(unread.get(), pint.registry.LazyRegistry)
    assert str(unread.pixel) == "pixel"


def test_who_asks_for_a_unit_meanwhile_finds_it_and_keeps_it(
    unread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = pint.UnitRegistry
    found = []

    def slow() -> Any:
        found.append(unread.pixel)  # as the main thread does, while the table is being read
        return build()

    monkeypatch.setattr(pint, "UnitRegistry", slow)
    warm._read_units()
    assert found[0] == unread.pixel, "units of two registries do not go together"
