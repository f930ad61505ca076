"""The file that holds a model's tensors: safetensors, float16 on disk and float32 in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_histosynth.core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

_HEADER_LIMIT = 100_000_000  # bytes; the format's own bound on its header


class StoredTensor(NamedTuple):
    """What a safetensors file says of one tensor.

    Parameters
    ----------
    dtype : str
        "F16", "F32", "I64" and the like.
    shape : tuple of int
        Its shape.
    end : int
        Where its bytes end, counted from the end of the header.
    """

    dtype: str
    shape: tuple[int, ...]
    end: int


def read_header(path: Path, where: str) -> dict[str, StoredTensor]:
    """Read what a safetensors file says that it holds, and make sure that it is long enough for it.

    Parameters
    ----------
    path : Path
        The file.
    where : str
        What it belongs to, to begin an error's sentence with: ``"The model 'colon-3class'"``.

    Returns
    -------
    dict of str to StoredTensor
        By tensor name.

    Raises
    ------
    ModelError
        If the file is missing, unreadable, truncated or of another kind.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            text = file.read(header_size) if header_size <= min(size, _HEADER_LIMIT) else b""
    except FileNotFoundError as error:
        raise ModelError(f"{where} lacks its {path.name}; get the model again.") from error
    except OSError as error:
        raise ModelError(f"{where} has weights that cannot be read ({error.strerror}); mend that.") from error
    try:
        header = {
            name: StoredTensor(
                str(entry["dtype"]), tuple(map(int, entry["shape"])), int(entry["data_offsets"][1])
            )
            for name, entry in json.loads(text).items()
            if name != "__metadata__"
        }
        expected = 8 + header_size + max(tensor.end for tensor in header.values())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(
            f"{where} has a {path.name} of {size:,} bytes that is truncated or not a safetensors file; "
            "get the model again."
        ) from error
    if size < expected:
        raise ModelError(
            f"{where} has a truncated {path.name}, {size:,} of {expected:,} bytes; get the model again."
        )
    return header


def read_tensors(path: Path, where: str) -> dict[str, Tensor]:
    """Read a safetensors file.

    Parameters
    ----------
    path : Path
        The file.
    where : str
        What it belongs to, to begin an error's sentence with.

    Returns
    -------
    dict of str to Tensor
        On the CPU; floating point tensors as float32, integers as stored.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{where} has weights that cannot be read ({error}); get the model again."
        ) from error
    # copied, because what load_file gives can be a view of the file, which somebody may replace
    return {
        name: tensor.to(torch.float32, copy=True) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in stored.items()
    }


def pack_tensors(tensors: Mapping[str, Tensor], dtype: Literal["float16", "float32"]) -> bytes:
    """Return tensors as the contents of a safetensors file.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        On any device, of any dtype.
    dtype : {"float16", "float32"}
        How floating point tensors are stored; one that leaves the range of float16 is stored as float32.

    Returns
    -------
    bytes
        The same for the same tensors.
    """
    from safetensors.torch import save

    packed: bytes = save({name: _to_store(tensor, dtype) for name, tensor in tensors.items()})
    return packed


def file_sha256(path: str | Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits, remembered while its date and size stay."""
    path = Path(path).resolve()
    status = path.stat()
    return _file_sha256(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _file_sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_store(tensor: Tensor, dtype: Literal["float16", "float32"]) -> Tensor:
    """Return a tensor as it goes to disk: on the CPU, contiguous, its own memory."""
    import torch

    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.to(torch.float32)
        if dtype == "float16" and not bool((tensor.abs() > torch.finfo(torch.float16).max).any()):
            tensor = tensor.to(torch.float16)
    return tensor.clone(memory_format=torch.contiguous_format)
