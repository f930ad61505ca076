from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.stain.model import load_stain_model
from napari_histosynth.zoo import ModelFolder, import_cyclegan

# --- The original, written from its published layout: an independent reference ----------------------------


class Block(nn.Module):
    def __init__(self, width: int, dropout: bool, tracked: bool) -> None:
        super().__init__()

        def norm() -> nn.Module:
            return nn.InstanceNorm2d(width, track_running_stats=tracked)

        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(), nn.ReLU(),
            *([nn.Dropout(0.5)] if dropout else []),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), norm(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv_block(x)


class Reference(nn.Module):
    def __init__(
        self,
        width: int = 4,
        blocks: int = 9,
        dropout: bool = False,
        tracked: bool = False,
        batch: bool = False,
    ) -> None:
        super().__init__()

        def norm(channels: int) -> nn.Module:
            return (
                nn.BatchNorm2d(channels)
                if batch
                else nn.InstanceNorm2d(channels, track_running_stats=tracked)
            )

        self.model = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), norm(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1), norm(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 3, 2, 1), norm(4 * width), nn.ReLU(),
            *(Block(4 * width, dropout, tracked) for _ in range(blocks)),
            nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, 1), norm(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1), norm(width), nn.ReLU(),
            nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def reference(**options: Any) -> Reference:
    torch.manual_seed(options.get("blocks", 0))
    return Reference(**options).eval()


def imported(tmp_path: Path, content: Any, **options: Any) -> ModelFolder:
    path = saved(tmp_path / "latest_net_G_A.pth", content)
    return import_cyclegan(path, ("H&E", "Ki-67"), tmp_path / "model", 0.5, **options)


@pytest.mark.parametrize("blocks", [6, 9])
@pytest.mark.parametrize("dropout", [False, True])
def test_the_imported_generator_draws_what_the_original_draws(
    tmp_path: Path, blocks: int, dropout: bool
) -> None:
    original = reference(blocks=blocks, dropout=dropout)
    folder = imported(tmp_path, original.state_dict())
    folder.verify()
    generator = load_stain_model(folder.path, device="cpu", precision="fp32").generator()
    picture = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        assert (generator(picture) - original(picture)).abs().max() < 1e-5


def test_both_directions_are_imported(tmp_path: Path) -> None:
    there, back = reference(blocks=6), reference(blocks=6)
    nn.init.normal_(back.model[1].weight)
    file = saved(tmp_path / "latest_net_G_B.pth", back.state_dict())
    folder = imported(tmp_path, there.state_dict(), reverse=file, name="mine")
    assert folder.card.stains == ("H&E", "Ki-67")
    assert (folder.card.system, folder.card.preset, folder.card.um_per_px) == ("stain", "resnet", 0.5)
    assert "latest_net_G_B.pth, sha256" in folder.card.trained
    model = load_stain_model(folder.path, device="cpu", precision="fp32")
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        for original, ours in ((there, model.generator()), (back, model.generator(reverse=True))):
            assert (ours(picture) - original(picture)).abs().max() < 1e-5


@pytest.mark.parametrize(
    "wrap", [lambda s: {f"module.{k}": v for k, v in s.items()}, lambda s: {"netG_A": s}]
)
def test_prefixes_and_containers_are_seen_through(tmp_path: Path, wrap: Any) -> None:
    assert imported(tmp_path, wrap(reference(blocks=6).state_dict())).card.architecture["blocks"] == 6


def test_running_statistics_of_old_files_are_set_aside(tmp_path: Path) -> None:
    state = reference(blocks=6, tracked=True).state_dict()
    assert "model.2.running_mean" in state
    state["model.2.running_mean"] += 5
    folder = imported(tmp_path, state)
    assert not any("running" in name for name in folder.read_tensors())


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    state = reference(blocks=6).state_dict()
    large = imported(tmp_path, state).weights_path.stat().st_size
    assert imported(tmp_path, state, half=True, overwrite=True).weights_path.stat().st_size < 0.65 * large


def without(state: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: without(s, "model.12.conv_block.5.bias"), "lacks the tensor 'model.12.conv_block.5.bias'"),
        (lambda s: without(s, "model.1.weight"), "lacks the tensor 'model.1.weight'"),
        (lambda s: s | {"model.4.weight": torch.zeros(9, 9)}, r"'model.4.weight' in shape \(9, 9\)"),
        (lambda s: s | {"model.99.weight": torch.zeros(1)}, "'model.99.weight'"),
        (lambda s: s | {"model.3.running_mean": torch.zeros(4)}, "'model.3.running_mean'"),
        (lambda s: s | {"model.1.bias": torch.full((4,), torch.nan)}, "'model.1.bias' that are not finite"),
        (lambda s: s | {"model.1.bias": [1, 2]}, "holds list where 'model.1.bias'"),
        (lambda s: s | {"model.16.conv_block.1.weight": torch.zeros(1)}, "7 residual blocks"),
        (lambda s: {k: v for k, v in s.items() if "model.12." not in k}, "lacks the tensor 'model.12"),
        (lambda s: {"weight": torch.zeros(3)}, "holds no CycleGAN generator"),
        (lambda s: [1, 2], "holds no CycleGAN generator"),
        (lambda s: Reference(blocks=6, batch=True).state_dict(), "'model.2.weight' of a normalization"),
    ],
)
def test_a_file_that_is_none_is_one_sentence_that_names_the_tensor(
    tmp_path: Path, change: Any, said: str
) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        imported(tmp_path, change(reference(blocks=6).state_dict()))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch harmed",)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "G.pth").write_bytes(pickle.dumps({"model.10.conv_block.1.weight": Harmful()}))
    with pytest.raises(ModelError, match="may be harmful"):
        import_cyclegan(tmp_path / "G.pth", ("H&E", "Ki-67"), tmp_path / "model", 0.5)
    assert not (tmp_path / "harmed").exists()


def test_generators_of_two_sizes_and_impossible_cards_are_one_sentence(tmp_path: Path) -> None:
    state = reference(blocks=6).state_dict()
    other = saved(tmp_path / "B.pth", reference(blocks=9).state_dict())
    with pytest.raises(ModelError, match=r"6 blocks of 16 channels and B\.pth 9 of 16"):
        imported(tmp_path, state, reverse=other)
    with pytest.raises(ModelError, match="um_per_px"):
        import_cyclegan(other, ("H&E", "Ki-67"), tmp_path / "model", -1)
    with pytest.raises(ModelError, match="no checkpoint"):
        import_cyclegan(tmp_path / "none.pth", ("H&E", "Ki-67"), tmp_path / "model", 0.5)
    imported(tmp_path, state)
    with pytest.raises(ModelError, match="holds a model already"):
        imported(tmp_path, state)
