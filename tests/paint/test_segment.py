"""Labels from H&E: windows, scales, lazy pictures, and what is no H&E."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import Cancelled, DeviceError, ImageError, ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.model import load_model
from napari_histosynth.paint.regions import N_LOGITS, glands_of
from napari_histosynth.paint.segment import Segmenter, load_segmenter
from napari_histosynth.paint.unet import SegmentationNet
from napari_histosynth.zoo import ModelCard, write_folder

WIDTHS = (6, 8, 8, 8)


def _folder(path: Path, **fields: object) -> Path:
    """Write an untrained segmenter that answers differently at each pixel."""
    torch.manual_seed(3)
    network = SegmentationNet(N_LOGITS, WIDTHS)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.3, 1)
    network.verdict.weight.data.mul_(4)
    known = {"name": "random", "system": "segmenter", "preset": "unet", "scheme": "colon-3"}
    card = ModelCard(
        **known | {"um_per_px": 0.5, "latent_size": 0, "architecture": {"widths": list(WIDTHS)}} | fields
    )
    tensors = {f"segmenter.{name}": value for name, value in network.state_dict().items()}
    counts = [name for name in tensors if name.endswith("num_batches_tracked")]
    for name in counts:
        del tensors[name]
    return write_folder(path, card, tensors, dtype="float32").path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _folder(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> Segmenter:
    return load_segmenter(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A smooth random picture, so that neighbors are alike and classes have areas."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).normal(0, 1, (300, 340, 3))
    smooth = gaussian_filter(noise, (3, 3, 0))
    return np.clip(140 + 70 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape
    return float((one == other).mean())


def test_labels_have_the_size_of_the_picture_and_are_of_the_scheme(
    segmenter: Segmenter, picture: np.ndarray
) -> None:
    labels = segmenter.segment(picture, 0.5)
    assert labels.dtype == np.uint8
    assert labels.shape == picture.shape[:2]
    assert set(np.unique(labels)) == {0, 1, 2, 3}  # or the other tests would compare nothing
    segmenter.scheme.check(labels)


def test_how_it_is_cut_does_not_show(segmenter: Segmenter, picture: np.ndarray) -> None:
    whole = segmenter.segment(picture, 0.5)
    assert _alike(segmenter.segment(picture, 0.5, tile=64), whole) >= 0.999


@pytest.mark.parametrize("um_per_px", [0.5, 0.31, 0.9])
@pytest.mark.parametrize("window", [(0, 40, 0, 60), (101, 202, 33, 250), (260, 300, 300, 340), (7, 8, 9, 10)])
def test_a_window_gives_the_labels_of_the_whole(
    segmenter: Segmenter, picture: np.ndarray, um_per_px: float, window: tuple[int, int, int, int]
) -> None:
    whole = segmenter.segment(picture, um_per_px)
    cut = Window(*window)
    assert _alike(segmenter.segment(picture, um_per_px, cut, tile=64), whole[cut.slices]) >= 0.999


def test_a_picture_in_other_pixels_gives_the_same_tissue(segmenter: Segmenter, picture: np.ndarray) -> None:
    finer = picture.repeat(2, 0).repeat(2, 1)
    labels = segmenter.segment(picture, 0.5)
    assert _alike(segmenter.segment(finer, 0.25)[::2, ::2], labels) > 0.7
    assert segmenter.segment(finer, 0.25, keep_scale=False).shape == labels.shape


def test_glands_hold_the_epithelium_and_none_of_the_stroma(segmenter: Segmenter, picture: np.ndarray) -> None:
    labels, glands = segmenter.segment(picture, 0.5), glands_of(segmenter.regions(picture, 0.5))
    assert glands[labels == 2].all()
    assert not glands[labels == 1].any()


def test_of_a_lazy_picture_only_what_a_window_needs_is_read(segmenter: Segmenter) -> None:
    class Lazy:
        shape, dtype = (60_000, 60_000, 3), np.dtype(np.uint8)
        read = 0

        def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
            rows, columns = key
            size = (rows.stop - rows.start, columns.stop - columns.start)
            Lazy.read += size[0] * size[1]
            return np.full((*size, 3), 200, np.uint8)

    labels = segmenter.segment(Lazy(), 0.5, Window(30_000, 30_100, 50_000, 50_100))
    assert labels.shape == (100, 100)
    assert Lazy.read < 600 * 600


def test_a_single_pixel_gets_a_label(segmenter: Segmenter) -> None:
    assert segmenter.segment(np.zeros((1, 1, 3), np.uint8), 0.5).shape == (1, 1)
    assert segmenter.segment(np.zeros((1, 9, 3), np.uint8), 2.0).shape == (1, 9)


def test_progress_reaches_one_and_cancel_stops(segmenter: Segmenter, picture: np.ndarray) -> None:
    told: list[float] = []
    segmenter.segment(picture, 0.5, tile=128, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 4
    asked: list[bool] = []

    def cancel() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        segmenter.segment(picture, 0.5, tile=128, cancel=cancel)
    assert len(asked) == 3


def test_smaller_windows_are_tried_when_memory_runs_out(
    segmenter: Segmenter, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = segmenter.segment(picture, 0.5)
    run = Segmenter._run

    def narrow(self: Segmenter, rgb: np.ndarray) -> np.ndarray:
        if max(rgb.shape) > 128 + 2 * segmenter.network.halo:
            raise MemoryError
        return run(self, rgb)

    monkeypatch.setattr(Segmenter, "_run", narrow)
    assert _alike(segmenter.segment(picture, 0.5), whole) >= 0.999

    def never(self: Segmenter, rgb: np.ndarray) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(Segmenter, "_run", never)
    with pytest.raises(DeviceError, match="Memory ran out"):
        segmenter.segment(picture, 0.5)


@pytest.mark.parametrize(
    ("rgb", "said"),
    [
        (np.zeros((8, 8), np.uint8), "is gray"),
        (np.zeros((8, 8, 1), np.uint8), "is gray"),
        (np.zeros((8, 8, 4), np.uint8), "four channels"),
        (np.zeros((8, 8, 3), np.uint16), "uint16"),
        (np.full((8, 8, 3), np.nan), "float64"),
        (np.zeros((0, 8, 3), np.uint8), "0 x 8 x 3"),
        (np.zeros((2, 8, 8, 3), np.uint8), "2 x 8 x 8 x 3"),
        ("picture.png", "str is no picture"),
    ],
)
def test_what_is_no_h_and_e_is_one_sentence(segmenter: Segmenter, rgb: object, said: str) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        segmenter.segment(rgb, 0.5)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("um_per_px", "said"),
    [(None, "not known"), (0, "At 0 um"), (float("nan"), "nan"), (85, "At 85"), (-1, "-1")],
)
def test_a_scale_that_cannot_be_is_one_sentence(
    segmenter: Segmenter, picture: np.ndarray, um_per_px: float | None, said: str
) -> None:
    with pytest.raises(ImageError, match=said):
        segmenter.segment(picture, um_per_px)


def test_a_window_off_the_picture_is_one_sentence(segmenter: Segmenter, picture: np.ndarray) -> None:
    with pytest.raises(ImageError, match="no pixel"):
        segmenter.segment(picture, 0.5, Window(400, 500, 0, 10))


def test_models_are_loaded_for_what_they_do(folder: Path, tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="cannot label"):
        load_segmenter(tiny_model)
    with pytest.raises(ModelError, match="draws none"):
        load_model(folder)


def test_weights_of_another_architecture_are_one_sentence(tmp_path: Path) -> None:
    path = _folder(tmp_path / "other", architecture={"widths": [6, 8, 8, 9]})
    with pytest.raises(ModelError, match="another architecture"):
        load_segmenter(path, device="cpu")


def test_folding_the_normalization_changes_nothing() -> None:
    torch.manual_seed(0)
    network = SegmentationNet(3, WIDTHS)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(module.weight, 1, 0.1)
            nn.init.normal_(module.bias)
    image = torch.randn(1, 3, 32, 48)
    torch.testing.assert_close(network.frozen()(image), network.eval()(image), rtol=1e-4, atol=1e-5)
    assert network.training is False
