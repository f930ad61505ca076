"""The local generator: what a pixel depends on, how windows join, what freezing keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.tiles import Window
from napari_histosynth.paint.network import START_NOISE, LocalGenerator, build_generator
from napari_histosynth.paint.restain import restain


@pytest.fixture(scope="module")
def generator() -> LocalGenerator:
    torch.manual_seed(0)
    generator = LocalGenerator(4, 8, widths=(8, 8, 8, 8, 8), hidden=(4, 4, 4, 4, 4))
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, nn.Conv2d):
            module.weight.data.mul_(1.5)  # louder than at initialization, so that far influences show
    return generator.eval()


def _labels(generator: LocalGenerator, size: int, seed: int = 0) -> torch.Tensor:
    side = size + 2 * generator.margin
    index = torch.from_numpy(np.random.default_rng(seed).integers(0, 4, (side // 4, side // 4)))
    index = index.repeat_interleave(4, 0).repeat_interleave(4, 1)
    return nn.functional.one_hot(index, 4).permute(2, 0, 1)[None].float()


def _noise(generator: LocalGenerator, size: int, seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    plan = generator.plan(Window(0, size, 0, size))
    return [
        torch.randn(1, 2 + (START_NOISE if index == 0 else 0), *level.inputs.shape)
        for index, level in enumerate(plan)
    ]


def test_output_is_smaller_than_the_labels_by_the_margin(generator: LocalGenerator) -> None:
    drawn = generator(_labels(generator, 64), torch.zeros(1, 8))
    assert drawn.shape == (1, 3, 64, 64)
    assert drawn.abs().max() <= 1


def test_receptive_field_follows_from_the_architecture(generator: LocalGenerator) -> None:
    # a block reads 2 px of its input each way and labels 1 px farther, on each of five levels; its pixel
    # covers its stride: the last level needs 1 (to RGB) + 2, each coarser one half of that, rounded up, + 2;
    # the coarsest reads labels 1 px farther still
    need = 1 + 2
    for _ in range(4):
        need = -(-need // 2) + 2
    assert generator.receptive_field <= (need + 1) * 16 + 15
    assert generator.margin == (need + 1) * 16


def test_one_changed_label_changes_nothing_beyond_the_receptive_field(generator: LocalGenerator) -> None:
    size, reach = 256, generator.receptive_field
    labels, noise, latent = _labels(generator, size), _noise(generator, size), torch.randn(1, 8)
    with torch.no_grad():
        before = generator.double()(labels.double(), latent.double(), [n.double() for n in noise])
        for y, x in ((128, 128), (121, 135), (112, 143)):
            changed = labels.clone()
            place = (0, slice(None), generator.margin + y, generator.margin + x)
            changed[place] = changed[place].roll(1)
            after = generator(changed.double(), latent.double(), [n.double() for n in noise])
            rows, columns = np.nonzero((after != before).any(1)[0].numpy())
            far = max(abs(rows - y).max(), abs(columns - x).max())
            assert far <= reach
            assert far > 0.7 * reach  # the bound is not idle
    generator.float()


def test_a_window_is_a_crop_of_the_whole(generator: LocalGenerator) -> None:
    labels, noise, latent = _labels(generator, 128), _noise(generator, 128), torch.randn(1, 8)
    with torch.no_grad():
        whole = generator(labels, latent, noise)
        window = Window(32, 96, 16, 128)
        margin = generator.margin
        held, wanted = generator.plan(Window(0, 128, 0, 128)), generator.plan(window)
        part_noise = [
            field[(..., *w.inputs.relative_to(h.inputs).slices)]
            for field, h, w in zip(noise, held, wanted, strict=True)
        ]
        part = labels[..., 32 : 96 + 2 * margin, 16 : 128 + 2 * margin]
        drawn = generator(part, latent, part_noise)
    torch.testing.assert_close(drawn, whole[(..., *window.slices)], atol=1e-5, rtol=0)


def test_a_map_of_one_latent_everywhere_is_that_latent(generator: LocalGenerator) -> None:
    labels, noise, latent = _labels(generator, 64), _noise(generator, 64), torch.randn(1, 8)
    coarse = labels.shape[-1] // generator.stride
    with torch.no_grad():
        torch.testing.assert_close(
            generator(labels, latent[:, :, None, None].expand(-1, -1, coarse, coarse), noise),
            generator(labels, latent, noise),
            atol=1e-5,
            rtol=0,
        )


def test_latent_and_noise_both_change_the_picture(generator: LocalGenerator) -> None:
    labels, noise = _labels(generator, 64), _noise(generator, 64)
    with torch.no_grad():
        first = generator(labels, torch.zeros(1, 8), noise)
        assert (generator(labels, torch.ones(1, 8), noise) - first).abs().mean() > 1e-3
        assert (generator(labels, torch.zeros(1, 8), _noise(generator, 64, 1)) - first).abs().mean() > 1e-3


def test_a_stain_changes_colors_and_nothing_else() -> None:
    torch.manual_seed(0)
    generator = LocalGenerator(4, 12, widths=(8,) * 5, hidden=(4,) * 5, stain=True).eval()
    labels, noise = _labels(generator, 64), _noise(generator, 64)
    plain, strong = torch.zeros(1, 12), torch.zeros(1, 12)
    plain[:, :3] = strong[:, :3] = torch.randn(1, 3)
    strong[:, 3:] = 1.5
    with torch.no_grad():
        drawn = generator(labels, plain, noise)
        torch.testing.assert_close(
            generator(labels, strong, noise), restain(drawn, strong[:, 3:]), atol=1e-5, rtol=0
        )
        coarse = labels.shape[-1] // generator.stride
        varying = torch.cat([plain, strong])[..., None, None].expand(-1, -1, coarse, coarse).clone()
        both = generator(labels.expand(2, -1, -1, -1), varying, [n.expand(2, -1, -1, -1) for n in noise])
        torch.testing.assert_close(both[:1], drawn, atol=1e-5, rtol=0)
        torch.testing.assert_close(both[1:], restain(drawn, strong[:, 3:]), atol=1e-4, rtol=0)


def test_a_latent_without_room_for_a_stain_is_refused() -> None:
    with pytest.raises(ModelError, match="more than 9"):
        LocalGenerator(4, 9, stain=True)


def test_freezing_keeps_the_picture(generator: LocalGenerator) -> None:
    labels, noise, latent = _labels(generator, 64), _noise(generator, 64), torch.randn(1, 8)
    with torch.no_grad():
        torch.testing.assert_close(
            generator.frozen()(labels, latent, noise), generator(labels, latent, noise), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("size", [0, 8, 50])
def test_a_window_off_the_lattice_is_refused(generator: LocalGenerator, size: int) -> None:
    with pytest.raises(ModelError, match="multiples of 16"):
        generator(_labels(generator, 64)[..., : size + 160, : size + 160], torch.zeros(1, 8))


def test_presets_build_by_name() -> None:
    assert isinstance(build_generator("local", 3, 16), LocalGenerator)
    with pytest.raises(ModelError, match="'stylegan'"):
        build_generator("stylegan", 3, 16)
    with pytest.raises(ModelError, match="depth"):
        build_generator("local", 3, 16, depth=3)
