"""The canvas: any window cut gives the same pixels; edits stay local; bad input is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_histosynth.core.errors import Cancelled, DeviceError, LabelMapError, ModelError
from napari_histosynth.core.mirror import mirrored
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.drawing import PaperDrawer
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.paper import PaperGenerator
from napari_histosynth.zoo import ModelCard, write_folder


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> PaintModel:
    """SHI-GAN's architecture, 16 channels wide, 64 px instead of 512."""
    torch.manual_seed(0)
    shape = {"width": 16, "hidden": 4, "start": 1}
    generator = PaperGenerator(4, 8, **shape)
    card = ModelCard(
        name="paper", system="shi-gan", preset="paper", scheme="prostate-3", um_per_px=1, latent_size=8,
        architecture=shape,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "paper"
    write_folder(folder, card, {f"generator.{k}": v for k, v in generator.state_dict().items()})
    return load_model(folder, device="cpu", precision="fp32")


def _labels(shape: tuple[int, int] = (150, 201), seed: int = 0) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 4, (shape[0] // 7 + 1, shape[1] // 7 + 1), np.uint8)
    return blocks.repeat(7, 0).repeat(7, 1)[: shape[0], : shape[1]].copy()


@pytest.fixture(scope="module")
def whole(model: PaintModel) -> np.ndarray:
    return Canvas(model, _labels(), seed=3).render()


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a.astype(int) - b).max() <= 1)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(y=st.integers(0, 149), x=st.integers(0, 200), height=st.integers(1, 150), width=st.integers(1, 201))
def test_any_window_equals_the_crop_of_the_whole(
    model: PaintModel, whole: np.ndarray, y: int, x: int, height: int, width: int
) -> None:
    window = Window(y, min(y + height, 150), x, min(x + width, 201))
    assert _close(Canvas(model, _labels(), seed=3).render(window), whole[window.slices])


@pytest.mark.parametrize("tile", [64, 100])
def test_the_size_of_tiles_does_not_show(model: PaintModel, whole: np.ndarray, tile: int) -> None:
    assert _close(Canvas(model, _labels(), seed=3, tile=tile).render(), whole)


def test_the_picture_is_not_flat(whole: np.ndarray) -> None:
    assert whole.std() > 5


def test_same_inputs_give_the_same_bytes(model: PaintModel, whole: np.ndarray) -> None:
    np.testing.assert_array_equal(Canvas(model, _labels(), seed=3).render(), whole)


def test_seed_and_latent_seed_are_separate_handles(model: PaintModel, whole: np.ndarray) -> None:
    other_noise = Canvas(model, _labels(), seed=4, latent_seed=3).render()
    other_look = Canvas(model, _labels(), seed=3, latent_seed=4).render()
    same = Canvas(model, _labels(), seed=3, latent_seed=3).render()
    assert (other_noise != whole).any()
    assert (other_look != whole).any()
    assert (other_look != other_noise).any()
    np.testing.assert_array_equal(same, whole)


def test_redrawing_what_an_edit_affects_equals_redrawing_everything(
    model: PaintModel, whole: np.ndarray
) -> None:
    labels = _labels()
    canvas = Canvas(model, labels, seed=3)
    edit = Window(60, 64, 190, 199)
    labels[edit.slices] = (labels[edit.slices] + 1) % 4
    touched = canvas.affected(edit)
    patched = whole.copy()
    patched[touched.slices] = canvas.render(touched)
    again = canvas.render()
    assert _close(patched, again)
    assert (again != whole).any()


def test_affected_window_is_the_receptive_field_inside_the_canvas(model: PaintModel) -> None:
    canvas, reach = Canvas(model, _labels((400, 400))), model.generator.receptive_field
    assert canvas.affected(Window(200, 201, 200, 201)) == Window(
        200 - reach, 201 + reach, 200 - reach, 201 + reach
    )
    assert canvas.affected(Window(0, 1, 0, 1)) == Window(0, 1 + reach, 0, 1 + reach)


