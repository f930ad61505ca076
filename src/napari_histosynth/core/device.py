"""Where and how precisely to compute; what to do when memory runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_histosynth.core.errors import DeviceError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "bf16", "fp32")


def choose_device(name: str = "auto") -> torch.device:
    """Return a torch device.

    Parameters
    ----------
    name : str
        "auto" takes a CUDA GPU, else Apple's, else the CPU; or "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    DeviceError
        If the device does not exist here.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"{name!r} is no device; use one of {', '.join(DEVICES)}.") from error
    absent = {"cuda": not cuda, "mps": not mps}.get(device.type, device.type != "cpu")
    if absent or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise DeviceError(f"This machine has no device {name!r}; use 'auto' or 'cpu'.")
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format to draw in.

    Parameters
    ----------
    name : str
        "bf16", "fp32", or "auto": bf16 where the hardware multiplies it (2.5 to 3.5 times faster on CPUs
        with AVX512-BF16 or AMX), fp32 elsewhere.
    device : torch.device
        Where to draw.

    Raises
    ------
    DeviceError
        If the name is unknown.
    """
    import torch

    if name not in PRECISIONS:
        raise DeviceError(f"{name!r} is no precision; use one of {', '.join(PRECISIONS)}.")
    if name == "fp32" or (name == "auto" and not _multiplies_bf16(device)):
        return torch.float32
    return torch.bfloat16


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on a GPU or in the machine."""
    import torch

    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in message or "can't allocate memory" in message or "not enough memory" in message
    )


def _multiplies_bf16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # no public question for this in torch 2.6 to 2.13; a missing one means "do not know", so fp32
    known = (
        getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return any(bool(ask()) for ask in known if ask is not None)
