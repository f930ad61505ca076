"""Run the command line as ``python -m napari_histosynth``."""

from napari_histosynth.cli import main

if __name__ == "__main__":
    main()
