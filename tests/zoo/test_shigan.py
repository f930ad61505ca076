from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from napari_histosynth.core.errors import ModelError, SchemeError
from napari_histosynth.core.tissue import TissueClass, TissueScheme
from napari_histosynth.paint.network import build_generator
from napari_histosynth.zoo import ModelFolder, import_shi_gan, load_state, select

# --- The original, written from the published table: an independent reference ---------------------------


class Norm(nn.Module):
    def __init__(self, channels: int, n_labels: int, hidden: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(n_labels, hidden, 3, 1, 1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, 1, 1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, 1, 1)

    def forward(self, x: torch.Tensor, label_map: torch.Tensor) -> torch.Tensor:
        normalized = self.param_free_norm(x)
        resized = F.interpolate(label_map, size=x.shape[2:], mode="nearest")
        hidden = self.mlp_shared(resized)
        return normalized * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)


class Block(nn.Module):
    def __init__(self, n_in: int, n_out: int, n_labels: int, hidden: int) -> None:
        super().__init__()
        n_middle = min(n_in, n_out)
        old_style = nn.utils.spectral_norm  # the one that stores weight_orig, weight_u and weight_v
        self.conv_0 = old_style(nn.Conv2d(n_in, n_middle, 3, padding=1))
        self.conv_1 = old_style(nn.Conv2d(n_middle, n_out, 3, padding=1))
        self.norm_0 = Norm(n_in, n_labels, hidden)
        self.norm_1 = Norm(n_middle, n_labels, hidden)
        self.learned = n_in != n_out
        if self.learned:
            self.conv_s = old_style(nn.Conv2d(n_in, n_out, 1, bias=False))
            self.norm_s = Norm(n_in, n_labels, hidden)

    def forward(self, x: torch.Tensor, label_map: torch.Tensor) -> torch.Tensor:
        shortcut = self.conv_s(self.norm_s(x, label_map)) if self.learned else x
        dx = self.conv_0(nn.LeakyReLU(0.2)(self.norm_0(x, label_map)))
        dx = self.conv_1(nn.LeakyReLU(0.2)(self.norm_1(dx, label_map)))
        return shortcut + dx


