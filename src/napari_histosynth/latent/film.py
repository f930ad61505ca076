"""One label map drawn along a way through the latent: a strip or a film (the paper's Figure 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from napari_histosynth.core.atomic import atomic_path
from napari_histosynth.core.errors import SaveError
from napari_histosynth.core.provenance import Provenance

if TYPE_CHECKING:
    from napari_histosynth.core.tissue import TissueScheme
    from napari_histosynth.paint.lookfile import ClassStrengths
    from napari_histosynth.paint.model import PaintModel

#: Endings of the names that :func:`save_film` writes.
FILM_ENDINGS = (".png", ".gif", ".mp4")
#: Bytes that the pictures of a film may take: all of them are in memory until it is written.
MOST_BYTES = 2**30
_GAP, _TEXT = 4, 16


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a film.

    Attributes
    ----------
    image : ndarray
        uint8 (y, x, 3).
    caption : str
        Where on the way it is.
    provenance : Provenance
        What made it.
    """

    image: npt.NDArray[np.uint8]
    caption: str
    provenance: Provenance


def draw_frames(
    model: PaintModel,
    labels: npt.NDArray[np.uint8],
    latents: Sequence[npt.NDArray[np.float32]],
    captions: Sequence[str],
    *,
    scheme: TissueScheme | None = None,
    um_per_px: float | None = None,
    seed: int = 0,
    strengths: ClassStrengths | None = None,
    progress: Callable[[float], None] = lambda share: None,
    cancel: Callable[[], bool] | None = None,
) -> Iterator[Frame]:
    """Draw the same labels with the same noise in one latent after another.

    Parameters
    ----------
    model : PaintModel
        What draws.
    labels : ndarray
        uint8 (y, x), of any scheme and scale; see :func:`~napari_histosynth.paint.render.render_labels`.
    latents : sequence of ndarray
        float32 (d,) each.
    captions : sequence of str
        One for each.
    scheme, um_per_px
        Of the labels; the model's by default.
    seed : int
        Of the noise, the same for all.
    strengths : ClassStrengths, optional
        How much of the way from a beginning to each latent classes go; all of it by default.
    progress : callable
        Told the share that is done.
    cancel : callable, optional
        Asked whether to stop.

    Yields
    ------
    Frame

    Raises
    ------
    ModelError
        If strengths name a class that the model has not, or it has one latent for all of a picture.
    """
    from napari_histosynth.paint.lookfile import LookPlan, NamedLook
    from napari_histosynth.paint.render import render_labels
    from napari_histosynth.paint.strengthmap import strengths_by_name

    note: dict[str, Any] = {}
    if strengths is not None:
        names = model.scheme.names
        by_class = dict(zip(names, strengths_by_name(strengths.classes, names), strict=True))
        note = {"strength": by_class, "strength_from": strengths.start.name}
    for number, (latent, caption) in enumerate(zip(latents, captions, strict=True)):

        def tell(share: float, number: int = number) -> None:
            progress((number + share) / len(latents))

        look: dict[str, Any] = {"latent": latent}
        if strengths is not None:
            own = NamedLook(latent, caption)
            look = {"looks": LookPlan(model.um_per_px, own=own, strengths=strengths)}
        made = render_labels(
            model,
            labels,
            scheme=scheme,
            um_per_px=um_per_px,
            seed=seed,
            progress=tell,
            cancel=cancel,
            **look,
        )
        provenance = replace(made.provenance, extra={**made.provenance.extra, **note})
        yield Frame(made.image, caption, provenance)


def check_film(count: int, shape: tuple[int, ...]) -> None:
    """Raise SaveError if so many pictures of height and width ``shape`` do not fit into memory."""
    size = count * shape[0] * shape[1] * 3
    if size > MOST_BYTES:
        raise SaveError(
            f"{count} pictures of {shape[1]:,} x {shape[0]:,} px take {size / 2**30:.1f} GB, more than the "
            f"{MOST_BYTES / 2**30:g} GB that a film may; choose fewer, or a smaller part."
        )


