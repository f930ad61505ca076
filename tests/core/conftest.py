"""What the tests of schemes share: messages are sentences."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def message_of() -> Callable[..., str]:
    """Return a function that gives an error's message after checking that it is one sentence."""

    def message(error: pytest.ExceptionInfo[Exception]) -> str:
        text = str(error.value)
        assert "\n" not in text
        assert text.endswith(".")
        assert ". " not in text
        return text

    return message
