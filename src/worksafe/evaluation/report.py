"""Scores of labelled pictures to tables: each label against all neutral pictures."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import NEUTRAL, Example
from worksafe.evaluation.metrics import (
    Bools,
    Floats,
    average_precision,
    bootstrap_interval,
    calibration_error,
    recall_at_fpr,
    roc_auc,
)
from worksafe.moderator import Moderator
from worksafe.results import Action, ModelInfo, PolicyInfo

Scored = tuple[Example, Mapping[str, float], Action]
Subject = tuple[str, frozenset[str]]

_METRICS: dict[str, Callable[[Floats, Bools], float]] = {
    "auc": roc_auc,
    "average_precision": average_precision,
    "recall_at_1pct_fpr": partial(recall_at_fpr, fpr=0.01),
    "recall_at_2pct_fpr": partial(recall_at_fpr, fpr=0.02),
}
_INTERVALS_OF = ("auc", "recall_at_1pct_fpr")


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one subject against all neutral pictures.

    Attributes
    ----------
    subject : str
        A category or a ``category.label``.
    positives, sources : int
        Pictures that show it, and the collections they come from.
    figures : mapping of str to float
        By the metric's name.
    intervals : mapping of str to (float, float)
        95 % bootstrap intervals by group.
    """

    subject: str
    positives: int
    sources: int
    figures: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one evaluation.

    Attributes
    ----------
    rows : tuple of Row
        One for each subject.
    neutral : int
        Neutral pictures that every subject was measured against.
    decisions : mapping of str to mapping of str to int
        By category of the pictures, then by the policy's decision.
    calibration : mapping of str to float
        Expected calibration error of each category's score, on its own and neutral pictures.
    """

    rows: tuple[Row, ...]
    neutral: int
    decisions: Mapping[str, Mapping[str, int]]
    calibration: Mapping[str, float]
    models: tuple[ModelInfo, ...]
    policy: PolicyInfo


def score_examples(moderator: Moderator, examples: Sequence[Example]) -> Iterator[Scored]:
    """Score labelled pictures through the Moderator, as serving does.

    Parameters
    ----------
    moderator : Moderator
        What ships.
    examples : sequence of Example
        The pictures.

    Yields
    ------
    tuple
        Example, scores by category and label, and the policy's decision.

    Raises
    ------
    DatasetError
        If a picture cannot be checked.
    """
    results = moderator.check_many(example.path for example in examples)
    for example, result in zip(examples, results, strict=True):
        if result.scores is None:
            reason = result.error.message if result.error else "no scores"
            msg = f"{example.path}: {reason}"
            raise DatasetError(msg)
        yield example, {**result.scores.categories, **result.scores.labels}, result.decision


def measure(scored: Sequence[Scored], moderator: Moderator) -> Report:
    """Measure every subject that has pictures.

    Parameters
    ----------
    scored : sequence of Scored
        From `score_examples`.
    moderator : Moderator
        The one that scored.

    Returns
    -------
    Report
    """
    neutral = [one for one in scored if one[0].category == NEUTRAL]
    subjects = _subjects(scored, moderator)
    rows = tuple(_row(name, shown_in(scored, shown), neutral) for name, shown in subjects)
    decisions = {
        category: Counter(str(one[2]) for one in scored if one[0].category == category)
        for category in sorted({one[0].category for one in scored})
    }
    calibration = {
        name: calibration_error(*_against(name, shown_in(scored, shown), neutral)[:2])
        for name, shown in subjects
        if "." not in name
    }
    return Report(
        rows,
        len(neutral),
        decisions,
        calibration,
        moderator.models,
        moderator.policies[moderator.settings.policy].info,
    )


def shown_in(scored: Iterable[Scored], labels: frozenset[str]) -> list[Scored]:
    """Choose the pictures that have one of some labels."""
    return [one for one in scored if one[0].label in labels]


def _subjects(scored: Sequence[Scored], moderator: Moderator) -> list[Subject]:
    """Name what is measured: a category or label, and the labels of pictures that show it."""
    present = {one[0].label for one in scored}
    subjects: list[Subject] = []
    for category in sorted({one[0].category for one in scored} - {NEUTRAL}):
        of_category = [label for label in moderator.labels if label.category == category]
        counting = frozenset(label.name for label in of_category if label.counts)
        subjects.append((category, counting))
        subjects += [
            (label.name, frozenset({label.name})) for label in of_category if label.name in present
        ]
    return subjects


def _row(name: str, positive: Sequence[Scored], neutral: Sequence[Scored]) -> Row:
    scores, truths, groups = _against(name, positive, neutral)
    return Row(
        subject=name,
        positives=len(positive),
        sources=len({one[0].source for one in positive}),
        figures={metric: of(scores, truths) for metric, of in _METRICS.items()},
        intervals={
            metric: bootstrap_interval(_METRICS[metric], scores, truths, groups)
            for metric in _INTERVALS_OF
        },
    )


def _against(
    name: str, positive: Sequence[Scored], neutral: Sequence[Scored]
) -> tuple[Floats, Bools, list[str]]:
    chosen = [*positive, *neutral]
    scores = np.array([one[1][name] for one in chosen])
    truths = np.arange(len(chosen)) < len(positive)
    return scores, truths, [one[0].group for one in chosen]


def write_report(report: Report, split: str, out: Path) -> str:
    """Write the table as CSV, and everything as Markdown.

    Parameters
    ----------
    report : Report
        From `measure`.
    split : str
        Names the files.
    out : Path
        Folder; made where it does not exist.

    Returns
    -------
    str
        The Markdown.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"hazards-{split}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "subject",
                "positives",
                "sources",
                "neutral",
                *_METRICS,
                *(f"{metric}_{end}" for metric in _INTERVALS_OF for end in ("low", "high")),
            ]
        )
        for row in report.rows:
            ends = (end for metric in _INTERVALS_OF for end in row.intervals[metric])
            figures = [f"{value:.4f}" for value in (*row.figures.values(), *ends)]
            writer.writerow([row.subject, row.positives, row.sources, report.neutral, *figures])
    text = _markdown(report, split)
    (out / f"hazards-{split}.md").write_text(text, encoding="utf-8")
    return text


