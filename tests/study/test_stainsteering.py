"""How asked and counted labelling indices are compared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_histosynth.study.stainsteering import agreement, grounds_of


def rows(asked: list[float], counted: list[float]) -> list[dict[str, Any]]:
    return [{"asked": a, "counted": b} for a, b in zip(asked, counted, strict=True)]


def test_a_counter_that_is_right_follows_with_slope_one() -> None:
    found = agreement(rows([0.1, 0.3, 0.6], [0.1, 0.3, 0.6]))
    assert (found["correlation"], found["slope"], found["error"]) == (
        pytest.approx(1), pytest.approx(1), 0,
    )  # fmt: skip
    assert found["means"] == {"0.10": 0.1, "0.30": 0.3, "0.60": 0.6}


def test_half_of_what_was_asked_for_follows_with_half_the_slope() -> None:
    found = agreement(rows([0.2, 0.4, 0.6], [0.1, 0.2, 0.3]))
    assert found["slope"] == pytest.approx(0.5)
    assert found["offset"] == pytest.approx(0)
    assert found["error"] == pytest.approx(0.2)
    assert found["correlation"] == pytest.approx(1)


def test_pictures_without_nuclei_are_left_out_and_a_flat_series_does_not_follow() -> None:
    found = agreement(rows([0.1, 0.2, 0.3], [0.5, float("nan"), 0.5]))
    assert (found["pictures"], found["correlation"]) == (2, 0)
    assert agreement(rows([0.1], [float("nan")])) == {
        "pictures": 0, "correlation": None, "slope": None, "offset": None, "error": None, "means": {},
    }  # fmt: skip


@pytest.mark.slow
def test_nuclei_of_canvases_are_those_of_the_label_map_at_the_models_scale() -> None:
    from contextlib import nullcontext

    bench: Any = SimpleNamespace(
        material=SimpleNamespace(he=[]),
        sizes=SimpleNamespace(steered=0, canvases=1, field=192),
        um_per_px=0.5,
        device="cpu",
        subject=SimpleNamespace(label="one"),
        watch=lambda doing: nullcontext(lambda share: None),
    )
    (ground,) = grounds_of(bench)
    assert (ground.kind, ground.image.shape, ground.nuclei.shape) == ("canvas", (192, 192, 3), (192, 192))
    sizes = np.bincount(ground.nuclei.ravel())[1:]
    sizes = sizes[sizes > 0] * 0.25
    assert len(sizes) > 10
    assert 12 < np.median(sizes) < 120  # um^2
    nuclei = ground.nuclei > 0
    assert ground.image[nuclei].mean() < ground.image[~nuclei].mean() - 15  # nuclei are dark in the H&E
