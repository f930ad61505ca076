"""The tree of commands, and what becomes of errors in them."""

from __future__ import annotations

import errno
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from napari_histosynth import __version__
from napari_histosynth.cli import (
    atlas,
    dataset,
    demo,
    draw,
    edit,
    evaluate,
    evaluate_flat,
    evaluate_grade,
    evaluate_layout,
    evaluate_slide,
    evaluate_stain,
    field,
    ki67,
    latent,
    layout,
    models,
    segment,
    slide,
    stain,
    train,
    weak,
)
from napari_histosynth.cli.console import complain, help_text
from napari_histosynth.core.errors import HistosynthError

FAILED, REFUSED, INTERRUPTED = 1, 2, 130
"""Exit codes: a fault of the program, of what it was given, and an end by Ctrl-C."""


class _Root(TyperGroup):
    """All commands; an error that is meant for the user is one sentence, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command and turn its errors into exit codes."""
        try:
            return super().invoke(ctx)
        except HistosynthError as error:
            complain(str(error))
            raise typer.Exit(REFUSED) from None
        except MemoryError:
            complain("Memory ran out; close other programs, or draw a smaller label map.")
            raise typer.Exit(FAILED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read the output has seen enough
                raise
            where = error.filename or "a file"
            complain(f"Cannot use {where}: {(error.strerror or str(error)).lower()}.")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            complain("Stopped; no file was left half written.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="histosynth",
    cls=_Root,
    help=help_text("""Paint tissue, get histology: label maps become H&E pictures.

\b
$ histosynth example adenoma -o labels.png    a label map to begin with
$ histosynth render labels.png -o he.png      H&E drawn from it
$ histosynth demo                             the window to paint in

Every picture that it writes says inside that it is synthetic, and how to draw it again."""),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"histosynth {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Hold the options that belong to no command; the help is the application's."""


app.command("render", help=draw.RENDER_HELP)(draw.render)
app.command("labels", help=draw.LABELS_HELP)(draw.labels)
app.command("segment", help=segment.SEGMENT_HELP)(segment.segment)
app.command("stain", help=stain.STAIN_HELP)(stain.stain)
app.command("weak-labels", help=weak.WEAK_HELP)(weak.weak)
app.command("edit", help=edit.EDIT_HELP)(edit.edit)
app.command("field", help=field.FIELD_HELP)(field.field)
app.command("ki67", help=ki67.KI67_HELP)(ki67.ki67)
app.command("encode", help=latent.ENCODE_HELP)(latent.encode)
app.command("interpolate", help=latent.INTERPOLATE_HELP)(latent.interpolate)
app.command("dataset", help=dataset.DATASET_HELP)(dataset.dataset)
app.add_typer(models.app, name="models")
app.add_typer(latent.app, name="anchors")
app.add_typer(atlas.app, name="atlas")
app.add_typer(layout.app, name="layout")
app.add_typer(slide.app, name="slide")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
evaluate.app.command("flat", help=evaluate_flat.FLAT_HELP)(evaluate_flat.flat)
evaluate.app.command("grade", help=evaluate_grade.GRADE_HELP)(evaluate_grade.grade)
evaluate.app.command("layout", help=evaluate_layout.LAYOUT_HELP)(evaluate_layout.layout)
evaluate.app.command("slide", help=evaluate_slide.SLIDE_HELP)(evaluate_slide.slide)
evaluate.app.command("stain", help=evaluate_stain.STAIN_HELP)(evaluate_stain.stain)
app.command("demo", help=demo.DEMO_HELP)(demo.demo)
app.command("examples", help=demo.EXAMPLES_HELP)(demo.examples)
app.command("example", help=demo.EXAMPLE_HELP)(demo.example)
