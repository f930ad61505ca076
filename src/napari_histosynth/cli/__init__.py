"""The command ``histosynth``: the same engines without a screen, loaded when a command needs them."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point of ``histosynth``."""
    try:
        # here, so that Ctrl-C while Python is still loading is no traceback either
        from napari_histosynth.cli.app import app

        app(prog_name="histosynth")
    except KeyboardInterrupt:
        sys.exit(130)
