"""What a segmenter answers, and the label map that follows."""

from __future__ import annotations

import numpy as np

from napari_histosynth.paint.examples import example_labels
from napari_histosynth.paint.regions import glands_of, labels_of, regions_of


def test_labels_come_back_from_regions_whatever_the_glands_are_where_nothing_is_tissue() -> None:
    labels = np.array([[0, 1, 2, 3]], np.uint8)
    glands = np.array([[True, False, True, False]])
    assert np.array_equal(labels_of(regions_of(labels, glands)), labels)
    assert np.array_equal(glands_of(regions_of(labels, glands)), glands)


def test_a_mask_decides_what_tissue_is() -> None:
    tissue = np.array([[1, 2]], np.uint8)
    assert np.array_equal(labels_of(regions_of(tissue, np.array([[True, False]]))), [[2, 1]])


def test_without_a_mask_glands_are_epithelium_with_its_nuclei_and_lumen() -> None:
    labels = np.ones((40, 40), np.uint8)
    labels[8:32, 8:32] = 2
    labels[10:14, 10:14] = 3  # a nucleus in the epithelium
    labels[16:24, 16:24] = 0  # the lumen
    labels[2:5, 2:5] = 3  # a nucleus in the stroma
    inside = np.zeros((40, 40), bool)
    inside[8:32, 8:32] = True
    assert np.array_equal(glands_of(regions_of(labels)), inside)


def test_maps_of_example_tissue_survive() -> None:
    labels = example_labels("crypts-cross", (256, 256), 0.62, seed=1)
    assert np.array_equal(labels_of(regions_of(labels)), labels)
