import numpy as np
import pytest

from labelled import make_scored
from worksafe import Moderator
from worksafe.evaluation.scoring import Scored
from worksafe.evaluation.subjects import find_subjects, subject_row
from worksafe.models.spec import Label

LABELS = [
    Label("violence.blade", "", counts=True),
    Label("violence.blood", "", counts=True),
    Label("violence.unrest", "", counts=False),
]


def test_figures_equal_those_by_hand(scored: list[Scored], moderator: Moderator) -> None:
    category, label = find_subjects(scored, moderator.labels)
    row = subject_row(label)

    assert (category.name, label.name) == ("violence", "violence.blood")
    assert [row[name] for name in ("positives", "sources", "neutral")] == ["20", "3", "20"]
    # 19 bright positives beat 19 dark neutrals; the dark positive (30) beats 9 (11 to 29).
    assert float(row["auc"]) == pytest.approx((19 * 19 + 9) / 400, abs=1e-4)
    # No positive is above the bright neutral (250), and not one in a hundred of 20 may be flagged.
    assert float(row["recall_at_1pct_fpr"]) == 0
    assert float(row["auc_low"]) < float(row["auc"]) <= float(row["auc_high"])
    for metric in ("average_precision", "recall_at_2pct_fpr", "calibration_error"):
        assert float(row[f"{metric}_low"]) <= float(row[metric]) <= float(row[f"{metric}_high"])


def test_a_category_has_the_labels_that_count_and_stands_before_them() -> None:
    shown = ["", "violence.blood", "violence.unrest", "violence.blood"]

    subjects = find_subjects([make_scored(label, 0.5) for label in shown], LABELS)

    assert [(one.name, len(one.positives), one.is_whole) for one in subjects] == [
        ("violence", 2, True),
        ("violence.blood", 2, False),
        ("violence.unrest", 1, True),
    ]


def test_a_category_of_reported_labels_only_is_no_subject() -> None:
    scored = [make_scored("", 0.1), make_scored("violence.unrest", 0.9)]

    assert [one.name for one in find_subjects(scored, LABELS)] == ["violence.unrest"]


def test_what_cannot_be_measured_is_empty() -> None:
    (_, label) = find_subjects([make_scored("violence.blood", 0.5)], LABELS)

    row = subject_row(label)

    assert (row["auc"], row["auc_low"]) == ("", "")
    assert np.isclose(float(row["calibration_error"]), 0.5)
