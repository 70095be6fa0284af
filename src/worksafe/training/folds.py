"""Leave-sources-out: every picture scored by a network that never saw its source.

A network may learn what a collection looks like instead of what its pictures show. Only pictures
of collections that it was not trained on tell the difference.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import NEUTRAL, Example
from worksafe.evaluation.metrics import recall_at_fpr, roc_auc

MAIN_SHARE = 0.5
SMALL_SOURCE = 8


@dataclass(frozen=True, slots=True)
class Fold:
    """One part of the data, and what may be learnt from to score it.

    Attributes
    ----------
    learning : tuple of Example
        Of the split ``train``; none shares a group with what is held out, nor a source that has
        most of no label. Of one that has, other groups are learnt from.
    held : tuple of Example
        All with the split ``val``, without weak examples.
    """

    learning: tuple[Example, ...]
    held: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """How well one label of one source was told from neutral pictures of held-out sources.

    Attributes
    ----------
    label, source : str
        Sources with few pictures of the label are taken together as ``others``.
    in_source : bool
        Other pictures of this source were learnt from, be it of another label.
    positives : int
        Pictures.
    auc, recall : float
        Against the neutral pictures of the same folds; recall at 1 % false positives.
    """

    label: str
    source: str
    in_source: bool
    positives: int
    auc: float
    recall: float


def main_sources(examples: Sequence[Example]) -> set[tuple[str, str]]:
    """Name the (label, source) pairs where one source has most of a label's pictures.

    Leaving such a source out would leave too little to learn the label from.

    Parameters
    ----------
    examples : sequence of Example
        All pictures.

    Returns
    -------
    set of (str, str)
    """
    counts = Counter((e.label, e.source) for e in examples if e.label and not e.weak)
    totals: Counter[str] = Counter()
    for (label, _), count in counts.items():
        totals[label] += count
    return {pair for pair, count in counts.items() if count > MAIN_SHARE * totals[pair[0]]}


def leave_sources_out(examples: Sequence[Example], count: int) -> list[Fold]:
    """Deal the sources to folds so that every label is spread as evenly as its sources allow.

    Parameters
    ----------
    examples : sequence of Example
        Pictures of the splits train and val; others are not looked at.
    count : int
        Number of folds.

    Returns
    -------
    list of Fold
        Every picture that is not weak is held out in exactly one.

    Raises
    ------
    TrainingError
        If there are fewer sources than folds, or a fold has no neutral pictures to measure against.
    """
    known = [example for example in examples if example.split in {"train", "val"}]
    if len({example.source for example in known}) < count:
        msg = f"{count} folds need at least as many sources"
        raise TrainingError(msg)
    by_group = main_sources(known)
    units: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for example in known:
        whole = (example.label, example.source) not in by_group
        units["source" if whole else "group", example.source if whole else example.group].append(
            example
        )
    fold_of = _deal(units, count)
    folds = [_fold(units, fold_of, number) for number in range(count)]
    if not all(any(example.category == NEUTRAL for example in fold.held) for fold in folds):
        msg = f"{count} folds need neutral pictures from as many sources"
        raise TrainingError(msg)
    return folds


def _deal(units: dict[tuple[str, str], list[Example]], count: int) -> dict[tuple[str, str], int]:
    """Return each unit, the largest first, to the fold that has least of its main label."""
    loads = [Counter[str]() for _ in range(count)]
    fold_of = {}
    for unit, members in sorted(units.items(), key=lambda item: (-len(item[1]), item[0])):
        labels = Counter(member.label for member in members)
        main = max(labels, key=lambda label: (bool(label), labels[label], label))
        number = min(range(count), key=lambda i: (loads[i][main], loads[i].total(), i))
        loads[number].update(labels)
        fold_of[unit] = number
    return fold_of


def _fold(
    units: dict[tuple[str, str], list[Example]], fold_of: dict[tuple[str, str], int], number: int
) -> Fold:
    held = [e for unit, some in units.items() if fold_of[unit] == number for e in some]
    groups = {example.group for example in held}  # some groups span sources
    learning = [
        example
        for unit, some in units.items()
        if fold_of[unit] != number
        for example in some
        if example.split == "train" and example.group not in groups
    ]
    return Fold(
        tuple(learning),
        tuple(replace(example, split="val") for example in held if not example.weak),
    )


def measure_folds(
    folds: Sequence[Fold], logits: Sequence[NDArray[np.float64]], outputs: Sequence[str]
) -> list[SourceFigures]:
    """Measure each label source by source.

    Parameters
    ----------
    folds : sequence of Fold
        From `leave_sources_out`.
    logits : sequence of ndarray of float64, shape (held, outputs)
        Of each fold's held pictures, by the network that learnt from the rest.
    outputs : sequence of str
        Names of the columns.

    Returns
    -------
    list of SourceFigures
        By label, the largest source first. A source dealt to several folds has the mean of
        its folds, weighted by its pictures.
    """
    sizes = Counter((e.label, e.source) for fold in folds for e in fold.held if e.label)
    parts: dict[tuple[str, str], list[tuple[int, float, float]]] = defaultdict(list)
    in_source: set[tuple[str, str]] = set()
    for fold, scores in zip(folds, logits, strict=True):
        learnt = {example.source for example in fold.learning}
        neutral = np.array([example.category == NEUTRAL for example in fold.held])
        names = [_source(example, sizes) for example in fold.held]
        in_source |= {
            name for name, example in zip(names, fold.held, strict=True) if example.source in learnt
        }
        for label, source in sorted(set(names) - {("", "")}):
            positive = np.array([name == (label, source) for name in names])
            chosen = neutral | positive
            of_label = scores[chosen, outputs.index(label)], positive[chosen]
            part = int(positive.sum()), roc_auc(*of_label), recall_at_fpr(*of_label, 0.01)
            parts[label, source].append(part)
    figures = [
        SourceFigures(
            label,
            source,
            (label, source) in in_source,
            sum(positives for positives, _, _ in some),
            _weighted([(positives, auc) for positives, auc, _ in some]),
            _weighted([(positives, recall) for positives, _, recall in some]),
        )
        for (label, source), some in parts.items()
    ]
    return sorted(figures, key=lambda one: (outputs.index(one.label), -one.positives))


def _source(example: Example, sizes: Counter[tuple[str, str]]) -> tuple[str, str]:
    if not example.label:
        return ("", "")
    small = sizes[example.label, example.source] < SMALL_SOURCE
    return (example.label, "others" if small else example.source)


def _weighted(parts: Sequence[tuple[int, float]]) -> float:
    total = sum(count for count, _ in parts)
    return sum(count * value for count, value in parts) / total


def pool(figures: Sequence[SourceFigures]) -> dict[str, tuple[float, float]]:
    """Pool the sources of each label, weighted by their pictures.

    Parameters
    ----------
    figures : sequence of SourceFigures
        From `measure_folds`.

    Returns
    -------
    dict of str to (float, float)
        Area under the ROC curve and recall at 1 % false positives, by label.
    """
    labels = dict.fromkeys(one.label for one in figures)
    return {
        label: (
            _weighted([(one.positives, one.auc) for one in figures if one.label == label]),
            _weighted([(one.positives, one.recall) for one in figures if one.label == label]),
        )
        for label in labels
    }
