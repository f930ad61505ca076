from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label, regionprops

from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.paint.nuclei import scatter_nuclei
from napari_histosynth.paint.surroundings import Surroundings

SCHEME = get_scheme("colon-3")
BACKGROUND, STROMA, EPITHELIUM, NUCLEI = (
    SCHEME.index_of(name) for name in ("background", "non-epithelium", "epithelium", "nuclei")
)
UM = 0.62
APART = {"spacing": 1.3, "irregularity": 0.0}  # nuclei that do not touch can be counted and measured


def slab(height_um: float = 30.0, shape: tuple[int, int] = (256, 400), um_per_px: float = UM) -> np.ndarray:
    """Stroma below, a layer of epithelium, lumen above."""
    labels = np.full(shape, STROMA, np.uint8)
    middle, high = shape[0] // 2, round(height_um / um_per_px)
    labels[:middle] = EPITHELIUM
    labels[: middle - high] = BACKGROUND
    return labels


def depths_um(labels: np.ndarray, um_per_px: float = UM) -> np.ndarray:
    """Distance of nuclear pixels in the slab's epithelium from the stroma."""
    rows = np.nonzero(labels == NUCLEI)[0]
    return (labels.shape[0] // 2 - 0.5 - rows) * um_per_px


def tilt(region: object) -> float:
    """Angle of a region's long axis from the x axis towards the y axis, radians."""
    return float(np.pi / 2 - region.orientation)  # type: ignore[attr-defined]


def long_regions(labels: np.ndarray) -> list:
    regions = regionprops(label(labels == NUCLEI))
    return [region for region in regions if region.area > 20 and region.eccentricity > 0.7]


def test_only_epithelium_and_stroma_change_and_only_into_nuclei():
    before = slab()
    after = scatter_nuclei(before, um_per_px=UM)
    changed = before != after
    assert changed.mean() > 0.1
    assert set(np.unique(after[changed])) == {NUCLEI}
    assert not (changed & (before == BACKGROUND)).any()


def test_input_stays_as_it_was():
    labels = slab()
    kept = labels.copy()
    scatter_nuclei(labels, um_per_px=UM)
    np.testing.assert_array_equal(labels, kept)


def test_a_seed_decides_the_arrangement():
    labels = slab()
    first = scatter_nuclei(labels, um_per_px=UM, seed=-3)
    np.testing.assert_array_equal(first, scatter_nuclei(labels, um_per_px=UM, seed=-3))
    assert (first != scatter_nuclei(labels, um_per_px=UM, seed=4)).any()


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.uint8])
def test_any_integer_dtype_comes_back_as_uint8(dtype):
    labels = slab(shape=(64, 64))
    found = scatter_nuclei(labels.astype(dtype), um_per_px=UM)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, scatter_nuclei(labels, um_per_px=UM))


def test_density_counts_nuclei_per_square_millimeter():
    labels = np.full((600, 800), STROMA, np.uint8)
    found = scatter_nuclei(labels, um_per_px=UM, stroma_density=2000.0, **APART)
    _, count = ndimage.label(found == NUCLEI, np.ones((3, 3)))
    assert count == pytest.approx(2000.0 * labels.size * UM**2 * 1e-6, rel=0.05)


def test_density_zero_leaves_a_class_alone():
    before = slab()
    after = scatter_nuclei(before, um_per_px=UM, epithelium_density=0.0)
    assert (after[before == EPITHELIUM] == EPITHELIUM).all()
    assert (after[before == STROMA] == NUCLEI).any()


@pytest.mark.parametrize("um_per_px", [0.25, 0.62, 1.0])
def test_round_cells_have_the_area_of_six_micrometers_at_any_scale(um_per_px):
    shape = (round(260 / um_per_px), round(260 / um_per_px))
    labels = np.full(shape, STROMA, np.uint8)
    found = scatter_nuclei(labels, um_per_px=um_per_px, inflammation=1.0, stroma_density=3000.0, **APART)
    inner = [r.area for r in regionprops(label(found == NUCLEI)) if r.bbox[0] > 0 and r.bbox[1] > 0]
    assert np.median(inner) * um_per_px**2 == pytest.approx(np.pi / 4 * 6.0**2, rel=0.15)


def test_epithelial_nuclei_have_the_size_asked_for():
    found = scatter_nuclei(slab(), um_per_px=UM, stroma_density=0.0, epithelium_size=(12.0, 6.0), **APART)
    regions = regionprops(label(found == NUCLEI))
    assert np.median([r.axis_major_length for r in regions]) * UM == pytest.approx(12.0, rel=0.12)
    assert np.median([r.axis_minor_length for r in regions]) * UM == pytest.approx(6.0, rel=0.12)


