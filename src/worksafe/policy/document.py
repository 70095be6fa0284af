"""The policy file: its schema, how it is read, and its version by content hash."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from worksafe.errors import PolicyError, UnknownPolicyError
from worksafe.models.registry import CATEGORIES, LABELS, does_count
from worksafe.policy.rates import resolve_rates
from worksafe.policy.yaml_file import FieldError, read_yaml
from worksafe.results import UNSEEN, Action, PolicyInfo

SHIPPED = Path(__file__).parent / "policies"
DEFAULT = "default"
COUNTING_WEIGHT, REPORTED_WEIGHT = 1.0, 0.4  # of labels that a policy does not weigh
_PLAIN_WORDS = {
    "extra_forbidden": "there is no such member",
    "missing": "is missing",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
}
SUFFIXES = (".yaml", ".yml")  # of policy files

_THRESHOLD_DEPTH = 3  # rules, the rule's name, review or block
_OF_A_NAME = "[key]"  # the library's word for it
_COMMA = re.compile(r"\d+,\d+")
_HINT = " (numbers are written with a point, as 0.5)"


def _known_rule(name: str) -> str:
    return _known(name, {*CATEGORIES, *LABELS, UNSEEN}, "category or label")


def _known_label(name: str) -> str:
    return _known(name, set(LABELS), "label")


def _known(name: str, known: set[str], what: str) -> str:
    if name not in known:
        msg = f"is no {what}; known are {', '.join(sorted(known))}"
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

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    description: str = ""
    on_error: Action = Action.REVIEW
    rules: Mapping[RuleName, Rule]
    weights: Mapping[LabelName, Probability] = {}
    video: VideoRule = VideoRule()

    def weight_of(self, label: str) -> float:
        """Tell how much a label's score costs suitability; less where it only is reported.

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


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Parameters
    ----------
    path : Path
        A YAML file.

    Returns
    -------
    Policy

    Raises
    ------
    PolicyError
        If the file cannot be read or is malformed; the message names file, line and field, of
        several mistakes one to a line.
    """
    try:
        file = read_yaml(path)
    except FieldError as error:
        raise _policy_error(path, error, error.line or 1) from error
    content, mistakes = resolve_rates(file.content)
    try:
        return Policy.model_validate(content)  # which takes nothing that is among those mistakes
    except ValidationError as error:
        told = [wrong.field[:_THRESHOLD_DEPTH] for wrong in mistakes]
        found = [_mistake(one) for one in error.errors(include_url=False)]
        mistakes += [wrong for wrong in found if wrong.field not in told]
        mistakes.sort(key=lambda wrong: file.line_of(wrong.field))
        lines = [_line(path, wrong, file.line_of(wrong.field)) for wrong in mistakes]
        raise PolicyError("\n".join(lines)) from error


def _mistake(found: ErrorDetails) -> FieldError:
    field, kind = found["loc"], found["type"]
    if field[-1:] == (_OF_A_NAME,) and kind == "value_error":
        field = field[:-1]
    what = _PLAIN_WORDS.get(kind, found["msg"].removeprefix("Value error, "))
    return FieldError(field, what + (_HINT if _has_comma(found) else ""))


def _has_comma(found: ErrorDetails) -> bool:
    """Tell whether a number was written with a comma, which YAML takes for the end of it."""
    if found["type"] == "extra_forbidden":  # {review: 0,5} is review 0, and a member 5
        return str(found["loc"][-1]).isdecimal()
    return isinstance(found["input"], str) and bool(_COMMA.fullmatch(found["input"]))


def _policy_error(path: Path, error: FieldError, line: int) -> PolicyError:
    return PolicyError(_line(path, error, line))


def _line(path: Path, error: FieldError, line: int) -> str:
    field = ".".join(str(part) for part in error.field) or "the document"
    return f"{path}:{line}: {field}: {error}"


def read_policies(extra: Path | None = None) -> dict[str, Policy]:
    """Read the policies that ship with worksafe, and an operator's own.

    Parameters
    ----------
    extra : Path or None
        A folder of YAML files (``.yaml`` or ``.yml``); a policy there replaces the
        shipped one of the same name.

    Returns
    -------
    dict of str to Policy
        By name.

    Raises
    ------
    PolicyError
        If a file is malformed, two files have one name, or the folder cannot be read.
    """
    return {**read_folder(SHIPPED), **(read_folder(extra) if extra else {})}


def policy_files(folder: Path) -> list[Path]:
    """List a folder's policy files, in order, without hidden ones, which editors leave behind.

    Parameters
    ----------
    folder : Path
        Of an operator.

    Returns
    -------
    list of Path

    Raises
    ------
    PolicyError
        If the folder cannot be read.
    """
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix in SUFFIXES and not path.name.startswith(".")
        )
    except OSError as error:
        msg = f"the policy folder {folder} cannot be read: {error.strerror}"
        raise PolicyError(msg) from error


def read_folder(folder: Path) -> dict[str, Policy]:
    """Read the policies of one folder alone.

    Parameters
    ----------
    folder : Path
        Of YAML files.

    Returns
    -------
    dict of str to Policy
        By name.

    Raises
    ------
    PolicyError
        If a file is malformed, two files have one name, or the folder cannot be read.
    """
    policies: dict[str, Policy] = {}
    for path in policy_files(folder):
        policy = read_policy(path)
        refuse_second(path, policy, policies)
        policies[policy.name] = policy
    return policies


def refuse_second(path: Path, policy: Policy, others: Collection[str]) -> None:
    """Raise PolicyError where another file of the folder has a policy of that name."""
    if policy.name in others:
        error = FieldError(("name",), f"another file of this folder has a policy {policy.name!r}")
        try:
            line = read_yaml(path).line_of(error.field)
        except FieldError:  # it could be read a moment ago
            line = 1
        raise _policy_error(path, error, line)


def choose_policy(policies: Mapping[str, Policy], name: str) -> Policy:
    """Find a policy by its name.

    Parameters
    ----------
    policies : mapping of str to Policy
        By name.
    name : str
        The wanted one.

    Returns
    -------
    Policy

    Raises
    ------
    UnknownPolicyError
        If there is none of that name; the message lists those there are.
    """
    if name not in policies:
        msg = f"there is no policy {name!r}; known are {', '.join(sorted(policies))}"
        raise UnknownPolicyError(msg)
    return policies[name]
