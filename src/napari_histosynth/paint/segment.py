"""Labels from any H&E: a picture of tissue becomes a label map to paint on (SHI-GAN, section 2.6).

The picture is brought to the model's scale, looked at in windows that are grown by what a pixel of the
network depends on, and the label map is brought back. Beyond its borders the picture is mirrored. So where
the windows lie does not show, and memory follows the window, not the picture.
"""

from __future__ import annotations

import math
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
from napari_histosynth.paint.resample import resize_labels, resize_rows, scaled_shape
from napari_histosynth.paint.unet import SegmentationNet
from napari_histosynth.zoo import ModelCard, find_model, load_state, select

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_histosynth.core.tissue import TissueScheme

DEFAULT_SEGMENTER = "gland-segmenter"

#: Side in px, at the model's scale, of what is labeled at once; and the least, when memory runs out.
TILE, LEAST_TILE = 1024, 128

#: Scales in um/px between which glands and nuclei can be told at all.
FINEST, COARSEST = 0.05, 4.0

_SOURCE_ROWS = 2048  # rows of the picture that are resampled at once
_REACH = 3  # px that Lanczos' filter looks at on either side
_LABEL_REACH = 5  # px of a label map that resampling it looks at on either side


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
        picture = _Picture(rgb, checked_scale(um_per_px), self.um_per_px)
        wanted = Window.of_shape(picture.source) if window is None else window.clip(picture.source)
        if wanted.is_empty:
            raise ImageError(
                f"The window {tuple(window or ())} holds no pixel of the picture of "
                f"{picture.source[1]} x {picture.source[0]} px; choose a part of it."
            )
        needed = picture.at_scale(wanted, _LABEL_REACH if keep_scale else 0)
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
        self, picture: _Picture, needed: Window, tile: int, cancel: Callable[[], bool] | None
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
    if folder.card.draws:
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


def checked_picture(rgb: Any) -> tuple[int, int]:
    """Return height and width of an H&E picture.

    Raises
    ------
    ImageError
        If it is not uint8 (y, x, 3).
    """
    shape, dtype = getattr(rgb, "shape", None), getattr(rgb, "dtype", None)
    if shape is None or dtype is None:
        raise ImageError(f"A {type(rgb).__name__} is no picture; give an array of uint8 (y, x, 3).")
    size = " x ".join(map(str, shape))
    if len(shape) == 3 and shape[2] == 4:
        raise ImageError(
            f"The picture has four channels ({size}); give the first three alone, without transparency."
        )
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        raise ImageError(f"The picture is gray ({size}); H&E is told by color, so give one of RGB.")
    if len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ImageError(f"The picture is {size}; give one of RGB, y x x x 3.")
    if np.dtype(dtype) != np.uint8:
        raise ImageError(
            f"The picture holds {np.dtype(dtype)} values; bring them to 0 to 255 and give uint8."
        )
    return int(shape[0]), int(shape[1])


def checked_scale(um_per_px: float | None) -> float:
    """Return a scale that H&E can be labeled at.

    Raises
    ------
    ImageError
        If it is missing, no number, or one at which glands cannot be told.
    """
    if um_per_px is None:
        raise ImageError("How many um a pixel of the picture has is not known; give um_per_px.")
    if not (math.isfinite(um_per_px) and FINEST <= um_per_px <= COARSEST):
        raise ImageError(
            f"At {um_per_px:g} um per px glands and nuclei cannot be told; give a picture of {FINEST:g} to "
            f"{COARSEST:g} um per px, or correct its scale."
        )
    return float(um_per_px)


class _Picture:
    """A picture seen at another scale, mirrored beyond its borders; reads what is asked for.

    Parameters
    ----------
    rgb : array_like
        uint8 (y, x, 3).
    um_per_px, target : float
        Its scale, and the one to see it at.
    """

    def __init__(self, rgb: Any, um_per_px: float, target: float) -> None:
        self._rgb = rgb
        self.source = checked_picture(rgb)
        self.shape = scaled_shape(self.source, um_per_px, target)
        if max(abs(a - b) / b for a, b in zip(self.shape, self.source, strict=True)) < 0.005:
            self.shape = self.source  # resampling would only blur
        self._factor = tuple(a / b for a, b in zip(self.source, self.shape, strict=True))

    def at_scale(self, window: Window, reach: int) -> Window:
        """Return the pixels at the other scale that a window of the picture covers, and ``reach`` more."""
        if self.shape == self.source:
            return window
        fy, fx = self._factor
        y0, y1 = math.floor(window.y0 / fy), math.ceil(window.y1 / fy)
        x0, x1 = math.floor(window.x0 / fx), math.ceil(window.x1 / fx)
        return Window(y0, y1, x0, x1).grow(math.ceil(reach * max(1.0, 1 / fy, 1 / fx))).clip(self.shape)

    def read(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return a window at the other scale, uint8 (y, x, 3); it may reach beyond the borders."""
        inside = window.clip(self.shape)
        pixels = self._resampled(inside) if self.shape != self.source else self._pixels(inside)
        around = (
            (inside.y0 - window.y0, window.y1 - inside.y1),
            (inside.x0 - window.x0, window.x1 - inside.x1),
            (0, 0),
        )
        return np.ascontiguousarray(np.pad(pixels, around, mode="symmetric"))

    def back(self, found: npt.NDArray[np.uint8], where: Window, wanted: Window) -> npt.NDArray[np.uint8]:
        """Return labels of the window ``where`` at the other scale in the pixels of the picture."""
        fy, fx = self._factor
        labels = np.empty(wanted.shape, np.uint8)
        for part in tile_windows(wanted, TILE):
            needed = self.at_scale(part, _LABEL_REACH)
            box = (
                part.x0 / fx - needed.x0,
                part.y0 / fy - needed.y0,
                part.x1 / fx - needed.x0,
                part.y1 / fy - needed.y0,
            )
            cut = found[needed.relative_to(where).slices]
            labels[part.relative_to(wanted).slices] = resize_labels(cut, box, part.shape)
        return labels

    def _pixels(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return pixels of the picture itself."""
        return np.asarray(self._rgb[window.slices])

    def _resampled(self, window: Window) -> npt.NDArray[np.uint8]:
        """Return a window at the other scale from the pixels that it covers, in strips of rows."""
        fy, fx = self._factor
        margin = [math.ceil(_REACH * max(1.0, factor)) + 1 for factor in (fy, fx)]
        step = max(1, int(_SOURCE_ROWS / max(1.0, fy)))
        pixels = np.empty((*window.shape, 3), np.uint8)
        for top in range(window.y0, window.y1, step):
            bottom = min(top + step, window.y1)
            seen = Window(
                math.floor(top * fy) - margin[0],
                math.ceil(bottom * fy) + margin[0],
                math.floor(window.x0 * fx) - margin[1],
                math.ceil(window.x1 * fx) + margin[1],
            ).clip(self.source)
            box = (
                window.x0 * fx - seen.x0,
                top * fy - seen.y0,
                min(window.x1 * fx - seen.x0, seen.width),
                min(bottom * fy - seen.y0, seen.height),
            )
            strip = resize_rows(self._pixels(seen), box, (bottom - top, window.width))
            pixels[top - window.y0 : bottom - window.y0] = strip
        return pixels
