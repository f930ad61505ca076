"""Where the layouts of a data set come from: label maps on disk, examples, or a model of layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.errors import HistosynthError, LabelMapError, ModelError

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import Labels, TissueScheme
    from napari_histosynth.layout.sampler import Sampler
    from napari_histosynth.paint.layouts import Layout, LayoutMaker

_TEN = "colon-10"


@dataclass(frozen=True)
class ModelLayouts:
    """Layouts of a model, for worker processes, too: it is loaded where they are made.

    Attributes
    ----------
    folder : str
        Of the model.
    name, sha256 : str
        Its name, and the hash of its weights.
    grades : tuple of str
        In full; the names of layouts end in one.
    device : str
        Where to draw.
    """

    folder: str
    name: str
    sha256: str
    grades: tuple[str, ...]
    device: str

    def __call__(
        self, name: str, side: int, um_per_px: float, seed: int, scheme: TissueScheme
    ) -> tuple[Labels, TissueScheme]:
        """Draw a layout; see :class:`~napari_histosynth.paint.layouts.LayoutMaker`."""
        from napari_histosynth.core.tissue import get_scheme

        sampler = _sampler(self.folder, self.device)
        # nuclei are placed later, by the rule of data sets; to ten classes there is a way by the grade alone
        written = get_scheme(_TEN) if scheme.name == _TEN else sampler.model.scheme
        made = sampler.sample(
            seed,
            grade=name.removeprefix(self.name).removeprefix(": "),
            size_px=(side, side),
            um_per_px=um_per_px,
            scheme=written.name,
        )
        return made.labels, written

    def identity(self) -> dict[str, Any]:
        """Return the model's name and hash, and the grades."""
        return {"model": self.name, "sha256": self.sha256, "grades": ", ".join(self.grades) or "by chance"}

    def layouts(self) -> tuple[Layout, ...]:
        """Return what to list as layouts: one of each grade."""
        from napari_histosynth.paint.layouts import Layout

        names = [f"{self.name}: {grade}" for grade in self.grades] or [self.name]
        return tuple(Layout(name, sha256=self.sha256) for name in names)


def layouts_and_maker(
    source: str, grades: Sequence[str], scheme: TissueScheme, device: str
) -> tuple[tuple[Layout, ...], LayoutMaker | None]:
    """Find the layouts of a data set.

    Parameters
    ----------
    source : str
        Folder of label maps, ``"examples"``, or name or folder of a model of layouts.
    grades : sequence of str
        How grades of the model's begin.
    scheme : TissueScheme
        Of the model that paints.
    device : str
        Where layouts are drawn.

    Returns
    -------
    layouts : tuple of Layout
        What to draw from.
    maker : callable or None
        What makes them; None where they lie on disk, or are examples.

    Raises
    ------
    HistosynthError
        If there is no such folder or model, a grade is unknown, or grades are asked of label maps on disk.
    """
    from napari_histosynth.paint.layouts import EXAMPLES, find_layouts
    from napari_histosynth.zoo import find_model

    path = Path(source)
    if source == EXAMPLES or (path.is_dir() and not (path / "model.toml").is_file()):
        if grades:
            raise HistosynthError(
                f"--grade is for layouts of a model such as colon-layout, not for {source}."
            )
        return find_layouts(source, scheme), None
    try:
        folder = find_model(source)
    except ModelError:
        raise LabelMapError(
            f"There is no folder {source} of layouts, nor a model of that name; give one with label maps, "
            f'a model of layouts such as "colon-layout", or "{EXAMPLES}".'
        ) from None
    from napari_histosynth.layout.model import load_layout_model

    model = load_layout_model(folder.path, device=device)
    full = tuple(model.grades[int(model.grade_weights(one).argmax())] for one in grades)
    if scheme.name != _TEN:
        _check(scheme, model.scheme)
    maker = ModelLayouts(str(folder.path), model.name, model.sha256, full, device)
    return maker.layouts(), maker


def _check(painted: TissueScheme, made: TissueScheme) -> None:
    """Raise SchemeError if layouts cannot be rewritten in the scheme of the model that paints."""
    import numpy as np

    from napari_histosynth.core.tissue import convert_labels

    convert_labels(np.arange(made.n_classes, dtype=np.uint8)[None], made, painted)


@lru_cache(maxsize=1)
def _sampler(folder: str, device: str) -> Sampler:
    from napari_histosynth.layout.model import load_layout_model
    from napari_histosynth.layout.sampler import Sampler

    return Sampler(load_layout_model(folder, device=device))
