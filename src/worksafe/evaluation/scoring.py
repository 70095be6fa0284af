"""Labelled pictures through the Moderator, as serving does it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from worksafe.errors import (
    DatasetError,
    EmptyImageError,
    ImageBytesError,
    ImageFramesError,
    ImagePixelsError,
    ImageSideError,
    NotAnImageError,
    UndecodableImageError,
)
from worksafe.evaluation.datasets import Example
from worksafe.images.source import Source
from worksafe.moderator import Moderator
from worksafe.results import Action
from worksafe.settings import Settings


@dataclass(frozen=True, slots=True)
class Scored:
    """What is said of one labelled picture.

    Attributes
    ----------
    example : Example
        The picture.
    scores : mapping of str to float
        By category and by ``category.label``.
    decision : Action
        The policy's.
    fired : str
        The label, or rule, of the most severe reason; empty where the picture is allowed.
    """

    example: Example
    scores: Mapping[str, float]
    decision: Action
    fired: str = ""


_OF_FILES = {  # codes of what is wrong with a file itself, on any machine and at any time
    kind.code
    for kind in (
        EmptyImageError,
        ImageBytesError,
        ImageFramesError,
        ImagePixelsError,
        ImageSideError,
        NotAnImageError,
        UndecodableImageError,
    )
}


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A labelled picture that cannot be checked, by what its file is, and why."""

    example: Example
    reason: str


def measuring_settings() -> Settings:
    """Read the settings, but for how pictures are looked at, which differs between machines.

    Returns
    -------
    Settings
        onnxruntime on the processor, one look at each picture, nothing remembered. Policies and
        ceilings are as they are set.
    """
    return Settings.load(
        runtime="onnxruntime", device="cpu", thorough="never", cache_entries=0, cache_url=None
    )


def score_examples(
    moderator: Moderator,
    examples: Sequence[Example],
    open_picture: Callable[[Example], Source] = attrgetter("path"),
) -> Iterator[Scored | Unchecked]:
    """Score labelled pictures; one that is damaged spoils no other.

    Parameters
    ----------
    moderator : Moderator
        What ships.
    examples : sequence of Example
        The pictures.
    open_picture : callable, optional
        Makes what is scored of a picture; by default its file.

    Yields
    ------
    Scored or Unchecked
        In the order of `examples`.

    Raises
    ------
    DatasetError
        If a picture cannot be checked for another reason than what its file is: it is absent, took
        too long, or the fault is ours. Figures without it would not be those of the data.
    """
    results = moderator.check_many(open_picture(example) for example in examples)
    for example, result in zip(examples, results, strict=True):
        if result.error and result.error.code in _OF_FILES:
            yield Unchecked(example, result.error.message)
            continue
        if result.scores is None:
            reason = result.error.message if result.error else "no scores"
            msg = f"{example.path}: {reason}"
            raise DatasetError(msg)
        reasons = [reason.label or reason.rule for reason in result.reasons]
        yield Scored(
            example=example,
            scores={**result.scores.categories, **result.scores.labels},
            decision=result.decision,
            fired=reasons[0] if reasons else "",
        )
