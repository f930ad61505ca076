"""Starting a run from a model that exists."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_histosynth.core.errors import ModelError, TrainingError
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueClass, TissueScheme, get_scheme
from napari_histosynth.paint.encoder import StyleEncoder
from napari_histosynth.paint.network import LocalGenerator
from napari_histosynth.paint.start import start_from
from napari_histosynth.zoo import ModelCard, write_folder

WIDTHS = {"widths": (8, 6, 4), "hidden": (4, 4, 4)}


def _card(**changes: object) -> ModelCard:
    values: dict[str, object] = {
        "name": "known",
        "system": "shi-gan",
        "preset": "local",
        "scheme": "colon-3",
        "um_per_px": 0.62,
        "latent_size": 4,
        "architecture": {name: list(value) for name, value in WIDTHS.items()},
        "title": "Known",
    }
    return ModelCard(**(values | changes))


@pytest.fixture
def known(tmp_path: Path) -> tuple[Path, LocalGenerator]:
    """Return a small model of three classes, as a folder and as a network."""
    torch.manual_seed(0)
    generator, encoder = LocalGenerator(4, 4, **WIDTHS), StyleEncoder(4)
    parts = {"generator": generator, "encoder": encoder}
    tensors = {f"{part}.{name}": v for part, net in parts.items() for name, v in net.state_dict().items()}
    write_folder(tmp_path / "known", _card(), tensors | {"latent.bank": torch.ones(5, 4)})
    return tmp_path / "known", generator


def _drawn(generator: LocalGenerator, index: int) -> torch.Tensor:
    """Draw a map of one class without noise."""
    side = 4 + 2 * generator.margin
    labels = torch.zeros(1, generator.n_classes, side, side)
    labels[:, index] = 1
    noise = [
        torch.zeros(1, 2 + (4 if not level else 0), *plan.inputs.shape)
        for level, plan in enumerate(generator.plan(Window(0, 4, 0, 4)))
    ]
    with torch.no_grad():
        return generator.eval()(labels, torch.ones(1, 4), noise)


@pytest.mark.parametrize(
    ("scheme", "index", "before"),
    [("colon-3", 3, 3), ("colon-2", 2, 2), ("colon-10", 4, 1), ("colon-10", 10, 0), ("colon-10", 0, 2)],
)
def test_a_class_begins_as_the_one_that_stands_for_it(
    known: tuple[Path, LocalGenerator], scheme: str, index: int, before: int
) -> None:
    folder, generator = known
    new = get_scheme(scheme)
    begun = LocalGenerator(new.n_classes, 4, **WIDTHS)
    start_from(str(folder), new, begun, StyleEncoder(4))
    torch.testing.assert_close(_drawn(begun, index), _drawn(generator, before), atol=2e-3, rtol=0)
    assert not torch.allclose(_drawn(begun, index), _drawn(generator, (before + 1) % 4), atol=2e-3)


def test_the_known_looks_come_along(known: tuple[Path, LocalGenerator]) -> None:
    scheme = get_scheme("colon-3")
    rest = start_from(str(known[0]), scheme, LocalGenerator(4, 4, **WIDTHS), StyleEncoder(4))
    assert list(rest) == ["latent.bank"]


def test_a_class_that_nothing_stands_for_is_named(known: tuple[Path, LocalGenerator]) -> None:
    classes = (TissueClass(0, "background", "#ffffff"), TissueClass(1, "cartilage", "#00ff00"))
    scheme = TissueScheme("joint-1", "Joint", classes)
    with pytest.raises(TrainingError, match="No class of colon-3 stands for 'cartilage' of joint-1"):
        start_from(str(known[0]), scheme, LocalGenerator(2, 4, **WIDTHS), StyleEncoder(4))


def test_other_widths_are_one_sentence(known: tuple[Path, LocalGenerator]) -> None:
    wider = LocalGenerator(4, 4, widths=(10, 6, 4), hidden=(4, 4, 4))
    with pytest.raises(ModelError, match="belongs to another architecture"):
        start_from(str(known[0]), get_scheme("colon-3"), wider, StyleEncoder(4))
