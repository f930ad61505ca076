from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_histosynth.core.errors import ModelError
from napari_histosynth.zoo import load_state, select


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def test_select_keeps_one_prefix_and_strips_it() -> None:
    tensors = {"generator.a": torch.ones(1), "encoder.a": torch.zeros(1), "generators.b": torch.zeros(1)}
    assert select(tensors, "generator.") == {"a": tensors["generator.a"]}


def test_a_loaded_module_has_the_tensors() -> None:
    state = {name: torch.full_like(tensor, 3) for name, tensor in network().state_dict().items()}
    module = network()
    load_state(module, state, "The model 'x'")
    assert all(torch.equal(module.state_dict()[name], tensor) for name, tensor in state.items())


def test_a_module_on_the_meta_device_takes_the_tensors() -> None:
    state = network().state_dict()
    with torch.device("meta"):
        module = network()
    load_state(module, state, "The model 'x'")
    image = torch.randn(1, 3, 2, 2)
    assert torch.equal(module.eval()(image), network().eval()(image))
    assert all(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"0.weight": None}, r"The model 'x' lacks the tensor '0\.weight';"),
        ({"0.weight": None, "1.bias": None}, r"lacks the tensor '0\.weight' \(and 1 more like it\);"),
        ({"0.bias": torch.zeros(5)}, r"'0\.bias' in shape \(5,\) where \(4,\) is expected;"),
        ({"2.bias": torch.zeros(5)}, r"holds the tensor '2\.bias' that its architecture does not have;"),
    ],
)
def test_the_tensor_at_fault_is_named_and_the_module_unchanged(
    change: dict[str, torch.Tensor | None], said: str
) -> None:
    module = network()
    state = {name: torch.zeros_like(tensor) for name, tensor in module.state_dict().items()} | change
    with pytest.raises(ModelError, match=said):
        load_state(
            module, {name: tensor for name, tensor in state.items() if tensor is not None}, "The model 'x'"
        )
    fresh = network().state_dict()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in module.state_dict().items())