def save_film(path: Path, frames: Sequence[Frame], *, per_second: float = 8.0, back: bool = True) -> None:
    """Write frames as the name's ending says.

    Parameters
    ----------
    path : Path
        ``.png``: side by side, captions below; ``.gif`` and ``.mp4``: one after another. If writing fails,
        what was there stays.
    frames : sequence of Frame
        All of one size.
    per_second : float
        Frames a second.
    back : bool
        Whether an animation goes back to its beginning the way it came.

    Raises
    ------
    SaveError
        If the name ends in something else, there is no frame, or the library that writes films is missing.
    """
    ending = path.suffix.lower()
    if ending not in FILM_ENDINGS:
        raise SaveError(f"{path.name} must end in {', '.join(FILM_ENDINGS[:-1])} or {FILM_ENDINGS[-1]}.")
    if not frames:
        raise SaveError(f"There is no picture to write to {path.name}.")
    note = provenance_of(frames).to_json()
    shown = [*frames, *frames[-2:0:-1]] if back and ending != ".png" else list(frames)
    with atomic_path(path) as temporary:
        if ending == ".png":
            from napari_histosynth.io import save_image

            save_image(temporary, strip(frames), provenance_of(frames))
        elif ending == ".gif":
            first, *rest = (Image.fromarray(frame.image) for frame in shown)
            first.save(
                temporary,
                save_all=True,
                append_images=rest,
                duration=round(1000 / per_second),
                loop=0,
                comment=note.encode(),
            )
        else:
            _write_mp4(temporary, [frame.image for frame in shown], per_second, note)


def strip(frames: Sequence[Frame]) -> npt.NDArray[np.uint8]:
    """Lay frames side by side on white, captions below, in lines that fit; uint8 (y, x, 3)."""
    height, width = frames[0].image.shape[:2]
    font = ImageFont.load_default(_TEXT - 2)
    captions = [_in_lines(frame.caption, width, font) for frame in frames]
    lines = max(caption.count("\n") for caption in captions) + 1
    size = (len(frames) * (width + _GAP) - _GAP, height + lines * _TEXT + 2 * _GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for number, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
        left = number * (width + _GAP)
        sheet.paste(Image.fromarray(frame.image), (left, 0))
        below = (left + width / 2, height + _GAP)
        pen.multiline_text(below, caption, (40, 40, 40), font, anchor="ma", spacing=2, align="center")
    return np.asarray(sheet)


def _in_lines(text: str, width: int, font: Any) -> str:
    """Break a caption between words so that its lines are no wider than ``width``, where words allow."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def provenance_of(frames: Sequence[Frame]) -> Provenance:
    """Return one record for all frames: that of the first, with what each was drawn in."""
    drawn: list[dict[str, Any]] = [
        {"caption": frame.caption, "latent_sha256": frame.provenance.latent_sha256} for frame in frames
    ]
    first = frames[0].provenance
    return replace(first, latent_sha256=None, latent_seed=None, extra={**first.extra, "frames": drawn})


def _write_mp4(path: Path, images: Sequence[npt.NDArray[np.uint8]], per_second: float, note: str) -> None:
    """Write H.264 that every player knows: even sides, 4:2:0."""
    from fractions import Fraction

    try:
        import av
    except ImportError as error:
        raise SaveError(
            "Writing MP4 needs PyAV: pip install 'napari-histosynth[film]'; or save as GIF."
        ) from error
    height, width = (side + side % 2 for side in images[0].shape[:2])
    # one thread, and no time or name of a library inside: the same film is the same bytes; and no macroblock
    # tree, for which x264 reads memory that it has not written (as valgrind tells), so that bytes vary
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        file.metadata["comment"] = note
        stream = file.add_stream("libx264", rate=Fraction(per_second).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "16", "threads": "1", "mbtree": "0", "flags": "+bitexact"}
        for image in images:
            edge = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
            whole = np.ascontiguousarray(np.pad(image, edge, mode="edge"))
            for packet in stream.encode(av.VideoFrame.from_ndarray(whole, format="rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
