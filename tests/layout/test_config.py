"""Configurations of trainings of layouts: the parts of a run, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.layout.config import read_layout_config

TINY = """
growth = [{ stable = 10 }, { fade = 4, stable = 6, batch = 2 }]
[model]
name = "tiny"
scheme = "colon-2"
um_per_px = 1.24
widths = [4, 4]
[data]
arrays = "arrays"
[encoder]
steps = 20
[loop]
steps = 40
batch = 3
"""


def written(path: Path, text: str) -> Path:
    """Write a configuration."""
    path.write_text(text)
    return path


def test_the_parts_of_a_run_follow_one_another(tmp_path: Path) -> None:
    config = read_layout_config(written(tmp_path / "a.toml", TINY))
    assert [tuple(phase) for phase in config.phases] == [
        ("stable", 0, 0, 10, 3),
        ("fade", 1, 10, 14, 2),
        ("stable", 1, 14, 20, 2),
        ("encoder", 1, 20, 40, 16),
    ]
    assert [config.phase_at(step).kind for step in (9, 10, 14, 39, 40)] == [
        "stable",
        "fade",
        "stable",
        "encoder",
        "encoder",
    ]


def test_a_shorter_run_has_the_same_parts(tmp_path: Path) -> None:
    config = read_layout_config(written(tmp_path / "a.toml", TINY.replace("steps = 40", "steps = 20")))
    assert [phase.stop for phase in config.phases] == [5, 7, 10, 20]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[4, 4]", "[4, 4, 4]", "growth has 2 entries for the 3 stages"),
        ('scheme = "colon-2"', "", "without a scheme needs model.segmentation"),
        ('arrays = "arrays"', "", "either sources or arrays"),
        ('scheme = "colon-2"', 'scheme = "colon-2"\nsegmentation = 2', "for models without a scheme"),
        ("[loop]", "[fine]\nsteps = 1\n[loop]", "begins with what flow has drawn"),
        (
            "[loop]",
            "[flow]\nsteps = 1\nwidths = [4]\n[fine]\nsteps = 1\n[loop]",
            "needs a model of more pixels",
        ),
        (
            "[loop]",
            "[flow]\nsteps = 1\nwidths = [4]\n[fine]\nsteps = 1\nwidths = [4]\n[loop]",
            "even data.finer",
        ),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        read_layout_config(written(tmp_path / "a.toml", TINY.replace(old, new)))


def test_channels_are_those_of_image_and_classes_and_labels_can_be_left_out(tmp_path: Path) -> None:
    config = read_layout_config(written(tmp_path / "a.toml", TINY))
    without = TINY.replace('scheme = "colon-2"', 'scheme = "colon-2"\nsegmentation = 0')
    assert config.model.channels == 6
    assert read_layout_config(written(tmp_path / "b.toml", without)).model.channels == 3


def test_the_paper_preset_has_the_widths_of_the_paper(tmp_path: Path) -> None:
    growth = ", ".join(["{ stable = 1, batch = 16 }"] * 7 + ["{ fade = 1, batch = 8 }"])
    text = TINY.replace("widths = [4, 4]", 'preset = "paper"')
    text = f"growth = [{growth}]\n" + text.split("\n", 2)[2]
    model = read_layout_config(written(tmp_path / "a.toml", text)).model
    assert model.latent_size == 128
    assert dict(zip((128, 256, 512), model.stage_widths[-3:], strict=True)) == {128: 128, 256: 64, 512: 16}
    assert model.architecture()["rim"] == "zeros"
