"""Label maps brought to a model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_histosynth.core.errors import LabelMapError, SchemeError
from napari_histosynth.core.tissue import get_scheme
from napari_histosynth.io import save_labels
from napari_histosynth.ui import prepare
from napari_histosynth.ui.layers import label_layer_arguments


def layer_of(data: Any, **rest: Any) -> Any:
    """Return what counts of a Labels layer."""
    facts = {
        "name": "mine",
        "metadata": {},
        "scale": (1.0, 1.0),
        "units": ("pixel", "pixel"),
        "multiscale": False,
    }
    return SimpleNamespace(data=data, **{**facts, **rest})


def two_classes() -> np.ndarray:
    """Return stroma with a square gland, 200 x 200 px."""
    labels = np.ones((200, 200), np.uint8)
    labels[60:140, 60:140] = 2
    return labels


def test_a_layer_of_ours_is_known_for_certain(model: Any) -> None:
    scheme = get_scheme("colon-3")
    layer = layer_of(two_classes(), metadata=label_layer_arguments(scheme, 0.62)["metadata"])
    origin = prepare.origin_of_layer(layer, model)
    assert (origin.scheme, origin.um_per_px, origin.certain) == (scheme, 0.62, True)
    assert origin.fits(model)


def test_tissue_without_nuclei_is_taken_for_two_classes(model: Any) -> None:
    origin = prepare.origin_of_layer(layer_of(two_classes()), model)
    assert origin.scheme.name == "colon-2"
    assert origin.lacks_nuclei(model)
    assert not origin.certain


def test_a_scale_in_micrometers_is_read_from_the_layer(model: Any) -> None:
    layer = layer_of(two_classes(), scale=(0.25, 0.25), units=("micrometer", "micrometer"))
    assert prepare.origin_of_layer(layer, model).um_per_px == 0.25


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (layer_of(np.zeros((3, 20, 20), np.uint8)), "3 dimensions"),
        (layer_of(np.zeros((0, 20), np.uint8)), "empty"),
        (layer_of(np.zeros((20, 20), np.uint8), multiscale=True), "several resolutions"),
    ],
)
def test_what_is_no_canvas_is_refused_in_one_sentence(layer: Any, says: str, model: Any) -> None:
    with pytest.raises(LabelMapError, match=says) as caught:
        prepare.origin_of_layer(layer, model)
    assert str(caught.value).count(". ") == 0
    assert "mine" in str(caught.value)


def test_a_map_at_another_scale_takes_the_size_it_has_in_the_model(model: Any) -> None:
    origin = prepare.Origin(two_classes(), get_scheme("prostate-2"), 1.0, "map")
    labels = prepare.fitted(origin, model, nuclei=False)
    assert labels.shape == (round(200 / 0.62), round(200 / 0.62))
    assert set(np.unique(labels)) == {1, 2}
    assert (labels == 2).mean() == pytest.approx(0.16, abs=0.005)


def test_nuclei_are_added_when_asked_for_and_only_in_tissue(model: Any) -> None:
    origin = prepare.Origin(two_classes(), get_scheme("colon-2"), 0.62, "map")
    without = prepare.fitted(origin, model, nuclei=False)
    with_nuclei = prepare.fitted(origin, model, nuclei=True)
    nuclei = model.scheme.index_of("nuclei")
    assert 0.05 < (with_nuclei == nuclei).mean() < 0.6
    np.testing.assert_array_equal(with_nuclei[with_nuclei != nuclei], without[with_nuclei != nuclei])


def test_a_class_without_counterpart_is_named(model: Any) -> None:
    origin = prepare.Origin(two_classes(), get_scheme("colon-3"), 0.62, "map")
    ten = SimpleNamespace(name="ten", scheme=get_scheme("colon-10"), um_per_px=0.62)
    with pytest.raises(SchemeError, match="epithelium"):
        prepare.fitted(origin, ten, nuclei=False)  # type: ignore[arg-type]


def test_a_map_that_becomes_too_large_is_refused(model: Any) -> None:
    origin = prepare.Origin(np.ones((2000, 20), np.uint8), get_scheme("colon-2"), 10.0, "map")
    with pytest.raises(LabelMapError, match="32,258"):
        prepare.fitted(origin, model, nuclei=False)


def test_a_file_of_ours_comes_back_as_it_was(model: Any, tmp_path: Path) -> None:
    from napari_histosynth.core.provenance import Provenance

    labels = two_classes()
    labels[0, 0] = 3
    record = Provenance(synthetic=False, um_per_px=0.62, extra={"scheme": "colon-3"})
    save_labels(tmp_path / "map.png", labels, model.scheme, provenance=record)
    origin = prepare.origin_of_file(tmp_path / "map.png", model)
    assert (origin.name, origin.scheme.name, origin.certain) == ("map", "colon-3", True)
    np.testing.assert_array_equal(prepare.fitted(origin, model, nuclei=False), labels)


def test_a_blank_canvas_is_stroma_by_default(model: Any) -> None:
    ground = prepare.default_ground(model)
    assert model.scheme.names[ground] == "non-epithelium"
    labels = prepare.blank((70, 80), model, nuclei=False, class_index=ground)
    assert labels.shape == (70, 80)
    assert (labels == ground).all()


def test_ten_classes_start_as_stroma_too() -> None:
    ten = SimpleNamespace(scheme=get_scheme("colon-10"))
    assert "stroma" in ten.scheme.names[prepare.default_ground(ten)]  # type: ignore[arg-type]


def test_an_example_is_in_the_models_scheme() -> None:
    two = SimpleNamespace(scheme=get_scheme("colon-2"), um_per_px=0.62)
    labels = prepare.example("moderate", (128, 128), two)  # type: ignore[arg-type]
    assert set(np.unique(labels)) <= {0, 1, 2}
    assert 2 in labels
