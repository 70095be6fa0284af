"""A training recipe: one TOML file, read into frozen dataclasses."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import NEUTRAL
from worksafe.wording import plain

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

AtLeastZero = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
ShareAboveZero = Annotated[float, Field(gt=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, slots=True, config=_STRICT)
class LabelsConfig:
    """What the network is to tell, and what one label says about another.

    Attributes
    ----------
    categories : dict of str to tuple of str
        Labels of each category, without the category's name. Each category is an output too.
    reported_only : tuple of str
        ``category.label`` of labels that do not count towards their category.
    together : tuple of (str, str)
        Labels that are often seen in one picture: an example of one says nothing about the
        other. All other labels of the same category are taken as absent.
    """

    categories: dict[str, tuple[str, ...]]
    reported_only: tuple[str, ...]
    together: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Refuse names that are none, and categories that nothing counts towards."""
        named = {*self.reported_only, *(name for pair in self.together for name in pair)}
        if len({*self.outputs}) < len(self.outputs):
            raise ValueError("a label is named twice")
        parts = [*self.categories, *(name for some in self.categories.values() for name in some)]
        if odd := [part for part in parts if not part or "." in part or part == NEUTRAL]:
            msg = f"{odd[0]!r} is not the name of a category or label"
            raise ValueError(msg)
        if unknown := sorted((named - {*self.outputs}) | (named & {*self.categories})):
            msg = f"there is no label {unknown[0]}: its category's labels are to name it"
            raise ValueError(msg)
        for category in self.categories:
            if not self.counting(category):
                msg = f"no label counts towards {category}: all are reported only"
                raise ValueError(msg)

    def counting(self, category: str) -> tuple[str, ...]:
        """Name the labels that make a category's score."""
        names = (f"{category}.{label}" for label in self.categories[category])
        return tuple(name for name in names if name not in self.reported_only)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the logits, in order: each category, then its labels."""
        return tuple(
            name
            for category, labels in self.categories.items()
            for name in (category, *(f"{category}.{label}" for label in labels))
        )


@dataclass(frozen=True, slots=True, config=_STRICT)
class NetworkConfig:
    """Which network, and how large.

    Attributes
    ----------
    backbone : str
        ``vit_tiny``, ``mobilenet_v2``, or ``timm:`` and a name of timm.
    side_px : int
        Side of the square input, in pixels.
    merge_after : int
        Of ViT: blocks before neighbouring patches are merged; 0 merges none.
    merged : {2, 4}
        Of ViT: how many neighbours become one.
    pooling : {"mean", "softmax"}
        Of ViT: how places make a logit; by softmax high ones weigh more.
    drop_path : float
        Of ViT: stochastic depth.
    trained_layers : int or None
        The last so many layers are trained, with the head; all where it is not given.
    """

    backbone: str
    side_px: PositiveInt
    merge_after: NonNegativeInt = 0
    merged: Literal[2, 4] = 2
    pooling: Literal["mean", "softmax"] = "mean"
    drop_path: ShareBelowOne = 0.0
    trained_layers: NonNegativeInt | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class SamplingConfig:
    """Which pictures are drawn how often, and how much a doubtful target weighs.

    Attributes
    ----------
    neutral_share : float
        Share of draws that are neutral pictures.
    label_power, source_power : float
        A label (a source within its label) is drawn in proportion to its size to this power:
        1 leaves the balance as it is, 0 draws all equally often.
    weak_weight : float
        Loss weight of weak examples.
    sibling_weight : float
        Loss weight of "the other labels of this category are absent".
    collage : float
        Share of draws that lie, smaller, on a neutral picture of any source.
    """

    neutral_share: Annotated[float, Field(gt=0, lt=1)]
    label_power: AtLeastZero
    source_power: AtLeastZero
    weak_weight: AtLeastZero
    sibling_weight: AtLeastZero
    collage: Share = 0.0


@dataclass(frozen=True, slots=True, config=_STRICT)
class OptimiserConfig:
    """How the weights move.

    Attributes
    ----------
    examples : int
        Pictures drawn in the whole run.
    lr, head_lr : float
        Peak learning rate of the last norm, and of the head.
    layer_decay : float
        The last block learns at this share of the last norm's rate, each below it at this share of
        the one above.
    ema_decay : float
        Of the running average of the weights, which is what is kept.
    probe_start : bool
        Start the head as a logistic regression on what the backbone sees before it is trained,
        so that the first steps need not distort it [1]_.
    start_share : float
        Share of the weights at the start in what is kept: between the two lie networks that know
        what was learnt and still hold on pictures of other collections [2]_.
    kept_share, kept_until : float
        Each step looks at this share of a picture's places, until this share of the run is done;
        then at all of them.

    References
    ----------
    .. [1] Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform
       Out-of-Distribution", ICLR 2022.
    .. [2] Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """

    examples: PositiveInt
    batch: PositiveInt
    lr: AtLeastZero
    head_lr: AtLeastZero
    layer_decay: ShareAboveZero
    weight_decay: AtLeastZero
    warmup_steps: NonNegativeInt
    ema_decay: ShareBelowOne
    validate_every: PositiveInt
    probe_start: bool = False
    start_share: Share = 0.0
    kept_share: ShareAboveZero = 1.0
    kept_until: Share = 1.0

    @property
    def steps(self) -> int:
        """So many batches the whole run draws."""
        return self.examples // self.batch

    def __post_init__(self) -> None:
        """Refuse a run that would not make one step."""
        if self.examples < self.batch:
            raise ValueError("examples are fewer than one batch")


@dataclass(frozen=True, slots=True, config=_STRICT)
class TeacherConfig:
    """How much a network learns from the one that it starts from, beside the labels.

    Attributes
    ----------
    side_px : int
        Side of the teacher's square input, in pixels; no smaller than the network's.
    share : float
        What its scores count in a target, in [0, 1]; the label counts the rest. Also the weight
        of a target that no label tells.
    features : float
        Weight of the squared distance between what both see at each place, in the loss.
    """

    side_px: PositiveInt
    share: Share
    features: AtLeastZero = 0.0


@dataclass(frozen=True, slots=True, config=_STRICT)
class ExportConfig:
    """How the network is written down when it has learnt; training does not depend on it.

    Attributes
    ----------
    side_px : int or None
        Side of the square input, in pixels; that of training where it is not given. A network sees
        more at a somewhat larger size, since training enlarges what it crops [1]_.
    eight_bits : bool
        Linear layers compute in eight bits, twice as fast.
    kept : tuple of str
        Linear layers that stay in float all the same, such as ``blocks.7.mlp.fc2``.

    References
    ----------
    .. [1] Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019.
    """

    side_px: PositiveInt | None = None
    eight_bits: bool = False
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class TrainingConfig:
    """One recipe."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]  # files are called by it
    version: str
    licence: str
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    labels: LabelsConfig
    network: NetworkConfig
    sampling: SamplingConfig
    optimiser: OptimiserConfig
    teacher: TeacherConfig | None = None
    export: ExportConfig = ExportConfig()
    glance: "GlanceConfig | None" = None

    def __post_init__(self) -> None:
        """Refuse before the training what would fail in it or after it."""
        if self.teacher is not None:
            self._refuse_teacher(self.teacher)
        if self.glance is not None:
            self._refuse_glance(self.glance.recipe)
        if self.export.eight_bits and self.network.backbone != "vit_tiny":
            raise ValueError("only a vit_tiny has layers for eight bits: leave out eight_bits")

    def _refuse_teacher(self, teacher: TeacherConfig) -> None:
        if self.network.backbone != "vit_tiny":
            raise ValueError("only a vit_tiny can learn from a teacher")
        if teacher.side_px < self.network.side_px:
            raise ValueError("a teacher sees no less than its pupil: its side_px is smaller")
        if teacher.features and self.optimiser.kept_share < 1:
            raise ValueError("features are compared at all places: kept_share must be 1")

    def _refuse_glance(self, glance: "TrainingConfig") -> None:
        full_px = self.exported_network.side_px
        if glance.exported_network.side_px >= full_px:
            msg = f"a glance is smaller than the full look: its side_px is not below {full_px}"
            raise ValueError(msg)
        if glance.labels != self.labels:
            raise ValueError("a glance tells the same labels as the full look")
        if {glance.network.backbone, self.network.backbone} != {"vit_tiny"}:
            raise ValueError("a glance starts as the full look: both are a vit_tiny")
        if glance.teacher is not None:
            self._refuse_pupil(glance.network)

    def _refuse_pupil(self, pupil: NetworkConfig) -> None:
        """Refuse a glance that would take this network for another one as its teacher."""
        own = self.network
        if pupil.pooling != own.pooling:
            msg = f"a glance that is taught pools as the full look: pooling must be {own.pooling!r}"
            raise ValueError(msg)
        merging = (own.merge_after, own.merged)
        if own.merge_after and (pupil.merge_after, pupil.merged) != merging:
            msg = (
                "a glance that is taught merges as the full look: merge_after must be "
                f"{own.merge_after}, and merged {own.merged}"
            )
            raise ValueError(msg)

    @property
    def exported_network(self) -> NetworkConfig:
        """The network as it is run when it has learnt: perhaps at another size."""
        return replace(self.network, side_px=self.export.side_px or self.network.side_px)


