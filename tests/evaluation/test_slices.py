import pytest

from labelled import make_scored
from worksafe.evaluation.metrics import wilson_interval
from worksafe.evaluation.slices import OTHERS, decision_rows, kind_rows, source_rows
from worksafe.evaluation.subjects import find_subjects
from worksafe.models.spec import Label
from worksafe.results import Action

LABELS = [Label("violence.blood", "", counts=True)]


def test_sources_are_measured_apart_and_small_ones_together() -> None:
    scored = [make_scored("", level / 100) for level in range(100)]  # 0 to 0.99
    scored += [make_scored("violence.blood", 0.985 + 0.0001 * n, source="large") for n in range(20)]
    scored += [make_scored("violence.blood", 0.495, source="five") for _ in range(5)]
    scored += [make_scored("violence.blood", 1.0, source=name) for name in ("a", "b", "b")]

    rows = source_rows(find_subjects(scored, LABELS))

    assert [(row["source"], row["positives"], row["sources"]) for row in rows] == [
        ("large", "20", "1"),
        ("five", "5", "1"),
        (OTHERS, "3", "2"),
    ]
    assert [float(row["auc"]) for row in rows] == pytest.approx([0.99, 0.5, 1.0])
    assert [float(row["recall_at_1pct_fpr"]) for row in rows] == [1, 0, 1]
    assert [bool(row["auc_low"]) for row in rows] == [True, False, False]


def test_kinds_of_ordinary_pictures_are_counted_the_worst_first() -> None:
    scored = [make_scored("", 0.1, kind="food") for _ in range(10)]
    scored += [make_scored("", 0.1, kind="sport") for _ in range(9)]
    for label, decision in (("violence.blood", Action.BLOCK), ("violence.blade", Action.REVIEW)):
        scored += [
            make_scored("", 0.9, kind="sport", decision=decision, fired=label) for _ in range(2)
        ]
    scored += [
        make_scored("", 0.9, kind="sport", decision=Action.BLOCK, fired="violence.blood"),
        make_scored("", 0.1, kind="rare"),
        make_scored("violence.blood", 0.9, kind="food", decision=Action.BLOCK, fired="x"),
    ]

    worst, *rest = kind_rows(scored)

    assert {row["kind"]: row["pictures"] for row in rest} == {"food": "10", OTHERS: "1"}
    assert [row["not_allowed"] for row in rest] == ["0.0000", "0.0000"]
    low, high = wilson_interval(2 * 5 / 14, 2)  # two groups: those alike add nothing
    assert worst == {
        "kind": "sport",
        "pictures": "14",
        "allow": "9",
        "review": "2",
        "block": "3",
        "not_allowed": "0.3571",
        "not_allowed_low": f"{low:.4f}",
        "not_allowed_high": f"{high:.4f}",
        "fired_most": "violence.blood",
        "fired_times": "3",
    }


def test_decisions_are_counted_by_category_and_label_and_those_that_do_not_count_apart() -> None:
    labels = [
        Label("violence.blade", "", counts=True),
        *LABELS,
        Label("drugs.tobacco", "", counts=False),
    ]
    scored = [
        make_scored("", 0.1),
        make_scored("violence.blood", 0.9, decision=Action.BLOCK),
        make_scored("violence.blade", 0.5, decision=Action.REVIEW),
        make_scored("drugs.tobacco", 0.5, decision=Action.REVIEW),
    ]

    rows = decision_rows(scored, find_subjects(scored, labels))

    assert [(row["pictures_of"], row["pictures"], row["block"]) for row in rows] == [
        ("neutral", "1", "0"),
        ("drugs.tobacco", "1", "0"),
        ("violence", "2", "1"),
        ("violence.blade", "1", "0"),
        ("violence.blood", "1", "1"),
    ]
