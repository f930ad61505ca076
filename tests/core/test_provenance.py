"""Provenance: what made a picture, the same bytes for the same content."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import HistosynthError
from napari_histosynth.core.provenance import Provenance, ProvenanceError

FULL = Provenance(
    model="colon-3class",
    model_sha256="ab" * 32,
    seed=2**63,
    latent_seed=-1,
    latent_sha256="cd" * 32,
    um_per_px=0.62,
    size=(512, 300),
    created="2024-01-02T03:04:05Z",
    extra={"window": [0, 1], "b": None, "note": "Schnitt µ"},
)


def test_a_picture_is_marked_synthetic_and_names_the_software_unless_told_otherwise() -> None:
    record = json.loads(Provenance().to_json())
    assert record == {
        "synthetic": True,
        "software": "napari-histosynth",
        "version": version("napari-histosynth"),
    }


def test_no_time_is_written_unless_given() -> None:
    assert "created" not in Provenance(model="m", seed=1).to_dict()


@pytest.mark.parametrize("record", [Provenance(), FULL, Provenance(synthetic=False, software="", seed=0)])
def test_json_reads_back_as_it_was(record: Provenance) -> None:
    assert Provenance.from_json(record.to_json()) == record
    assert Provenance.from_json(record.to_json(indent=2)) == record
    assert Provenance.from_dict(record.to_dict()) == record


def test_the_text_does_not_depend_on_the_order_in_which_extras_were_added() -> None:
    one = Provenance(extra={"a": 1, "b": {"x": 1, "y": 2}})
    other = Provenance(extra={"b": {"y": 2, "x": 1}, "a": 1})
    assert one.to_json() == other.to_json()


def test_json_is_plain_ascii_so_that_every_reader_of_png_text_shows_it() -> None:
    assert FULL.to_json().isascii()


def test_numpy_values_and_paths_are_written_as_plain_json() -> None:
    record = Provenance(
        seed=np.int64(5),  # type: ignore[arg-type]
        um_per_px=np.float32(0.5),  # type: ignore[arg-type]
        extra={"latent": np.array([1.5, 2.0], dtype=np.float32), "path": Path("a") / "b"},
    )
    read = json.loads(record.to_json())
    assert (read["seed"], read["um_per_px"]) == (5, 0.5)
    assert read["extra"] == {"latent": [1.5, 2.0], "path": str(Path("a") / "b")}


def test_keys_of_later_versions_are_kept_as_extras() -> None:
    record = Provenance.from_json('{"synthetic": true, "stain": "PAS", "extra": {"a": 1}}')
    assert record.extra == {"a": 1, "stain": "PAS"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "list"),
        ("[" * 100_000, "not JSON"),
        ('{"seed": "one"}', '"seed"'),
        ('{"seed": true}', '"seed"'),
        ('{"synthetic": null}', '"synthetic"'),
        ('{"size": [1, 2, 3]}', '"size"'),
        ('{"size": "12"}', '"size"'),
        ('{"um_per_px": -1}', "-1 um per px"),
        ('{"um_per_px": NaN}', "nan um per px"),
        ('{"extra": 3}', '"extra"'),
    ],
)
def test_text_that_is_no_record_is_one_sentence_that_says_why(text: str, named: str) -> None:
    with pytest.raises(ProvenanceError) as caught:
        Provenance.from_json(text)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, HistosynthError)


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_extras_that_json_cannot_hold_are_refused_in_a_sentence(value: object) -> None:
    with pytest.raises(ProvenanceError, match="cannot be written as JSON"):
        Provenance(extra={"x": value}).to_json()


@pytest.mark.parametrize("scale", [0, -0.5, float("inf"), float("nan")])
def test_an_impossible_scale_is_refused(scale: float) -> None:
    with pytest.raises(ProvenanceError, match="um per px"):
        Provenance(um_per_px=scale)