@dataclass(frozen=True, slots=True, config=_STRICT)
class GlanceConfig:
    """The network of a first look, which settles pictures that show nothing.

    Attributes
    ----------
    recipe : TrainingConfig
        How it learns, from the network that it comes before.
    settles_below : float
        Where every label scores less at that look, it is the last.
    """

    recipe: TrainingConfig
    settles_below: Share


_CONFIG = TypeAdapter(TrainingConfig)


def read_config(path: Path) -> TrainingConfig:
    """Read a recipe.

    Parameters
    ----------
    path : Path
        A TOML file; `configs/` has the ones that releases were made with. It may name another
        file beside it as its ``base``, and then says only what is different (``glance = false``
        leaves out a base's).

    Returns
    -------
    TrainingConfig

    Raises
    ------
    TrainingError
        If the file is absent, is not TOML, or lacks or misspells a setting, or one makes no sense;
        the message names each.
    """
    table = _read_table(path)
    glance = table.get("glance")
    if glance is None or glance is False:
        table["glance"] = None
    elif isinstance(glance, dict) and "recipe" in glance:
        table["glance"] = {**glance, "recipe": _read_glance(glance["recipe"])}
    try:
        return _CONFIG.validate_python(table)
    except ValidationError as error:
        mistakes = "; ".join(
            ": ".join([".".join(map(str, one["loc"])), plain(one)])
            for one in error.errors(include_url=False, include_input=False)
        )
        msg = f"the recipe {path} is wrong: {mistakes.removeprefix(': ')}"
        raise TrainingError(msg) from error


