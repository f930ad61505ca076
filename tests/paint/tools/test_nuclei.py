from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_histosynth.core.errors import Cancelled
from napari_histosynth.paint.tools import Area, clear_nuclei, scatter

BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)
UM = 0.62


def halves(shape: tuple[int, int] = (300, 400)) -> np.ndarray:
    labels = np.full(shape, STROMA, np.uint8)
    labels[:, shape[1] // 2 :] = EPITHELIUM
    return labels


@pytest.mark.parametrize(("chosen", "index"), [("epithelium", EPITHELIUM), ("non-epithelium", STROMA)])
def test_only_the_chosen_class_gets_nuclei(chosen: str, index: int) -> None:
    labels = halves()
    edit = scatter(labels, um_per_px=UM, classes=[chosen])
    assert edit.pixels > 500
    assert set(np.unique(edit.before[edit.changed])) == {index}
    assert set(np.unique(edit.after[edit.changed])) == {NUCLEI}


def test_density_is_nuclei_per_square_millimeter_of_the_area() -> None:
    labels = np.full((800, 800), STROMA, np.uint8)
    area = Area.of_disk((400, 400), 300)
    after = scatter(labels, um_per_px=UM, density=1000, size_um=(6, 5), area=area).applied_to(labels)
    count = ndimage.label(after == NUCLEI)[1]
    expected = 1000e-6 * np.pi * (300 * UM) ** 2
    assert count == pytest.approx(expected, rel=0.1)  # a few touch


def test_clearing_first_replaces_what_was_there() -> None:
    labels = halves()
    dense = scatter(labels, um_per_px=UM, seed=1).applied_to(labels)
    sparse = scatter(dense, um_per_px=UM, seed=2, density=500, clear=True).applied_to(dense)
    added = scatter(dense, um_per_px=UM, seed=2, density=500).applied_to(dense)
    assert (sparse == NUCLEI).sum() < 0.2 * (dense == NUCLEI).sum()
    assert ((added == NUCLEI) | (dense != NUCLEI)).all()


def test_cleared_nuclei_leave_the_ground_they_lay_in() -> None:
    labels = halves()
    dense = scatter(labels, um_per_px=UM, seed=1).applied_to(labels)
    cleared = clear_nuclei(dense, um_per_px=UM).applied_to(dense)
    assert NUCLEI not in cleared
    assert (cleared != labels).mean() < 0.002  # a pixel or two along the border of the halves


def test_a_sheet_of_nuclei_has_no_ground_and_stays() -> None:
    labels = np.full((40, 40), NUCLEI, np.uint8)
    assert clear_nuclei(labels, um_per_px=UM).pixels == 0


def test_nuclei_are_as_dense_and_as_round_across_the_tiles_they_are_drawn_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = np.full((600, 600), STROMA, np.uint8)
    monkeypatch.setattr("napari_histosynth.paint.tools.nuclei._TILE_UM", 120.0)
    after = scatter(labels, um_per_px=1.0, density=3000).applied_to(labels)
    covered = after == NUCLEI
    border = np.zeros(labels.shape, bool)
    for line in range(120, 600, 120):
        border[line - 5 : line + 5] = border[:, line - 5 : line + 5] = True
    assert covered[border].mean() == pytest.approx(covered[~border].mean(), rel=0.2)
    # none is cut off along the line between two tiles
    cut = sum(np.count_nonzero(covered[k - 1] != covered[k]) for k in range(120, 600, 120)) / 4
    elsewhere = sum(np.count_nonzero(covered[k - 1] != covered[k]) for k in range(60, 600, 120)) / 5
    assert cut < 1.35 * elsewhere


def test_progress_is_told_and_can_end_the_work() -> None:
    told: list[float] = []
    labels = np.full((1200, 1200), STROMA, np.uint8)

    def stop(share: float) -> None:
        told.append(share)
        if len(told) == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        scatter(labels, um_per_px=1.0, density=300, progress=stop)
    assert told[0] == 0
    assert 0 < told[1] < 1
