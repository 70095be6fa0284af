"""The policy document: its schema, and its version by content hash."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from worksafe.models.registry import CATEGORIES, LABELS, does_count
from worksafe.results import UNSEEN, Action, PolicyInfo

DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
COUNTING_WEIGHT, REPORTED_WEIGHT = 1.0, 0.4  # of labels that a policy does not weigh


def _known_rule(name: str) -> str:
    return _known(name, {*CATEGORIES, *LABELS, UNSEEN}, "category or label")


def _known_label(name: str) -> str:
    return _known(name, set(LABELS), "label")


def _known(name: str, known: set[str], what: str) -> str:
    if name not in known:
        msg = f"is not a {what}; known are {', '.join(sorted(known))}"
        raise ValueError(msg)
    return name


def _plain_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        msg = "must be up to 64 lower-case letters, digits, - and _, the first no sign"
        raise ValueError(msg)
    return name


RuleName = Annotated[str, AfterValidator(_known_rule)]
LabelName = Annotated[str, AfterValidator(_known_label)]
Probability = Annotated[float, Field(ge=0, le=1, strict=True)]


class Rule(BaseModel):
    """Thresholds of one category or label: the lowest scores that ask for an action."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    review: Probability | None = None
    block: Probability | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review is None and self.block is None:
            msg = "a rule needs a threshold for review, for block or for both"
            raise ValueError(msg)
        if self.review is not None and self.block is not None and self.review > self.block:
            msg = f"review ({self.review}) must not be above block ({self.block})"
            raise ValueError(msg)
        return self

    def action_for(self, score: float) -> tuple[Action, float] | None:
        """Find the most severe action whose threshold a score reaches, and that threshold."""
        if self.block is not None and score >= self.block:
            return Action.BLOCK, self.block
        if self.review is not None and score >= self.review:
            return Action.REVIEW, self.review
        return None


class VideoRule(BaseModel):
    """When frames of a video reach a threshold: one in a hundred would by chance.

    Attributes
    ----------
    agree : int
        So many of the frames that were checked must reach it, or all where fewer were...
    within_s : float
        ...so near to each other, in seconds; an action is asked for by the highest threshold
        that they all reach.
    alone : float
        One frame by itself counts from this score on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    agree: Annotated[int, Field(ge=1, le=100, strict=True)] = 2
    within_s: Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)] = 1.0
    alone: Probability = 0.95


class Policy(BaseModel):
    """A policy document.

    Attributes
    ----------
    name : str
        Lower-case letters, digits, ``-`` and ``_``.
    on_error : Action
        The decision on an image that cannot be checked.
    rules : mapping of str to Rule
        By category or ``category.label``; ``unseen`` is about frames that were not checked and
        how far they differ from those that were.
    video : VideoRule
        How many frames of a video must agree.
    weights : mapping of str to float
        By ``category.label``: how much its score costs suitability, where it is not what
        `weight_of` gives the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, AfterValidator(_plain_name)]
    description: str = ""
    on_error: Action = Action.REVIEW
    rules: Mapping[RuleName, Rule]
    weights: Mapping[LabelName, Probability] = {}
    video: VideoRule = VideoRule()

    def weight_of(self, label: str) -> float:
        """Return how much a label's score costs suitability; less where it only is reported.

        A label that no registered detector has, as of one that is being tried, counts.
        """
        usual = COUNTING_WEIGHT if does_count(label) else REPORTED_WEIGHT
        return self.weights.get(label, usual)

    @property
    def version(self) -> str:
        """``sha256:`` and the hash of the content, whatever the file's layout and comments."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"

    @property
    def info(self) -> PolicyInfo:
        """As results name it."""
        return PolicyInfo(self.name, self.version)
