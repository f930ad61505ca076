"""A perceptual hash on deep features: how like drawn Ki-67 is to real Ki-67 (Liu et al., section 5.2).

A picture is described by the mean of each channel of the second layer of ResNet-18. The paper then says
"perceptual hash" and no more; here, as in the common perceptual hash of cosines, each number becomes a bit,
whether it is above the median of all, and two pictures are as similar as the share of bits that agree. Two
pictures that have nothing to do with one another share half of them, if channels were alike on average; they
are not, so what H&E and real Ki-67 give stands beside every figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_histosynth.core.device import choose_device
from napari_histosynth.paint.model import from_rgb
from napari_histosynth.paint.resample import resize_rows, scaled_shape

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor, nn

    Pixels = npt.NDArray[np.uint8]

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_BATCH = 16


@dataclass(frozen=True, eq=False)
class DeepFeatures:
    """A network that describes pictures.

    Attributes
    ----------
    name : str
        What network and which layer, in words.
    photographs : bool
        Whether it is the paper's ResNet-18, trained on photographs; else a network trained on tissue.
    network, layer : Module
        The network, and the layer whose output counts.
    prepared : callable
        Makes the network's input, (n, 3, y, x), of pictures uint8 (n, y, x, 3).
    """

    name: str
    photographs: bool
    network: nn.Module
    layer: nn.Module
    prepared: Callable[[Pixels], Tensor]

    def channel_means(self, pictures: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Describe pictures of one size, uint8 (y, x, 3) each, by float32 (n, channels)."""
        caught: list[Tensor] = []
        hook = self.layer.register_forward_hook(lambda module, given, made: caught.append(made))
        found = []
        try:
            with torch.inference_mode():
                for start in range(0, len(pictures), _BATCH):
                    caught.clear()
                    self.network(self.prepared(np.stack(pictures[start : start + _BATCH])))
                    found.append(caught[0].float().mean((2, 3)).cpu().numpy())
        finally:
            hook.remove()
        return np.concatenate(found)


def find_features(um_per_px: float, *, device: str = "auto") -> DeepFeatures:
    """Return the paper's network if its weights are on this machine, else the shipped one for glands.

    Nothing is downloaded: weights of ResNet-18 count if torchvision is installed and they lie in torch hub's
    cache.

    Parameters
    ----------
    um_per_px : float
        Scale of the pictures.
    device : str
        "auto", "cpu", "cuda" or "mps".
    """
    return _resnet(device) or _tissue(um_per_px, device)


def hash_bits(vectors: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    """Return which numbers of each vector, (n, channels), are above the median of the vector."""
    return np.asarray(vectors > np.median(vectors, axis=1, keepdims=True), bool)


def hash_similarity(
    vectors: npt.NDArray[np.floating[Any]], others: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.float64]:
    """Return the share of bits that agree, float64 (n, m), 1 for the same hash."""
    return np.asarray((hash_bits(vectors)[:, None] == hash_bits(others)[None]).mean(2), np.float64)


def _resnet(device: str) -> DeepFeatures | None:
    """Return ResNet-18 with weights that are on this machine, None if they are not."""
    try:
        from torchvision.models import resnet18
    except ImportError:
        return None
    found = sorted(Path(torch.hub.get_dir(), "checkpoints").glob("resnet18-*.pth"))
    if not found:
        return None
    network = resnet18(weights=None)
    network.load_state_dict(torch.load(found[-1], map_location="cpu", weights_only=True))
    where = choose_device(device)
    network = network.to(where).eval().requires_grad_(False)
    mean, spread = (torch.tensor(row, device=where).view(1, 3, 1, 1) for row in _IMAGENET)

    def prepared(rgb: Pixels) -> Tensor:
        return ((from_rgb(rgb, where) + 1) / 2 - mean) / spread

    return DeepFeatures(
        "second layer of ResNet-18 (ImageNet), as in the paper", True, network, network.layer2, prepared
    )


def _tissue(um_per_px: float, device: str) -> DeepFeatures:
    """Return the second layer of the shipped network that names the tissue of H&E."""
    from napari_histosynth.paint.segment import load_segmenter

    segmenter = load_segmenter(device=device, precision="fp32")
    network = segmenter.network

    def prepared(rgb: Pixels) -> Tensor:
        size = scaled_shape((rgb.shape[1], rgb.shape[2]), um_per_px, segmenter.um_per_px)
        shape = tuple(max(1, round(side / network.stride)) * network.stride for side in size)
        box = (0.0, 0.0, float(rgb.shape[2]), float(rgb.shape[1]))
        scaled = np.stack([resize_rows(one, box, (shape[0], shape[1])) for one in rgb])
        return from_rgb(scaled, segmenter.device)

    name = f"second layer of {segmenter.name} (H&E of colon), since ResNet-18 is not on this machine"
    return DeepFeatures(name, False, network, network.down[1], prepared)
