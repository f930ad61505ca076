"""The dock "Synthetic slide": drawn where one looks, its map, its folder, its neighbors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF

from napari_histosynth.core.errors import ModelError, SaveError
from napari_histosynth.core.tiles import Window
from napari_histosynth.io import read_image, read_provenance
from napari_histosynth.slide.levels import TILE, level_shape
from napari_histosynth.slide.overlay import Patch
from napari_histosynth.ui import lazylayer
from napari_histosynth.ui.lazydrawer import Sight
from napari_histosynth.ui.slidedrawer import SlideDrawer
from napari_histosynth.ui.slidelevels import Rest, SlideLevels

_spec = spec_from_file_location("slidefake", Path(__file__).with_name("slidefake.py"))
assert _spec is not None
assert _spec.loader is not None
_fakes = module_from_spec(_spec)
_spec.loader.exec_module(_fakes)
FakeSlide, gray = _fakes.FakeSlide, _fakes.gray


@pytest.fixture(autouse=True)
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what napari would show."""
    sentences: list[str] = []
    from napari_histosynth.ui import slide

    monkeypatch.setattr(slide, "show_error", sentences.append)
    return sentences


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let slides be fakes; returns those that were asked for."""
    asked: list[Any] = []
    from napari_histosynth.ui import slideform, slidework

    def new_slide(recipe: Any, layout: Any, tell: Any, is_cancelled: Any) -> SlideLevels:
        asked.append((recipe, layout))
        if recipe.seed == 13:
            raise ModelError("The model has no such setting.")
        return SlideLevels(FakeSlide(recipe.size, 0.002, recipe.seed))

    monkeypatch.setattr(slidework, "new_slide", new_slide)
    monkeypatch.setattr(slideform, "slide_cards", lambda: {"fake": None})
    return asked


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def slicing(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Run with napari's asynchronous slicing off and on."""
    from napari.settings import get_settings

    settings = get_settings().experimental
    before, settings.async_ = settings.async_, request.param
    yield request.param
    settings.async_ = before


@pytest.fixture
def dock(make_napari_viewer: Callable[..., Any]) -> Iterator[Any]:
    from napari_histosynth.ui.slide import SlideDock

    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1000, 700)
    dock = SlideDock(viewer)
    viewer.window.add_dock_widget(dock, name="Synthetic slide", area="right")
    yield dock
    dock.shut_down()


@pytest.fixture
def begun(dock: Any, wait: Any) -> Any:
    """Return the dock with a slide of 3 mm by 2 mm, drawn as it opens."""
    begin(dock, wait)
    return dock


def begin(dock: Any, wait: Any, seed: int = 7, size: tuple[float, float] = (2.0, 3.0)) -> None:
    dock.form.seed.setValue(seed)
    dock.form.height_mm.setValue(size[0])
    dock.form.width_mm.setValue(size[1])
    dock.form.go.click()
    wait(lambda: not dock.desk.job.is_busy)
    wait(
        lambda: dock.desk.shown is None or (dock.desk.shown.share == 1 and not dock.desk.shown.drawer.is_busy)
    )


def look_at(dock: Any, y: float, x: float, zoom: float) -> None:
    """Look at a place in pixels of level 0, one of which takes ``zoom`` on the screen."""
    dock.desk.shown.go_to(y, x)
    dock.viewer.scene.camera.zoom = zoom / 0.5


def test_a_slide_opens_drawn_as_it_is_seen(dock: Any, wait: Any, engine: list[Any], slicing: bool) -> None:
    begin(dock, wait)
    shown, slide = dock.desk.shown, dock.desk.levels.slide
    assert engine[0][0].size == (4000, 6000)
    assert shown.layer in dock.viewer.layers
    assert shown.layer.metadata["histosynth"]["provenance"]["synthetic"] is True
    np.testing.assert_allclose(shown.layer.scale, 0.5)
    assert shown.level > 1
    assert {level for level, *_ in slide.order} <= set(range(shown.level - 1, 9)), "nothing finer is drawn"
    assert slide.threads == {False}, "nothing is drawn on the main thread"
    seen = np.asarray(shown.layer.data[shown.level][200:210, 300:310])
    assert (seen == gray(shown.level)).all()


