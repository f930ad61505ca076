"""The controller of the grade slider: where it leads, what the canvas takes on, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError, SaveError
from napari_histosynth.latent.anchors import Anchor, Anchors
from napari_histosynth.latent.known import keep_anchor, user_anchors_path
from napari_histosynth.paint.canvas import Canvas

STYLES = {"healthy": [0, 0, 0, 1], "moderate": [2, 0, 0, 1], "poor": [4, 2, 0, 1]}
GRADES = {"healthy": 0.0, "moderate": 0.6, "poor": 1.0}


@pytest.fixture
def places(model: Any) -> None:
    """Keep three named places for the tiny model."""
    for name, style in STYLES.items():
        keep_anchor(model, Anchor(name, np.array(style, np.float32), grade=GRADES[name]))


@pytest.fixture
def desk(places: None, painted: Any) -> Any:
    from napari_histosynth.ui.gradedesk import GradeDesk

    return GradeDesk(painted.painter)


def assert_drawn(desk: Any, latent: Any) -> None:
    """Check that the picture is that of the labels in a latent."""
    painter = desk.painter
    canvas = Canvas(painter.model, np.array(painter.stage.labels.data), latent=latent, seed=0)
    assert int(np.abs(painter.stage.pixels.astype(int) - canvas.render()).max()) <= 1


def test_the_way_leads_from_the_lowest_grade_to_the_highest_and_leaves_the_canvas(desk: Any) -> None:
    assert desk.anchors.names == list(STYLES)
    assert desk.ends == ("healthy", "poor")
    assert not desk.is_on_canvas
    np.testing.assert_allclose(desk.latent(0.5), [2, 1, 0, 1])
    np.testing.assert_allclose(desk.latents([-0.25, 1.25]), [[-1, -0.5, 0, 1], [5, 2.5, 0, 1]])
    assert desk.caption(0) == "healthy"
    assert desk.caption(0.25) == "25% from healthy to poor"


def test_the_canvas_takes_on_the_share_and_back_returns(desk: Any, settle: Callable[[], None]) -> None:
    before = desk.painter.stage.pixels.copy()
    desk.set_share(1)
    settle()
    assert_drawn(desk, STYLES["poor"])
    desk.set_share(0.5)
    settle()
    assert_drawn(desk, [2, 1, 0, 1])
    desk.painter.look_back()
    settle()
    assert desk.share == 1
    assert_drawn(desk, STYLES["poor"])
    desk.painter.look_back()
    settle()
    np.testing.assert_allclose(desk.painter.stage.pixels.astype(int), before, atol=1)


def test_dragging_is_one_step_back_and_ends_in_a_full_picture(
    desk: Any, settle: Callable[[], None], qtbot: Any
) -> None:
    with qtbot.waitSignal(desk.painter.previewed, timeout=60_000):
        desk.set_share(0.2, dragging=True)
    desk.set_share(0.4, dragging=True)
    desk.set_share(0.7, dragging=True)
    assert not desk.painter.looks.can_go_back
    desk.set_share(0.7)
    settle()
    assert_drawn(desk, desk.latent(0.7))
    desk.painter.look_back()
    assert not desk.painter.looks.can_go_back


def test_a_preview_is_mixed_of_the_looks_around_it(desk: Any) -> None:
    from napari_histosynth.ui.gradeblend import blend_for

    model = desk.painter.model
    for share, shares in ((0.3, (0.0, 0.5)), (0.5, (0.0, 0.5)), (1.25, (1.0, 1.25)), (-0.1, (-0.25, 0.0))):
        desk.share = share
        parts = blend_for(desk, None, None)
        styles = [look.latent(model) for _, look in parts]
        np.testing.assert_allclose(styles, desk.latents(shares))
        mixed = sum(weight * style for (weight, _), style in zip(parts, styles, strict=True))
        np.testing.assert_allclose(mixed, desk.latent(), atol=1e-6)
    corners = blend_for(desk, (("healthy", "poor"), (0.25, 0.75)), None)
    assert [weight for weight, _ in corners] == [0.25, 0.75]
    np.testing.assert_array_equal(corners[1][1].latent(model), STYLES["poor"])
    desk.strengths = {1: 0.25}
    (none_of_it, without), (some, whole) = blend_for(desk, None, 1)
    assert (none_of_it, some) == (0.75, 0.25)
    assert without.given.strengths[1] == 0
    assert whole.given.strengths == ()


def test_other_ends_are_followed_once_the_canvas_is_on_the_way(desk: Any, settle: Any) -> None:
    desk.set_ends("poor", "healthy")
    assert not desk.is_on_canvas
    desk.set_share(0)
    desk.set_ends("mod", "poor")
    settle()
    assert desk.ends == ("moderate", "poor")
    assert_drawn(desk, STYLES["moderate"])
    with pytest.raises(ModelError, match="'bad'"):
        desk.set_ends("bad", "poor")


def test_the_step_is_applied_to_another_style(desk: Any, settle: Any) -> None:
    desk.carry([1, 1, 1, 1], "mine")
    desk.set_share(0.5)
    settle()
    assert_drawn(desk, [3, 2, 1, 1])
    assert desk.caption() == "mine, +50% of healthy to poor"
    desk.carry(None)
    settle()
    assert_drawn(desk, [2, 1, 0, 1])


def test_going_to_a_style_is_exactly_that_style(desk: Any, settle: Any) -> None:
    desk.set_share(0.8)
    desk.go_to([1, 1, 1, 1], "mine")
    settle()
    assert (desk.share, desk.caption()) == (0, "mine")
    assert_drawn(desk, [1, 1, 1, 1])


@pytest.mark.parametrize("bad", [[1, 2], [1, 2, 3, np.nan]])
def test_what_is_no_style_of_the_model_is_refused(desk: Any, bad: list[float]) -> None:
    with pytest.raises(ModelError, match="4 finite numbers"):
        desk.carry(bad, "bad")
    assert desk.carried is None


def test_a_style_that_another_dock_gave_is_gone_on_from(desk: Any, settle: Any) -> None:
    from napari_histosynth.ui.look import GivenStyle, Look

    desk.set_share(0.8)
    given = GivenStyle.of(desk.painter.model, [1, 1, 1, 1], name="theirs")
    desk.painter.choose_look(Look(0, 0, given))
    assert (desk.share, desk.caption()) == (0, "theirs")
    desk.set_share(0.5)
    settle()
    assert_drawn(desk, [3, 2, 1, 1])


def test_a_mixture_lies_between_its_places_and_the_slider_leaves_it(desk: Any, settle: Any) -> None:
    desk.mix(["healthy", "moderate", "poor"], [2, 1, 1])
    settle()
    assert_drawn(desk, [1.5, 0.5, 0, 1])
    assert desk.caption() == "50% healthy, 25% moderate, 25% poor"
    desk.set_share(1)
    settle()
    assert_drawn(desk, STYLES["poor"])


def test_a_class_of_strength_0_stays_at_the_beginning(desk: Any, settle: Any) -> None:
    desk.set_share(1)
    desk.set_strength(1, 0.0)  # all is stroma
    settle()
    assert_drawn(desk, STYLES["healthy"])
    desk.painter.stage.labels.data_setitem(
        tuple(index.ravel() for index in np.mgrid[60:100, 60:100]), 2, refresh=True
    )
    settle()
    picture = desk.painter.stage.pixels
    labels = np.array(desk.painter.stage.labels.data)
    look = desk.painter.looks.present
    whole = desk.painter.desk.canvas(desk.painter.model, look, labels).render()
    assert int(np.abs(picture.astype(int) - whole).max()) <= 1
    desk.set_strength(1, 1.0)
    settle()
    assert_drawn(desk, STYLES["poor"])


def test_strengths_by_class_are_saved_drawn_again_and_opened_again(
    desk: Any, painted: Any, settle: Any, tmp_path: Path, wait: Any
) -> None:
    from napari_histosynth.io import read_image
    from napari_histosynth.paint.lookfile import read_look_plan
    from napari_histosynth.paint.render import render_labels
    from napari_histosynth.ui.look import Look
    from napari_histosynth.ui.save import file_names

    painter = desk.painter
    painter.stage.labels.data[:, 100:] = 2
    painter.stage.labels.refresh()
    desk.set_share(1)
    desk.set_strengths({1: 0.25, 0: 0.5})
    settle()
    painter.save(file_names(tmp_path / "a"))
    wait(lambda: (tmp_path / "a_looks.json").exists())
    saved = read_image(tmp_path / "a_he.png").astype(int)
    plan = read_look_plan(tmp_path / "a_looks.json", painter.model)
    drawn = render_labels(painter.model, np.array(painter.stage.labels.data), seed=0, looks=plan)
    assert int(np.abs(saved - drawn.image).max()) <= 1
    painter.choose_look(Look(3, 0))
    settle()
    assert desk.strengths == {0: 0.5, 1: 0.25}, "of the way that one would go back to"
    desk.set_strengths({})
    desk._left.clear()  # as in another session: nothing is known of the way
    painted.look_map.open(tmp_path / "a_looks.json")
    wait(lambda: desk.strengths == {0: 0.5, 1: 0.25})
    settle()
    assert int(np.abs(painter.stage.pixels.astype(int) - saved).max()) <= 1
    assert (desk.share, desk.caption()) == (0, "poor")
    desk.set_strength(0, 1.0)  # no glass is on the canvas: the beginning is still the file's
    settle()
    assert int(np.abs(painter.stage.pixels.astype(int) - saved).max()) <= 1


def test_a_place_is_kept_named_and_saved(desk: Any, tmp_path: Path, model: Any) -> None:
    desk.set_share(0.5)
    changed: list[int] = []
    desk.anchors_changed.connect(lambda: changed.append(1))
    desk.add_anchor(desk.here("mine"))
    assert desk.anchors.names[-1] == "mine"
    assert changed == [1]
    np.testing.assert_allclose(desk.anchors["mine"].style, [2, 1, 0, 1])
    desk.save_anchors(tmp_path / "places.json")
    user_anchors_path(model).unlink()
    desk.open_anchors(tmp_path / "places.json")
    assert user_anchors_path(model).exists()
    with pytest.raises(SaveError, match="Cannot write"):
        desk.save_anchors(tmp_path / "nowhere" / "places.json")


def test_places_of_other_weights_are_refused_with_one_sentence(desk: Any, tmp_path: Path) -> None:
    path = tmp_path / "others.json"
    Anchors("other", "f" * 64, tuple(desk.anchors)).write(path)
    with pytest.raises(ModelError, match=r"belong to 'other' ffffffffffff, not to 'tiny'"):
        desk.open_anchors(path)


def test_damaged_places_are_told_in_one_sentence_and_there_are_none(painted: Any, model: Any) -> None:
    from napari_histosynth.ui.gradedesk import GradeDesk

    path = user_anchors_path(model)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    told: list[str] = []
    painted.painter.failed.connect(told.append)
    desk = GradeDesk(painted.painter)
    assert len(desk.anchors) == 0
    assert len(told) == 1
    assert "damaged" in told[0]
    desk.set_share(0.5)
    assert not desk.is_on_canvas, "there is no way to go"


def test_another_model_has_its_own_places_and_the_style_is_dropped(desk: Any, wait: Any) -> None:
    desk.set_share(1)
    desk.painter.choose_model("tiny-2")
    wait(lambda: desk.painter.model.name == "tiny-2")
    assert desk.anchors.model == "tiny-2"
    assert len(desk.anchors) == 0
    assert desk.painter.looks.present.given is None
    assert desk.way() is None


def test_what_is_saved_says_the_latent(desk: Any, settle: Any, tmp_path: Path, wait: Any) -> None:
    from napari_histosynth.io import read_provenance
    from napari_histosynth.ui.save import file_names

    desk.set_share(0.5)
    desk.painter.save(file_names(tmp_path / "a"))
    wait(lambda: (tmp_path / "a_looks.json").exists())
    made = read_provenance(tmp_path / "a_he.png")
    assert made.latent_seed is None
    np.testing.assert_allclose(made.extra["latent"], [2, 1, 0, 1])
    assert made.extra["latent_name"] == "50% from healthy to poor"
    own = json.loads((tmp_path / "a_looks.json").read_text())["own"]
    assert own["latent"] == [2, 1, 0, 1]
