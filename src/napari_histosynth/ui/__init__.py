"""Docks for napari: the only folder that imports napari or Qt."""