def test_detail_comes_where_one_looks_the_middle_first(begun: Any, wait: Any, slicing: bool) -> None:
    shown, slide = begun.desk.shown, begun.desk.levels.slide
    slide.order.clear()
    look_at(begun, 2000, 3000, 1)
    wait(lambda: shown.level == 0 and shown.share == 1 and not shown.drawer.is_busy)
    fine = [place for place in slide.order if place[0] == 0]
    assert fine[0] in [(0, row, column) for row in (7, 8) for column in (11, 12)], "2000 / 256, 3000 / 256"
    away = [abs(row + 0.5 - 2000 / 256) + abs(column + 0.5 - 3000 / 256) for _, row, column in fine]
    assert np.mean(away[:6]) < np.mean(away[-6:])
    inside = shown.in_sight().grow(512)
    assert all(shown.levels.window(place).intersect(inside).area for place in fine), (
        "what is out of sight waits"
    )
    levels = [place[0] for place in slide.order]
    after = [level for level in levels[levels.index(0) :] if level]
    assert len(after) < 2, "two are drawn at once: the first of the next beside the last"


def test_what_left_the_view_is_not_drawn(begun: Any, wait: Any, qtbot: Any) -> None:
    shown, slide = begun.desk.shown, begun.desk.levels.slide
    slide.seconds = 0.05
    look_at(begun, 300, 300, 1)
    wait(lambda: any(place[0] == 0 for place in slide.order))
    look_at(begun, 3700, 5700, 1)
    wait(lambda: shown.share == 1 and not shown.drawer.is_busy)
    first = [place for place in slide.order if place[0] == 0 and place[1] < 5]
    assert len(first) < 9, "of some 12 in sight there"


def test_reads_return_at_once_and_are_never_blank(begun: Any) -> None:
    levels = begun.desk.levels
    levels.slide.seconds = 10.0
    pixels = np.asarray(begun.desk.shown.layer.data[0][1000:1300, 1000:1300])
    assert pixels.shape == (300, 300, 3)
    assert set(np.unique(pixels)) <= {gray(level) for level in range(9)}


def test_what_is_enlarged_is_enlarged_once_until_something_finer_is_there() -> None:
    slide = FakeSlide()
    levels = SlideLevels(slide)
    glanced: list[Any] = []
    glance = slide.glance
    slide.glance = lambda level, window: glanced.append(level) or glance(level, window)
    window = Window(100, 900, 200, 1500)
    before = levels.read(0, window)
    assert (before == gray(8)).all()
    count = len(glanced)
    np.testing.assert_array_equal(levels.read(0, window), before)
    assert len(glanced) == count
    slide.tile(4, 0, 0)
    assert (levels.read(0, window) == gray(4)).all()


