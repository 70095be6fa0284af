"""A detector's contract: what goes in, what comes out, whose it is. No I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from worksafe.images.resize import Channels, ColourOrder
from worksafe.results import ModelInfo, Scores, category_of


@dataclass(frozen=True, slots=True)
class Label:
    """One thing that a detector reports.

    Attributes
    ----------
    name : str
        ``category.label``.
    shows : str
        What a picture with it shows, in a few words.
    counts : bool
        Whether it makes its category's score; labels that do not are reported only.
    """

    name: str
    shows: str
    counts: bool = True

    @property
    def category(self) -> str:
        """The part before the dot."""
        return category_of(self.name)


def as_it_is(model: bytes) -> bytes:
    """Load the ONNX file's content unchanged."""
    return model


def category_scores(labels: Iterable[Label], scores: Mapping[str, float]) -> dict[str, float]:
    """Make the scores of categories: of each the largest of its counting labels.

    Parameters
    ----------
    labels : iterable of Label
        What is reported.
    scores : mapping of str to float
        Probability by ``category.label``.

    Returns
    -------
    dict of str to float
        Probability by category.
    """
    largest: dict[str, float] = {}
    for label in labels:
        if label.counts:
            score = scores[label.name]
            largest[label.category] = max(score, largest.get(label.category, score))
    return largest


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """Where weights lie and what they must be.

    Attributes
    ----------
    package : str
        The installed package whose file it is; empty for a file of its own.
    filename : str
        Path inside the package, or of the file.
    sha256 : str
        Of the file's content, hexadecimal.
    """

    package: str
    filename: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Placement:
    """How a picture was laid into a network's input.

    Attributes
    ----------
    width, height : int
        Size of the picture itself inside the input, in the input's pixels; what is beyond, to
        the right and below, is padding.
    """

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """One detector: weights, and everything needed to use them rightly.

    Attributes
    ----------
    name, version : str
        As results name it.
    licence, source : str
        SPDX identifier of the weights, and where they come from.
    weights : WeightsFile
        The ONNX file.
    labels : tuple of Label
        What it reports.
    fit : {"letterbox", "stretch"}
        Keep the shape and pad to multiples of `multiple`, or squeeze all of it into a square.
    side_px : int
        Longest side of the input.
    multiple : int
        Sides of the input are multiples of this.
    colour_order : {"rgb", "bgr"}
        Of the input's planes.
    mean, std : tuple of float
        The input is (value / 255 - mean) / std.
    outputs : tuple of str
        Names of the ONNX outputs that `interpret` needs, in its order.
    interpret : callable
        Turns those outputs, for a batch of one, and the Placement into Scores; where the
        outputs named in `maps` follow them, with heat maps.
    maps : tuple of str
        Names of the ONNX outputs that heat maps are made of; empty where there are none.
    thorough_side_px : int or None
        Longest side of the input of a second pass, for what is small in the picture; None where
        a second pass finds no more.
    calibrated : bool
        Whether the scores were fitted to labelled pictures.
    thresholds : mapping of str to mapping of str to float
        For each category and label, thresholds by false-positive rate on ordinary photographs
        (``"0.01"``: one in a hundred reaches it).
    eight_bits : bool
        Whether layers of the network compute in eight bits.
    adapt : callable
        Changes the ONNX file's content before it is loaded; never what it answers.
    contract_sha256 : str
        Of the contract that it was read from: scores depend on its calibration. Empty where all is
        said in code.
    glance : Glance or None
        A cheaper look that comes first; None where every picture is looked at as above.
    """

    name: str
    version: str
    licence: str
    source: str
    weights: WeightsFile
    labels: tuple[Label, ...]
    fit: Literal["letterbox", "stretch"]
    side_px: int
    multiple: int
    colour_order: ColourOrder
    mean: Channels
    std: Channels
    outputs: tuple[str, ...]
    interpret: Callable[[Sequence[NDArray[Any]], Placement], Scores]
    calibrated: bool
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    eight_bits: bool = False
    adapt: Callable[[bytes], bytes] = as_it_is
    maps: tuple[str, ...] = ()
    thorough_side_px: int | None = None
    contract_sha256: str = ""
    glance: "Glance | None" = None

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of its labels, each once, in order."""
        return tuple(dict.fromkeys(label.category for label in self.labels))

    @property
    def looks(self) -> "tuple[DetectorSpec, ...]":
        """Itself, and before it its glance where it has one: all that may score a picture."""
        return (self.glance.spec, self) if self.glance else (self,)

    @property
    def info(self) -> ModelInfo:
        """As results name it."""
        return ModelInfo(self.name, self.version, self.weights.sha256, self.licence)


@dataclass(frozen=True, slots=True)
class Glance:
    """A detector's cheap first look, which settles pictures that show nothing: a cascade [1]_.

    Attributes
    ----------
    spec : DetectorSpec
        What looks: of the same labels, over a smaller input.
    settles_below : float
        Where every label scores less, its scores stand; any other picture is looked at in full.

    References
    ----------
    .. [1] Viola and Jones, "Rapid Object Detection using a Boosted Cascade of Simple Features",
       CVPR 2001.
    """

    spec: DetectorSpec
    settles_below: float
