"""The built-in tissue schemes: SHI-GAN's for prostate and colon, its prostate classes for colon, and layouts.

Classes, order and colors are those of the label maps published with SHI-GAN; ``slide-layout``, the coarse
classes that say what lies where on a slide, is ours.
"""

from __future__ import annotations

from napari_histosynth.core.tissue import TissueClass, TissueScheme

_BACKGROUND = "bare glass: lumina, tears and what surrounds the tissue"

_TWO = (
    TissueClass(0, "background", "#ffffff", _BACKGROUND),
    TissueClass(1, "non-epithelium", "#5ac6e9", "stroma, muscle, vessels, blood and inflammation"),
    TissueClass(2, "epithelium", "#fcf731", "glands, benign and malignant"),
)
_THREE = (*_TWO, TissueClass(3, "nuclei", "#6c0307", "nuclei of all cells, epithelial or not"))

_TEN = (
    TissueClass(0, "mucin", "#2365ad", "mucus in goblet cells, lumina and pools"),
    TissueClass(
        1,
        "epithelium (mature)",
        "#30b155",
        "differentiated epithelium of the upper crypt and the surface",
        aliases=("#1ab255",),
    ),
    TissueClass(
        2, "epithelium (proliferative)", "#4c86b2", "dividing epithelium: crypt bases, adenoma and carcinoma"
    ),
    TissueClass(3, "necrosis", "#c26744", "dead tissue and debris"),
    TissueClass(4, "reactive stroma", "#842e1e", "desmoplastic stroma around carcinoma"),
    TissueClass(5, "blood", "#ea242e", "red cells, in vessels or spilled", aliases=("#fc0d1b",)),
    TissueClass(6, "inflammatory cells", "#4f3286", "lymphocytes, plasma cells and granulocytes in crowds"),
    TissueClass(7, "loose stroma", "#9d3b8a", "lamina propria and submucosa"),
    TissueClass(8, "muscle", "#d7c2d8", "muscularis mucosae and muscularis propria"),
    TissueClass(9, "non-reactive stroma", "#907e99", "dense stroma without reaction to a tumor"),
    TissueClass(10, "background", "#ffffff", _BACKGROUND),
)

_LAYOUT = (
    TissueClass(0, "glass", "#ffffff", "bare glass around the tissue, and clefts and tears wider than 32 um"),
    TissueClass(1, "tissue", "#f0aac8", "connective tissue: submucosa, stroma, fat"),
    TissueClass(2, "mucosa", "#965abe", "mucosa that is not tumor, to the bases of its crypts"),
    TissueClass(3, "tumor", "#5a1e6e", "adenoma and carcinoma, with the stroma between their glands"),
    TissueClass(4, "muscle", "#dc3c3c", "muscularis propria"),
)

BUILT_IN: dict[str, TissueScheme] = {
    scheme.name: scheme
    for scheme in (
        TissueScheme("prostate-2", "Prostate, 2 classes", _TWO, um_per_px=1.0),
        TissueScheme("prostate-3", "Prostate, 3 classes", _THREE, um_per_px=1.0),
        TissueScheme("colon-2", "Colon, 2 classes", _TWO),
        TissueScheme("colon-3", "Colon, 3 classes", _THREE),
        TissueScheme("colon-10", "Colon, 10 classes", _TEN, background=10, um_per_px=1.0),
        TissueScheme("slide-layout", "Layout of a slide, 5 classes", _LAYOUT, um_per_px=32.0),
    )
}
"""Built-in schemes by name."""
