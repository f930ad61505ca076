"""The dock "Virtual stain": which nuclei are positive, and the count of nuclei with its layers and files."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.stain.findnuclei import Nuclei
from napari_histosynth.stain.heatmap import HeatMap, HotSpot
from napari_histosynth.ui.staincount import heat_of, in_words
from napari_histosynth.ui.staincountlayers import CountLayers
from napari_histosynth.ui.stainsteering import Asked, AskedSteering, mask_of_layer

GLASS, BLUE, BROWN = (238, 232, 236), (120, 110, 170), (110, 66, 40)


@pytest.fixture(scope="module")
def stain_models(tmp_path_factory: pytest.TempPathFactory, model_folders: Path) -> Path:
    """Return a folder of the tiny models that paint, and of one that stains and can be steered."""
    import torch

    from napari_histosynth.stain.network import build_stain_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    folder = tmp_path_factory.mktemp("stains") / "models"
    shutil.copytree(model_folders, folder)
    torch.manual_seed(1)
    shape = {"widths": [8, 16], "blocks": 1, "steering": 3}
    generator = build_stain_generator("compact", **shape)
    tensors = {f"forward.{key}": value for key, value in generator.state_dict().items()}
    card = ModelCard(
        name="tiny-stain", system="stain", preset="compact", latent_size=0, stains=("H&E", "Ki-67"),
        um_per_px=0.5, architecture=shape,
    )  # fmt: skip
    write_folder(folder / "tiny-stain", card, tensors)
    return folder


@pytest.fixture
def dock(stain_models: Path, viewer: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from napari_histosynth.ui import stainmodels
    from napari_histosynth.ui.stain import StainDock

    monkeypatch.setenv("HISTOSYNTH_MODELS", str(stain_models))
    monkeypatch.setattr(stainmodels, "FAVORITE", "tiny-stain")
    dock = StainDock(viewer)
    dock.which.way.setCurrentIndex(0)  # the network decides, as the translators of the tests do
    viewer.window.add_dock_widget(dock, name="Virtual stain", area="right")
    yield dock
    dock.shut_down()


@pytest.fixture
def rest(dock: Any, wait: Any) -> Callable[[], None]:
    def rested() -> bool:
        painter = dock.desk.painter
        return not dock.desk.is_drawing and not (painter is not None and painter.is_drawing)

    return lambda: wait(rested)


def nuclei_at(shape: tuple[int, int], step: int = 40) -> list[tuple[int, int]]:
    """Return places of nuclei on a grid."""
    return [(y, x) for y in range(step // 2, shape[0], step) for x in range(step // 2, shape[1], step)]


def field(colors: list[tuple[int, int, int]], shape: tuple[int, int], radius: int = 8) -> np.ndarray:
    """Return a picture of disks on a grid, in colors that repeat, uint8 (y, x, 3)."""
    from scipy import ndimage

    rng = np.random.default_rng(3)
    rgb = np.full((*shape, 3), GLASS, np.float64)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for number, (cy, cx) in enumerate(nuclei_at(shape)):
        rgb[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = colors[number % len(colors)]
    rgb = ndimage.gaussian_filter(rgb, (0.8, 0.8, 0))
    return np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def counted(dock: Any, viewer: Any, wait: Any) -> Any:
    """Return the panel after a picture with a quarter of positive nuclei was counted."""
    picture = field([BROWN, BLUE, BLUE, BLUE], (320, 400))
    layer = viewer.add_image(
        picture, rgb=True, scale=(0.5, 0.5), units=("um", "um"), name="ki67", translate=(9, 5)
    )
    dock.choice.choose(layer)
    dock.count.list_pictures()
    dock.count.part.setCurrentIndex(1)
    dock.count.go.click()
    wait(lambda: not dock.count.job.is_busy)
    assert dock.count.counted is not None, dock.count.status.text()
    return dock.count


def test_positive_and_negative_nuclei_are_points_where_they_lie(counted: Any, viewer: Any) -> None:
    points = counted.layers.points
    places = np.array(nuclei_at((320, 400)), float)
    assert len(points.data) == len(places) == 80
    nearest = np.linalg.norm(points.data[:, None] - places[None], axis=2).min(1)
    assert nearest.max() < 1.5
    np.testing.assert_array_equal(points.translate, (9, 5))
    np.testing.assert_array_equal(points.scale, (0.5, 0.5))
    assert counted.counted.count.positive == 20
    red = points.face_color[:, 0] > points.face_color[:, 2]
    np.testing.assert_array_equal(red, counted.counted.count.nuclei.positive)
    assert counted.status.text().startswith(
        "Index 25.0% (95 % interval 16.8% to 35.5%): 20 positive, 60 negative"
    )
    assert "in 0.032 mm², 2,500 per mm²" in counted.status.text()


def test_the_points_follow_the_threshold_at_once(counted: Any) -> None:
    points = counted.layers.points
    for threshold, positive in ((3.0, 0), (0.0, 80), (0.4, 20)):
        counted.threshold.setValue(threshold)
        red = int((points.face_color[:, 0] > points.face_color[:, 2]).sum())
        assert red == counted.counted.count.positive
        if threshold != 0.0:  # noise makes some blue nuclei a little brown, others not at all
            assert red == positive
        assert f"{red} positive" in counted.status.text()
    assert points is counted.layers.points
    counted.slide.setValue(900)
    assert counted.counted.count.threshold == 0.9
    counted.threshold.setValue(0.25)
    assert counted.slide.value() == 250


def test_the_count_is_saved_as_table_and_for_qupath(counted: Any, wait: Any, tmp_path: Path) -> None:
    for name in ("nuclei.csv", "nuclei.geojson"):
        counted.save_to(tmp_path / name)
        wait(lambda: not counted.job.is_busy)
        assert f"Saved {name} in {tmp_path}." in counted.status.text()
    rows = list(csv.DictReader((tmp_path / "nuclei.csv").read_text().splitlines()))
    assert len(rows) == 80
    assert sum(row["class"] == "Positive" for row in rows) == 20
    features = json.loads((tmp_path / "nuclei.geojson").read_text())["features"]
    assert {feature["geometry"]["type"] for feature in features} == {"Polygon"}


def test_a_failed_count_leaves_the_one_before(
    counted: Any, dock: Any, viewer: Any, wait: Any, tmp_path: Path
) -> None:
    before = counted.counted
    viewer.add_image(field([BLUE], (80, 80)), rgb=True, name="unscaled")
    counted.list_pictures()
    counted.picture.setCurrentText("unscaled")
    counted.go.click()
    wait(lambda: not counted.job.is_busy)
    assert (
        counted.status.text()
        == '"unscaled" does not say its scale; choose it as the picture above, and set it there.'
    )
    assert counted.counted is before
    counted.save_to(tmp_path / "no" / "where.csv")
    wait(lambda: not counted.job.is_busy)
    assert "where.csv" in counted.status.text()


def test_only_what_is_in_sight_is_counted(dock: Any, viewer: Any, wait: Any, monkeypatch: Any) -> None:
    from napari_histosynth.core.tiles import Window

    layer = viewer.add_image(field([BROWN, BLUE], (400, 400)), rgb=True, scale=(0.5, 0.5), units=("um", "um"))
    dock.choice.choose(layer)
    dock.count.list_pictures()
    monkeypatch.setattr(
        "napari_histosynth.ui.staincount.window_in_sight", lambda _: Window(200, 400, 80, 400)
    )
    dock.count.go.click()
    wait(lambda: not dock.count.job.is_busy)
    found = dock.count.counted
    assert found.count.total == 5 * 8
    assert found.count.nuclei.y.min() > 200
    assert found.count.area_mm2 == pytest.approx(200 * 320 * 0.25e-6)


def test_a_stained_picture_is_counted_as_drawn(dock: Any, viewer: Any, rest: Any, wait: Any) -> None:
    picture = field([(96, 66, 150)], (320, 400))
    layer = viewer.add_image(picture, rgb=True, scale=(0.5, 0.5), units=("um", "um"), name="he")
    dock.which.way.setCurrentIndex(1)
    dock.which.share.setValue(40)
    dock.choice.choose(layer)
    dock.choice.go.click()
    rest()
    assert dock.desk.steering.index == 0.4
    assert dock.count.picture.currentText() == "Ki-67 of he"
    dock.count.part.setCurrentIndex(1)
    dock.count.go.click()
    wait(lambda: not dock.count.job.is_busy)
    if dock.count.counted.count.total:  # random weights draw what they draw
        assert "Asked for 40.0%, counted" in dock.count.status.text()
    assert dock.count.counted.asked == 0.4


# ---- which nuclei are positive


class Model:
    """As much of a model as steering needs."""

    um_per_px = 0.5


HE = field([(96, 66, 150)], (320, 400))


def test_a_share_is_met_exactly() -> None:
    steering = AskedSteering(Asked("share", 0.25, seed=4), HE, 0.5, Model())
    assert steering.index == pytest.approx(0.25, abs=0.01)
    assert steering.renew() == [], "the same picture gives the same nuclei"


def test_painted_nuclei_are_positive_in_labels_and_shapes(viewer: Any) -> None:
    source = viewer.add_image(HE, rgb=True, scale=(0.5, 0.5), translate=(3, 4))
    painted = np.zeros((160, 200), np.uint8)
    painted[:80] = 1
    labels = viewer.add_labels(painted, scale=(1, 1), translate=(3.25, 4.25))
    box = np.array([[0, 0], [0, 400], [160, 400], [160, 0]]) - 0.5
    shapes = viewer.add_shapes([box], shape_type="polygon", scale=(0.5, 0.5), translate=(3, 4))
    for layer in (labels, shapes):
        mask = mask_of_layer(layer, source, (320, 400))
        assert mask((320, 400))[:160].all()
        assert not mask((320, 400))[160:].any()
        assert AskedSteering(Asked("painted", mask=mask), HE, 0.5, Model()).index == pytest.approx(
            0.5, abs=0.02
        )


def test_classes_have_shares_of_their_own() -> None:
    from napari_histosynth.core.tissue import get_scheme

    scheme = get_scheme("colon-2")
    labels = np.full((320, 400), scheme.index_of("epithelium"), np.uint8)
    labels[:, 200:] = scheme.index_of("non-epithelium")
    shares = {scheme.index_of("epithelium"): 1.0}
    asked = Asked("classes", shares=shares, labels=lambda: labels, scheme=scheme)
    steering = AskedSteering(asked, HE, 0.5, Model())
    assert steering.index == pytest.approx(0.5, abs=0.02)
    labels[:160, 200:] = scheme.index_of("epithelium")
    windows = steering.renew()
    assert steering.index == pytest.approx(0.75, abs=0.02)
    assert min(window.x0 for window in windows) >= 120, "only there it makes a difference"


def test_a_slide_is_steered_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_histosynth.core.errors import ImageError
    from napari_histosynth.stain.asked import IndexSteering
    from napari_histosynth.ui import stainsteering

    monkeypatch.setattr(stainsteering, "MOST_AT_ONCE", 1000)
    steering = AskedSteering(Asked("share", 0.3), HE, 0.5, Model())
    assert isinstance(steering._inner, IndexSteering)
    assert steering.index == 0.3
    with pytest.raises(ImageError, match="give a share of all instead"):
        AskedSteering(Asked("painted"), HE, 0.5, Model())


def test_what_is_asked_for_is_that_of_the_boxes(dock: Any, open_dock: Any, rest: Any) -> None:
    painter = open_dock().painter
    painter.new_canvas(np.full((160, 192), 1, np.uint8))
    rest()
    dock.choice.choose(painter.stage.picture)
    dock.which.way.setCurrentIndex(2)
    dock.which.epithelium.setValue(60)
    asked = dock.which.asked()
    assert asked.way == "classes"
    assert asked.labels is not None
    assert asked.labels() is painter.stage.labels.data
    scheme = painter.model.scheme
    assert asked.shares[scheme.index_of("epithelium")] == 0.6
    assert asked.shares[scheme.index_of("non-epithelium")] == 0.05
    assert dock.which.seed.isVisibleTo(dock.which)
    assert not dock.which.painted.isVisibleTo(dock.which)


def test_a_steered_canvas_keeps_its_share_when_it_is_painted_on(
    dock: Any, open_dock: Any, rest: Any, wait: Any
) -> None:
    painter = open_dock().painter
    labels = np.full((160, 192), 1, np.uint8)
    for y, x in nuclei_at((160, 192)):
        labels[y - 5 : y + 6, x - 5 : x + 6] = 3
    assert painter.model.scheme.names[3] == "nuclei"
    painter.new_canvas(labels)
    rest()
    dock.choice.choose(painter.stage.picture)
    dock.which.way.setCurrentIndex(1)
    dock.which.share.setValue(50)
    dock.choice.go.click()
    rest()
    steering = dock.desk.steering
    assert steering.index == pytest.approx(0.5, abs=0.05)
    layer = painter.stage.labels
    layer.selected_label = 1
    layer.fill((20, 20), 1)  # a nucleus goes
    layer.refresh()
    rest()
    wait(lambda: not dock.desk.is_drawing and steering._inner.total == len(nuclei_at((160, 192))) - 1)
    assert steering.index == pytest.approx(0.5, abs=0.06)


# ---- heat map


def scattered(positive_from: float) -> Nuclei:
    """Return 2,000 nuclei on 2,600 px at 0.5 um per px, positive right of a column."""
    rng = np.random.default_rng(1)
    y, x = rng.uniform(0, 2600, (2, 2000)).astype(np.float32)
    ones = np.ones(2000, np.float32)
    return Nuclei(y, x, 50 * ones, ones, ones, x > positive_from, 0.5)


class Count:
    """As much of a count as a heat map needs."""

    um_per_px, nuclei = 0.5, scattered(1300)


def test_large_pictures_have_a_heat_map_and_a_hot_spot() -> None:
    from napari_histosynth.core.tiles import Window

    assert heat_of(Count(), Window(0, 1000, 0, 2600)) is None
    heat = heat_of(Count(), Window(0, 2600, 0, 2600))
    assert heat is not None
    assert heat.hot_spot is not None
    assert heat.hot_spot.x > 1300
    assert heat.index[:, -1].min() > 0.9


def test_the_heat_map_lies_over_the_picture(viewer: Any) -> None:
    index = np.array([[0.1, 0.5], [np.nan, 0.2]], np.float32)
    heat = HeatMap(index, np.full((2, 2), 50, np.int32), 100.0, HotSpot(90.0, 110.0, 40.0, 5, 10, 1.0))
    layers = CountLayers(viewer)
    layers.show_heat(heat, {"scale": np.array([0.5, 0.5]), "translate": np.array([10.0, 20.0])}, "slide")
    # middles of the cells of 50 um, the first of which begins half a pixel above and left of (10, 20)
    np.testing.assert_allclose(layers.heat.extent.world, [[34.75, 44.75], [84.75, 94.75]])
    box = layers.spot.data[0]
    np.testing.assert_allclose([box.min(0), box.max(0)], [[49.5, 69.5], [129.5, 149.5]])
    layers.clear()
    assert len(viewer.layers) == 0


def test_a_count_is_told_in_words(counted: Any) -> None:
    from dataclasses import replace

    text = in_words(replace(counted.counted, asked=0.3))
    assert text.endswith("Asked for 30.0%, counted 25.0%.")
    count = counted.counted.count
    empty = replace(count, nuclei=count.nuclei.where(np.zeros(80, bool)))
    none = replace(counted.counted, count=empty)
    assert in_words(none) == "No nuclei were found in ki67: is it stained with hematoxylin and DAB?"
