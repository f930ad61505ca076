from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.tools import (
    Area,
    Edit,
    clear_nuclei,
    desmoplasia,
    dilate,
    erode,
    fill_with_glands,
    relabel,
    remove_islands,
    scatter,
    smooth,
    stamp_gland,
)

UM = 1.0
BACKGROUND, STROMA, EPITHELIUM, NUCLEI = range(4)
REACTIVE = 4

# a tool for everything below: (labels, area, protected) -> Edit, all in colon-3 but the last
TOOLS: dict[str, Callable[..., Edit]] = {
    "relabel": lambda m, **k: relabel(m, ["epithelium"], "background", scheme="colon-3", **k),
    "dilate": lambda m, **k: dilate(m, "epithelium", 6, um_per_px=UM, scheme="colon-3", **k),
    "erode": lambda m, **k: erode(m, "epithelium", 6, um_per_px=UM, scheme="colon-3", **k),
    "smooth": lambda m, **k: smooth(m, "epithelium", 12, um_per_px=UM, scheme="colon-3", **k),
    "smooth-thin": lambda m, **k: smooth(
        m, "non-epithelium", 12, um_per_px=UM, scheme="colon-3", keep_thin=True, **k
    ),
    "remove_islands": lambda m, **k: remove_islands(
        m, "background", 150, um_per_px=UM, scheme="colon-3", **k
    ),
    "scatter": lambda m, **k: scatter(m, um_per_px=UM, clear=True, seed=5, **k),
    "clear_nuclei": lambda m, **k: clear_nuclei(m, um_per_px=UM, **k),
    "stamp_gland": lambda m, **k: stamp_gland(m, (150, 150), um_per_px=UM, gland="adenoma", **k),
    "fill_with_glands": lambda m, **k: fill_with_glands(m, um_per_px=UM, gland="nest", seed=2, **k),
    "desmoplasia": lambda m, **k: desmoplasia(_ten(m), um_per_px=UM, radius_um=20, **k),
}
THREE = [name for name in TOOLS if name != "desmoplasia"]


def _ten(labels: np.ndarray) -> np.ndarray:
    """The same map in colon-10: nuclei are muscle, so that there is something else."""
    return np.array([10, 7, 2, 8], np.uint8)[labels]


@pytest.fixture(scope="module")
def tissue() -> np.ndarray:
    labels = example_labels("moderate", (420, 420), UM, seed=1)
    labels[120:180, 100:200] = STROMA  # room for a gland
    return labels


def lasso() -> Area:
    return Area.of_polygon([(130, 118), (205, 125), (215, 190), (160, 225), (122, 180)])


