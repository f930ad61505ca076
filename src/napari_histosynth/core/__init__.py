"""What every craft shares; nothing here imports torch, napari or Qt when it is loaded."""