def _markdown(report: Report, split: str) -> str:
    models = ", ".join(f"{m.name} {m.version} ({m.sha256[:12]})" for m in report.models)
    lines = [
        f"# Split `{split}`",
        "",
        f"Models: {models}. Policy: {report.policy.name} ({report.policy.version[:19]}).",
        "",
        f"Each subject by its own score against all {report.neutral} neutral pictures; in brackets "
        "95 % bootstrap intervals, drawn by group (clip, scene, burst).",
        "",
        "| subject | pictures | sources | AUC | average precision | recall at 1 % false positives "
        "| at 2 % |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in report.rows:
        auc, precision, recall, at_two = row.figures.values()
        (auc_low, auc_high), (low, high) = row.intervals.values()
        lines.append(
            f"| {row.subject} | {row.positives} | {row.sources} "
            f"| {auc:.4f} ({auc_low:.3f} to {auc_high:.3f}) | {precision:.3f} "
            f"| {recall:.2f} ({low:.2f} to {high:.2f}) | {at_two:.2f} |"
        )
    lines += ["", "| pictures | allow | review | block |", "| --- | --- | --- | --- |"]
    for category, counts in report.decisions.items():
        total = sum(counts.values())
        shares = (f"{100 * counts.get(action, 0) / total:.1f} %" for action in Action)
        lines.append(f"| {category} ({total}) | {' | '.join(shares)} |")
    errors = ", ".join(f"{name} {value:.3f}" for name, value in report.calibration.items())
    lines += ["", f"Expected calibration error of the category scores: {errors}.", ""]
    return "\n".join(lines)
