"""What a training of layouts is made of, read from a TOML file."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from napari_histosynth.paint.config import CardSection, LoopSection, Section, SourceSection, read_toml

#: Features at 4, 8, 16, ... px of each preset. *paper*: 128 below 256 px, 64 at 256, 16 at 512.
WIDTHS = {
    "compact": (96, 96, 96, 64, 32, 16, 8),
    "paper": (128, 128, 128, 128, 128, 128, 64, 16),
}

#: GlaS's grades, as people write them, in their order.
GLAS_GRADES = (
    "healthy",
    "adenomatous",
    "moderately differentiated",
    "moderately-to-poorly differentiated",
    "poorly differentiated",
)

#: What grades and stages of the public data count as. EBHI-Seg's stages are put where their glands look
#: alike: polyps and serrated adenomas keep the crypts of mature epithelium but enlarge and fold them, which
#: is GlaS's adenomatous, and so do both degrees of neoplasia; its adenocarcinomas are not graded, and
#: most of them form glands.
KNOWN_AS = {
    "normal": "healthy",
    "polyp": "adenomatous",
    "serrated-adenoma": "adenomatous",
    "low-grade-in": "adenomatous",
    "high-grade-in": "adenomatous",
    "adenocarcinoma": "moderately differentiated",
    "moderately-to-poorly differentated": "moderately-to-poorly differentiated",  # spelled so in GlaS
}


#: What the length of latents is a multiple of, where their noise has twice the pixels a side.
TURNS = 4

PhaseKind = Literal["fade", "stable", "encoder", "flow", "fine"]


def size_at(stage: int) -> int:
    """Return the pixels a side that a stage draws."""
    return int(4 * 2**stage)


class LayoutModelSection(Section):
    """The model to make."""

    name: str
    title: str = ""
    preset: Literal["compact", "paper"] = "compact"
    scheme: str = ""  # of label maps, one channel a class; without, segmentation maps are data.arrays'
    image: int = Field(3, ge=1)  # channels
    segmentation: int = Field(-1, ge=-1)  # channels; -1: one for each class; 0: the paper's ablation (4.2)
    um_per_px: float = Field(gt=0)
    grades: tuple[str, ...] = ()  # that the layout is conditioned on
    latent_size: int = Field(128, gt=0)
    widths: tuple[int, ...] = ()  # features at 4, 8, ... px; the preset's without
    encoder: tuple[int, ...] = ()  # the encoder's; without, as many stages as 64 px need

    @property
    def stage_widths(self) -> tuple[int, ...]:
        """Features at 4, 8, 16, ... px."""
        return self.widths or WIDTHS[self.preset]

    @property
    def size(self) -> int:
        """Pixels a side that the last stage draws."""
        return size_at(len(self.stage_widths) - 1)

    @property
    def encoder_widths(self) -> tuple[int, ...]:
        """Features of the encoder at 4, 8, 16, ... px; in *paper* it reads pictures in full."""
        kept = len(self.stage_widths) if self.preset == "paper" else 5
        return self.encoder or self.stage_widths[:kept]

    @property
    def segmentation_channels(self) -> int:
        """How many segmentation maps are drawn."""
        from napari_histosynth.core.tissue import get_scheme

        return self.segmentation if self.segmentation >= 0 else get_scheme(self.scheme).n_classes

    @property
    def channels(self) -> int:
        """Image and segmentation channels together."""
        return self.image + self.segmentation_channels

    def architecture(self) -> dict[str, Any]:
        """Return what a model card says of the networks; of the flow :class:`FlowSection` does."""
        return {
            "widths": list(self.stage_widths),
            "encoder": list(self.encoder_widths),
            "channels": self.channels,
            "image": self.image,
            "grades": list(self.grades),
            "rim": "zeros" if self.preset == "paper" else "replicate",
        }


class LayoutDataSection(Section):
    """Where pictures with their label maps come from, and how they are varied."""

    sources: tuple[SourceSection, ...] = ()  # of the scheme's labels
    arrays: str = ""  # instead: a folder of NAME.npz (layout.data.load_arrays) in the data folder
    held_out: tuple[str, ...] = ()  # names of arrays that are not trained on
    by_grade: float = Field(0.0, ge=0, le=1)  # share of the crops whose grade is drawn evenly
    jitter: float = Field(0.06, ge=0)  # of the density of the stain, a share
    finer: int = Field(1, ge=1)  # labels are made so many times finer than the model's scale, and averaged


class LayoutLossSection(Section):
    """Of the game between generator and discriminator.

    ``wasserstein`` is the published loss, its penalty on gradients at pictures between real and drawn
    ones. ``nonsaturating`` is the logistic loss with a penalty at real pictures (R1); it needs fewer steps.

    With ``rebuilding`` the encoder learns beside the generator instead of after it: half of what is drawn are
    real pairs drawn anew, by mean squared error, the other half lies between two of them. Where the published
    game takes hundreds of thousands of pictures, this one shows glands after ten thousand.
    """

    kind: Literal["wasserstein", "nonsaturating"] = "wasserstein"
    penalty: float = Field(10.0, ge=0)
    penalty_every: int = Field(1, ge=1)  # steps; the weight is scaled to make up for it
    drift: float = Field(0.001, ge=0)  # keeps verdicts on real pictures near 0
    local: bool = False  # parts of pictures are judged beside the whole: many more verdicts a step
    widths: tuple[int, ...] = ()  # of the discriminator; the generator's without
    rebuilding: float = Field(0.0, ge=0)  # of real pairs drawn anew from what the encoder finds in them
    blur: float = Field(0.3, ge=0)  # noise on what it finds, in standard deviations of a latent


class GrowthSection(Section):
    """A stage: how long it is faded in, how long it is stable, and its batch."""

    fade: int = Field(0, ge=0)
    stable: int = Field(0, ge=0)
    batch: int = Field(0, ge=0)  # pictures; 0: loop.batch


class LayoutOptimizerSection(Section):
    """Adam and the averaging of the generator."""

    learning_rate: float = Field(1e-3, gt=0)
    discriminator_learning_rate: float = Field(1e-3, gt=0)
    betas: tuple[float, float] = (0.0, 0.99)
    average: float = Field(0.999, ge=0, lt=1)


class EncoderSection(Section):
    """The last part of the run: latents of drawn pairs are learned."""

    steps: int = Field(0, ge=0)
    batch: int = Field(16, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    grade: float = Field(0.2, ge=0)  # weight of the grade beside the latent


class FlowSection(Section):
    """After all else: what draws glands anew where the GAN has laid them out (``layout.flow``)."""

    steps: int = Field(0, ge=0)
    widths: tuple[int, ...] = (48, 64, 96)  # features at 1/2, 1/4, 1/8 of the size
    batch: int = Field(16, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    average: float = Field(0.999, ge=0, lt=1)
    shift: float = Field(3.0, gt=0)  # how much more often noise is strong than weak
    drop: float = Field(0.1, ge=0, le=1)  # share of the crops whose grade is not told
    warp: float = Field(0.0, ge=0, le=0.5)  # turning, scaling and bending of crops
    image: float = Field(0.5, ge=0)  # weight of image channels beside label channels
    begin: float = Field(0.0, ge=0, lt=1)  # earliest time that is learned, 0 for nothing but noise
    detail: int = Field(0, ge=0)  # features of convolutions that see single pixels


class FineSection(FlowSection):
    """Last of all: a second flow, at half the pixels' size, that begins with what the first has drawn."""

    widths: tuple[int, ...] = (32, 64, 96)
    batch: int = Field(8, gt=0)
    shift: float = Field(1.0, gt=0)
    begin: float = Field(0.15, ge=0, lt=1)
    detail: int = Field(16, ge=0)