def test_latent_may_vary_over_the_canvas(model: PaintModel) -> None:
    left, right = (model.sample_latent(seed) for seed in (1, 2))
    ramp = np.linspace(0, 1, 12, dtype=np.float32)
    latent = left[:, None, None] * (1 - ramp) + right[:, None, None] * ramp
    labels = _labels((120, 480))
    canvas = Canvas(model, labels, latent=latent, seed=0)
    drawn = canvas.render()
    ends = [Canvas(model, labels, latent=one, seed=0).render() for one in (left, right)]
    # constant beyond the centers of the outer cells, so that each end has its own look to within rounding
    assert (
        _close(drawn[:, :5], ends[0][:, :5]) or np.abs(drawn[:, :5].astype(int) - ends[0][:, :5]).mean() < 2
    )
    assert np.abs(drawn[:, -5:].astype(int) - ends[1][:, -5:]).mean() < 2
    window = Window(31, 77, 203, 333)
    assert _close(canvas.render(window), drawn[window.slices])


def test_values_outside_the_scheme_are_drawn_as_background(model: PaintModel) -> None:
    labels, clean = _labels(), _labels()
    labels[20:40, 30:60], clean[20:40, 30:60] = 200, 0
    np.testing.assert_array_equal(Canvas(model, labels).render(), Canvas(model, clean).render())
    assert (labels[20:40, 30:60] == 200).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (17, 5)])
def test_small_canvases_are_drawn(model: PaintModel, shape: tuple[int, int]) -> None:
    assert Canvas(model, _labels(shape)).render().shape == (*shape, 3)


def test_beyond_the_border_labels_are_mirrored() -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(
        mirrored(labels, Window(-2, 5, -3, 6)), np.pad(labels, ((2, 2), (3, 2)), mode="reflect")
    )
    np.testing.assert_array_equal(
        mirrored(labels, Window(-20, 21, -20, 21)), np.pad(labels, ((20, 18), (20, 17)), mode="reflect")
    )


def test_progress_reaches_one_and_cancel_stops(model: PaintModel) -> None:
    canvas, shares = Canvas(model, _labels(), tile=64), []
    canvas.render(progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert len(shares) > 3
    with pytest.raises(Cancelled):
        canvas.render(cancel=lambda: True)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros((3, 4, 5), np.uint8), r"\(3, 4, 5\)"),
        (np.zeros((4, 5), np.float32), "float32"),
        (np.zeros((0, 5), np.uint8), "0 x 5"),
        (np.broadcast_to(np.uint8(0), (2, 16_385)), "16385"),
        ([[0, 1]], "list"),
    ],
)
def test_what_is_no_label_map_is_refused_in_a_sentence(model: PaintModel, labels: object, said: str) -> None:
    with pytest.raises(LabelMapError, match=said) as caught:
        Canvas(model, labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(3,), (5,), (4, 4), (3, 2, 2), (4, 0, 2)])
def test_a_latent_of_another_shape_is_refused(model: PaintModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="latents of shape"):
        Canvas(model, _labels(), latent=np.zeros(shape))


def test_a_latent_that_is_not_a_number_is_refused(model: PaintModel) -> None:
    with pytest.raises(ModelError, match="not numbers"):
        Canvas(model, _labels(), latent=np.full(4, np.nan))


@pytest.mark.parametrize("window", [Window(0, 0, 0, 5), Window(-1, 5, 0, 5), Window(0, 151, 0, 5)])
def test_a_window_outside_the_canvas_is_refused(model: PaintModel, window: Window) -> None:
    with pytest.raises(LabelMapError, match="outside the canvas"):
        Canvas(model, _labels()).render(window)


