"""Labelled pictures, and scores of them that a test says itself."""

from dataclasses import replace
from pathlib import Path

from worksafe.evaluation.datasets import Example
from worksafe.evaluation.scoring import Scored
from worksafe.results import Action


def make_example(category: str, label: str, **changes: object) -> Example:
    """Make a labelled picture, of which only the labels are said."""
    made = Example(Path("x"), "train", category, label, "", False, "s", "g")
    return replace(made, **changes)  # type: ignore[arg-type]  # names of fields


def make_scored(
    label: str,
    score: float,
    *,
    source: str = "web",
    kind: str = "",
    decision: Action = Action.ALLOW,
    fired: str = "",
) -> Scored:
    """Make a scored picture: of a label, or neutral where it is empty; `score` is for blood."""
    category = label.partition(".")[0] or "neutral"
    path = Path("none.png")
    example = Example(path, "test", category, label, kind, False, source, f"{source}:{score}")
    scores = {"violence": score, "violence.blood": score, "violence.unrest": score / 2}
    return Scored(example, scores, decision, fired)