@pytest.mark.parametrize("name", TOOLS)
def test_only_the_area_changes_and_the_window_holds_it(name: str, tissue: np.ndarray) -> None:
    before = _ten(tissue) if name == "desmoplasia" else tissue
    kept = tissue.copy()
    area = lasso()
    edit = TOOLS[name](tissue, area=area)
    after = edit.applied_to(before)
    changed = before != after
    assert changed.any(), "a tool that does nothing tests nothing"
    assert not (changed & ~area.within(Window.of_shape(tissue.shape))).any()
    rows, columns = np.nonzero(changed)
    assert edit.window == (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    assert edit.pixels == changed.sum()
    np.testing.assert_array_equal(edit.before, before[edit.window.slices])
    np.testing.assert_array_equal(tissue, kept)


@pytest.mark.parametrize("name", TOOLS)
def test_the_canvas_beyond_does_not_matter(name: str, tissue: np.ndarray) -> None:
    larger = np.full((700, 900), EPITHELIUM, np.uint8)
    larger[:420, :420] = tissue
    area = lasso()
    small, large = TOOLS[name](tissue, area=area), TOOLS[name](larger, area=area)
    assert small.window == large.window
    np.testing.assert_array_equal(small.after, large.after)


@pytest.mark.parametrize("name", TOOLS)
def test_the_same_again_is_the_same(name: str, tissue: np.ndarray) -> None:
    first, second = TOOLS[name](tissue, area=lasso()), TOOLS[name](tissue.astype(np.int64), area=lasso())
    assert first.window == second.window
    np.testing.assert_array_equal(first.after, second.after)


@pytest.mark.parametrize("name", THREE)
@pytest.mark.parametrize("protected", ["background", "non-epithelium", "epithelium", "nuclei"])
def test_protected_classes_stay(name: str, protected: str, tissue: np.ndarray) -> None:
    edit = TOOLS[name](tissue, area=lasso(), protected=[protected])
    index = get_scheme("colon-3").index_of(protected)
    assert index not in edit.before[edit.changed]


@pytest.mark.parametrize("name", TOOLS)
def test_an_area_beside_the_canvas_changes_nothing(name: str, tissue: np.ndarray) -> None:
    edit = TOOLS[name](tissue, area=Area(Window(500, 520, 500, 520)))
    assert edit.window.is_empty
    assert edit.pixels == 0
    np.testing.assert_array_equal(edit.applied_to(tissue), tissue)


@pytest.mark.parametrize("name", ["dilate", "erode", "smooth", "desmoplasia", "clear_nuclei"])
def test_tiles_join_without_a_seam(name: str, tissue: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TOOLS[name](tissue)
    monkeypatch.setattr("napari_histosynth.paint.tools.workpiece._TILE", 64)
    tiled = TOOLS[name](tissue)
    assert whole.window == tiled.window
    np.testing.assert_array_equal(whole.after, tiled.after)


def test_an_edit_in_place_keeps_the_dtype() -> None:
    labels = np.full((20, 20), STROMA, np.int32)
    relabel(labels, [STROMA], EPITHELIUM, scheme="colon-3", area=Area(Window(2, 4, 3, 9))).write_to(labels)
    assert labels.dtype == np.int32
    assert (labels == EPITHELIUM).sum() == 12


def test_a_mask_of_the_canvas_is_an_area() -> None:
    mask = np.zeros((20, 30))
    mask[4:7, 5] = 0.5
    assert Area.of_mask(mask).window == (4, 7, 5, 6)


def test_a_lasso_holds_the_pixels_whose_middle_is_inside() -> None:
    area = Area.of_polygon([(1.5, 1.5), (1.5, 4.5), (3.5, 4.5), (3.5, 1.5)])
    expected = np.zeros((8, 8), bool)
    expected[2:4, 2:5] = True
    np.testing.assert_array_equal(area.within(Window(0, 8, 0, 8)), expected)


def test_areas_join() -> None:
    parts = [Area.of_disk((10, 10), 4), Area(Window(30, 35, 2, 8)), Area(Window(0, 0, 0, 0))]
    joined, whole = Area.of_any(parts), Window(0, 40, 0, 40)
    assert joined.window == (6, 35, 2, 15)
    np.testing.assert_array_equal(joined.within(whole), parts[0].within(whole) | parts[1].within(whole))
    assert Area.of_any([]).window.is_empty


def test_a_disk_may_reach_beyond_the_canvas() -> None:
    area = Area.of_disk((0, 0), 5).clip((20, 20))
    assert area.window == (0, 6, 0, 6)
    rows, columns = np.mgrid[:6, :6]
    np.testing.assert_array_equal(area.mask, np.hypot(rows, columns) <= 5)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: relabel(m[None], [1], 2, scheme="colon-3"), LabelMapError, "two dimensions"),
        (lambda m: relabel(m * 1.0, [1], 2, scheme="colon-3"), LabelMapError, "float"),
        (lambda m: relabel(m + 7, [1], 2, scheme="colon-3"), LabelMapError, "value 8 at row 0, column 0"),
        (lambda m: relabel(m, [9], 2, scheme="colon-3"), LabelMapError, "9 is no class"),
        (lambda m: relabel(m, ["fat"], 2, scheme="colon-3"), SchemeError, "fat"),
        (lambda m: relabel(m, [1], 2, scheme="colon-3", area=m[1:]), LabelMapError, "must agree"),
        (lambda m: dilate(m, 1, -3, um_per_px=1, scheme="colon-3"), LabelMapError, "um must be"),
        (lambda m: dilate(m, 1, 3, um_per_px=0, scheme="colon-3"), LabelMapError, "um_per_px"),
        (lambda m: desmoplasia(m, um_per_px=1, scheme="colon-3"), SchemeError, "colon-10"),
        (lambda m: scatter(m, um_per_px=1, scheme="colon-2"), SchemeError, "colon-3"),
        (lambda m: scatter(m, um_per_px=1, classes=["fat"]), SchemeError, "fat"),
        (lambda m: stamp_gland(m, (0, 0), um_per_px=1, gland="liver"), LabelMapError, "crypt, adenoma"),
        (lambda m: stamp_gland(m, (np.nan, 0), um_per_px=1), LabelMapError, "nan"),
        (lambda m: fill_with_glands(m, um_per_px=1, crowding=2), LabelMapError, "crowding"),
        (lambda m: Area.of_polygon([(0, 0), (1, 1)]), LabelMapError, "three or more"),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(
    call: Callable[[np.ndarray], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        call(np.ones((8, 8), np.uint8))
    text = str(raised.value)
    assert text.endswith(".")
    assert "\n" not in text