class Original(nn.Module):
    def __init__(self, n_labels: int, width: int, hidden: int, latent_size: int, side: int) -> None:
        super().__init__()
        self.width, self.side = width, side
        self.fc = nn.Linear(latent_size, width * side * side)
        self.head_0 = Block(width, width, n_labels, hidden)
        self.G_middle_0 = Block(width, width, n_labels, hidden)
        self.G_middle_1 = Block(width, width, n_labels, hidden)
        self.up_0 = Block(width, width // 2, n_labels, hidden)
        self.up_1 = Block(width // 2, width // 4, n_labels, hidden)
        self.up_2 = Block(width // 4, width // 8, n_labels, hidden)
        self.up_3 = Block(width // 8, width // 16, n_labels, hidden)
        self.conv_img = nn.Conv2d(width // 16, 3, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, label_map: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        x = self.fc(z).view(-1, self.width, self.side, self.side)
        x = self.up(self.head_0(x, label_map))
        x = self.up(self.G_middle_0(x, label_map))
        x = self.up(self.G_middle_1(x, label_map))
        x = self.up(self.up_0(x, label_map))
        x = self.up(self.up_1(x, label_map))
        x = self.up(self.up_2(x, label_map))
        x = self.up_3(x, label_map)
        return torch.tanh(self.conv_img(F.leaky_relu(x, 0.2)))


def original(n_labels: int = 4, *, side: int = 1, width: int = 32, hidden: int = 6) -> Original:
    """Return an original with statistics and vectors that no initialization gives; 64 px by default."""
    torch.manual_seed(0)
    network = Original(n_labels, width, hidden, latent_size=7, side=side)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.3, 3)
            module.num_batches_tracked.fill_(1000)
        if hasattr(module, "weight_u"):
            matrix = module.weight_orig.detach().flatten(1)
            for _ in range(10):  # as after training: the quotient is near the spectral norm
                module.weight_v.copy_(F.normalize(matrix.T @ module.weight_u, dim=0))
                module.weight_u.copy_(F.normalize(matrix @ module.weight_v, dim=0))
            # and yet away from it, so that only the stored vectors give the right quotient
            noise = torch.randn_like(module.weight_u) / len(module.weight_u) ** 0.5
            module.weight_u.copy_(F.normalize(module.weight_u + 0.3 * noise, dim=0))
    network.conv_img.weight.data.mul_(0.4)  # keeps most pixels off the flat ends of tanh
    return network.eval()


def one_hot(n_labels: int, size: int) -> torch.Tensor:
    labels = torch.randint(n_labels, (1, size, size), generator=torch.Generator().manual_seed(1))
    return F.one_hot(labels, n_labels).movedim(-1, 1).float().contiguous()


def draw_original(network: Original, labels: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        picture = network(labels, latent)
    # a picture in the flat ends of tanh, or all gray, would agree with nearly any other
    assert float((picture.abs() < 0.9).float().mean()) > 0.9
    assert float(picture.std()) > 0.05
    return picture


def draw(folder: ModelFolder, labels: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
    generator = build_generator(**folder.generator_arguments())
    load_state(generator, select(folder.read_tensors(), "generator."), folder.where)
    with torch.no_grad():
        return generator.eval()(labels, latent)


def save(content: Any, path: Path, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


# --- What is imported draws what the original draws ------------------------------------------------------


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"generator": state, "discriminator": {"model.0.weight": torch.zeros(3)}},
        lambda state: {"netG": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {"state_dict": {f"netG.{name}": tensor for name, tensor in state.items()}},
    ],
    ids=["plain", "module", "state_dict", "generator", "netG of modules", "prefix netG"],
)
def test_an_imported_generator_draws_what_the_original_draws(
    tmp_path: Path, wrapped: Callable[[dict[str, Any]], Any]
) -> None:
    network = original()
    checkpoint = save(wrapped(network.state_dict()), tmp_path / "prostate3.pth")
    folder = import_shi_gan(checkpoint, "prostate-3", tmp_path / "model")
    labels, latent = one_hot(4, 64), torch.randn(1, 7)
    expected = draw_original(network, labels, latent)
    assert float((draw(folder, labels, latent) - expected).abs().max()) < 1e-4


def test_a_512_px_generator_of_11_channels_draws_what_the_original_draws(tmp_path: Path) -> None:
    network = original(11, side=8, width=16, hidden=4)
    folder = import_shi_gan(save(network.state_dict(), tmp_path / "c.pth"), "colon-10", tmp_path / "model")
    labels, latent = one_hot(11, 512), torch.randn(1, 7)
    expected = draw_original(network, labels, latent)
    assert float((draw(folder, labels, latent) - expected).abs().max()) < 1e-4


def test_the_old_file_layout_is_read_too(tmp_path: Path) -> None:
    network = original()
    path = save(network.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    folder = import_shi_gan(path, "prostate-3", tmp_path / "model")
    labels, latent = one_hot(4, 64), torch.randn(1, 7)
    expected = draw_original(network, labels, latent)
    assert float((draw(folder, labels, latent) - expected).abs().max()) < 1e-4


def test_the_two_class_generator_keeps_its_spare_channel(tmp_path: Path) -> None:
    network = original(4)
    folder = import_shi_gan(save(network.state_dict(), tmp_path / "p.pth"), "prostate-2", tmp_path / "model")
    assert folder.scheme().n_classes == 3
    assert folder.generator_arguments()["n_classes"] == 4
    labels, latent = one_hot(3, 64), torch.randn(1, 7)
    expected = draw_original(network, torch.cat([labels, torch.zeros(1, 1, 64, 64)], 1), latent)
    assert float((draw(folder, labels, latent) - expected).abs().max()) < 1e-4


def test_half_precision_is_half_the_size(tmp_path: Path) -> None:
    path = save(original().state_dict(), tmp_path / "p.pth")
    full = import_shi_gan(path, "prostate-3", tmp_path / "full")
    half = import_shi_gan(path, "prostate-3", tmp_path / "half", half=True)
    tensor = "generator.up_3.conv_1.weight"
    torch.testing.assert_close(half.read_tensors()[tensor], full.read_tensors()[tensor], atol=1e-3, rtol=1e-3)
    assert half.summary()["megabytes"] < 0.7 * full.summary()["megabytes"]


def test_missing_counters_of_training_steps_do_not_matter(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in original().state_dict().items() if "num_batches" not in name}
    import_shi_gan(save(state, tmp_path / "p.pth"), "prostate-3", tmp_path / "model").read_tensors()


def test_the_card_says_where_the_model_comes_from(tmp_path: Path) -> None:
    path = save(original().state_dict(), tmp_path / "prostate3.pth")
    folder = import_shi_gan(path, "prostate-3", tmp_path / "shi-gan-prostate", um_per_px=0.5)
    card = folder.card
    assert (card.name, card.system, card.preset) == ("shi-gan-prostate", "shi-gan", "paper")
    assert (card.scheme, card.um_per_px, card.latent_size) == ("prostate-3", 0.5, 7)
    assert card.architecture == {"n_classes": 4, "width": 32, "hidden": 6, "start": 1}
    assert "prostate3.pth" in card.trained
    assert "Laboratory Investigation" in card.citation
    assert "epithelium" in folder.notes


def test_a_scheme_of_ones_own_is_copied_into_the_folder(tmp_path: Path) -> None:
    classes = tuple(TissueClass(k, name, f"#{k:06x}") for k, name in enumerate(("glass", "a", "b", "c")))
    scheme = TissueScheme("mine", "My scheme", classes)
    path = save(original().state_dict(), tmp_path / "p.pth")
    folder = import_shi_gan(path, scheme, tmp_path / "model")
    assert ModelFolder(folder.path).scheme().names == scheme.names


# --- What is refused -------------------------------------------------------------------------------------


class Payload:
    """Pickles to a call that makes a file: what a harmful checkpoint would do, but harmless."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("layout", ["zip", "old", "pickle", "beside tensors"])
def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path: Path, layout: str) -> None:
    trace, path = tmp_path / "the-code-ran", tmp_path / "evil.pth"
    if layout == "zip":
        save(Payload(trace), path)
    elif layout == "old":
        save(Payload(trace), path, _use_new_zipfile_serialization=False)
    elif layout == "pickle":
        path.write_bytes(pickle.dumps(Payload(trace), protocol=2))
    else:
        save({**original().state_dict(), "note": Payload(trace)}, path)
    with pytest.raises(ModelError, match=r"evil\.pth was refused because it asks to run '\w+\.mkdir'"):
        import_shi_gan(path, "prostate-3", tmp_path / "model")
    assert not trace.exists()
    assert not (tmp_path / "model").exists()


def test_a_modern_pickle_of_something_else_is_refused_and_not_run(tmp_path: Path) -> None:
    trace, path = tmp_path / "the-code-ran", tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Payload(trace), protocol=4))
    with pytest.raises(ModelError, match=r"evil\.pth was refused because it holds more than tensors"):
        import_shi_gan(path, "prostate-3", tmp_path / "model")
    assert not trace.exists()


def test_the_harmful_pickle_of_these_tests_would_run_elsewhere(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "the-code-ran")))
    assert (tmp_path / "the-code-ran").exists()


def test_a_pickled_network_is_refused(tmp_path: Path) -> None:
    path = save(nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(ModelError, match=r"asks to run 'torch\.nn\.modules\.linear\.Linear'"):
        import_shi_gan(path, "prostate-3", tmp_path / "model")


@pytest.mark.parametrize("old_layout", [False, True])
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, kept: float, old_layout: bool) -> None:
    path = tmp_path / "p.pth"
    save(original().state_dict(), path, _use_new_zipfile_serialization=not old_layout)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ModelError, match=r"p\.pth"):
        import_shi_gan(path, "prostate-3", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("content", [b"These are not the weights.", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04junk"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged or was not written by"):
        import_shi_gan(path, "prostate-3", tmp_path / "model")


@pytest.mark.parametrize("content", [{"model.0.weight": torch.zeros(2)}, torch.zeros(3), [1, 2], {}, {3: 4}])
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ModelError, match="no SHI-GAN generator"):
        import_shi_gan(save(content, tmp_path / "p.pth"), "prostate-3", tmp_path / "model")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no checkpoint .*gone\.pth"):
        import_shi_gan(tmp_path / "gone.pth", "prostate-3", tmp_path / "model")


@pytest.mark.parametrize(
    "key",
    [
        "fc.weight",
        "fc.bias",
        "head_0.conv_0.weight_orig",
        "G_middle_0.conv_1.weight_u",
        "up_0.conv_s.weight_v",
        "head_0.norm_0.mlp_shared.0.weight",
        "head_0.norm_0.mlp_gamma.weight",
        "up_3.norm_s.param_free_norm.running_var",
        "up_2.conv_1.bias",
        "conv_img.weight",
    ],
)
def test_a_missing_tensor_is_named(tmp_path: Path, key: str) -> None:
    state = original().state_dict()
    del state[key]
    with pytest.raises(ModelError, match=f"lacks the tensor '{key}'"):
        import_shi_gan(save(state, tmp_path / "p.pth"), "prostate-3", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "key", ["fc.bias", "up_1.norm_1.mlp_beta.bias", "up_0.conv_0.weight_v", "head_0.norm_0.mlp_shared.0.bias"]
)
def test_a_misshapen_tensor_is_named(tmp_path: Path, key: str) -> None:
    state = original().state_dict()
    state[key] = torch.zeros(5)
    with pytest.raises(ModelError, match=rf"'{key}' in shape \(5,\) where"):
        import_shi_gan(save(state, tmp_path / "p.pth"), "prostate-3", tmp_path / "model")


@pytest.mark.parametrize(
    "key",
    [
        "fc.weight",
        "head_0.conv_0.weight_orig",
        "head_0.norm_0.mlp_shared.0.weight",
        "head_0.norm_0.mlp_gamma.weight",
        "conv_img.weight",
    ],
)
@pytest.mark.parametrize("shape", [(), (5,), (5, 5, 5, 5)])
def test_no_shape_whatever_gets_past_the_sentence(tmp_path: Path, key: str, shape: tuple[int, ...]) -> None:
    state = original().state_dict()
    state[key] = torch.zeros(shape)
    with pytest.raises(ModelError, match="tensor"):
        import_shi_gan(save(state, tmp_path / "p.pth"), "prostate-3", tmp_path / "model")


def test_a_tensor_too_many_is_named(tmp_path: Path) -> None:
    state = {**original().state_dict(), "up_4.conv_0.bias": torch.zeros(1)}
    with pytest.raises(ModelError, match=r"up_4\.conv_0\.bias"):
        import_shi_gan(save(state, tmp_path / "p.pth"), "prostate-3", tmp_path / "model")


def test_something_that_is_no_tensor_is_named(tmp_path: Path) -> None:
    state = {**original().state_dict(), "fc.bias": "zero"}
    with pytest.raises(ModelError, match=r"holds str where 'fc\.bias'"):
        import_shi_gan(save(state, tmp_path / "p.pth"), "prostate-3", tmp_path / "model")


@pytest.mark.parametrize("key", ["fc.bias", "up_0.conv_0.weight_orig"])
def test_values_that_are_not_finite_are_named(tmp_path: Path, key: str) -> None:
    state = original().state_dict()
    state[key].view(-1)[0] = math.nan
    with pytest.raises(ModelError, match=key):
        import_shi_gan(save(state, tmp_path / "p.pth"), "prostate-3", tmp_path / "model")


@pytest.mark.parametrize(("n_labels", "scheme"), [(4, "colon-10"), (11, "prostate-3")])
def test_a_scheme_that_does_not_fit_the_channels_is_refused(
    tmp_path: Path, n_labels: int, scheme: str
) -> None:
    path = save(original(n_labels).state_dict(), tmp_path / "p.pth")
    with pytest.raises(ModelError, match=rf"takes {n_labels} label channels .*{scheme}"):
        import_shi_gan(path, scheme, tmp_path / "model")


def test_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    path = save(original().state_dict(), tmp_path / "p.pth")
    with pytest.raises(SchemeError, match="brain-7"):
        import_shi_gan(path, "brain-7", tmp_path / "model")


@pytest.mark.parametrize("options", [{"um_per_px": -1.0}, {"name": "my model"}])
def test_a_card_that_could_not_be_read_again_is_not_written(tmp_path: Path, options: dict[str, Any]) -> None:
    path = save(original().state_dict(), tmp_path / "p.pth")
    with pytest.raises(ModelError, match=next(iter(options))):
        import_shi_gan(path, "prostate-3", tmp_path / "model", **options)
    assert not (tmp_path / "model").exists()


def test_a_model_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = save(original().state_dict(), tmp_path / "p.pth")
    import_shi_gan(path, "prostate-3", tmp_path / "model")
    with pytest.raises(ModelError, match="holds a model already"):
        import_shi_gan(path, "prostate-2", tmp_path / "model")
    import_shi_gan(path, "prostate-2", tmp_path / "model", overwrite=True)
    assert ModelFolder(tmp_path / "model").card.scheme == "prostate-2"
