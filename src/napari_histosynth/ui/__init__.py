"""Docks for napari: the only folder that imports napari or Qt.

Painting, from the window to the pixels: ``paint`` is the dock, a thin widget over ``painter``, which holds
model, layers and connections. ``follow`` turns the events of the Labels layer into windows; ``drawing`` is
the thread that compares them with its ``shadow``, keeps what is ``dirty``, draws it and reports pieces of a
``pyramid``, which ``stage`` shows. Layers are put up and away in ``turns``. Neither ``drawing`` nor what
it uses knows Qt.
"""
