"""Labels from any H&E: a picture of tissue becomes a label map to paint on (SHI-GAN, section 2.6).

The picture is brought to the model's scale, looked at in windows that are grown by what a pixel of the
network depends on, and the label map is brought back. Beyond its borders the picture is mirrored. So where
the windows lie does not show, and memory follows the window, not the picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_histosynth.core.device import choose_device, choose_precision, is_out_of_memory
from napari_histosynth.core.errors import Cancelled, DeviceError, ImageError, ModelError
from napari_histosynth.core.tiles import Window, tile_windows
from napari_histosynth.paint.regions import IN_GLAND, N_KINDS, N_LOGITS, labels_of
from napari_histosynth.paint.scaledpicture import LABEL_REACH, ScaledPicture, checked_scale
from napari_histosynth.paint.unet import SegmentationNet
from napari_histosynth.zoo import ModelCard, find_model, load_state, select

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme

DEFAULT_SEGMENTER = "gland-segmenter"

#: Side in px, at the model's scale, of what is labeled at once; and the least, when memory runs out.
TILE, LEAST_TILE = 1024, 128


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A network that labels H&E, with what is known of it; make one with :func:`load_segmenter`.

    Attributes
    ----------
    card : ModelCard
        Name, scheme, scale, data and terms.
    scheme : TissueScheme
        Classes of the label maps that it makes.
    network : SegmentationNet
        Frozen, on :attr:`device`, in :attr:`dtype`.
    device : torch.device
        Where it computes.
    dtype : torch.dtype
        In which number format.
    """

    card: ModelCard
    scheme: TissueScheme
    network: SegmentationNet
    device: torch.device
    dtype: torch.dtype
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def um_per_px(self) -> float:
        """Scale that it works at, micrometers a pixel."""
        return self.card.um_per_px

    @property
    def sha256(self) -> str:
        """Hash of the weights."""
        return self.card.sha256

    def segment(
        self,
        rgb: Any,
        um_per_px: float | None,
        window: Window | None = None,
        *,
        keep_scale: bool = True,
        tile: int = TILE,
        cancel: Callable[[], bool] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Label an H&E picture.

        Parameters
        ----------
        rgb : array_like
            uint8 (y, x, 3): an array, or anything with ``shape`` and ``dtype`` that slices give arrays of,
            of which no more is read than a window needs.
        um_per_px : float
            Micrometers a pixel of ``rgb``, 0.05 to 4.
        window : Window, optional
            Part of ``rgb`` to label; all of it by default. The labels are those of the whole there.
        keep_scale : bool
            Whether the labels have the pixels of ``rgb``; if not, they are at the model's scale.
        tile : int
            Pixels a side that are labeled at once.
        cancel : callable, optional
            Asked now and then whether to stop.
        progress : callable, optional
            Told the share that is done, 0 to 1.

        Returns
        -------
        ndarray
            uint8 (y, x) in :attr:`scheme`: background, non-epithelium, epithelium, nuclei.

        Raises
        ------
        ImageError
            If the picture or the scale cannot be used; the sentence says what to give instead.
        DeviceError
            If memory does not suffice even for small windows.
        Cancelled
            If ``cancel`` returned true.
        """
        found = self.regions(
            rgb, um_per_px, window, keep_scale=keep_scale, tile=tile, cancel=cancel, progress=progress
        )
        return labels_of(found)

    def regions(
        self,
        rgb: Any,
        um_per_px: float | None,
        window: Window | None = None,
        *,
        keep_scale: bool = True,
        tile: int = TILE,
        cancel: Callable[[], bool] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Say of each pixel what it is and whether it is in a gland, lumen and nuclei included.

        Parameters and errors are those of :meth:`segment`.

        Returns
        -------
        ndarray
            uint8 (y, x), for :func:`~napari_histosynth.paint.regions.glands_of` and
            :func:`~napari_histosynth.paint.regions.labels_of`.
        """
        picture = ScaledPicture(rgb, checked_scale(um_per_px), self.um_per_px)
        wanted = Window.of_shape(picture.source) if window is None else window.clip(picture.source)
        if wanted.is_empty:
            raise ImageError(
                f"The window {tuple(window or ())} holds no pixel of the picture of "
                f"{picture.source[1]} x {picture.source[0]} px; choose a part of it."
            )
        needed = picture.at_scale(wanted, LABEL_REACH if keep_scale else 0)
        found = np.empty(needed.shape, np.uint8)
        for part, answered, done in self._answered(picture, needed, tile, cancel):
            found[part.relative_to(needed).slices] = answered
            if progress is not None:
                progress(done)
        if not keep_scale or picture.shape == picture.source:
            inner = wanted if picture.shape == picture.source else needed
            return found[inner.relative_to(needed).slices]
        return picture.back(found, needed, wanted)

    def _answered(
        self, picture: ScaledPicture, needed: Window, tile: int, cancel: Callable[[], bool] | None
    ) -> Iterator[tuple[Window, npt.NDArray[np.uint8], float]]:
        """Yield parts of a window with the answers there and the share that is done."""
        stride = self.network.stride
        side = max(tile // stride, 1) * stride
        pending = list(tile_windows(needed, side))[::-1]
        done = 0
        while pending:
            if cancel is not None and cancel():
                raise Cancelled("Labeling was stopped.")
            part = pending.pop()
            seen = part.align(stride).grow(self.network.halo)
            try:
                answered = self._run(picture.read(seen))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if max(part.shape) <= LEAST_TILE:
                    raise DeviceError(
                        f"Memory ran out on {self.device.type} while labeling {part.height} x {part.width} "
                        "px; close other programs or choose the device 'cpu'."
                    ) from error
                side = max(max(part.shape) // 2 // stride * stride, LEAST_TILE)
                pending += list(tile_windows(part, side))[::-1]
                continue
            done += part.area
            yield part, answered[part.relative_to(seen).slices], done / needed.area

    def _run(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Run the network on uint8 (y, x, 3) and return its answers, uint8 (y, x)."""
        with torch.inference_mode(), self._lock:
            image = torch.from_numpy(rgb).to(self.device)[None].permute(0, 3, 1, 2)
            logits = self.network(image.to(self.dtype) / 127.5 - 1)
            return np.asarray(answers(logits)[0].to(torch.uint8).cpu().numpy())


def load_segmenter(
    name_or_path: str | Path = DEFAULT_SEGMENTER, *, device: str = "auto", precision: str = "auto"
) -> Segmenter:
    """Load a model that labels H&E.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a segmenter that is found by name, or its folder.
    device : str
        "auto", "cpu", "cuda" or "mps".
    precision : str
        "auto", "bf16" or "fp32".

    Returns
    -------
    Segmenter

    Raises
    ------
    ModelError
        If there is no such model, it is not a segmenter, or its card or weights are damaged.
    DeviceError
        If the device or precision is not to be had.
    """
    folder = find_model(name_or_path)
    if folder.card.system != "segmenter":
        raise ModelError(
            f"{folder.where} draws H&E and cannot label it; choose a segmenter, such as "
            f"{DEFAULT_SEGMENTER!r}."
        )
    where = choose_device(device)
    dtype = choose_precision(precision, where)
    tensors = select(folder.read_tensors(), "segmenter.")
    widths = folder.card.architecture.get("widths", (24, 48, 96, 160))
    with torch.device("meta"):
        network = SegmentationNet(N_LOGITS, widths)
    counts = {name for name in network.state_dict() if name.endswith("num_batches_tracked")}
    load_state(network, tensors | dict.fromkeys(counts, torch.tensor(0)), folder.where)
    frozen = network.frozen().to(where, dtype)
    frozen.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Segmenter(folder.card, folder.scheme(), frozen, where, dtype)


def answers(logits: Tensor) -> Tensor:
    """Return the answers of a network: kind, plus :data:`IN_GLAND` where in a gland, (n, y, x)."""
    return logits[:, :N_KINDS].argmax(1) + IN_GLAND * (logits[:, N_KINDS] > 0)
