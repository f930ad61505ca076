"""What all tests share: a private home, one thread a library, real tissue, small models, no screen."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# Set before NumPy, torch or napari load: they read these once. One thread makes sums come out in one order,
# and keeps a test run from fighting over cores.
for _library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# The tester's own napari settings, caches and models neither change the tests nor are changed by them.
_HOME = tempfile.TemporaryDirectory(prefix="histosynth-tests-")
for _kind in ("CONFIG", "CACHE", "DATA", "STATE"):
    os.environ[f"XDG_{_kind}_HOME"] = str(Path(_HOME.name, _kind.lower()))
os.environ["NAPARI_CONFIG"] = str(Path(_HOME.name, "napari", "settings.yaml"))
os.environ.pop("HISTOSYNTH_MODELS", None)
os.environ.pop("COLUMNS", None)  # pytest-xdist sets it: tables would be as narrow as the tester's window

_SLIDE_WIDTHS, _SLIDE_HIDDEN = [8, 8, 8, 6, 4], [4, 4, 4, 4, 4]
_LAYOUT_GRADES = [
    "healthy",
    "adenomatous",
    "moderately differentiated",
    "moderately-to-poorly differentiated",
    "poorly differentiated",
]
_SCREEN_FIXTURES = {"qtbot", "qapp", "make_napari_viewer", "make_napari_viewer_proxy"}
_NO_SCREEN = "no screen: neither a display nor Xvfb is here (on Debian and Ubuntu: apt-get install xvfb)"


def _has_screen() -> bool:
    """Return whether a napari window can open: a display, or Xvfb for pytest-xvfb to start."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or shutil.which("Xvfb"))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say at the top what this machine cannot test."""
    return [] if _has_screen() else [f"SKIPPING EVERY TEST OF THE WINDOW: {_NO_SCREEN}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, the window, so that no process ends long after another.

    Skip the tests that would abort the interpreter for want of a screen.
    """
    items.sort(key=lambda item: Path(REPOSITORY, "tests", "ui") not in item.path.parents)
    if _has_screen():
        return
    for item in items:
        if _SCREEN_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.skip(reason=_NO_SCREEN))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the private home."""
    _HOME.cleanup()


@pytest.fixture(autouse=True)
def user_models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an empty user data folder; returns where the user's models would lie (not created)."""
    data = tmp_path_factory.mktemp("user-data")
    monkeypatch.delenv("HISTOSYNTH_MODELS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    import platformdirs

    return Path(platformdirs.user_data_dir("napari-histosynth", appauthor=False), "models")


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the top of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def histosynth_data() -> Path:
    """Return the folder of real tissue (read-only); the test is skipped where there is none."""
    folder = Path(os.environ.get("HISTOSYNTH_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real tissue at {folder}: HISTOSYNTH_DATA names the folder that holds glas/")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model for colon-3 at 0.5 um/px that loads and draws in no time: untrained."""
    import torch

    from napari_histosynth.paint.network import build_generator
    from napari_histosynth.zoo import ModelCard, write_folder

    torch.manual_seed(0)
    shape = {"widths": [8, 8, 8, 8, 8], "hidden": [4] * 5}
    generator = build_generator("local", 4, 4, **shape)
    card = ModelCard(
        name="tiny", title="Tiny, untrained", preset="local", scheme="colon-3", um_per_px=0.5, latent_size=4,
        architecture=shape, terms="none", data="none",
    )  # fmt: skip
    tensors = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    folder = write_folder(
        tmp_path_factory.mktemp("models") / "tiny", card, tensors, notes="# Tiny\n\nFor tests.\n"
    )
    return folder.path


@pytest.fixture(scope="session")
def write_graded_model() -> Callable[..., Path]:
    """Return what writes an untrained model with an encoder, the stain apart: folder, train.toml, card."""

    def write(folder: Path, config: str = "", notes: str = "") -> Path:
        import torch

        from napari_histosynth.paint.encoder import StyleEncoder
        from napari_histosynth.paint.network import build_generator
        from napari_histosynth.zoo import ModelCard, write_folder

        torch.manual_seed(0)
        shape = {"widths": [8] * 5, "hidden": [4] * 5, "stain": True}
        card = ModelCard(
            name="graded", preset="local", scheme="colon-2", um_per_px=1.0, latent_size=12, architecture=shape
        )
        networks = {"encoder": StyleEncoder(3), "generator": build_generator("local", 3, 12, **shape)}
        tensors = {
            f"{part}.{name}": value
            for part, network in networks.items()
            for name, value in network.state_dict().items()
        }
        path = write_folder(folder / "graded", card, tensors, notes=notes).path
        if config:
            (path / "train.toml").write_text(config)
        return path

    return write


@pytest.fixture(scope="session")
def write_glas() -> Callable[..., Path]:
    """Return what writes pictures like GlaS: folder, rows of name, patient, grade, picture, mask."""

    def write(folder: Path, rows: Iterable[tuple[str, str, str, Any, Any]]) -> Path:
        from napari_histosynth.io import save_image

        lines = ["name,patient ID,grade (Sirinukunwattana et al. 2015)"]
        for name, patient, grade, picture, mask in rows:
            for kind, pixels in (("images", picture), ("masks", mask)):
                if pixels is not None:
                    (folder / kind).mkdir(parents=True, exist_ok=True)
                    save_image(folder / kind / f"{name}.png", pixels)
            lines.append(f"{name},{patient},{grade}")
        (folder / "grades.csv").write_text("\n".join(lines) + "\n")
        return folder

    return write


@pytest.fixture(scope="session")
def slide_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, "tiny-slide", untrained and seeded: it enlarges, adds grain, and differs by level."""
    import numpy as np
    import torch

    from napari_histosynth.slide.network import build_refiner
    from napari_histosynth.zoo import ModelCard, write_folder

    torch.manual_seed(0)
    refiner = build_refiner(widths=_SLIDE_WIDTHS, hidden=_SLIDE_HIDDEN)
    with torch.no_grad():
        refiner.body.to_rgb.weight.mul_(4)
    mean = np.array(
        [[0.03, 0.03, 0.03], [0.2, 0.5, 0.3], [0.6, 0.9, 0.4], [0.8, 1.0, 0.5], [0.3, 0.7, 0.4]], np.float32
    )
    covariance = np.stack([np.eye(3, dtype=np.float32) * s for s in (1e-5, 4e-3, 4e-3, 4e-3, 4e-3)])
    tensors = {f"refiner.{name}": value for name, value in refiner.state_dict().items()}
    tensors["palette.mean"] = torch.from_numpy(np.stack([mean, 0.9 * mean]))
    tensors["palette.covariance"] = torch.from_numpy(np.stack([covariance, covariance]))
    card = ModelCard(
        name="tiny-slide",
        system="slide",
        preset="compact",
        scheme="slide-layout",
        um_per_px=0.5,
        latent_size=0,
        architecture={"widths": _SLIDE_WIDTHS, "hidden": _SLIDE_HIDDEN},
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-slide"
    write_folder(folder, card, tensors)
    return folder


@pytest.fixture(scope="session")
def tiny_slide_model(slide_folder: Path) -> object:
    """The model of :func:`slide_folder`, on the CPU in fp32."""
    from napari_histosynth.slide.model import load_slide_model

    return load_slide_model(slide_folder, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def write_layout_model() -> Callable[..., Path]:
    """Return what writes an untrained model of layouts of 32 px: folder, encoder, flow, card."""

    def write(
        folder: Path, encoder: bool = True, flows: tuple[str, ...] = (), seed: int = 6, **card: object
    ) -> Path:
        import torch

        from napari_histosynth.layout.flow import build_flow
        from napari_histosynth.layout.network import build_encoder, build_generator
        from napari_histosynth.zoo import ModelCard, write_folder

        torch.manual_seed(seed)  # with 6 all three classes are in what it draws
        shape = {
            "widths": [8, 8, 8, 8],
            "encoder": [8, 8, 8],
            "channels": 6,
            "image": 3,
            "grades": _LAYOUT_GRADES,
            "rim": "replicate",
        }
        fields = {
            "name": "tiny-layout",
            "system": "layout",
            "preset": "compact",
            "scheme": "colon-2",
            "um_per_px": 1.24,
            "latent_size": 6,
            "architecture": shape,
            **card,
        }
        size = fields["latent_size"]
        networks = {"generator": build_generator(shape, size)}
        if encoder:
            networks["encoder"] = build_encoder(shape, size)
        for kind in flows:
            shape[kind] = [8, 8]
            if kind == "fine":
                shape["fine_detail"] = 4
            networks[kind] = build_flow(shape, kind)
            for one in networks[kind].parameters():  # those that begin as 0, too
                torch.nn.init.normal_(one, std=0.2)
        tensors = {
            f"{part}.{name}": value
            for part, network in networks.items()
            for name, value in network.state_dict().items()
        }
        return write_folder(folder / str(fields["name"]), ModelCard(**fields), tensors).path

    return write


@pytest.fixture(scope="session")
def layout_folder(tmp_path_factory: pytest.TempPathFactory, write_layout_model: Callable[..., Path]) -> Path:
    """The folder of a model of layouts, "tiny-layout", untrained: fields of 32 px at 1.24 um."""
    return write_layout_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def tiny_flow_model(
    tmp_path_factory: pytest.TempPathFactory, write_layout_model: Callable[..., Path]
) -> object:
    """A model of layouts with a flow, "tiny-layout", untrained: fields of 32 px at 1.24 um."""
    from napari_histosynth.layout.model import load_layout_model

    folder = write_layout_model(tmp_path_factory.mktemp("models"), flows=("flow",))
    return load_layout_model(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def tiny_fine_model(
    tmp_path_factory: pytest.TempPathFactory, write_layout_model: Callable[..., Path]
) -> object:
    """A model of layouts with two flows, untrained: fields of 32 px at 1.24 um, drawn at 64 px."""
    from napari_histosynth.layout.model import load_layout_model

    folder = tmp_path_factory.mktemp("models")
    path = write_layout_model(folder, flows=("flow", "fine"), seed=23, latent_size=8)
    return load_layout_model(path, device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def tiny_layout_model(layout_folder: Path) -> object:
    """The model of :func:`layout_folder`, on the CPU in fp32."""
    from napari_histosynth.layout.model import load_layout_model

    return load_layout_model(layout_folder, device="cpu", precision="fp32")