def test_without_stratification_nuclei_stand_in_a_basal_row():
    found = scatter_nuclei(slab(40.0), um_per_px=UM, stroma_density=0.0, stratification=0.0)
    depths = depths_um(found)
    assert depths.size > 1000
    assert np.percentile(depths, 99) < 15.0


def test_with_full_stratification_nuclei_reach_the_upper_third():
    found = scatter_nuclei(slab(40.0), um_per_px=UM, stroma_density=0.0, stratification=1.0)
    assert (depths_um(found) > 27.0).mean() > 0.1


def test_epithelial_nuclei_stand_upright_on_the_stroma():
    found = scatter_nuclei(
        slab(), um_per_px=UM, stroma_density=0.0, stratification=0.2, epithelium_size=(12.0, 5.0), **APART
    )
    uprightness = [abs(np.sin(tilt(region))) for region in long_regions(found)]
    assert len(uprightness) > 20
    assert np.median(uprightness) > np.cos(np.radians(20))


def test_a_cleft_around_a_gland_does_not_turn_its_cells_upside_down():
    y, x = np.mgrid[:300, :300] - 150
    radius = np.hypot(y, x) * UM
    labels = np.full(radius.shape, STROMA, np.uint8)
    labels[radius < 66] = BACKGROUND  # stroma torn off all around by 6 um
    labels[radius < 60] = EPITHELIUM
    labels[radius < 30] = BACKGROUND
    found = scatter_nuclei(labels, um_per_px=UM, stroma_density=0.0, stratification=0.1)
    assert np.median(radius[found == NUCLEI]) > 50.0


def test_a_thick_sheet_without_lumen_has_nuclei_everywhere():
    labels = np.full((400, 400), EPITHELIUM, np.uint8)
    labels[:20] = STROMA
    found = scatter_nuclei(labels, um_per_px=UM, stroma_density=0.0)
    share = (found == NUCLEI)[100:].reshape(3, 100, 4, 100).mean(axis=(1, 3))
    assert share.min() > 0.15


def test_spindles_lie_along_a_gland_near_it():
    labels = np.full((300, 500), STROMA, np.uint8)
    labels[120:180] = EPITHELIUM
    found = scatter_nuclei(
        labels, um_per_px=UM, epithelium_density=0.0, inflammation=0.0, fiber_angle=np.pi / 2, **APART
    )
    near = [r for r in long_regions(found) if 100 < r.centroid[0] < 200]
    assert len(near) > 10
    assert np.median([abs(np.cos(tilt(region))) for region in near]) > np.cos(np.radians(30))


@pytest.mark.parametrize("angle", [0.0, 0.8, 1.6])
def test_spindles_follow_the_fibers_far_from_glands(angle):
    labels = np.full((1000, 1000), STROMA, np.uint8)
    found = scatter_nuclei(
        labels, um_per_px=UM, inflammation=0.0, stroma_density=2500.0, fiber_angle=angle, **APART
    )
    twice = np.exp(2j * np.array([tilt(region) for region in long_regions(found)])).mean()
    off = np.angle(twice * np.exp(-2j * angle)) / 2
    assert abs(off) < np.radians(25)
    assert abs(twice) > 0.3


def test_inflammation_makes_cells_rounder():
    labels = np.full((400, 400), STROMA, np.uint8)

    def eccentricity(inflammation: float) -> float:
        found = scatter_nuclei(labels, um_per_px=UM, inflammation=inflammation, **APART)
        return float(np.median([r.eccentricity for r in regionprops(label(found == NUCLEI))]))

    assert eccentricity(1.0) < 0.75 < 0.85 < eccentricity(0.0)


def test_an_area_confines_every_change():
    labels = slab()
    area = np.zeros(labels.shape, bool)
    area[60:200, 100:250] = True
    found = scatter_nuclei(labels, um_per_px=UM, area=area)
    changed = found != labels
    assert changed[area].any()
    assert not changed[~area].any()


def test_nuclei_in_an_area_stand_as_they_would_on_the_whole_map():
    labels = slab(40.0, shape=(256, 1200))
    area = np.zeros(labels.shape, bool)
    area[:, 500:700] = True
    found = scatter_nuclei(labels, um_per_px=UM, area=area, stroma_density=0.0, stratification=0.0)
    assert np.percentile(depths_um(found), 99) < 15.0


