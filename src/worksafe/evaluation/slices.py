"""The same figures by slice: sources of the positives, kinds of the ordinary pictures."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from worksafe.evaluation.datasets import NEUTRAL
from worksafe.evaluation.metrics import wilson_interval
from worksafe.evaluation.scoring import Scored
from worksafe.evaluation.subjects import Row, Subject, figures_of, fixed
from worksafe.results import Action

OTHERS = "(others)"
_SOURCE_PICTURES = 5
_INTERVAL_PICTURES = 20
_KIND_PICTURES = 10
_SOURCE_METRICS = ("auc", "recall_at_1pct_fpr")


def source_rows(subjects: Iterable[Subject]) -> list[Row]:
    """Measure each label by source, against all neutral pictures.

    Parameters
    ----------
    subjects : iterable of Subject
        Categories among them are passed over.

    Returns
    -------
    list of dict of str to str
        Rows of ``hazards-<split>-sources.csv``: sources of at least 5 pictures, the largest first,
        the smaller ones together; intervals where there are 20 pictures.
    """
    return [
        _source_row(subject, source, shown)
        for subject in subjects
        if "." in subject.name
        for source, shown in _sliced(
            subject.positives, lambda one: one.example.source, _SOURCE_PICTURES
        )
    ]


def _source_row(subject: Subject, source: str, shown: Sequence[Scored]) -> Row:
    return {
        "label": subject.name,
        "source": source,
        "sources": str(len({one.example.source for one in shown})),
        "positives": str(len(shown)),
        "neutral": str(len(subject.neutral)),
        **figures_of(
            replace(subject, positives=tuple(shown)),
            _SOURCE_METRICS,
            with_intervals=len(shown) >= _INTERVAL_PICTURES,
        ),
    }


def kind_rows(scored: Iterable[Scored]) -> list[Row]:
    """Count what the policy decides on ordinary pictures, by what they show.

    Parameters
    ----------
    scored : iterable of Scored
        All pictures of an evaluation.

    Returns
    -------
    list of dict of str to str
        Rows of ``hazards-<split>-kinds.csv``, the kind with the largest share of pictures that
        are not allowed first; kinds of fewer than 10 pictures together.
    """
    neutral = [one for one in scored if one.example.category == NEUTRAL]
    rows = [
        _kind_row(kind, shown)
        for kind, shown in _sliced(neutral, lambda one: one.example.kind or "?", _KIND_PICTURES)
    ]
    return sorted(rows, key=lambda row: float(row["not_allowed"]), reverse=True)


def _kind_row(kind: str, shown: Sequence[Scored]) -> Row:
    fired = Counter(one.fired for one in shown if one.decision != Action.ALLOW)
    label, times = fired.most_common(1)[0] if fired else ("", 0)
    return {
        "kind": kind,
        **_decided(shown),
        "fired_most": label,
        "fired_times": str(times),
    }


def decision_rows(scored: Iterable[Scored], subjects: Iterable[Subject]) -> list[Row]:
    """Count what the policy decides on ordinary pictures, and on those of each subject.

    Parameters
    ----------
    scored : iterable of Scored
        All pictures of an evaluation.
    subjects : iterable of Subject
        From `find_subjects`: of a category the pictures with a label that counts.

    Returns
    -------
    list of dict of str to str
        Rows of ``hazards-<split>-decisions.csv``.
    """
    shown = [(NEUTRAL, [one for one in scored if one.example.category == NEUTRAL])]
    shown += [(subject.name, list(subject.positives)) for subject in subjects]
    return [{"pictures_of": name, **_decided(own)} for name, own in shown if own]


def _decided(shown: Sequence[Scored]) -> Row:
    """Count decisions; the share that is not allowed has an interval for as many as are groups."""
    counts = Counter(one.decision for one in shown)
    not_allowed = 1 - counts[Action.ALLOW] / len(shown)
    groups = len({one.example.group for one in shown})
    low, high = wilson_interval(not_allowed * groups, groups)
    return {
        "pictures": str(len(shown)),
        **{action.value: str(counts[action]) for action in Action},
        "not_allowed": fixed(not_allowed),
        "not_allowed_low": fixed(low),
        "not_allowed_high": fixed(high),
    }


def _sliced(
    pictures: Iterable[Scored], key: Callable[[Scored], str], least: int
) -> list[tuple[str, list[Scored]]]:
    """Slice pictures by a key, the largest slice first, those below `least` pictures together."""
    slices: dict[str, list[Scored]] = {}
    for one in pictures:
        slices.setdefault(key(one), []).append(one)
    large = [item for item in slices.items() if len(item[1]) >= least]
    large.sort(key=lambda item: -len(item[1]))
    rest = [one for shown in slices.values() if len(shown) < least for one in shown]
    return [*large, (OTHERS, rest)] if rest else large
