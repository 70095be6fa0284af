"""Thresholds that are given as a share of ordinary pictures, by each detector's own table."""

from collections.abc import Mapping
from typing import Any

from worksafe.models.registry import DETECTORS
from worksafe.policy.yaml_file import FieldError

RATE = "fpr"
_ACTIONS = ("review", "block")

TABLE: dict[str, Mapping[str, float]] = {
    name: by_rate for spec in DETECTORS for name, by_rate in spec.thresholds.items()
}


def resolve_rates(content: object) -> tuple[object, list[FieldError]]:
    """Replace false-positive rates by the scores that they stand for.

    Parameters
    ----------
    content : object
        Of a policy file: a threshold may be ``{fpr: 0.01}``, which one in a hundred ordinary
        pictures reaches.

    Returns
    -------
    resolved : object
        The same with scores only; what has another shape is left for the schema to refuse.
    mistakes : list of FieldError
        Where a detector's table has no such rate, or there is no table; left as they are, too.
    """
    rules = content.get("rules") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(rules, dict):
        return content, []
    mistakes: list[FieldError] = []
    resolved = {name: _resolve(name, rule, mistakes) for name, rule in rules.items()}
    return {**content, "rules": resolved}, mistakes


def _resolve(name: str, rule: Any, mistakes: list[FieldError]) -> Any:  # noqa: ANN401 - a file may say anything
    if not isinstance(rule, dict):
        return rule
    resolved = dict(rule)
    for action in _ACTIONS:
        try:
            if action in rule:
                resolved[action] = _threshold(name, action, rule[action])
        except FieldError as error:
            mistakes.append(error)
    return resolved


def _threshold(name: str, action: str, value: Any) -> Any:  # noqa: ANN401 - the same
    if not isinstance(value, dict):
        return value
    field = ("rules", name, action)
    if set(value) != {RATE}:
        raise FieldError(field, f"must be a score from 0 to 1, or {{{RATE}: rate}}")
    if name not in TABLE:
        raise FieldError(field, f"{name} has no table of false-positive rates: give a score")
    by_rate = {float(rate): threshold for rate, threshold in TABLE[name].items()}
    wanted = value[RATE]
    if isinstance(wanted, bool) or not isinstance(wanted, int | float) or wanted not in by_rate:
        known = ", ".join(f"{rate:g}" for rate in sorted(by_rate))
        raise FieldError((*field, RATE), f"there is no rate {wanted!r}; known are {known}")
    return by_rate[wanted]