def test_an_empty_area_changes_nothing():
    labels = slab()
    np.testing.assert_array_equal(scatter_nuclei(labels, um_per_px=UM, area=np.zeros(labels.shape)), labels)


def test_nuclei_that_are_there_stay_and_new_ones_keep_off():
    labels = np.full((200, 200), STROMA, np.uint8)
    labels[80:120, 80:120] = NUCLEI
    found = scatter_nuclei(labels, um_per_px=UM, **APART)
    assert (found[80:120, 80:120] == NUCLEI).all()
    rim = ndimage.binary_dilation(labels == NUCLEI, iterations=1) & (labels != NUCLEI)
    assert (found[rim] == NUCLEI).mean() < 0.2


def test_other_class_numbers_may_be_named():
    labels = np.zeros((120, 120), np.uint8)
    found = scatter_nuclei(labels, um_per_px=UM, stroma=0, epithelium=1, nuclei=2)
    assert set(np.unique(found)) == {0, 2}


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (2, 3), (64, 64), (65, 131)])
@pytest.mark.parametrize("value", [BACKGROUND, STROMA, EPITHELIUM, NUCLEI])
@pytest.mark.parametrize("um_per_px", [0.2, 5.0])
def test_maps_of_any_size_and_single_class_are_drawn(shape, value, um_per_px):
    labels = np.full(shape, value, np.uint8)
    found = scatter_nuclei(labels, um_per_px=um_per_px)
    assert found.shape == shape
    if value in (BACKGROUND, NUCLEI):
        np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"um_per_px": 0.0}, "um_per_px"),
        ({"um_per_px": float("nan")}, "um_per_px"),
        ({"epithelium_density": -1.0}, "epithelium_density"),
        ({"stroma_size": (0.0, 4.0)}, "stroma_size"),
        ({"stratification": 1.5}, "1.5"),
        ({"inflammation": -0.1}, "inflammation"),
        ({"spacing": 0.0}, "spacing"),
        ({"area": np.ones((3, 3))}, r"\(3, 3\)"),
        ({"nuclei": 9}, "9"),
        ({"nuclei": 2}, "different"),
    ],
)
def test_a_value_out_of_range_is_named(arguments, named):
    with pytest.raises(LabelMapError, match=named):
        scatter_nuclei(slab(shape=(32, 32)), **{"um_per_px": UM, **arguments})


@pytest.mark.parametrize(
    "labels", [np.zeros((4, 4), np.float32), np.zeros((2, 4, 4), np.uint8), np.full((4, 4), 7)]
)
def test_what_is_no_label_map_is_refused(labels):
    with pytest.raises(LabelMapError):
        scatter_nuclei(labels, um_per_px=UM)


def test_a_scheme_without_nuclei_is_refused():
    with pytest.raises(SchemeError, match="nuclei"):
        scatter_nuclei(slab(shape=(32, 32)), um_per_px=UM, scheme="colon-2")


def test_fibers_go_on_from_window_to_window_of_a_canvas():
    canvas = np.full((500, 1600), STROMA, np.uint8)
    fiber = Surroundings.measure(canvas, UM, epithelium=EPITHELIUM, stroma=STROMA, nuclei=NUCLEI, seed=5)

    def off(origin: tuple[int, int] | None) -> float:
        """Return how far spindles of the canvas's right part lie off its fibers, in radians."""
        found = scatter_nuclei(
            canvas[:, 1100:],
            um_per_px=UM,
            seed=5,
            inflammation=0.0,
            stroma_density=2500.0,
            origin=origin,
            **APART,
        )
        twice = []
        for region in long_regions(found):
            y, x = (np.array([at]) for at in region.centroid)
            along = fiber.at(fiber.fiber, y, x + 1100)[0]
            twice.append(np.exp(2j * (tilt(region) - along)))
        return float(abs(np.angle(np.mean(twice))) / 2)

    assert off((0, 1100)) < 0.1
    assert off(None) > 0.2


def test_windows_of_a_canvas_have_arrangements_of_their_own():
    labels = np.full((200, 200), STROMA, np.uint8)
    one, other = (scatter_nuclei(labels, um_per_px=UM, origin=(0, x)) for x in (0, 200))
    assert (one != other).any()


def test_middles_keep_to_their_part_and_nuclei_reach_beyond_it():
    labels = np.full((200, 200), STROMA, np.uint8)
    middles = np.zeros((200, 200), bool)
    middles[:, :100] = True
    found = scatter_nuclei(labels, um_per_px=UM, middles=middles, **APART) == NUCLEI
    assert found[:, 100:].any()
    assert all(region.centroid[1] < 101 for region in regionprops(label(found)))
