"""Policy files to policies: one, a folder of them, and those that ship."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from worksafe.errors import PolicyError, UnknownPolicyError
from worksafe.policy.document import Policy, Rule, VideoRule
from worksafe.policy.rates import resolve_rates
from worksafe.policy.yaml_file import FieldError, FieldPath, read_yaml
from worksafe.wording import plain

SHIPPED = Path(__file__).parent / "policies"
_OF_YAML = {
    "extra_forbidden": "there is no such member",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
}
SUFFIXES = (".yaml", ".yml")  # of policy files
_THRESHOLD_DEPTH = 3  # rules, the rule's name, review or block
_OF_A_NAME = "[key]"  # the library's word for it
_COMMA = re.compile(r"\d+,\d+")
_HINT = " (numbers are written with a point, as 0.5)"


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """Read a policy file.

    Parameters
    ----------
    path : str or PathLike
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
        file = read_yaml(Path(path))
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise PolicyError(msg) from error
    except FieldError as error:
        raise PolicyError(_line(path, error, error.line or 1)) from error
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
    what = _OF_YAML.get(kind, plain(found))
    if kind == "extra_forbidden":
        what += f"; known are {', '.join(_model_at(field[:-1]).model_fields)}"
    elif kind in _OF_YAML and field[:1] == ("rules",):
        what += ", such as {review: 0.5, block: 0.8}" if field[1:] else "; {} for no rules"
    return FieldError(field, what + (_HINT if _has_comma(found) else ""))


def _model_at(field: FieldPath) -> type[BaseModel]:
    """Return the part of the schema that a mapping in a policy is read by."""
    parts: dict[str, type[BaseModel]] = {"rules": Rule, "video": VideoRule}
    return parts.get(str(field[0]), Policy) if field else Policy


def _has_comma(found: ErrorDetails) -> bool:
    """Return whether a number was written with a comma, which YAML takes for the end of it."""
    if found["type"] == "extra_forbidden":  # {review: 0,5} is review 0, and a member 5
        return str(found["loc"][-1]).isdecimal()
    return isinstance(found["input"], str) and bool(_COMMA.fullmatch(found["input"]))


def _line(path: str | os.PathLike[str], error: FieldError, line: int) -> str:
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
        except (FieldError, OSError):  # it could be read a moment ago
            line = 1
        raise PolicyError(_line(path, error, line))


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
