"""Label maps from H&E: drawn tissue whose truth is known, blank tiles, other stains, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.color import hed2rgb

from napari_histosynth.core.errors import ImageError, LabelMapError
from napari_histosynth.paint.labels import labels_from_he, nuclei_mask, without_nuclei

UM_PER_PX = 0.5


def _disks(centers: list[tuple[int, int]], radius: float, size: int = 200) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.any([(y - cy) ** 2 + (x - cx) ** 2 < radius**2 for cy, cx in centers], axis=0)


def _tissue(strength: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Paint H&E by its optical density: eosin everywhere, hematoxylin in nuclei, a lumen in a gland."""
    nuclei = _disks([(y, x) for y in range(20, 200, 40) for x in range(20, 200, 40) if y != 100], 6)
    lumen, gland = _disks([(100, 100)], 18), _disks([(100, 100)], 50)
    density = np.zeros((200, 200, 3))
    density[..., 1] = 0.08
    density[..., 0] = np.where(nuclei, 0.16, 0.02)
    density *= strength
    density[lumen] = 0
    noise = np.random.default_rng(seed).normal(0, 3, (200, 200, 3))
    rgb = np.clip(hed2rgb(density) * 255 + noise, 0, 255).astype(np.uint8)
    return rgb, gland, lumen, nuclei & ~lumen


@pytest.mark.parametrize("strength", [0.6, 1.0, 1.6])
def test_drawn_tissue_is_labeled_as_it_was_drawn_whatever_the_stain(strength: float) -> None:
    rgb, gland, lumen, nuclei = _tissue(strength)
    labels = labels_from_he(rgb, um_per_px=UM_PER_PX, epithelium=gland)
    truth = np.select([lumen, nuclei, gland], [0, 3, 2], 1)
    assert (labels == truth).mean() > 0.97
    for value in range(4):
        both = ((labels == value) & (truth == value)).sum()
        assert both / ((labels == value) | (truth == value)).sum() > 0.7


def test_nuclei_of_pale_tissue_are_found() -> None:
    *_, nuclei = _tissue()
    density = np.zeros((200, 200, 3))
    density[..., 1] = 0.08
    density[..., 0] = np.where(nuclei, 0.036, 0.02)  # the contrast of the palest field of GlaS
    rgb = (hed2rgb(density) * 255).astype(np.uint8)
    found = nuclei_mask(rgb, um_per_px=UM_PER_PX)
    assert (found & nuclei).sum() / (found | nuclei).sum() > 0.7


def test_each_nucleus_is_found_once() -> None:
    rgb, *_, nuclei = _tissue()
    assert ndimage.label(nuclei_mask(rgb, um_per_px=UM_PER_PX))[1] == ndimage.label(nuclei)[1]


@pytest.mark.parametrize("level", [255, 240, 0])
def test_a_blank_tile_has_no_nuclei(level: int) -> None:
    labels = labels_from_he(np.full((64, 64, 3), level, np.uint8), um_per_px=1)
    assert not (labels == 3).any()
    assert (labels == (0 if level > 200 else 1)).all()


def test_glass_with_sensor_noise_is_all_background() -> None:
    noisy = np.random.default_rng(0).normal(243, 2, (80, 80, 3)).clip(0, 255).astype(np.uint8)
    assert (labels_from_he(noisy, um_per_px=1) == 0).all()


def test_faint_pink_without_hematoxylin_has_no_nuclei() -> None:
    density = np.zeros((120, 120, 3))
    density[..., 1] = 0.05 + 0.02 * np.random.default_rng(0).random((120, 120))
    rgb = (hed2rgb(density) * 255).astype(np.uint8)
    assert (labels_from_he(rgb, um_per_px=0.5) == 3).mean() < 0.01


def test_two_classes_leave_nuclei_to_their_surroundings() -> None:
    rgb, gland, *_ = _tissue()
    labels = labels_from_he(rgb, um_per_px=UM_PER_PX, epithelium=gland, nuclei=False)
    assert set(np.unique(labels)) == {0, 1, 2}


def test_without_a_mask_all_tissue_is_non_epithelium() -> None:
    rgb, *_ = _tissue()
    assert set(np.unique(labels_from_he(rgb, um_per_px=UM_PER_PX))) == {0, 1, 3}


def test_small_lumina_are_left_to_the_epithelium_on_request() -> None:
    rgb, gland, lumen, _ = _tissue()
    area = lumen.sum() * UM_PER_PX**2
    kept = labels_from_he(rgb, um_per_px=UM_PER_PX, epithelium=gland, smallest_lumen_um2=area / 2)
    filled = labels_from_he(rgb, um_per_px=UM_PER_PX, epithelium=gland, smallest_lumen_um2=area * 2)
    assert (kept[lumen] == 0).mean() > 0.9
    assert (filled[lumen] == 2).mean() > 0.9


def test_removing_nuclei_restores_the_class_around_them() -> None:
    labels = np.ones((60, 60), np.uint8)
    labels[:, 30:] = 2
    labels[10:14, 10:14] = labels[40:44, 45:49] = 3
    labels[50:60, 0:10] = 0
    restored = without_nuclei(labels)
    assert (restored[10:14, 10:14] == 1).all()
    assert (restored[40:44, 45:49] == 2).all()
    np.testing.assert_array_equal(restored[labels != 3], labels[labels != 3])


def test_a_map_of_nuclei_alone_becomes_tissue() -> None:
    assert (without_nuclei(np.full((5, 5), 3, np.uint8)) == 1).all()


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(rgb: np.ndarray) -> None:
    with pytest.raises(ImageError, match="uint8"):
        labels_from_he(rgb, um_per_px=1)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(LabelMapError, match="must agree"):
        labels_from_he(np.zeros((5, 5, 3), np.uint8), um_per_px=1, epithelium=np.zeros((5, 6), bool))


@pytest.mark.data
def test_real_fields_have_plausible_shares_of_each_class(histosynth_data: Path) -> None:
    from napari_histosynth.io import read_image

    for name in ("testA_10", "testA_13", "testB_11"):
        rgb = read_image(histosynth_data / "glas" / "images" / f"{name}.jpg")
        mask = read_image(histosynth_data / "glas" / "masks" / f"{name}.png")[..., 0] > 0
        labels = labels_from_he(rgb, um_per_px=0.62, epithelium=mask)
        # colon: nuclei are a sixth to two fifths of the tissue, however the slide was stained
        nuclei = (labels == 3).sum() / (labels > 0).sum()
        assert 0.15 < nuclei < 0.42, name