def test_when_memory_runs_out_smaller_tiles_are_tried(
    model: PaintModel, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = PaintModel.draw

    def short_of_memory(self: PaintModel, labels: np.ndarray, *rest: object) -> np.ndarray:
        if labels.shape[0] > 64 + 16 + 2 * model.generator.margin:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return draw(self, labels, *rest)

    monkeypatch.setattr(PaintModel, "draw", short_of_memory)
    assert _close(Canvas(model, _labels(), seed=3).render(), whole)


def test_when_nothing_fits_into_memory_it_is_said(model: PaintModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> np.ndarray:
        raise RuntimeError(
            "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"
        )

    monkeypatch.setattr(PaintModel, "draw", never)
    with pytest.raises(DeviceError, match="Memory ran out"):
        Canvas(model, _labels()).render()


def test_other_faults_are_not_taken_for_lack_of_memory(
    model: PaintModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(PaintModel, "draw", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        Canvas(model, _labels()).render()


def test_provenance_names_model_seeds_and_scale(model: PaintModel) -> None:
    found = Canvas(model, _labels(), seed=3, latent_seed=9).provenance()
    assert (found.synthetic, found.model, found.model_sha256) == (True, "tiny", model.sha256)
    assert (found.seed, found.latent_seed, found.um_per_px, found.size) == (3, 9, 0.5, (150, 201))


# ---- SHI-GAN's own generator ----


def test_a_canvas_of_the_papers_size_is_one_evaluation(paper: PaintModel) -> None:
    side = paper.generator.size
    labels = _labels((side, side))
    latent = paper.sample_latent(0)
    np.testing.assert_array_equal(Canvas(paper, labels, latent=latent).render(), paper.draw(labels, latent))


def test_larger_canvases_of_the_paper_are_blended_the_same_in_any_window(paper: PaintModel) -> None:
    side = paper.generator.size
    canvas = Canvas(paper, _labels((side + 41, 3 * side + 5)))
    drawn = canvas.render()
    for window in (Window(3, side + 40, side - 9, side + 70), Window(side, side + 1, 0, 3 * side + 5)):
        np.testing.assert_array_equal(canvas.render(window), drawn[window.slices])


def test_blending_softens_the_border_of_generator_windows(paper: PaintModel) -> None:
    side = paper.generator.size
    stride = side - side // 4
    labels, latent = np.full((side, side + 2 * stride), 1, np.uint8), paper.sample_latent(0)
    blended = Canvas(paper, labels, latent=latent).render().astype(float)
    cut = np.concatenate(
        [
            paper.draw(labels[:, start : start + side], latent)[:, : stride if start < 2 * stride else side]
            for start in range(0, 2 * stride + 1, stride)
        ],
        axis=1,
    ).astype(float)
    for border in (stride, 2 * stride):
        jump = [np.abs(picture[:, border] - picture[:, border - 1]).mean() for picture in (blended, cut)]
        assert jump[0] < 0.6 * jump[1]


def test_what_the_paper_redraws_holds_every_changed_pixel(paper: PaintModel) -> None:
    side = paper.generator.size
    labels = _labels((2 * side, 2 * side))
    canvas = Canvas(paper, labels)
    before = canvas.render()
    edit = Window(5, 8, 5, 8)
    labels[edit.slices] = (labels[edit.slices] + 1) % 4
    changed = (canvas.render() != before).any(2)
    touched = canvas.affected(edit)
    assert changed.any()
    changed[touched.slices] = False
    assert not changed.any()
    assert touched != canvas.window


def test_the_paper_takes_no_map_of_latents(paper: PaintModel) -> None:
    with pytest.raises(ModelError, match="one latent"):
        Canvas(paper, _labels(), latent=np.zeros((8, 2, 2)))


def test_generator_windows_are_kept_between_drawings(
    paper: PaintModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = Canvas(paper, _labels((paper.generator.size,) * 2))
    drawer = canvas._drawer
    assert isinstance(drawer, PaperDrawer)
    canvas.render(Window(0, 5, 0, 5))
    monkeypatch.setattr(PaintModel, "draw", lambda *_: pytest.fail("drawn again"))
    canvas.render(Window(9, 30, 9, 30))