def _read_glance(path: Path) -> dict[str, Any]:
    """Read the recipe that a recipe's ``[glance]`` names."""
    table = _read_table(path)
    if table.get("glance"):
        msg = f"the recipe {path} is of a glance, and has a glance"
        raise TrainingError(msg)
    table["glance"] = None
    return table


def _read_table(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a recipe's file over its base, setting by setting."""
    if path in above:
        msg = f"the recipe {path} is its own base"
        raise TrainingError(msg)
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # neither TOML nor text
        msg = f"cannot read the recipe {path}: {error}"
        raise TrainingError(msg) from error
    base, glance = own.pop("base", None), own.get("glance")
    if isinstance(glance, dict) and "recipe" in glance:
        glance["recipe"] = path.parent / _text(path, "glance.recipe", glance["recipe"])
    table: dict[str, Any] = {}
    if base is not None:
        table = _read_table(path.parent / _text(path, "base", base), (*above, path))
    for name, value in own.items():
        before = table.get(name)
        is_over = isinstance(value, dict) and isinstance(before, dict)
        table[name] = before | value if is_over else value
    return table


def _text(path: Path, name: str, value: object) -> str:
    if not isinstance(value, str):
        msg = f"the recipe {path} is wrong: {name} must be the name of a file"
        raise TrainingError(msg)
    return value
