"""Leave-sources-out: what may be learnt from, and how it is measured."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: make test-train installs it")

from worksafe.errors import TrainingError
from worksafe.evaluation.datasets import Example
from worksafe.training.crossvalidate import write_figures
from worksafe.training.folds import SourceFigures, leave_sources_out, measure_folds, pool

pytestmark = pytest.mark.train


def pictures(label: str, source: str, count: int, *, per_group: int = 2) -> list[Example]:
    category = label.partition(".")[0] if label else "neutral"
    return [
        Example(
            Path(f"{source}-{label}-{i}"),
            "train" if i % 4 else "val",
            category,
            label,
            "",
            False,
            source,
            f"{source}:{label}:{i // per_group}",
        )
        for i in range(count)
    ]


@pytest.fixture
def examples() -> list[Example]:
    return [
        *pictures("violence.firearm", "shop", 40),
        *pictures("violence.firearm", "web", 30),
        *pictures("violence.firearm", "film", 30),
        *pictures("violence.blade", "shop", 40),  # blades come from one source
        *(e for n in range(6) for e in pictures("", f"plain{n}", 20)),
    ]


def test_a_fold_without_neutral_pictures_has_nothing_to_be_measured_against(
    examples: list[Example],
) -> None:
    few = [one for one in examples if one.label or one.source == "plain0"]

    with pytest.raises(TrainingError, match="neutral pictures from as many sources"):
        leave_sources_out(few, 3)


def test_every_picture_is_held_out_once_and_its_source_is_not_learnt(
    examples: list[Example],
) -> None:
    folds = leave_sources_out(examples, 3)

    held = Counter(example.path for fold in folds for example in fold.held)
    assert set(held.values()) == {1}
    assert held.keys() == {example.path for example in examples}
    for fold in folds:
        learnt = {(e.label, e.source) for e in fold.learning}
        out = {(e.label, e.source) for e in fold.held}
        assert learnt & out <= {("violence.blade", "shop")}
        assert not {e.group for e in fold.learning} & {e.group for e in fold.held}
        assert {e.split for e in fold.learning} == {"train"}
        assert {e.split for e in fold.held} == {"val"}
        assert any(e.label == "violence.blade" for e in fold.learning)


def test_pictures_of_the_split_val_are_measured_on_and_never_learnt(
    examples: list[Example],
) -> None:
    some = [replace(e, split="val" if i % 5 == 0 else "train") for i, e in enumerate(examples)]
    kept_apart = {e.path for e in some if e.split == "val"}

    folds = leave_sources_out(some, 3)

    assert not kept_apart & {e.path for fold in folds for e in fold.learning}
    assert kept_apart <= {e.path for fold in folds for e in fold.held}


def test_a_group_that_spans_sources_is_left_out_with_each(examples: list[Example]) -> None:
    shared = [replace(e, group="both") if e.path.name.endswith("-7") else e for e in examples]

    for fold in leave_sources_out(shared, 3):
        if any(e.group == "both" for e in fold.held):
            assert all(e.group != "both" for e in fold.learning)


def test_test_pictures_are_not_looked_at_and_weak_ones_are_not_measured_on(
    examples: list[Example],
) -> None:
    examples = [
        *(replace(e, weak=True) for e in examples[:4]),
        *examples[4:],
        *(replace(e, split="test") for e in pictures("", "later", 9)),
    ]

    folds = leave_sources_out(examples, 3)

    seen = [e for fold in folds for e in (*fold.learning, *fold.held)]
    assert not [e for e in seen if e.source == "later"]
    assert not [e for fold in folds for e in fold.held if e.weak]
    assert [e for fold in folds for e in fold.learning if e.weak]


def test_more_folds_than_sources_are_refused() -> None:
    with pytest.raises(TrainingError, match="as many sources"):
        leave_sources_out(pictures("", "one", 9), 2)


def test_each_source_is_measured_within_its_own_fold(
    examples: list[Example],
) -> None:
    """Networks of different folds need not agree on a scale."""
    folds = leave_sources_out(examples, 3)
    outputs = ("violence.firearm", "violence.blade")
    logits = [
        np.array([[10 * n + (e.label == name) for name in outputs] for e in fold.held], dtype=float)
        for n, fold in enumerate(folds)
    ]

    figures = measure_folds(folds, logits, outputs)

    assert all(one.auc == one.recall == 1 for one in figures)
    assert {(one.source, one.positives) for one in figures if one.label == outputs[0]} == {
        ("shop", 40),
        ("web", 30),
        ("film", 30),
    }
    assert [one.in_source for one in figures if one.label == outputs[1]] == [True]
    logits[0][:] = 0  # the network of one fold tells nothing apart
    assert any(one.auc == 0.5 for one in measure_folds(folds, logits, outputs))


def test_a_source_that_was_learnt_from_for_another_label_is_in_source() -> None:
    cameras = [*pictures("violence.fighting", "cctv", 60), *pictures("violence.firearm", "cctv", 9)]
    others = [
        picture
        for source in "abcdef"
        for picture in (
            *pictures("", source, 10),
            *pictures("violence.firearm", source, 9),
            *pictures("violence.fighting", source, 3),
        )
    ]
    examples = [
        replace(one, path=Path(f"{number}.png"), group=f"g{number}")
        for number, one in enumerate([*cameras, *others])
    ]
    folds = leave_sources_out(examples, 5)
    outputs = ("violence.fighting", "violence.firearm")

    figures = measure_folds(folds, [np.zeros((len(fold.held), 2)) for fold in folds], outputs)

    assert {(one.label, one.source) for one in figures if one.in_source} == {
        ("violence.fighting", "cctv"),
        ("violence.firearm", "cctv"),
    }


def test_sources_are_pooled_by_their_pictures_and_recipes_are_set_side_by_side(
    tmp_path: Path,
) -> None:
    good = [
        SourceFigures("violence.firearm", "web", False, 30, 1.0, 0.8),
        SourceFigures("violence.firearm", "film", True, 10, 0.6, 0.4),
    ]
    poor = [SourceFigures("violence.firearm", "web", False, 30, 0.5, 0.1)]

    write_figures(poor, "poor", tmp_path)
    text = write_figures(good, "good", tmp_path).read_text()

    assert pool(good) == {"violence.firearm": pytest.approx((0.9, 0.7))}
    assert "| label | good | poor |" in text
    assert "| violence.firearm | 0.900 / 0.70 | 0.500 / 0.10 |" in text
    assert "| violence.firearm | film (in-source) | 10 | 0.600 / 0.40 |  |" in text
    (tmp_path / "leave-sources-out-odd.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TrainingError, match="odd"):
        write_figures(good, "good", tmp_path)
