from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import ModelError
from napari_histosynth.paint.paper import PaperGenerator, folded_state
from napari_histosynth.zoo.shigan import PaperShape

TINY = {"latent_size": 5, "width": 16, "hidden": 4}


def one_hot(n_classes: int, size: int, seed: int = 0) -> torch.Tensor:
    labels = torch.randint(n_classes, (1, size, size), generator=torch.Generator().manual_seed(seed))
    return F.one_hot(labels, n_classes).movedim(-1, 1).float()


@pytest.fixture
def tiny() -> PaperGenerator:
    torch.manual_seed(0)
    return PaperGenerator(4, start=1, **TINY).eval()  # 64 px


def parameters_by_the_table(n_classes: int) -> int:
    """Count the parameters from the published table alone: widths, kernel sizes, biases."""

    def convolution(n_in: int, n_out: int, side: int = 3, bias: bool = True) -> int:
        return n_in * n_out * side**2 + bias * n_out

    def norm(channels: int) -> int:
        return convolution(n_classes, 128) + 2 * convolution(128, channels)

    total = 256 * 1024 * 8 * 8 + 1024 * 8 * 8
    n_in = 1024
    for n_out in (1024, 1024, 1024, 512, 256, 128, 64):
        total += convolution(n_in, n_out) + norm(n_in)  # the middle is min(in, out), here always out
        total += convolution(n_out, n_out) + norm(n_out)
        if n_in != n_out:
            total += convolution(n_in, n_out, 1, bias=False) + norm(n_in)
        n_in = n_out
    return total + convolution(64, 3)


@pytest.mark.parametrize("n_classes", [4, 11])
def test_the_released_generator_has_the_parameters_of_the_published_table(n_classes: int) -> None:
    with torch.device("meta"):
        generator = PaperGenerator(n_classes)
    count = sum(parameter.numel() for parameter in generator.parameters())
    assert count == parameters_by_the_table(n_classes)


def test_the_released_generator_has_108_9_million_parameters_at_4_classes() -> None:
    with torch.device("meta"):
        generator = PaperGenerator(4)
    assert round(sum(parameter.numel() for parameter in generator.parameters()) / 1e6, 1) == 108.9


def test_the_state_has_the_names_and_shapes_that_checkpoints_are_checked_against() -> None:
    with torch.device("meta"):
        state = PaperGenerator(4).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == PaperShape(4).tensors()


def test_blocks_see_8_to_512_px() -> None:
    generator = PaperGenerator(4, **TINY).eval()
    sides = []
    for name in ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3"):
        generator.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output: sides.append(output.shape[-1])
        )
    with torch.no_grad():
        picture = generator(one_hot(4, 512), torch.zeros(1, 5))
    assert sides == [8, 16, 32, 64, 128, 256, 512]
    assert picture.shape == (1, 3, 512, 512)
    assert generator.size == 512


def test_pictures_lie_between_minus_one_and_one(tiny: PaperGenerator) -> None:
    with torch.no_grad():
        tiny.conv_img.weight.mul_(100)
        picture = tiny(one_hot(4, 64), torch.ones(1, 5))
    assert float(picture.abs().max()) <= 1
    assert float(picture.std()) > 0


def test_labels_and_latent_both_change_the_picture(tiny: PaperGenerator) -> None:
    with torch.no_grad():
        picture = tiny(one_hot(4, 64), torch.zeros(1, 5))
        assert not torch.equal(picture, tiny(one_hot(4, 64, seed=1), torch.zeros(1, 5)))
        assert not torch.equal(picture, tiny(one_hot(4, 64), torch.ones(1, 5)))


def test_missing_label_channels_count_as_zero(tiny: PaperGenerator) -> None:
    labels = one_hot(3, 64)
    padded = torch.cat([labels, torch.zeros(1, 1, 64, 64)], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(tiny(labels, torch.ones(1, 5)), tiny(padded, torch.ones(1, 5)))


def test_spectral_norm_holds_the_convolutions_of_the_blocks_and_nothing_else() -> None:
    generator = PaperGenerator(4, start=1, spectral_norm=True, **TINY)
    normalized = {
        name.partition(".parametrizations")[0]
        for name in generator.state_dict()
        if "parametrizations" in name
    }
    assert normalized == {
        f"{block}.{convolution}"
        for block in ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3")
        for convolution in ("conv_0", "conv_1", "conv_s")
        if convolution != "conv_s" or block in ("up_0", "up_1", "up_2", "up_3")
    }
    weight = generator.get_submodule("up_0.conv_1").weight.detach().flatten(1)
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=0.05)


def test_a_folded_state_draws_what_the_normalized_generator_draws() -> None:
    torch.manual_seed(0)
    trained = PaperGenerator(4, start=1, spectral_norm=True, **TINY)
    trained(torch.cat([one_hot(4, 64), one_hot(4, 64, 1)]), torch.randn(2, 5))  # moves the statistics
    folded = PaperGenerator(4, start=1, **TINY).eval()
    folded.load_state_dict(folded_state(trained))
    assert trained.training
    labels, latent = one_hot(4, 64, 2), torch.randn(1, 5)
    with torch.no_grad():
        torch.testing.assert_close(folded(labels, latent), trained.eval()(labels, latent))


def test_folding_leaves_the_module_as_it_was() -> None:
    trained = PaperGenerator(4, start=1, spectral_norm=True, **TINY)
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    folded_state(trained)
    after = trained.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_gradients_reach_every_parameter_under_spectral_norm() -> None:
    torch.manual_seed(0)
    generator = PaperGenerator(4, start=1, spectral_norm=True, **TINY)
    generator(torch.cat([one_hot(4, 64), one_hot(4, 64, 1)]), torch.randn(2, 5)).square().mean().backward()
    assert [name for name, parameter in generator.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("labels", "latent", "said"),
    [
        (torch.zeros(1, 4, 64, 48), torch.zeros(1, 5), "64 x 64 px at once, not 64 x 48 px"),
        (torch.zeros(1, 6, 64, 64), torch.zeros(1, 5), "4 classes and was given 6"),
        (torch.zeros(1, 4, 64, 64), torch.zeros(1, 7), r"\(1, 7\)"),
        (torch.zeros(1, 4, 64, 64), torch.zeros(1, 5, 4, 4), r"\(1, 5, 4, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    tiny: PaperGenerator, labels: torch.Tensor, latent: torch.Tensor, said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        tiny(labels, latent)


def test_a_width_that_cannot_be_halved_four_times_is_refused() -> None:
    with pytest.raises(ModelError, match="24 channels"):
        PaperGenerator(4, width=24)
