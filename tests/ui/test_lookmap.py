"""Looks on the canvas in the window: whatever is placed, the picture is what the engine draws of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.io import read_image, read_labels, read_provenance
from napari_histosynth.paint.lookfile import LookPlan, NamedLook, read_look_plan
from napari_histosynth.paint.lookmap import Place
from napari_histosynth.paint.render import render_labels
from napari_histosynth.ui.layers import LOOKS_KEY
from napari_histosynth.ui.look import Look
from napari_histosynth.ui.save import file_names


@pytest.fixture
def mapper(painted: Any) -> Any:
    return painted.look_map


@pytest.fixture
def settle(painted: Any, qtbot: Any, wait: Any) -> Callable[[], None]:
    """Return a function that waits until all is drawn."""

    def wait_for_it() -> None:
        qtbot.wait(80)  # points are looked at every 30 ms
        wait(lambda: not painted.painter.is_drawing and not painted.painter.tasks.is_busy)

    return wait_for_it


def plan_of(mapper: Any) -> LookPlan:
    """Return what is laid out, as a plan, from the layers alone."""
    painter = mapper.painter
    places = []
    if mapper.points is not None:
        table = mapper.points.features
        for (y, x), look, radius, share in zip(
            mapper.points.data, table["look"], table["radius_um"], table["share"], strict=True
        ):
            places.append(Place(y, x, look, radius or None, share))
    regions = None if mapper.regions is None else np.array(mapper.regions.data)
    return LookPlan(
        painter.model.um_per_px, tuple(mapper.looks.entries), tuple(places), regions, mapper.width_um
    )


def assert_drawn(mapper: Any) -> None:
    """Check that the picture is a full rendering of what is laid out."""
    painter = mapper.painter
    look = painter.looks.present
    made = render_labels(
        painter.model,
        np.array(painter.stage.labels.data),
        seed=look.seed,
        latent_seed=look.latent_seed,
        looks=plan_of(mapper),
    )
    assert int(np.abs(painter.stage.pixels.astype(int) - made.image).max()) <= 1


def test_points_change_the_picture_as_they_come_move_and_go(mapper: Any, settle: Any) -> None:
    before = mapper.painter.stage.pixels.copy()
    mapper.looks.add_seed(5)
    mapper.looks.add_seed(6)
    mapper.set_width(40)
    mapper.place_points()
    mapper.points.add((80, 20))
    settle()
    assert (mapper.painter.stage.pixels != before).any()
    assert_drawn(mapper)
    mapper.choose(1)
    mapper.points.selected_data = set()
    mapper.points.add((80, 150))
    settle()
    assert list(mapper.points.features["look"]) == [2, 1]
    assert_drawn(mapper)
    mapper.points._move({1}, (40.0, 100.0))
    settle()
    assert_drawn(mapper)
    mapper.points.selected_data = {0}
    mapper.points.remove_selected()
    settle()
    assert_drawn(mapper)
    mapper.reset()
    settle()
    assert mapper.points is None
    np.testing.assert_allclose(mapper.painter.stage.pixels.astype(int), before, atol=1)


def test_new_points_carry_the_chosen_look_and_its_color(mapper: Any, settle: Any) -> None:
    mapper.looks.add_seed(5)
    mapper.place_points()
    mapper.points.add((10, 10))
    mapper.looks.add_seed(6)  # becomes the chosen one
    mapper.points.add((10, 60))
    mapper.choose(1)
    mapper.points.add((10, 90))
    settle()
    assert list(mapper.points.features["look"]) == [1, 2, 1], "a point keeps its look while more are placed"
    colors = mapper.points.face_color
    np.testing.assert_array_equal(colors[0], colors[2])
    assert (colors[0] != colors[1]).any()
    mapper.points.mode = "select"
    mapper.points.selected_data = {0, 2}
    mapper.choose(2)
    mapper.set_point(radius_um=20.0)
    settle()
    assert list(mapper.points.features["look"]) == [2, 2, 2]
    assert list(mapper.points.features["radius_um"]) == [20, 0, 20]
    assert_drawn(mapper)


def test_a_spot_redraws_its_surroundings_alone(mapper: Any, settle: Any, painted: Any) -> None:
    mapper.looks.add_seed(5)
    mapper.set_width(5)
    mapper.place_points()
    mapper.set_point(radius_um=10.0)
    before = mapper.painter.stage.pixels.copy()
    mapper.points.add((20, 20))
    settle()
    assert_drawn(mapper)
    changed = (mapper.painter.stage.pixels != before).any(axis=2)
    assert changed[:40, :40].any()
    assert not changed[:, 100:].any()


def test_regions_follow_strokes_undo_and_redo(mapper: Any, settle: Any) -> None:
    before = mapper.painter.stage.pixels.copy()
    mapper.looks.add_seed(5)
    mapper.set_width(20)
    mapper.paint_regions()
    mapper.regions.brush_size = 40
    mapper.regions.paint((60, 60), 1)
    settle()
    assert_drawn(mapper)
    painted = mapper.painter.stage.pixels.copy()
    assert (painted != before).any()
    mapper.regions.undo()
    settle()
    np.testing.assert_allclose(mapper.painter.stage.pixels.astype(int), before, atol=1)
    mapper.regions.redo()
    settle()
    np.testing.assert_allclose(mapper.painter.stage.pixels.astype(int), painted, atol=1)


def test_the_width_redraws_the_blend(mapper: Any, settle: Any) -> None:
    mapper.looks.add_seed(5)
    mapper.paint_regions()
    mapper.regions.data[:, 90:] = 1
    mapper.regions.refresh()
    settle()
    for width in (10, 60):
        mapper.set_width(width)
        settle()
        assert_drawn(mapper)


def test_strokes_of_tissue_and_a_new_seed_keep_the_looks(mapper: Any, settle: Any) -> None:
    mapper.looks.add_seed(5)
    mapper.paint_regions()
    mapper.regions.data[:, 90:] = 1
    mapper.regions.refresh()
    mapper.painter.stage.labels.paint((80, 90), 2)
    settle()
    assert_drawn(mapper)
    mapper.painter.new_look()
    settle()
    assert_drawn(mapper)


def test_removing_a_look_gives_its_places_back(mapper: Any, settle: Any) -> None:
    mapper.looks.add_seed(5)
    mapper.looks.add_seed(6)
    mapper.paint_regions()
    mapper.regions.data[:, 90:] = 2
    mapper.regions.data[:, :30] = 1
    mapper.regions.refresh()
    mapper.place_points()
    mapper.points.add((100, 60))
    settle()
    mapper.remove(1)
    settle()
    assert set(np.unique(mapper.regions.data)) == {0, 1}
    assert list(mapper.points.features["look"]) == [1]
    assert mapper.current == 1
    assert_drawn(mapper)


def test_removing_a_layer_takes_its_looks_off(mapper: Any, settle: Any) -> None:
    mapper.looks.add_seed(5)
    mapper.paint_regions()
    mapper.regions.data[:] = 1
    mapper.regions.refresh()
    settle()
    mapper.painter.viewer.layers.remove(mapper.regions)
    settle()
    assert mapper.regions is None
    assert_drawn(mapper)


def test_saved_looks_come_back_and_give_the_shells_pixels(
    mapper: Any, settle: Any, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    painter = mapper.painter
    mapper.looks.add_seed(5, "moderate")
    mapper.looks.add_seed(6, "poor")
    mapper.set_width(30)
    mapper.paint_regions()
    mapper.regions.data[:, 120:] = 1
    mapper.regions.refresh()
    mapper.place_points()
    mapper.set_point(radius_um=12.0, share=0.5)
    mapper.points.add((40, 40))
    settle()
    files = {"labels": tmp_path / "t_labels.png", "picture": tmp_path / "t_he.png"}
    painter.save(files)
    settle()
    plan = read_look_plan(tmp_path / "t_looks.json", painter.model)
    drawn = render_labels(
        painter.model,
        read_labels(tmp_path / "t_labels.png", painter.model.scheme),
        seed=painter.looks.present.seed,
        looks=plan,
    )
    assert int(np.abs(read_image(tmp_path / "t_he.png").astype(int) - drawn.image).max()) <= 1
    made = read_provenance(tmp_path / "t_he.png")
    assert made is not None
    assert made.extra["look_map"]["sha256"] == drawn.provenance.latent_sha256 == made.latent_sha256
    mapper.reset()
    settle()
    mapper.open(tmp_path / "t_looks.json")
    settle()
    assert [look.name for look in mapper.looks.entries] == ["moderate", "poor"]
    assert len(mapper.points.data) == 1
    assert_drawn(mapper)
    assert not [sentence for kind, sentence in said if kind == "error"]


def test_a_label_map_is_opened_with_the_looks_that_were_saved_with_it(
    painted: Any, mapper: Any, settle: Any, wait: Any, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    painter = mapper.painter
    painter.choose_look(Look(7, 3))
    mapper.looks.add_seed(5, "moderate")
    mapper.paint_regions()
    mapper.regions.data[:, 120:] = 1
    mapper.regions.refresh()
    mapper.place_points()
    mapper.points.add((40, 40))
    settle()
    files = file_names(tmp_path / "t", ["labels", "picture"])
    painter.save(files)
    settle()
    assert said[-1] == ("info", f"Saved t_labels.png, t_he.png, t_looks.json, t_looks.png in {tmp_path}.")
    regions, places = mapper.regions.data.copy(), painter.desk.placed.places
    painter.choose_look(Look(1, 3))
    mapper.reset()
    painted.opener.open_file(files["labels"])
    wait(lambda: len(mapper.looks) == 1)
    settle()
    assert mapper.looks.entries[0].name == "moderate"
    np.testing.assert_array_equal(mapper.regions.data, regions)
    assert painter.desk.placed.places == places
    assert painter.looks.present.latent_seed == 7
    assert painter.viewer.layers.selection.active is painter.stage.labels
    assert np.abs(painter.stage.pixels.astype(int) - read_image(files["picture"])).max() <= 1
    assert_drawn(mapper)


def test_a_label_map_that_napari_opened_brings_its_looks_when_it_is_painted_on(
    painted: Any, mapper: Any, settle: Any, wait: Any, tmp_path: Path
) -> None:
    painter = mapper.painter
    mapper.looks.add_seed(5, "moderate")
    mapper.place_points()
    mapper.points.add((40, 40))
    settle()
    files = file_names(tmp_path / "t", ["labels"])
    painter.save(files)
    settle()
    mapper.reset()
    (layer,) = painter.viewer.open(files["labels"], plugin="napari-histosynth")
    painter.viewer.layers.selection.active = layer
    painted.opener.use_selected_layer()
    wait(lambda: len(mapper.looks) == 1)
    settle()
    assert painter.stage.labels is layer
    assert len(painter.desk.placed.places) == 1
    assert LOOKS_KEY not in layer.metadata
    assert_drawn(mapper)


def test_looks_of_another_model_are_said_and_the_labels_open_without_them(
    painted: Any, mapper: Any, settle: Any, wait: Any, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    painter = mapper.painter
    files = file_names(tmp_path / "t", ["labels"])
    painter.save(files)
    settle()
    looks = {"format": "histosynth-looks-1", "model": "other", "model_sha256": "0" * 64}
    (tmp_path / "t_looks.json").write_text(json.dumps(looks))
    before = painter.stage
    painted.opener.open_file(files["labels"])
    wait(lambda: painter.stage is not before and any(kind == "error" for kind, _ in said))
    settle()
    assert "made for the model 'other'" in said[-1][1]
    assert mapper.is_plain


def test_looks_of_another_model_are_refused(
    mapper: Any, settle: Any, tmp_path: Path, said: list[tuple[str, str]]
) -> None:
    (tmp_path / "looks.json").write_text(
        '{"format": "histosynth-looks-1", "model": "other", "model_sha256": "' + "0" * 64 + '"}'
    )
    mapper.open(tmp_path / "looks.json")
    settle()
    assert said[-1][0] == "error"
    assert "made for the model 'other'" in said[-1][1]


def test_another_model_draws_the_seeds_anew_and_says_what_it_cannot(
    mapper: Any, settle: Any, wait: Any, said: list[tuple[str, str]]
) -> None:
    painter = mapper.painter
    mapper.looks.add_seed(5)
    mapper.looks._add(NamedLook(np.ones(4, np.float32), "slide 7", None, "slide 7"))
    painter.choose_model("tiny-2")
    wait(lambda: painter.model.name == "tiny-2")
    settle()
    np.testing.assert_array_equal(mapper.looks.entries[0].latent, painter.model.sample_latent(5))
    assert any("slide 7" in sentence for kind, sentence in said if kind == "warning")


def test_a_new_canvas_starts_without_places(mapper: Any, settle: Any) -> None:
    mapper.looks.add_seed(5)
    mapper.paint_regions()
    mapper.regions.data[:] = 1
    mapper.regions.refresh()
    mapper.place_points()
    mapper.points.add((10, 10))
    settle()
    mapper.painter.new_canvas(np.full((96, 64), 1, np.uint8))
    settle()
    assert mapper.is_plain
    assert mapper.regions is None
    assert mapper.points is None
    assert len(mapper.looks) == 1
    assert_drawn(mapper)


def test_the_panel_shows_the_looks_and_switches_to_the_overlay(painted: Any, mapper: Any) -> None:
    from napari_histosynth.ui.lookmappanel import LookMapPanel

    panel = painted.findChild(LookMapPanel)
    assert not panel.reset.isEnabled()
    mapper.looks.add_seed(5, "moderate")
    mapper.looks.add_seed(6)
    assert [panel.list.item(row).text() for row in range(panel.list.count())] == ["moderate", "seed 6"]
    panel.list.setCurrentRow(0)
    assert mapper.current == 1
    panel.points.click()
    assert painted.overlay.isChecked()
    assert mapper.points.mode == "add"
    panel.list.item(1).setText("poor")
    assert mapper.looks.entries[1].name == "poor"
    panel.remove.click()
    assert [look.name for look in mapper.looks.entries] == ["poor"]


def test_every_widget_of_the_panel_has_a_hint(painted: Any) -> None:
    from qtpy.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox

    from napari_histosynth.ui.lookmappanel import LookMapPanel

    panel = painted.findChild(LookMapPanel)
    for kind in (QAbstractButton, QAbstractSpinBox, QAbstractSlider):
        for widget in panel.findChildren(kind):
            if widget.objectName().startswith(("look-", "add-", "remove-", "open-", "save-", "reset-")):
                assert widget.toolTip(), widget.objectName()
