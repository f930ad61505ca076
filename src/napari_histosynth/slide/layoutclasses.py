"""The classes of layouts, those of the tissue scheme ``slide-layout``."""

from __future__ import annotations

#: The tissue scheme of layouts.
SCHEME = "slide-layout"
#: How many classes it has.
CLASSES = 5
#: Their indices; ``TISSUE`` is connective tissue: submucosa, stroma, fat.
GLASS, TISSUE, MUCOSA, TUMOR, MUSCLE = range(CLASSES)
