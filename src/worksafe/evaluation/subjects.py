"""What is measured: each category and label, against all neutral pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from worksafe.evaluation.bootstrap import bootstrap_intervals
from worksafe.evaluation.datasets import NEUTRAL
from worksafe.evaluation.metrics import METRICS, Bools, Floats
from worksafe.evaluation.scoring import Scored
from worksafe.models.spec import Label
from worksafe.results import category_of

Row = dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A category or label, the pictures that show it, and those that show nothing.

    Attributes
    ----------
    name : str
        A category or a ``category.label``.
    positives : tuple of Scored
        Of a category those with a label that counts.
    neutral : tuple of Scored
        All ordinary pictures.
    is_whole : bool
        No other subject contains it: a category, or a label that is only reported.
    """

    name: str
    positives: tuple[Scored, ...]
    neutral: tuple[Scored, ...]
    is_whole: bool

    @property
    def scores(self) -> Floats:
        """Its own scores, shape (n,): positives, then neutral pictures."""
        return np.array([one.scores[self.name] for one in self._pictures])

    @property
    def truths(self) -> Bools:
        """Which of `scores` are the positives', shape (n,)."""
        return np.arange(len(self._pictures)) < len(self.positives)

    @property
    def groups(self) -> list[str]:
        """Groups of related pictures, one for each of `scores`."""
        return [one.example.group for one in self._pictures]

    @property
    def category(self) -> str:
        """The category that it is or belongs to."""
        return category_of(self.name)

    @property
    def _pictures(self) -> tuple[Scored, ...]:
        return (*self.positives, *self.neutral)


def find_subjects(scored: Sequence[Scored], labels: Iterable[Label]) -> list[Subject]:
    """Find every category and label that has pictures.

    Parameters
    ----------
    scored : sequence of Scored
        All pictures of an evaluation.
    labels : iterable of Label
        What the moderator reports.

    Returns
    -------
    list of Subject
        By category; the category itself comes first, then its labels as reported.
    """
    neutral = tuple(one for one in scored if one.example.category == NEUTRAL)
    shown: dict[str, list[Scored]] = {}
    for one in scored:
        shown.setdefault(one.example.label, []).append(one)
    subjects = []
    reported = [label for label in labels if label.name in shown]
    for category in sorted({label.category for label in reported}):
        own = [label for label in reported if label.category == category]
        counting = [one for label in own if label.counts for one in shown[label.name]]
        if counting:
            subjects.append(Subject(category, tuple(counting), neutral, is_whole=True))
        subjects += [
            Subject(label.name, tuple(shown[label.name]), neutral, is_whole=not label.counts)
            for label in own
        ]
    return subjects


def subject_row(subject: Subject) -> Row:
    """Measure a subject: every metric, with a 95 % interval by group.

    Parameters
    ----------
    subject : Subject
        What to measure.

    Returns
    -------
    dict of str to str
        A row of ``hazards-<split>.csv``.
    """
    return {
        "subject": subject.name,
        "positives": str(len(subject.positives)),
        "sources": str(len({one.example.source for one in subject.positives})),
        "neutral": str(len(subject.neutral)),
        **figures_of(subject, tuple(METRICS)),
    }


def figures_of(subject: Subject, metrics: Sequence[str], *, with_intervals: bool = True) -> Row:
    """Compute some metrics of a subject.

    Parameters
    ----------
    subject : Subject
        What to measure.
    metrics : sequence of str
        Names from `metrics.METRICS`.
    with_intervals : bool, default True
        Whether the bootstrap is run; without it the intervals are empty.

    Returns
    -------
    dict of str to str
        All figures, then all intervals as ``<metric>_low`` and ``<metric>_high``.
    """
    scores, truths = subject.scores, subject.truths
    row = {metric: fixed(METRICS[metric](scores, truths)) for metric in metrics}
    intervals = bootstrap_intervals(scores, truths, subject.groups) if with_intervals else {}
    for metric in metrics:
        low, high = intervals.get(metric, (float("nan"), float("nan")))
        row |= {f"{metric}_low": fixed(low), f"{metric}_high": fixed(high)}
    return row


def fixed(value: float) -> str:
    """Write a figure with four decimals; what could not be measured is empty."""
    return "" if np.isnan(value) else f"{value:.4f}"
