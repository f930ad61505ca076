"""What the training of a segmenter is made of, read from a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from napari_histosynth.paint.config import CardSection, LoopSection, Section, read_toml


class SegmenterSection(Section):
    """The model to make."""

    name: str
    title: str = ""
    scheme: Literal["colon-3", "prostate-3"] = "colon-3"
    um_per_px: float = Field(gt=0)
    widths: tuple[int, ...] = Field((24, 48, 96, 160), min_length=2)


class SegmentDataSection(Section):
    """Where pictures come from, who is held out, how they are varied."""

    table: str = ""
    name_column: str = "name"
    group_column: str = "patient ID"
    held_out: tuple[str, ...] = ()
    stain: float = Field(0.25, ge=0)  # spread of each stain's density and hue, so that other laboratories fit
    blur: float = Field(0.3, ge=0, le=1)  # share of crops that are blurred, sharpened or compressed
    zoom: tuple[float, float] = (0.7, 1.4)


class SegmentOptimizerSection(Section):
    """Adam with weight decay; the rate falls over the second half."""

    learning_rate: float = Field(1.5e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    average: float = Field(0.998, ge=0, lt=1)


class SegmentConfig(Section):
    """A whole run: model, data, optimizer, loop, card."""

    model: SegmenterSection
    data: SegmentDataSection = SegmentDataSection()
    optimizer: SegmentOptimizerSection = SegmentOptimizerSection()
    loop: LoopSection
    card: CardSection = CardSection()


def read_segment_config(path: Path) -> SegmentConfig:
    """Read and check the configuration of a segmenter's training; see :func:`~.config.read_toml`."""
    return read_toml(path, SegmentConfig)
