"""What the tests of the commands share: running one in this process, and something to draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from napari_histosynth.cli.app import app
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import save_image


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def in_one_sentence(self) -> bool:
        """Whether it complained in one line that ends in a full stop, without a traceback."""
        return self.err.startswith("Error: ") and self.err.count("\n") == 1 and self.err.endswith(".\n")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs a command in this process."""

    def run_command(*arguments: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(argument) for argument in arguments], prog_name="histosynth")
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Ended(code or 0, *capsys.readouterr())

    return run_command


@pytest.fixture
def labels() -> npt.NDArray[np.uint8]:
    """Two classes: stroma with a square gland."""
    labels = np.ones((24, 40), np.uint8)
    labels[4:20, 4:20] = 2
    return labels


@pytest.fixture
def label_file(tmp_path: Path, labels: npt.NDArray[np.uint8]) -> Path:
    """Write a color label map as SHI-GAN's authors publish them."""
    path = tmp_path / "labels.png"
    save_image(path, get_scheme("prostate-2").encode(labels))
    return path
