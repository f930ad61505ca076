from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

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
