"""Named places: found by name, nearest, written and read, and refused where they belong to another model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_histosynth.core.errors import ModelError
from napari_histosynth.latent.anchors import Anchor, Anchors, anchor_of, joined, read_anchors
from napari_histosynth.paint.model import PaintModel, load_model


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PaintModel:
    return load_model(tiny_model, device="cpu")


def _anchors(model: PaintModel) -> Anchors:
    rng = np.random.default_rng(0)
    places = [
        anchor_of(name, rng.normal(at, 0.5, (30, 4)), grade=at / 4, source="fields")
        for name, at in (("healthy", 0), ("moderately differentiated", 2), ("poorly differentiated", 4))
    ]
    return Anchors(model.name, model.sha256, tuple(places))


def test_a_place_is_the_mean_of_its_pictures(model: PaintModel) -> None:
    place = _anchors(model)["moderately differentiated"]
    assert np.abs(place.style - 2).max() < 0.4
    assert place.spread is not None
    assert np.abs(place.spread - 0.5).max() < 0.2
    assert (place.pictures, place.grade, place.source) == (30, 0.5, "fields")


def test_a_single_picture_has_no_spread() -> None:
    place = anchor_of("mine", [[1.0, 2.0]])
    assert place.spread is None
    assert place.pictures == 1


def test_places_are_found_by_the_beginning_of_their_names(model: PaintModel) -> None:
    anchors = _anchors(model)
    assert anchors["Poor"].name == "poorly differentiated"
    with pytest.raises(ModelError, match=r"No grade is named or begins with 'bad'.*healthy, moderately"):
        anchors["bad"]
    with pytest.raises(ModelError, match="Several grades begin with ''"):
        anchors[""]


def test_an_exact_name_wins_over_longer_ones() -> None:
    places = (anchor_of("poor", [[0.0]]), anchor_of("poorly", [[1.0]]))
    assert Anchors("m", "0", places)["poor"].style[0] == 0


def test_whole_words_win_over_parts_of_them() -> None:
    names = ("moderately differentiated", "moderately-to-poorly differentiated", "poorly differentiated")
    anchors = Anchors("m", "0", tuple(anchor_of(name, [[0.0]]) for name in names))
    assert anchors["moderately"].name == names[0]
    assert anchors["moderately-"].name == names[1]
    with pytest.raises(ModelError, match="Several grades begin with 'mod'"):
        anchors["mod"]


def test_the_nearest_place_comes_first(model: PaintModel) -> None:
    ranked = _anchors(model).nearest(np.full(4, 3.2))
    assert [place.name.split()[0] for place, _ in ranked] == ["poorly", "moderately", "healthy"]
    assert ranked[0][1] == pytest.approx(0.8 * 2 / 0.5, rel=0.3)


def test_a_place_of_the_same_name_is_replaced(model: PaintModel) -> None:
    mine = joined(_anchors(model), [anchor_of("healthy", [np.ones(4)]), anchor_of("mine", [np.ones(4)])])
    assert mine.names == ["moderately differentiated", "poorly differentiated", "healthy", "mine"]
    assert mine["healthy"].pictures == 1


def test_places_are_read_as_they_were_written(model: PaintModel, tmp_path: Path) -> None:
    anchors = _anchors(model).added(anchor_of("one", [np.ones(4)]))
    anchors.write(tmp_path / "a.json")
    again = read_anchors(tmp_path / "a.json", model)
    assert again.names == anchors.names
    for one, other in zip(anchors, again, strict=True):
        np.testing.assert_allclose(one.style, other.style, atol=1e-5)
        assert (one.spread is None) == (other.spread is None)
        assert (one.pictures, one.grade, one.source) == (other.pictures, other.grade, other.source)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_sha256": "0" * 64}, "belong to 'tiny' 000000000000, not to 'tiny'"),
        ({"format": "other"}, "damaged: format"),
        ({"anchors": [{"name": "x", "style": [1.0]}]}, "'x' of .* has 1 numbers, but 'tiny' takes 4"),
        ({"anchors": [{"name": "x", "style": [1, 2, 3, "y"]}]}, r"damaged: anchors\.0\.style\.3"),
        ({"anchors": [{"name": "x", "style": [1, 2, 3, 1e999]}]}, "NaN or infinity|finite"),
        ({"anchors": [{"name": "x", "style": [0] * 4}] * 2}, "twice"),
        ({"surplus": 1}, "damaged: surplus"),
    ],
)
def test_a_damaged_file_is_one_sentence(
    model: PaintModel, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "a.json"
    _anchors(model).write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=said) as caught:
        read_anchors(path, model)
    assert "\n" not in str(caught.value)


def test_a_place_that_holds_no_number_is_refused_by_name(model: PaintModel, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    _anchors(model).write(path)
    path.write_text(path.read_text().replace('"grade": 0.5', '"grade": NaN'))
    with pytest.raises(ModelError, match=r"a\.json are damaged: anchors\.1\.grade"):
        read_anchors(path, model)
    with pytest.raises(ModelError, match="NaN or infinity"):
        anchor_of("mine", [[np.nan, 1.0]])


def test_the_nearest_to_a_style_of_another_length_is_refused(model: PaintModel) -> None:
    with pytest.raises(ModelError, match="of 'tiny' has 4 numbers, not 13"):
        _anchors(model).nearest(np.zeros(13))


def test_a_missing_file_is_one_sentence(model: PaintModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_anchors(tmp_path / "none.json", model)


def test_a_place_needs_pictures() -> None:
    with pytest.raises(ModelError, match="at least one"):
        anchor_of("empty", [])
    assert Anchor("plain", np.zeros(2, np.float32)).grade is None
