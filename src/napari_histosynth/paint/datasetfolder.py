"""A data set on disk: drawn by several processes, resumed where it was stopped, the same bytes every time."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import signal
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import HistosynthError, SaveError
from napari_histosynth.core.helpers import one_thread
from napari_histosynth.core.provenance import Provenance
from napari_histosynth.io import save_image, save_labels
from napari_histosynth.io.png import peek_png
from napari_histosynth.paint.dataset import COLUMNS, DatasetSettings, make_item, row_of

if TYPE_CHECKING:
    from napari_histosynth.paint.model import PaintModel
    from napari_histosynth.zoo import ModelCard

SETTINGS, MANIFEST, CARD = "dataset.json", "manifest.csv", "README.md"
"""Files beside ``images`` and ``labels``."""

_AHEAD = 4  # items handed to a worker before it asks: enough to keep it busy, few to wait for at a stop


@dataclass(frozen=True)
class Written:
    """What a run left: how many items the set has now, and how many of them it drew."""

    items: int
    drawn: int


def write_dataset(
    out: Path,
    settings: DatasetSettings,
    count: int,
    card: ModelCard,
    *,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Written:
    """Draw a data set into a folder, or what is missing of it.

    ``images/000000.png`` and ``labels/000000.png`` belong together. Every file is written whole or not at
    all; a run that is stopped leaves a valid set of the items that are done, and the same call goes on. Bytes
    depend on the settings and an item's number alone.

    Parameters
    ----------
    out : Path
        Folder to write, new, empty, or one of the same settings.
    settings : DatasetSettings
        What decides the bytes.
    count : int
        How many items, from number 0.
    card : ModelCard
        Of the model, for the set's own card.
    workers : int
        How many processes draw, each in one thread; with 1 this process does.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Returns
    -------
    Written

    Raises
    ------
    SaveError
        If the folder holds something else, or a set of other settings, or cannot be written.
    HistosynthError
        If a layout cannot be read or drawn, or a worker dies.
    KeyboardInterrupt
        After Ctrl-C, once the manifest lists what is done.
    """
    _prepare(out, settings)
    known = _hashes_of_manifest(out)
    missing = [number for number in range(count) if not _is_done(out, settings, number, known)]
    drawn = 0
    tell = progress or (lambda _: None)
    run = _in_this_process if workers == 1 else _in_processes
    try:
        with contextlib.closing(run(out, settings, missing, workers)) as numbers:
            for _ in numbers:
                drawn += 1
                tell((count - len(missing) + drawn) / count)
    except BaseException:
        with contextlib.suppress(HistosynthError):  # the first error is the one to tell
            _finish(out, settings, card)
        raise
    items = _finish(out, settings, card)
    return Written(items, drawn)


def _in_this_process(
    out: Path, settings: DatasetSettings, numbers: list[int], workers: int
) -> Generator[int]:
    """Draw items here, in one thread: more would add up sums in another order."""
    if not numbers:
        return
    with one_thread():
        model = _model(settings)
        for number in numbers:
            yield _write_item(out, settings, model, number)


def _in_processes(out: Path, settings: DatasetSettings, numbers: list[int], workers: int) -> Generator[int]:
    """Draw items in other processes; on an exception wait for those in hand, so that no file is half done."""
    if not numbers:
        return
    context = get_context("spawn")  # a fork would copy torch's threads in whatever state they are
    count = min(workers, len(numbers))
    with ProcessPoolExecutor(count, context, initializer=_begin_worker, initargs=(settings,)) as pool:
        waiting: set[Future[int]] = set()
        rest = iter(numbers)
        try:
            while True:
                while len(waiting) < count * _AHEAD and (number := next(rest, None)) is not None:
                    waiting.add(pool.submit(_work, out, settings, number))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise HistosynthError(
                "A worker ended without a word, perhaps since memory ran out; run the same command with "
                "fewer --workers, and it goes on where it stopped."
            ) from None
        finally:
            for future in waiting:
                future.cancel()


_worker_model: PaintModel | None = None


def _begin_worker(settings: DatasetSettings) -> None:
    """Load the model of a worker, which draws in one thread and leaves Ctrl-C to who started it."""
    global _worker_model
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    _worker_model = _model(settings)


def _work(out: Path, settings: DatasetSettings, number: int) -> int:
    """Draw an item in a worker."""
    assert _worker_model is not None
    return _write_item(out, settings, _worker_model, number)


def _model(settings: DatasetSettings) -> PaintModel:
    from napari_histosynth.paint.model import load_model

    return load_model(settings.model, device=settings.device, precision=settings.precision)


def _write_item(out: Path, settings: DatasetSettings, model: PaintModel, number: int) -> int:
    """Draw an item and write its two files, the picture last."""
    item = make_item(model, settings, number)
    save_labels(out / "labels" / f"{item.name}.png", item.labels, item.scheme, provenance=item.provenance)
    save_image(out / "images" / f"{item.name}.png", item.image, item.provenance)
    return number


def _prepare(out: Path, settings: DatasetSettings) -> None:
    """Make the folders of a set, or make sure that those there are of the same settings."""
    record = out / SETTINGS
    identity = json.loads(json.dumps(settings.identity()))
    try:
        if record.is_file():
            before = json.loads(record.read_text(encoding="utf-8"))
            other = [key for key, value in identity.items() if before.get(key) != value]
            if other:
                raise SaveError(
                    f"{out} holds a data set made with other settings ({', '.join(other)}); give another "
                    "folder, or the settings in its dataset.json."
                )
        elif out.is_dir() and any(out.iterdir()):
            raise SaveError(f"{out} holds other files; give a new folder for the data set.")
        for folder in ("images", "labels"):
            (out / folder).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
        raise SaveError(
            f"Cannot write a data set to {out}: {reason.lower()}; give another folder."
        ) from error
    with atomic_path(record) as temporary:
        temporary.write_text(json.dumps(identity, indent=2) + "\n", encoding="utf-8")


def _hashes_of_manifest(out: Path) -> dict[str, tuple[str, str]]:
    """Return the hashes of picture and label map that the manifest has, by name."""
    with contextlib.suppress(OSError, KeyError, csv.Error), (out / MANIFEST).open(newline="") as file:
        return {row["name"]: (row["image_sha256"], row["labels_sha256"]) for row in csv.DictReader(file)}
    return {}


def _is_done(out: Path, settings: DatasetSettings, number: int, known: dict[str, tuple[str, str]]) -> bool:
    """Return whether both files of an item are there, of these settings, as they were written."""
    name = f"{number:06d}"
    made = _made(out, settings, name)
    return made is not None and known.get(name, made[1]) == made[1]


def _made(out: Path, settings: DatasetSettings, name: str) -> tuple[Provenance, tuple[str, str]] | None:
    """Return what the picture of an item says of itself, and the hashes of both files."""
    hashes, found = [], None
    for folder in ("labels", "images"):
        path = out / folder / f"{name}.png"
        peeked = peek_png(path)
        if peeked is None or peeked[1].extra.get("dataset") != settings.digest:
            return None
        found = peeked[1]
        hashes.append(hashlib.sha256(path.read_bytes()).hexdigest())
    assert found is not None
    return found, (hashes[1], hashes[0])


def _finish(out: Path, settings: DatasetSettings, card: ModelCard) -> int:
    """Write manifest and card for the items that are there; return how many they are."""
    rows = []
    for path in sorted((out / "images").glob("*.png")):
        made = _made(out, settings, path.stem)
        if made is not None:
            rows.append(row_of(made[0], *made[1]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_path(out / MANIFEST) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
    with atomic_path(out / CARD) as temporary:
        temporary.write_text(_card(settings, card, rows), encoding="utf-8", newline="\n")
    return len(rows)


def _card(settings: DatasetSettings, card: ModelCard, rows: list[dict[str, Any]]) -> str:
    """Return the page that says what the set is."""
    sources = sorted({row["layout"] for row in rows})
    shown = ", ".join(sources[:12]) + (f" and {len(sources) - 12} more" if len(sources) > 12 else "")
    stain = "none" if settings.stain == 0 else f"{settings.stain:g} (share of the optical density)"
    terms = card.terms or "those of the model"
    splitting, maker = "", ""
    if settings.maker is not None:
        maker = "".join(f"| layouts: {key} | {value} |\n" for key, value in settings.maker.identity().items())
    if any(layout.path for layout in settings.layouts):
        splitting = (
            " Rows of one `layout` are cuts of one label map: keep them on one side of\na split (`table = "
            '"manifest.csv"`, `name_column = "name"`, `group_column = "layout"`).'
        )
    return f"""# Synthetic H&E with label maps

**All pictures are synthetic**: drawn by a network, not photographed, and of no patient. For research and
teaching, never for diagnosis.

| | |
|---|---|
| pairs | {len(rows):,}, `images/NAME.png` with `labels/NAME.png` |
| size | {settings.size} x {settings.size} px, {card.um_per_px:g} um per px |
| classes | scheme `{card.scheme}`, class indices with the scheme's colors as palette |
| model | {card.name}, weights sha256 {settings.model_sha256} |
| terms | {terms} |
| the model was trained on | {card.data or "see its card"} |
| layouts | {shown or "none"} |
{maker}| looks | {settings.looks}; change of stain: {stain} |
| turns | quarter turns and mirror images, and up to {settings.max_turn:g} degrees to either side |
| seed | {settings.seed} |

`manifest.csv` has a row for each pair: layout and place, turns, seeds, hashes of latent, weights and files,
and the share of each class.{splitting}

Every file says the same in its text chunk `histosynth`. The same settings give the same bytes, whatever the
number of workers.
"""
