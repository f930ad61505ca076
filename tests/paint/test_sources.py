"""Several sources of training pictures at one scale: kinds, shares, what is held out, what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import TrainingError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import save_image, save_labels
from napari_histosynth.paint.config import SourceSection, read_config
from napari_histosynth.paint.sources import class_shares, load_sources
from napari_histosynth.paint.weakfields import Notes

SCHEME = get_scheme("colon-10")
NOTES = """
["one"]
grade = "carcinoma"
["one/0_0"]
no_glands = [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]
areas = [{ tissue = "muscle", polygon = [[0, 0], [1, 0], [1, 1]] }]
["two/0_0"]
skip = true
"""


def _picture(path: Path, height: int, width: int, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(seed).integers(190, 210, (height, width, 3)).astype(np.uint8)
    rgb[..., 1] -= 60
    rgb[:4] = 245  # glass, which sets the white
    save_image(path, rgb)


@pytest.fixture
def tissue(tmp_path: Path) -> Path:
    """A folder of each kind, with tiny pictures."""
    for name in ("a", "b"):
        _picture(tmp_path / "glas/images" / f"{name}.png", 60, 80)
        _picture(tmp_path / "glas/masks" / f"{name}.png", 60, 80)
    (tmp_path / "glas/grades.csv").write_text(
        "name,patient ID,grade (GlaS),grade (Sirinukunwattana et al. 2015)\n"
        "a, 1, benign, healthy\nb, 2, malignant, poorly differentiated\n"
    )
    for number in range(8):
        _picture(tmp_path / "ebhi/normal/images" / f"GT{number}-1-400-001.png", 40, 40)
        _picture(tmp_path / "ebhi/normal/masks" / f"GT{number}-1-400-001.png", 40, 40)
    for slide in ("one", "two", "three"):
        _picture(tmp_path / "slides" / slide / "regions_0.5um/0_0.png", 100, 100)
        _picture(tmp_path / "masks" / slide / "0_0.png", 50, 50)
    (tmp_path / "notes.toml").write_text(NOTES)
    return tmp_path


def test_pictures_come_at_the_scale_that_is_asked_for(tissue: Path) -> None:
    source = SourceSection(kind="glas", path="glas", um_per_px=0.5)
    fields = load_sources(tissue, [source], SCHEME, 1.0)
    assert {field.image.shape for field in fields} == {(30, 40, 3)}
    assert all(one.shape == (30, 40) for field in fields for one in field.labels)


def test_shares_of_sources_hold_whatever_their_areas(tissue: Path) -> None:
    sources = [
        SourceSection(kind="glas", path="glas", um_per_px=0.5, share=3),
        SourceSection(kind="ebhi-seg", path="ebhi", um_per_px=1, share=1),
    ]
    fields = load_sources(tissue, sources, SCHEME, 1.0)
    assert sum(field.share for field in fields if "/" not in field.name) == pytest.approx(0.75)
    assert sum(field.share for field in fields) == pytest.approx(1)


def test_patients_specimens_and_slides_are_held_out(tissue: Path) -> None:
    sources = [
        SourceSection(kind="glas", path="glas", um_per_px=0.5, held_out=("2",)),
        SourceSection(kind="ebhi-seg", path="ebhi", um_per_px=1, hold_out_one_in=2),
        SourceSection(kind="colon-slides", path="slides", um_per_px=0.5, held_out=("one", "three/0_0")),
    ]
    trained = {field.name for field in load_sources(tissue, sources, SCHEME, 1.0)}
    tested = {field.name for field in load_sources(tissue, sources, SCHEME, 1.0, held_out=True)}
    assert not trained & tested
    assert len(trained | tested) == 2 + 8 + 3
    assert {"b", "one/0_0", "three/0_0"} <= tested
    assert {"a", "two/0_0"} <= trained


def test_notes_leave_out_fields_and_take_away_false_glands(tissue: Path) -> None:
    source = SourceSection(
        kind="colon-slides",
        path="slides",
        um_per_px=0.5,
        notes=str(tissue / "notes.toml"),
        epithelium=str(tissue / "masks"),
    )
    fields = {field.name: field for field in load_sources(tissue, [source], SCHEME, 1.0)}
    assert set(fields) == {"one/0_0", "three/0_0"}
    labels = fields["one/0_0"].labels[0]
    assert not np.isin(labels[:, :10], (1, 2)).any()  # the mask is gland everywhere
    assert np.isin(labels[:, 30:], (0, 1, 2, 3)).mean() > 0.5


def test_notes_of_a_slide_hold_for_its_fields(tissue: Path) -> None:
    notes = Notes(tissue / "notes.toml")
    assert notes.of("one", "0_0").hints.grade == "carcinoma"
    assert notes.of("one", "elsewhere").hints.grade == "carcinoma"
    assert notes.of("unknown", "0_0").hints.grade == "mature"


@pytest.mark.parametrize("wrong", ['["a"]\ngrade = "bad"', '["a"]\nareas = [{ tissue = "bone" }]', "["])
def test_wrong_notes_are_one_sentence(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "notes.toml").write_text(wrong)
    with pytest.raises(TrainingError, match=r"notes\.toml"):
        Notes(tmp_path / "notes.toml")


def test_labels_that_were_made_are_kept(tissue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_histosynth.paint import sources

    source = SourceSection(kind="glas", path="glas", um_per_px=0.5)
    first = load_sources(tissue, [source], SCHEME, 1.0, cache=tissue / "run")
    monkeypatch.setattr(sources, "weak_label_maps", None)
    again = load_sources(tissue, [source], SCHEME, 1.0, cache=tissue / "run")
    for one, other in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.labels, other.labels, strict=True))


def test_drawn_labels_of_a_folder_are_taken(tissue: Path) -> None:
    _picture(tissue / "own/images/x.png", 40, 40)
    labels = np.full((40, 40), 8, np.uint8)
    (tissue / "own/labels").mkdir()
    save_labels(tissue / "own/labels/x.png", labels, SCHEME)
    fields = load_sources(tissue, [SourceSection(path="own", um_per_px=0.5)], SCHEME, 1.0)
    assert fields[0].image.shape == (20, 20, 3)
    assert class_shares(fields, 11)[8] == 1


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nowhere"):
        load_sources(tmp_path, [SourceSection(path="nowhere", um_per_px=1)], SCHEME, 1.0)


def test_files_beside_the_configuration_are_found_from_anywhere() -> None:
    path = Path(__file__).resolve().parents[2] / "models/colon-10class/train.toml"
    slides = next(s for s in read_config(path).data.sources if s.kind == "colon-slides")
    assert Path(slides.notes) == path.parent / "fields.toml"
    Notes(Path(slides.notes))
    assert list(Path(slides.epithelium).glob("*/*.png"))