class Phase(NamedTuple):
    """A part of a run.

    Attributes
    ----------
    kind : {"fade", "stable", "encoder", "flow", "fine"}
        What is done.
    stage : int
        The resolution, which :attr:`size` tells in px.
    start, stop : int
        Steps of the run; ``stop`` is not among them.
    batch : int
        Pictures.
    """

    kind: PhaseKind
    stage: int
    start: int
    stop: int
    batch: int

    @property
    def size(self) -> int:
        """Pixels a side that are drawn."""
        return size_at(self.stage + (self.kind == "fine"))


class LayoutConfig(Section):
    """A whole run: model, data, losses, growth, optimizer, encoder, flows, loop, card.

    ``growth`` has an entry for each stage, ``encoder``, ``flow`` and ``fine`` come after; a run of another
    length than the sum of their steps (``histosynth train layout --steps``) has the same parts, each longer
    or shorter by the ratio.
    """

    model: LayoutModelSection
    data: LayoutDataSection = LayoutDataSection()
    loss: LayoutLossSection = LayoutLossSection()
    growth: tuple[GrowthSection, ...]
    optimizer: LayoutOptimizerSection = LayoutOptimizerSection()
    encoder: EncoderSection = EncoderSection()
    flow: FlowSection = FlowSection()
    fine: FineSection = FineSection()
    loop: LoopSection
    card: CardSection = CardSection()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        model, stages = self.model, len(self.model.stage_widths)
        if len(self.growth) != stages:
            raise ValueError(f"growth has {len(self.growth)} entries for the {stages} stages of the model")
        if not model.scheme and model.segmentation < 0:
            raise ValueError("a model without a scheme needs model.segmentation, how many maps it draws")
        if model.segmentation > 0 and model.scheme:
            raise ValueError("model.segmentation is for models without a scheme, or 0 to leave labels out")
        if self.loss.widths and len(self.loss.widths) != stages:
            raise ValueError(f"loss.widths has {len(self.loss.widths)} entries for {stages} stages")
        if self.loss.local and stages < 4:
            raise ValueError("loss.local needs a model of 32 px or more")
        if len(model.encoder_widths) > stages:
            raise ValueError(f"the encoder has more stages than the {stages} of the model")
        if bool(self.data.sources) == bool(self.data.arrays):
            raise ValueError("data names either sources or arrays")
        if self.data.sources and (not model.scheme or model.image != 3):
            raise ValueError("data.sources are RGB with labels of model.scheme; use data.arrays for others")
        if self.flow.steps and model.size < size_at(len(self.flow.widths)):
            raise ValueError(f"a flow of {len(self.flow.widths)} widths needs a model of more pixels")
        if self.fine.steps:
            if not self.flow.steps:
                raise ValueError("fine begins with what flow has drawn; give flow.steps")
            if model.size < size_at(len(self.fine.widths) - 1):
                raise ValueError(f"fine, of {len(self.fine.widths)} widths, needs a model of more pixels")
            if self.data.finer % 2:
                raise ValueError("fine needs an even data.finer: it draws twice the model's pixels a side")
            if model.latent_size % TURNS:
                raise ValueError(f"fine needs a model.latent_size that is a multiple of {TURNS}")
        if not sum(one.fade + one.stable for one in self.growth):
            raise ValueError("growth has no steps")
        return self

    def architecture(self) -> dict[str, Any]:
        """Return what a model card says of all networks."""
        found = self.model.architecture()
        for kind, part in self.flows.items():
            if part.steps:
                found[kind] = list(part.widths)
                if part.detail:
                    found[f"{kind}_detail"] = part.detail
        return found

    @property
    def flows(self) -> dict[PhaseKind, FlowSection]:
        """The parts that teach flows, by the kind of their phase, in order."""
        return {"flow": self.flow, "fine": self.fine}

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The parts of the run, in order; those of no length are left out."""
        parts: list[tuple[PhaseKind, int, int, int]] = []
        for stage, one in enumerate(self.growth):
            batch = one.batch or self.loop.batch
            if stage:
                parts.append(("fade", stage, one.fade, batch))
            # nothing can be faded in at 4 px
            parts.append(("stable", stage, one.stable + (0 if stage else one.fade), batch))
        parts.append(("encoder", len(self.growth) - 1, self.encoder.steps, self.encoder.batch))
        parts += [(kind, len(self.growth) - 1, part.steps, part.batch) for kind, part in self.flows.items()]
        ends = [0, *accumulate(part[2] for part in parts)]
        at = [round(end * self.loop.steps / ends[-1]) for end in ends]
        return tuple(
            Phase(kind, stage, start, stop, batch)
            for (kind, stage, _, batch), start, stop in zip(parts, at, at[1:], strict=False)
            if stop > start
        )

    def phase_at(self, step: int) -> Phase:
        """Return the part of the run that a step belongs to; the last for steps after its end."""
        phases = self.phases
        return next((phase for phase in phases if step < phase.stop), phases[-1])


def read_layout_config(path: Path) -> LayoutConfig:
    """Read and check the configuration of a training of layouts; see :func:`~.paint.config.read_toml`."""
    return read_toml(path, LayoutConfig)
