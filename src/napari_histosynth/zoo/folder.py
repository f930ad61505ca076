"""Models on disk: a folder with ``model.toml``, ``weights.safetensors`` and, to read, ``card.md``."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import ModelError, SaveError, SchemeError
from napari_histosynth.core.tissue import TissueScheme, get_scheme
from napari_histosynth.zoo.card import ModelCard
from napari_histosynth.zoo.weights import file_sha256, pack_tensors, read_header, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

CARD_NAME = "model.toml"
WEIGHTS_NAME = "weights.safetensors"
NOTES_NAME = "card.md"
SCHEME_NAME = "scheme.toml"


class ModelFolder:
    """One model on disk; only its card is read until more is asked for.

    Parameters
    ----------
    path : str or Path
        A folder that holds a ``model.toml``.

    Raises
    ------
    ModelError
        If there is no such folder or card, or the card is not valid.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / CARD_NAME).is_file():
            raise ModelError(f"The folder {self.path} holds no {CARD_NAME}; choose the folder of a model.")
        self.card = ModelCard.read(self.path / CARD_NAME)

    def __repr__(self) -> str:
        """Name the model and its place."""
        return f"ModelFolder({self.card.name!r}, {str(self.path)!r})"

    @property
    def name(self) -> str:
        """The model's name, from its card."""
        return self.card.name

    @property
    def weights_path(self) -> Path:
        """Where the weights lie (or should)."""
        return self.path / WEIGHTS_NAME

    @property
    def notes(self) -> str:
        """The text of ``card.md`` (Markdown); empty where there is none."""
        path = self.path / NOTES_NAME
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    @property
    def where(self) -> str:
        """How sentences about this model begin."""
        return f"The model '{self.name}' in {self.path}"

    def scheme(self) -> TissueScheme:
        """Return the tissue scheme of the model's labels.

        Returns
        -------
        TissueScheme
            A built-in one, or the one in the TOML file beside the card.

        Raises
        ------
        ModelError
            If the scheme is unknown, or its file missing, malformed or outside of the folder.
        """
        name = self.card.scheme
        if not name:
            raise ModelError(
                f"{self.where} turns {' into '.join(self.card.stains)} and knows no labels; choose a model "
                "of tissue."
            )
        if name.endswith(".toml"):
            if Path(name).name != name:
                raise ModelError(
                    f"{self.where} keeps its tissue scheme at '{name}'; move that file beside {CARD_NAME}."
                )
            name = str(self.path / name)
        try:
            return get_scheme(name)
        except SchemeError as error:
            detail = str(error).rstrip(".")
            raise ModelError(f"{self.where} names a tissue scheme that cannot be used: {detail}.") from error

    def generator_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of ``paint.network.build_generator`` that rebuild the generator.

        Returns
        -------
        dict
            ``preset``, ``n_classes`` (of the card's architecture, else of the scheme), ``latent_size`` and
            the rest of the architecture.

        Raises
        ------
        ModelError
            If the model draws nothing, or its scheme is unknown or has more classes than the generator has
            label channels.
        """
        if not self.card.draws:
            does = {
                "stain": "stains pictures",
                "slide": "draws whole slides",
                "layout": "makes new tissue",
            }.get(self.card.system, "makes label maps of H&E")
            raise ModelError(f"{self.where} {does} and draws none itself; choose a model that draws.")
        n_classes = self.scheme().n_classes
        arguments = {"n_classes": n_classes, **self.card.architecture}
        if not isinstance(arguments["n_classes"], int) or arguments["n_classes"] < n_classes:
            raise ModelError(
                f"{self.where} takes {arguments['n_classes']} label channels, fewer than the {n_classes} "
                f"classes of its scheme '{self.card.scheme}'; correct either in {CARD_NAME}."
            )
        return {"preset": self.card.preset, "latent_size": self.card.latent_size, **arguments}

    def verify(self) -> None:
        """Check card, scheme and weights without loading the weights.

        The hash of a file is computed once in a process, and again when its date or size changes.

        Raises
        ------
        ModelError
            If the scheme is unknown, the weights are missing, truncated or not safetensors, or their hash is
            not the card's.
        """
        if self.card.draws:
            self.generator_arguments()
        elif not self.card.stains:
            self.scheme()
        read_header(self.weights_path, self.where)
        if not self.card.sha256:
            raise ModelError(f"{self.where} has no sha256 in its {CARD_NAME}; add that of {WEIGHTS_NAME}.")
        found = file_sha256(self.weights_path)
        if found != self.card.sha256:
            raise ModelError(
                f"{self.where} holds weights with sha256 {found[:12]}… where its card says "
                f"{self.card.sha256[:12]}…; get the model again."
            )

    def read_tensors(self) -> dict[str, Tensor]:
        """Verify the model and read its weights.

        Returns
        -------
        dict of str to Tensor
            On the CPU; floating point ones as float32, integers as stored. Names start with ``generator.``,
            ``encoder.`` or ``latent.``, of a segmenter with ``segmenter.``, of a model of stains with
            ``forward.`` or ``reverse.``.

        Raises
        ------
        ModelError
            As :meth:`verify`, or if the file cannot be read.
        """
        self.verify()
        return read_tensors(self.weights_path, self.where)

    def summary(self) -> dict[str, str | int | float | None]:
        """Return what a table of models shows, without touching more than the header of the weights.

        Returns
        -------
        dict
            ``name``, ``title``, ``system``, ``preset``, ``scheme``, ``um_per_px``, ``latent_size``,
            ``parameters`` (of what it works with) and ``megabytes`` (10^6, of the weights), both None
            where the weights are missing or damaged, ``license``, ``sha256`` and ``path``.
        """
        card = self.card
        parameters: int | None = None
        megabytes: float | None = None
        try:
            header = read_header(self.weights_path, self.where)
        except ModelError:
            pass
        else:
            megabytes = round(self.weights_path.stat().st_size / 1e6, 1)
            parameters = sum(
                math.prod(tensor.shape)
                for name, tensor in header.items()
                # running statistics are state, not parameters
                if name.startswith(("generator.", "segmenter.", "forward.", "reverse."))
                and ".running_" not in name
                and tensor.dtype.startswith(("F", "BF"))
            )
        return {
            "name": card.name,
            "title": card.title,
            "system": card.system,
            "preset": card.preset,
            "scheme": card.scheme,
            "um_per_px": card.um_per_px,
            "latent_size": card.latent_size,
            "parameters": parameters,
            "megabytes": megabytes,
            "license": card.license,
            "sha256": card.sha256,
            "path": str(self.path),
        }


def user_folder() -> Path:
    """Return the folder of this user's own models; it need not exist."""
    from platformdirs import user_data_path

    return user_data_path("napari-histosynth", appauthor=False) / "models"


def model_roots() -> list[Path]:
    """Return the folders that are searched for models, first match first; some may not exist.

    Returns
    -------
    list of Path
        Those in ``$HISTOSYNTH_MODELS`` (separated as in ``$PATH``), the user's, the package's, and in a
        source checkout the repository's.
    """
    package = Path(__file__).resolve().parents[1]
    roots = [Path(entry) for entry in os.environ.get("HISTOSYNTH_MODELS", "").split(os.pathsep) if entry]
    roots += [user_folder(), package / "models"]
    if package.parent.name == "src":
        roots.append(package.parents[1] / "models")
    return roots


def list_models(
    on_error: Callable[[Path, ModelError], None] | None = None, *, draws: bool | None = None
) -> list[ModelFolder]:
    """List the models that can be found by name.

    Parameters
    ----------
    on_error : callable, optional
        Told the folder and the error of each model whose card is not valid; such models are left out.
    draws : bool, optional
        True for the models that draw H&E alone, False for those that make label maps of it.

    Returns
    -------
    list of ModelFolder
        In the order of search; of several with one name the first, which is the one that the name finds.
    """
    found: dict[str, ModelFolder] = {}
    for path in _candidates():
        try:
            folder = ModelFolder(path)
        except ModelError as error:
            if on_error is not None:
                on_error(path, error)
        else:
            found.setdefault(folder.name, folder)
    return [folder for folder in found.values() if draws in (None, folder.card.draws)]


def find_model(name_or_path: str | Path) -> ModelFolder:
    """Find a model by its folder or by its name.

    Parameters
    ----------
    name_or_path : str or Path
        An existing folder with a ``model.toml``, or a name that one of :func:`model_roots` holds.

    Returns
    -------
    ModelFolder
        The model; its weights are not yet verified.

    Raises
    ------
    ModelError
        If there is none (the sentence lists those that there are), or its card is not valid.
    """
    path = Path(name_or_path).expanduser()
    if (path / CARD_NAME).is_file():
        return ModelFolder(path)
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or path.name != name:
        if path.is_dir():
            return ModelFolder(path)  # raises the sentence about the missing card
        raise ModelError(
            f"There is no model folder {path}; give a folder with a {CARD_NAME} or a known name."
        )
    models = list_models()
    for folder in models:
        if folder.name == name:
            return folder
    for candidate in _candidates():
        if candidate.name == name:
            return ModelFolder(candidate)
    known = ", ".join(folder.name for folder in models) or "none"
    raise ModelError(
        f"There is no model '{name}'; known models: {known} (more are found in $HISTOSYNTH_MODELS and "
        f"in {user_folder()})."
    )


def write_folder(
    path: str | Path,
    card: ModelCard,
    tensors: Mapping[str, Tensor],
    *,
    dtype: Literal["float16", "float32"] = "float16",
    notes: str | None = None,
    scheme: TissueScheme | None = None,
) -> ModelFolder:
    """Write a model; an existing one in the same folder is replaced when all of the new one is on disk.

    Parameters
    ----------
    path : str or Path
        The folder, made where it does not exist; other files in it stay.
    card : ModelCard
        Its ``sha256`` is filled in.
    tensors : mapping of str to Tensor
        By prefixed name; any device and dtype.
    dtype : {"float16", "float32"}
        How floating point tensors are stored; one that leaves the range of float16 is stored as float32.
    notes : str, optional
        Markdown for ``card.md``; where None, an existing one stays.
    scheme : TissueScheme, optional
        Written beside the card as ``scheme.toml``; the card then names that file as its scheme.

    Returns
    -------
    ModelFolder
        The model as written.

    Raises
    ------
    SaveError
        If something cannot be written; what was there before is untouched.
    """
    path = Path(path)
    payload = pack_tensors(tensors, dtype)
    card = card.model_copy(update={"sha256": hashlib.sha256(payload).hexdigest()})
    if scheme is not None:
        card = card.model_copy(update={"scheme": SCHEME_NAME})
    was_there = path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"The folder {path} cannot be made ({error.strerror}); choose another.") from error
    files = {WEIGHTS_NAME: payload, CARD_NAME: card.to_toml().encode()}
    if notes is not None:
        files[NOTES_NAME] = notes.encode()
    if scheme is not None:
        files[SCHEME_NAME] = scheme.to_toml().encode()
    try:
        with ExitStack() as stack:
            for name, content in files.items():
                _write_through(stack.enter_context(atomic_path(path / name)), content)
    except BaseException:
        if not was_there and not any(path.iterdir()):
            path.rmdir()
        raise
    return ModelFolder(path)


def _candidates() -> Iterator[Path]:
    """Yield every folder with a card, in the order of search."""
    for root in model_roots():
        try:
            children = sorted(root.iterdir())
        except OSError:  # absent, not a folder, or not ours to read: nothing to offer
            continue
        yield from (child for child in children if (child / CARD_NAME).is_file())


def _write_through(path: Path, content: bytes) -> None:
    """Write a file down to the disk: all of a model must be there before its first file takes its place."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
