"""The dock warns, once, of large areas of a class that the model repeats itself on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np


def with_repeats(model: Any, repeats: tuple[str, ...] | None) -> Any:
    return replace(model, card=model.card.model_copy(update={"repeats": repeats}))


def paint_all(painted: Any, value: int) -> None:
    painted.painter.new_canvas(np.full((400, 420), value, np.uint8))


def test_it_warns_once_a_canvas_of_a_class_on_the_card(painted: Any, wait: Any, said: Any) -> None:
    painter, guard = painted.painter, painted._flat_guard
    painter.model = with_repeats(painter.model, ("epithelium",))
    paint_all(painted, 2)
    for _ in range(2):
        wait(lambda: not painter.is_drawing)
        guard.look()
        wait(lambda: not guard._tasks.is_busy)
    warnings = [text for kind, text in said if kind == "warning" and "repeats its texture" in text]
    assert len(warnings) == 1
    assert "epithelium" in warnings[0]


def test_it_is_silent_where_the_card_says_nothing_or_another_class(
    painted: Any, wait: Any, said: Any
) -> None:
    painter, guard = painted.painter, painted._flat_guard
    paint_all(painted, 1)
    for repeats in (None, (), ("epithelium",)):
        painter.model = with_repeats(painter.model, repeats)
        guard.look()
        wait(lambda: not guard._tasks.is_busy)
    assert not [text for _, text in said if "repeats" in text]
