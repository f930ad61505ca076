"""A model of layouts, loaded and ready to draw new tissue: H&E and its labels at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from napari_histosynth.core.device import choose_device, choose_precision
from napari_histosynth.core.errors import ModelError
from napari_histosynth.core.naming import beginning_with
from napari_histosynth.core.noise import gaussian
from napari_histosynth.core.tiles import Window
from napari_histosynth.core.tissue import TissueScheme
from napari_histosynth.latent.owner import Owner
from napari_histosynth.layout.config import TURNS
from napari_histosynth.layout.flow import Flow, build_flow
from napari_histosynth.layout.network import (
    BASE,
    Encoder,
    Generator,
    build_encoder,
    build_generator,
    pixel_norm,
)
from napari_histosynth.layout.reading import apart
from napari_histosynth.zoo import ModelCard, find_model, load_state, select

if TYPE_CHECKING:
    import numpy.typing as npt

#: What is used where nobody names a model.
DEFAULT_LAYOUT_MODEL = "colon-layout"

_MEANS, _MEANS_OF = 0x1A71, 64  # stream of the latents that means are taken over, and their number


@dataclass(frozen=True, eq=False)
class LayoutModel:
    """What new tissue is drawn with; make one with :func:`load_layout_model`. Any thread may use it.

    Attributes
    ----------
    card : ModelCard
        Name, preset, scale, data and terms.
    generator : Generator
        Draws H&E and label channels from latents; frozen, on :attr:`device`, in :attr:`dtype`.
    encoder : Encoder or None
        Finds the latent of H&E with labels; fp32.
    flow : Flow or None
        Draws anew what the generator lays out (``layout.redraw``); fp32.
    fine : Flow or None
        Draws anew, at half the pixels' size, what that has drawn; fp32.
    scheme : TissueScheme
        Classes of the label maps.
    device : torch.device
        Where it draws.
    dtype : torch.dtype
        In which number format.
    grades : tuple of str
        Names of the grades that layouts are conditioned on, in the order of their weights.
    """

    card: ModelCard
    generator: Generator
    encoder: Encoder | None
    flow: Flow | None
    fine: Flow | None
    scheme: TissueScheme
    device: torch.device
    dtype: torch.dtype
    grades: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def sha256(self) -> str:
        """Hash of the weights."""
        return self.card.sha256

    @property
    def um_per_px(self) -> float:
        """Micrometers a pixel of what the generator draws."""
        return self.card.um_per_px

    @property
    def latent_size(self) -> int:
        """Numbers of a latent, the grade apart."""
        return self.card.latent_size

    @property
    def style_size(self) -> int:
        """Numbers that stand for a layout on a map of latents: its latent and its weights of grades."""
        return self.latent_size + len(self.grades)

    @property
    def owner(self) -> Owner:
        """What maps of its latents and named places are for: a latent and weights of grades, side by side."""
        return Owner(self.name, self.sha256, self.style_size)

    @property
    def size(self) -> int:
        """Pixels a side of a field that the generator draws at once."""
        return int(self.generator.size)

    @property
    def fineness(self) -> int:
        """Pixels a side of what is drawn in the end for one of the generator's: 2 with a fine flow."""
        return 1 if self.fine is None else 2

    @property
    def drawn_size(self) -> int:
        """Pixels a side of a field as it is drawn in the end."""
        return self.size * self.fineness

    @property
    def drawn_um_per_px(self) -> float:
        """Micrometers a pixel of what is drawn in the end."""
        return self.um_per_px / self.fineness

    @property
    def cell(self) -> int:
        """Pixels a side of the generator's that one place of a base becomes."""
        return self.size // BASE

    @property
    def precision(self) -> str:
        """Name of the number format, "bf16" or "fp32"."""
        return "bf16" if self.dtype == torch.bfloat16 else "fp32"

    def grade_weights(self, grade: str) -> npt.NDArray[np.float32]:
        """Return the weights that stand for a grade.

        Parameters
        ----------
        grade : str
            Name of a grade, or a beginning that only one has; "" for all grades alike.

        Returns
        -------
        ndarray
            float32 (g,), summing up to 1; (0,) of a model without grades.

        Raises
        ------
        ModelError
            If no grade, or more than one, begins so.
        """
        count = len(self.grades)
        if not grade:
            return np.full(count, 1 / max(count, 1), np.float32)
        found = beginning_with(grade, self.grades)
        if len(found) != 1:
            known = ", ".join(self.grades) or "none"
            problem = "Several grades begin" if found else "No grade is named or begins"
            raise ModelError(f"{problem} with {grade!r} in {self.name!r}; there are {known}.")
        return np.asarray(np.eye(count)[found[0]], np.float32)

    def draw(
        self, latents: npt.ArrayLike, grades: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Lay out fields with the generator, each as if it were drawn alone.

        Parameters
        ----------
        latents : array_like
            float (n, d).
        grades : array_like
            float (n, g), weights of the grades.

        Returns
        -------
        image : ndarray
            uint8 (n, size, size, 3), H&E.
        labels : ndarray
            float32 (n, k, size, size), how much there is of each class, about -1 to 1.

        Raises
        ------
        ModelError
            If latents or weights have another length, or hold what is no number.
        """
        bases = self.bases(latents, grades)
        drawn = [self.draw_base(base) for base in bases]
        return np.stack([image for image, _ in drawn]), np.stack([labels for _, labels in drawn])

    def bases(self, latents: npt.ArrayLike, grades: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return the features that fields grow from, one for each latent.

        Parameters
        ----------
        latents : array_like
            float (n, d).
        grades : array_like
            float (n, g).

        Returns
        -------
        ndarray
            float32 (n, w, 4, 4).

        Raises
        ------
        ModelError
            As :meth:`draw`.
        """
        z = self.checked(latents, self.latent_size, "A latent")
        weights = self.checked(grades, len(self.grades), "Weights of grades")
        if len(z) != len(weights):
            raise ModelError(f"{len(z)} latents need weights of grades for each, not {len(weights)}.")
        with torch.inference_mode():
            # one by one: sums of a batch may come out in another order
            made = [
                self.generator.base(self._tensor(z[i : i + 1]), self._tensor(weights[i : i + 1]))
                for i in range(len(z))
            ]
            bases: npt.NDArray[np.float32] = torch.cat(made).float().cpu().numpy()
        return bases

    def draw_base(
        self, base: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Lay out what grows from a base of any size.

        Parameters
        ----------
        base : ndarray
            float32 (w, h, w), each place of which becomes :attr:`cell` px a side.

        Returns
        -------
        image : ndarray
            uint8 (y, x, 3), H&E.
        labels : ndarray
            float32 (k, y, x), how much there is of each class, about -1 to 1.
        """
        with torch.inference_mode():
            drawn = self.generator.body(self._tensor(base[None]))[0].float().cpu().numpy()
        return apart(drawn)

    @cached_property
    def base_means(self) -> npt.NDArray[np.float32]:
        """Mean features of bases by grade, over latents of a fixed seed, float32 (g or 1, w, 4, 4)."""
        latents = gaussian(0, _MEANS, 0, Window(0, _MEANS_OF, 0, self.latent_size))
        means = []
        for weights in np.eye(len(self.grades), dtype=np.float32) if self.grades else np.zeros((1, 0)):
            told = np.broadcast_to(weights, (_MEANS_OF, len(self.grades)))
            means.append(self.bases(latents, told).mean(0))
        return np.stack(means)

    def encode(
        self, image: npt.ArrayLike, labels: npt.ArrayLike, um_per_px: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Find the layout nearest to H&E with its labels (Beers et al., section 3.3 and Figure 4).

        Parameters
        ----------
        image : array_like
            uint8 (y, x, 3). Of a picture larger than a field its middle is read; a smaller one is mirrored.
        labels : array_like
            (y, x), of the model's scheme.
        um_per_px : float
            Micrometers a pixel of both.

        Returns
        -------
        latent : ndarray
            float32 (d,).
        weights : ndarray
            float32 (g,), of the grades, summing up to 1.

        Raises
        ------
        ModelError
            If the model has no encoder.
        HistosynthError
            If picture and labels do not fit.
        """
        from napari_histosynth.layout.reading import field_of

        if self.encoder is None:
            raise ModelError(f"The model {self.name!r} has no encoder, so it finds no layouts of pictures.")
        read = field_of(image, labels, um_per_px, self.scheme, self.um_per_px, self.size)
        with torch.inference_mode():
            found = self.encoder(torch.from_numpy(read)[None].to(self.device)).float()
            latent, weights = found[:, : self.latent_size], found[:, self.latent_size :].softmax(1)
            latent = self.generator.unplaced(pixel_norm(latent).to(self.dtype), weights.to(self.dtype))
        return latent[0].float().cpu().numpy(), weights[0].cpu().numpy()

    def checked(self, values: npt.ArrayLike, length: int, what: str) -> npt.NDArray[np.float32]:
        """Return rows of finite numbers, float32 (n, length).

        Raises
        ------
        ModelError
            If they are none.
        """
        try:
            rows = np.asarray(values, np.float32)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{what} of {self.name!r} must be {length} numbers.") from error
        if rows.ndim != 2 or rows.shape[1] != length:
            raise ModelError(
                f"{what} of {self.name!r} has {length} numbers, not {rows.shape[-1] if rows.ndim else 1}."
            )
        if not np.isfinite(rows).all():
            raise ModelError(f"{what} must be of finite numbers; this one holds NaN or infinity.")
        return rows

    def _tensor(self, values: npt.NDArray[np.float32]) -> torch.Tensor:
        return torch.tensor(values, dtype=self.dtype, device=self.device)


def load_layout_model(
    name_or_path: str | Path = DEFAULT_LAYOUT_MODEL, *, device: str = "auto", precision: str = "auto"
) -> LayoutModel:
    """Load a model of layouts.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a model that :func:`napari_histosynth.list_models` lists, or its folder.
    device : str
        "auto", "cpu", "cuda" or "mps".
    precision : str
        "auto" (fp32), "bf16" or "fp32". Layouts are the same to the bit on one device in one precision.

    Raises
    ------
    ModelError
        If there is no such model, it is of another kind, or its card or weights are damaged.
    DeviceError
        If the device or precision is not to be had.
    """
    folder = find_model(name_or_path)
    card = folder.card
    if card.system != "layout":
        raise ModelError(
            f"{folder.where} makes no new tissue; choose a model of layouts such as {DEFAULT_LAYOUT_MODEL!r}."
        )
    where = choose_device(device)
    # the networks are narrow: in bf16 a CPU spends its time converting, 20 times that of fp32
    dtype = choose_precision("fp32" if precision == "auto" else precision, where)
    scheme = folder.scheme()
    grades = tuple(str(one) for one in card.architecture.get("grades", ()))
    channels = card.architecture.get("channels", 3 + scheme.n_classes)
    if channels != 3 + scheme.n_classes:
        raise ModelError(
            f"{folder.where} draws {channels} channels, but H&E with labels of {scheme.name} has "
            f"{3 + scheme.n_classes}; choose a model of H&E."
        )
    tensors = folder.read_tensors()
    generator = _network(build_generator, card, select(tensors, "generator."), folder.where)
    read = select(tensors, "encoder.")
    encoder = _network(build_encoder, card, read, folder.where) if read else None
    flow, fine = (_flow(kind, card, tensors, folder.where, where) for kind in ("flow", "fine"))
    if fine is not None and (flow is None or card.latent_size % TURNS):
        raise ModelError(
            f"{folder.where} has a fine flow, which needs a first one and latents of a multiple of {TURNS} "
            "numbers; train it anew."
        )
    return LayoutModel(
        card,
        generator.to(where, dtype),
        None if encoder is None else encoder.to(where),
        flow,
        fine,
        scheme,
        where,
        dtype,
        grades,
    )


def _flow(
    kind: str, card: ModelCard, tensors: dict[str, Any], where: str, device: torch.device
) -> Flow | None:
    """Build a flow of a card, None where it has none."""
    read = select(tensors, f"{kind}.")
    if not read:
        return None
    flow = _network(lambda of, _size: build_flow(of, kind), card, read, where)
    return cast(Flow, flow.to(device, memory_format=torch.channels_last))


def _network(build: Any, card: ModelCard, tensors: dict[str, Any], where: str) -> Any:
    """Build a network of a card's architecture, with its weights, frozen."""
    try:
        network = build(card.architecture, card.latent_size)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{where} has an architecture that cannot be built ({error}).") from error
    load_state(network, tensors, where)
    return network.float().eval().requires_grad_(False)
