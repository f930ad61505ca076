"""The models that ship: they load, fit their cards, and draw what a pathologist would call H&E."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import read_image, read_labels
from napari_histosynth.layout.model import load_layout_model
from napari_histosynth.layout.sampler import Sampler
from napari_histosynth.paint.canvas import Canvas
from napari_histosynth.paint.examples import example_labels, example_names
from napari_histosynth.paint.labels import labels_from_he
from napari_histosynth.paint.model import PaintModel, load_model
from napari_histosynth.paint.regions import glands_of
from napari_histosynth.paint.render import render_labels
from napari_histosynth.paint.segment import load_segmenter
from napari_histosynth.slide.levels import TILE
from napari_histosynth.slide.model import load_slide_model
from napari_histosynth.slide.pyramid import Slide
from napari_histosynth.stain.model import load_stain_model
from napari_histosynth.zoo import ModelFolder, check_places


@pytest.fixture(scope="module")
def model() -> PaintModel:
    return load_model("colon-3class", device="cpu")


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return example_labels("crypts-cross", (256, 256), 0.62, seed=2)


def test_every_shipped_model_is_whole(repository: Path) -> None:
    folders = sorted(path.parent for path in (repository / "models").glob("*/model.toml"))
    assert folders
    total = 0
    for folder in folders:
        load: dict[str, Callable[..., Any]] = {
            "shi-gan": load_model,
            "segmenter": load_segmenter,
            "stain": load_stain_model,
            "slide": load_slide_model,
            "layout": load_layout_model,
        }
        loaded = load[ModelFolder(folder).card.system](folder, device="cpu")
        check_places(ModelFolder(folder))
        size = (folder / "weights.safetensors").stat().st_size
        assert size <= 16e6
        total += size
        card = (folder / "card.md").read_text()
        for said in (loaded.card.data, loaded.card.terms):
            assert said
        for heading in ("## Data", "## Terms", "## Training", "## Quality", "## Failure modes"):
            assert heading in card
    assert total <= 80e6


def test_classes_have_the_colors_of_h_and_e(model: PaintModel, labels: np.ndarray) -> None:
    for look in range(4):
        drawn = Canvas(model, labels, seed=0, latent_seed=look).render().astype(float)
        background, stroma, epithelium, nuclei = (drawn[labels == value].mean(0) for value in range(4))
        assert background.min() > 210
        assert nuclei.mean() < min(stroma.mean(), epithelium.mean()) - 15
        # hematoxylin and eosin both spare blue and take green most
        for tissue in (stroma, epithelium, nuclei):
            assert tissue[1] < tissue[0]
            assert tissue[1] < tissue[2]


def test_drawn_nuclei_are_where_the_labels_say(model: PaintModel, labels: np.ndarray) -> None:
    drawn = Canvas(model, labels, seed=0, latent_seed=0).render()
    found = labels_from_he(drawn, um_per_px=0.62, epithelium=(labels == 2) | (labels == 3))
    both = ((found == 3) & (labels == 3)).sum()
    assert 2 * both / ((found == 3).sum() + (labels == 3).sum()) > 0.5


def test_looks_differ_and_textures_do_not_repeat(model: PaintModel) -> None:
    flat = np.ones((192, 192), np.uint8)
    first, other = (Canvas(model, flat, seed=0, latent_seed=look).render().astype(float) for look in (0, 1))
    assert np.abs(first.mean((0, 1)) - other.mean((0, 1))).max() > 3
    gray = first.mean(2) - first.mean()
    power = np.abs(np.fft.fft2(gray)) ** 2
    correlation = np.fft.ifft2(power).real / power.sum() * gray.size
    correlation /= correlation[0, 0]
    far = np.ones_like(correlation, bool)
    far[:12, :12] = far[:12, -12:] = far[-12:, :12] = far[-12:, -12:] = False
    assert correlation[far].max() < 0.35


@pytest.mark.parametrize("name", example_names(get_scheme("colon-10")))
def test_the_model_of_ten_classes_draws_every_example_in_them(name: str) -> None:
    model = load_model("colon-10class", device="cpu")
    labels = example_labels(name, (192, 256), model.um_per_px, seed=1)
    assert np.array_equal(model.scheme.check(labels), labels)
    assert Canvas(model, labels, seed=0).render().std() > 10


def test_windows_join_in_the_precision_that_is_used(model: PaintModel, labels: np.ndarray) -> None:
    canvas = Canvas(model, labels, seed=1)
    whole = canvas.render()

    for window in (Window(3, 100, 7, 201), Window(101, 256, 33, 34), Window(0, 256, 255, 256)):
        part = canvas.render(window).astype(int)
        assert np.abs(part - whole[window.slices]).max() <= 1


@pytest.mark.data
@pytest.mark.parametrize("name", ["2-class-prostate-2", "3-class-prostate-3"])
def test_the_authors_label_maps_become_tissue(model: PaintModel, histosynth_data: Path, name: str) -> None:
    scheme = get_scheme(f"prostate-{name[0]}")
    labels = read_labels(histosynth_data / "seed-label-maps" / f"{name}.png", scheme)[:256, :256]
    rendering = render_labels(model, labels, scheme=scheme, um_per_px=1.0)
    assert rendering.image.shape == (*labels.shape, 3)
    assert (rendering.labels == 3).any()
    inside = rendering.labels == 3
    assert rendering.image[inside].mean() < rendering.image[rendering.labels == 1].mean() - 10


def test_what_is_drawn_is_found_again_in_the_picture(model: PaintModel, labels: np.ndarray) -> None:
    drawn = Canvas(model, labels, seed=0, latent_seed=0).render()
    found = load_segmenter("gland-segmenter", device="cpu").segment(drawn, model.um_per_px)
    for value in range(4):
        both = ((found == value) & (labels == value)).sum()
        assert 2 * both / ((found == value).sum() + (labels == value).sum()) > 0.5, value


@pytest.mark.data
def test_glands_of_patients_never_seen_are_found(histosynth_data: Path) -> None:
    segmenter = load_segmenter("gland-segmenter", device="cpu")
    for name in ("testA_44", "train_41", "train_7"):
        picture, mask = (
            read_image(next((histosynth_data / "glas" / kind).glob(f"{name}.*")))
            for kind in ("images", "masks")
        )
        glands, truth = glands_of(segmenter.regions(picture, 0.62)), mask[..., 0] > 0
        assert 2 * (glands & truth).sum() / (glands.sum() + truth.sum()) > 0.75, name


def test_looks_blend_from_left_to_right_without_a_band_or_a_loss_of_color(model: PaintModel) -> None:
    from napari_histosynth.paint.lookfile import LookPlan, NamedLook
    from napari_histosynth.paint.lookmap import Place

    tissue = example_labels("moderate", (128, 128), 0.62, seed=4)
    labels = np.tile(np.hstack([tissue, tissue[:, ::-1]]), (1, 3))  # the same classes in every column of 256
    looks = tuple(NamedLook.of_seed(model, seed) for seed in (8, 2))
    places = (Place(64, 128, 1), Place(64, 640, 2))
    plan = LookPlan(model.um_per_px, looks, places, width_um=400 * model.um_per_px)
    field = plan.build(model, model.sample_latent(0), labels.shape)
    drawn = Canvas(model, labels, latent=field, seed=0).render().astype(float)
    ends = [Canvas(model, labels, latent=look.latent, seed=0).render().astype(float) for look in looks]
    # a latent that varies is summed in another order, which moves one value of many by 1 in fp32
    assert np.abs(drawn[:, :32] - ends[0][:, :32]).max() <= 1
    assert np.abs(drawn[:, -32:] - ends[1][:, -32:]).max() <= 1
    means = [picture.reshape(128, 12, 64, 3).mean(axis=(0, 2)) for picture in (drawn, *ends)]
    # in strips of 64 px, the color is between those that the two looks give there, but for 20 of 255
    assert (means[0] >= np.minimum(means[1], means[2]) - 20).all()
    assert (means[0] <= np.maximum(means[1], means[2]) + 20).all()
    color = [np.ptp(mean, axis=1) for mean in means]
    assert (color[0] >= np.minimum(color[1], color[2]) - 10).all(), "gray in between"


def test_the_look_of_a_picture_of_another_scale_is_taken(model: PaintModel, labels: np.ndarray) -> None:
    from PIL import Image

    from napari_histosynth.paint.inputs import latent_of_picture

    for seed in (8, 2):
        slide = Canvas(model, labels, seed=1, latent_seed=seed).render()
        double = np.asarray(Image.fromarray(slide).resize((512, 512), Image.Resampling.BICUBIC))
        latent = latent_of_picture(double, model.um_per_px / 2, model)
        drawn = Canvas(model, labels, latent=latent, seed=0).render()
        assert np.abs(drawn.mean(axis=(0, 1)) - slide.mean(axis=(0, 1))).max() < 12


def test_a_shipped_slide_shows_tissue_on_glass_in_the_colors_of_h_and_e() -> None:
    layout = np.zeros((128, 128), np.uint8)
    layout[32:96, 32:96] = get_scheme("slide-layout").index_of("mucosa")
    slide = Slide(load_slide_model("colon-slide", device="cpu"), 5, 128 * 64, layout=layout)
    middle = slide.read(4, Window(192, 320, 192, 320)).astype(float)  # mucosa alone
    corner = slide.tile(2, 0, 0).astype(float)  # glass alone
    assert corner.min() > 215
    assert middle.mean() < 200
    assert middle[..., 1].mean() < min(middle[..., 0].mean(), middle[..., 2].mean())
    assert middle.std((0, 1)).mean() > 12  # nuclei and stroma, not one color
    fine = slide.tile(0, 16, 16).astype(float)
    assert fine.shape == (TILE, TILE, 3)
    assert np.abs(np.diff(fine, axis=1)).mean() > 2


def test_new_tissue_holds_glands_in_stroma_each_seed_others() -> None:
    sampler = Sampler(load_layout_model("colon-layout", device="cpu"))
    drawn = [sampler.sample(seed, grade="healthy").labels for seed in range(4)]
    for labels in drawn:
        assert labels.shape == (512, 512)
        shares = np.bincount(labels.ravel(), minlength=3) / labels.size
        assert 0.15 < shares[2] < 0.95, "epithelium"
        assert shares[1] > 0.03, "what lies between glands"
    assert min(float((a != b).mean()) for a in drawn for b in drawn if a is not b) > 0.15
