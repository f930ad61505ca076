"""The command ``histosynth``: the same engines without a screen, loaded when a command needs them."""

from napari_histosynth.cli.app import app, main

__all__ = ["app", "main"]