class Outpainted(FakeSlide):  # type: ignore[misc, valid-type]
    """A slide whose tiles of odd rows and columns are drawn after their neighbors, as diffusion's are."""

    def tiles_needed(self, level: int, row: int, col: int) -> list[tuple[int, int, int]]:
        needed = super().tiles_needed(level, row, col)
        if level in (0, 2) and row % 2 and col % 2:
            rows, cols = (-(-side // TILE) for side in level_shape(self.size, level))
            beside = [(level, row + down, col + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
            needed += [one for one in beside if one != (level, row, col) and one[1] < rows and one[2] < cols]
        return needed


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_what_is_left_to_draw_is_all_ready_and_leaves_nothing_out(at_once: int) -> None:
    slide = Outpainted((1300, 2100), at_once=at_once)
    levels = SlideLevels(slide)
    rest = Rest(levels)
    at_work: list[Any] = []
    while not rest.is_done:
        while len(at_work) < at_once and (tile := rest.next(at_work)):
            assert tile not in at_work
            assert not slide.has(*tile)
            assert all(slide.has(*need) for need in slide.tiles_needed(*tile))
            at_work.append(tile)
        if at_work:
            slide.tile(*at_work.pop(0))
    assert all(slide.has(*tile) for tile in levels.everything())
    assert len(slide.order) == len(set(slide.order))


def test_while_one_tile_is_drawn_the_next_that_does_not_need_it_is_begun() -> None:
    slide = FakeSlide((4096, 8192))
    levels = SlideLevels(slide)
    sight = Sight(Window(500, 900, 3500, 4600), 2)
    first = levels.next_for(sight)
    assert first == (6, 0, 0)
    assert levels.next_for(sight, {first}) is None, "all else needs it"
    slide.tile(*first)
    coarse = [levels.next_for(sight), levels.next_for(sight, {levels.next_for(sight)})]
    assert coarse == [(4, 0, 0), (4, 0, 1)]
    slide.tile(*coarse[0])
    assert levels.next_for(sight, {coarse[1]}) == (2, 0, 3), "beneath the one that is there"
    assert levels.next_for(sight) == coarse[1], "but coarse ones come first"


def test_two_tiles_are_drawn_at_once_and_nobody_waits_for_both(qtbot: Any) -> None:
    slide = FakeSlide((1024, 2048), at_once=2)
    drawer = SlideDrawer(SlideLevels(slide))
    both, slow = threading.Barrier(2, timeout=20), threading.Event()
    draw = slide.tile

    def tile(level: int, row: int, col: int) -> Any:
        if (level, row, col) in ((0, 0, 0), (0, 0, 1)):
            both.wait()
        if (level, row, col) == (0, 0, 1):
            assert slow.wait(20)
        drawn = draw(level, row, col)
        if (level, row, col) == (0, 3, 7):
            slow.set()
        return drawn

    slide.tile = tile
    errors: list[str] = []
    drawer.failed.connect(errors.append)
    with qtbot.waitSignal(drawer.rested, timeout=30_000):
        drawer.draw_all(True)
    assert not errors
    assert slide.order[-1] == (0, 0, 1), "all others were drawn meanwhile"
    assert not drawer.is_busy
    assert not drawer.is_drawing_all


def test_frames_that_take_long_leave_time_to_draw_and_the_last_is_shown(
    begun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = begun.desk.shown
    shown._ticks.stop()
    shown._probe.stop()
    shown._pause_until, now, frames = 0.0, [1000.0], []
    monkeypatch.setattr(lazylayer, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(shown.layer, "refresh", lambda **_: frames.append(now[0]))

    def tick(at: float, seconds: float = 0.0) -> list[float]:
        """Land a tile and look; the frame, if there is one, takes so long."""
        now[0] = at
        shown._on_landed()
        before = len(frames)
        shown._tick()
        shown._probe.stop()
        if len(frames) > before:
            now[0] = at + seconds + 0.03
            shown._on_frame()
        return frames

    assert tick(1000.0, 0.1) == [1000.0]
    assert tick(1000.2) == [1000.0], "three times as long"
    assert tick(1000.5, 9.0) == [1000.0, 1000.5]
    assert tick(1009.6) == [1000.0, 1000.5]
    assert tick(1010.0) == [1000.0, 1000.5, 1010.0], "but not for ever"
    assert tick(1010.12) == [1000.0, 1000.5, 1010.0, 1010.12], "quick ones come at each look"
    tick(1011.0, 9.0)
    now[0] = 1020.1
    shown._on_rested()
    assert frames[-1] == 1020.1


def test_an_error_stops_drawing_in_one_sentence_and_looking_elsewhere_tries_again(
    begun: Any, wait: Any, errors: list[str]
) -> None:
    shown, slide = begun.desk.shown, begun.desk.levels.slide
    slide.error = SaveError("The disk is full.")
    look_at(begun, 300, 300, 1)
    wait(lambda: errors == ["The disk is full."] and not shown.drawer.is_busy)
    assert begun.status.text() == "The disk is full."
    slide.error = None
    look_at(begun, 3000, 3000, 1)
    wait(lambda: shown.share == 1 and shown.level == 0)
    assert len(errors) == 1


def test_a_slide_that_cannot_be_begun_leaves_the_one_before(begun: Any, wait: Any, errors: list[str]) -> None:
    before = begun.desk.shown
    begin(begun, wait, seed=13)
    assert begun.desk.shown is before
    assert before.layer in begun.viewer.layers
    assert errors == ["The model has no such setting."]


def test_a_new_slide_takes_the_place_of_the_old_one_unless_that_holds_unkept_paint(
    begun: Any, wait: Any
) -> None:
    first = begun.desk.shown.layer
    begin(begun, wait, seed=8)
    assert [layer.name for layer in begun.viewer.layers] == ["Slide 8"]
    assert first not in begun.viewer.layers
    begun.desk.paint(patch())
    second = begun.desk.shown.layer
    begin(begun, wait, seed=9)
    assert second in begun.viewer.layers
    assert not second.visible
    assert "stays" in begun.status.text()


def test_deleting_the_layer_ends_the_drawing(begun: Any, wait: Any) -> None:
    shown = begun.desk.shown
    begun.viewer.layers.remove(shown.layer)
    assert begun.desk.shown is None
    assert not begun.stain.isEnabled()
    wait(lambda: not shown.drawer.is_busy)
    begin(begun, wait, seed=9)
    assert begun.desk.shown is not None


def test_a_dock_that_opens_later_goes_on_with_the_slide(begun: Any, wait: Any) -> None:
    from napari_histosynth.ui.slide import SlideDock

    second = SlideDock(begun.viewer)
    assert second.desk.shown is None, "the slide has a dock"
    begun.shut_down()
    third = SlideDock(begun.viewer)
    assert third.desk.shown.layer is begun.viewer.layers[0]
    look_at(third, 300, 300, 1)
    wait(lambda: third.desk.shown.level == 0 and third.desk.shown.share == 1)
    for one in (second, third):
        one.shut_down()


# ---- all of it


def test_what_memory_does_not_hold_is_drawn_whole_only_where_it_is_kept(begun: Any) -> None:
    asked = []
    begun.desk.levels.shapes[0] = (9000, 9000)
    begun.drawn._keep = lambda: bool(asked.append("where"))
    begun.drawn.all.click()
    assert asked == ["where"]
    assert not begun.desk.shown.drawer.is_drawing_all


def test_a_kept_slide_is_drawn_to_the_end(begun: Any, wait: Any, tmp_path: Path) -> None:
    panel, desk = begun.drawn, begun.desk
    panel._keep = lambda: desk.keep(tmp_path / "slide.ome.zarr")
    desk.levels.slide.seconds = 0.0
    there = {place for place in desk.levels.everything() if desk.levels.slide.has(*place)}
    desk.levels.shapes[0] = (9000, 9000)  # for a moment
    assert desk.must_be_kept
    panel.all.click()
    desk.levels.shapes[0] = (4000, 6000)
    wait(lambda: desk.shown.drawer.is_drawing_all)
    assert there <= set(desk.store.tiles), "what was drawn before is kept, too"
    panel.show_now()
    assert panel.all.text() == "Pause"
    panel.all.click()
    wait(lambda: not desk.shown.drawer.is_busy)
    assert not desk.levels.done[0].all()
    assert panel.all.text().startswith("Draw ")
    panel.all.click()
    wait(lambda: bool(desk.levels.done[0].all()) and not desk.shown.drawer.is_busy)
    panel.show_now()
    assert panel.all_line.text() == "All of it is drawn"
    assert not panel.all.isEnabled()
    assert "Kept in slide.ome.zarr" in begun.form.kept.text()


def test_the_time_left_counts_tissue_by_its_own_pace(begun: Any) -> None:
    drawer, levels = begun.desk.shown.drawer, begun.desk.levels
    drawer._tissue = {level: levels.tissue(level) for level in levels.done}
    drawer._seconds = {True: 2.0, False: 0.01}
    for level, done in levels.done.items():
        done[:] = level > 0
    rows, columns = levels.grid(0)
    tissue = int(levels.tissue(0).sum())
    assert tissue in range(rows * columns // 2, rows * columns // 2 + 2 * columns), "the upper half is tissue"
    assert drawer.seconds_left() == pytest.approx(2.0 * tissue + 0.01 * (rows * columns - tissue))


# ---- the map


def test_the_map_shows_what_is_drawn_and_a_click_goes_there(begun: Any, wait: Any, mouse: Any) -> None:
    from napari_histosynth.ui.slidemap import map_of

    slide_map, shown = begun.map, begun.desk.shown
    before = map_of(shown.levels)
    look_at(begun, 400, 500, 1)
    wait(lambda: shown.level == 0 and shown.share == 1)
    after = map_of(shown.levels)
    changed = (before != after).any(axis=2)
    assert changed[400 // 256, 500 // 256]
    assert not changed[12:, 18:].any()
    frame = slide_map._frame(shown.levels)
    at = QPointF(frame.left() + 0.75 * frame.width(), frame.top() + 0.25 * frame.height())
    mouse.click(slide_map, at)
    middle = begun.viewer.scene.camera.center[-2:]
    np.testing.assert_allclose(middle, (0.25 * 4000 * 0.5, 0.75 * 6000 * 0.5), rtol=0.02)
    wait(lambda: abs(slide_map.rectangle().center().x() - at.x()) < 3)
    assert abs(slide_map.rectangle().center().y() - at.y()) < 3


# ---- painted fields


def patch(value: int = 5, corner: tuple[int, int] = (256, 512)) -> Patch:
    return Patch.of(np.full((256, 512, 3), value, np.uint8), corner, np.ones((256, 512), np.float32))


def test_what_is_painted_is_seen_at_once_on_all_levels_and_can_be_taken_back(begun: Any) -> None:
    data = begun.desk.shown.layer.data
    before = [np.array(data[level][256 >> level, 512 >> level]) for level in range(9)]
    begun.desk.paint(patch())
    assert [int(data[level][256 >> level, 512 >> level][0]) for level in range(9)] == [5] * 9
    assert begun.paint.undo.isEnabled()
    begun.paint.undo.click()
    for level in range(9):
        np.testing.assert_array_equal(data[level][256 >> level, 512 >> level], before[level])
    assert not begun.paint.undo.isEnabled()


def test_who_needs_the_slide_as_it_is_has_it_drawn(begun: Any) -> None:
    from napari_histosynth.ui.hepicture import he_of_layer
    from napari_histosynth.ui.slidefield import slide_of
    from napari_histosynth.ui.stainsource import source_of

    begun.desk.paint(patch())
    layer = begun.desk.shown.layer
    field = np.s_[3000:3020, 2000:2050]
    source = source_of(layer, 0.5)
    assert source.seen_at((500, 750), Window(400, 410, 0, 10)) is not None
    assert not begun.desk.levels.slide.has(0, 3000 // 256, 2000 // 256), "a glance draws nothing"
    for levels in (he_of_layer(layer).levels, slide_of(layer).opened.levels, source.levels):
        np.testing.assert_array_equal(levels[0][field], np.full((20, 50, 3), gray(0)))
        assert (np.asarray(levels[0][300:310, 600:610]) == 5).all(), "with what was painted"


def test_a_field_goes_to_the_canvas_and_what_was_edited_comes_back(
    begun: Any, wait: Any, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    from napari_histosynth.core.tissue import get_scheme
    from napari_histosynth.ui import fromhe

    class Segmenter:
        um_per_px, scheme = 0.5, get_scheme("colon-3")

        def segment(self, pixels: Any, um: float, window: Window, **_: Any) -> np.ndarray:
            assert (np.asarray(pixels[window.slices]) == gray(0)).all(), "drawn, not a glance"
            return np.ones(window.shape, np.uint8)

    monkeypatch.setattr(fromhe, "load_segmenter_cached", Segmenter)
    monkeypatch.setattr(fromhe, "_look_of", lambda *_: None)
    monkeypatch.setattr(fromhe, "show_info", lambda _: None)
    begun.paint.back.click()
    assert "send a field" in errors.pop()
    look_at(begun, 2000, 3000, 1)
    wait(lambda: begun.desk.shown.level == 0)
    begun.paint.side.setCurrentIndex(0)
    begun.paint.send.click()
    from napari_histosynth.ui.painters import painter_of

    wait(lambda: begun.paint._sent is not None)
    painter = painter_of(begun.viewer)
    wait(lambda: painter.stage is not None and not painter.is_drawing)
    begun.paint.back.click()
    wait(lambda: not begun.paint.job.is_busy)
    assert "Nothing was edited" in errors.pop()
    labels = painter.stage.labels
    y, x = (side // 2 for side in labels.data.shape)
    labels.data[y - 20 : y + 20, x - 20 : x + 20] = 2
    labels.refresh()
    wait(lambda: not painter.is_drawing)
    begun.paint.back.click()
    wait(lambda: len(begun.desk.levels.overlay) == 1)
    shown = begun.desk.levels.draw(0, Window(1700, 2300, 2700, 3300))
    changed = (shown != gray(0)).any(axis=2)
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    for where, middle in ((rows, 300), (columns, 300)):
        assert abs((where.min() + where.max()) / 2 - middle) < 6, "where it came from"
        assert where.max() - where.min() < 40 * 0.62 / 0.5 + 2 * 48 + 4, "only around what was edited"
    drawn = painter.stage.pixels[y, x]
    np.testing.assert_allclose(shown[300, 300], drawn, atol=12)


# ---- layouts


def test_a_layout_is_painted_and_used(dock: Any, wait: Any, engine: list[Any]) -> None:
    dock.form.height_mm.setValue(2.0)
    dock.form.width_mm.setValue(3.0)
    panel = dock.layout_panel
    assert not panel.use.isEnabled()
    panel.fresh.click()
    wait(lambda: not panel.job.is_busy and panel.layer.count() == 1)
    layer = panel.layer.currentData()
    assert layer.data.shape == (63, 94)
    np.testing.assert_allclose(layer.scale, 32)
    np.testing.assert_allclose(layer.translate, 15.75, err_msg="corner on corner")
    assert layer.mode == "paint"
    layer.paint((10, 20), 3)
    painted = np.array(layer.data)
    assert (painted == 3).any()
    panel.use.click()
    wait(lambda: dock.desk.shown is not None)
    recipe, layout = engine[0]
    assert recipe.size == (63 * 64, 94 * 64)
    np.testing.assert_array_equal(layout, painted)
    assert not layer.visible


# ---- files


def test_the_view_is_saved_drawn_to_the_end(begun: Any, wait: Any, tmp_path: Path) -> None:
    look_at(begun, 2000, 3000, 1)
    wait(lambda: begun.desk.shown.level == 0)
    path = tmp_path / "view.png"
    begun.save.save_view(path)
    wait(lambda: not begun.save.job.is_busy)
    assert "Saved view.png" in begun.save.status.text()
    pixels = read_image(path)
    assert (pixels == gray(0)).all()
    made = read_provenance(path)
    assert made is not None
    canvas = begun.viewer.window._qt_viewer.canvas.native
    assert abs(pixels.shape[0] - canvas.height()) < 4, "one pixel of the slide is one of the screen"
    assert (made.synthetic, made.seed, made.size, made.um_per_px) == (True, 7, pixels.shape[:2], 0.5)
    assert made.extra["level"] == 0


# ---- the dock


def test_the_dock_is_offered_in_the_menu() -> None:
    from npe2 import PluginManifest

    import napari_histosynth

    manifest = PluginManifest.from_file(Path(napari_histosynth.__file__).with_name("napari.yaml"))
    widgets = {widget.display_name: widget.command for widget in manifest.contributions.widgets or ()}
    commands = {command.id: command.python_name for command in manifest.contributions.commands or ()}
    assert commands[widgets["Synthetic slide"]] == "napari_histosynth.ui.slide:SlideDock"


def test_everything_has_a_hint_and_a_name(dock: Any) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QPushButton

    for kind in (QAbstractSpinBox, QCheckBox, QComboBox, QPushButton):
        for widget in dock.findChildren(kind):
            if widget.objectName().startswith("slide"):
                assert widget.toolTip(), widget.objectName()
                assert widget.accessibleName() or getattr(widget, "text", str)(), widget.objectName()


def test_the_dice_takes_another_seed(dock: Any) -> None:
    seen = set()
    for _ in range(5):
        dock.form.dice.click()
        seen.add(dock.form.recipe.seed)
    assert len(seen) > 1
