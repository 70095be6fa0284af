from dataclasses import replace
from pathlib import Path

import pytest

from labelled import make_scored
from worksafe import Moderator
from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import Example
from worksafe.evaluation.markdown import write_markdown
from worksafe.evaluation.report import (
    Measured,
    Origin,
    Report,
    measure,
    read_report,
    write_report,
)
from worksafe.evaluation.robustness import robustness_rows, score_changes
from worksafe.evaluation.scoring import Scored
from worksafe.evaluation.subjects import find_subjects

ORIGIN = Origin(
    split="test",
    command="worksafe evaluate --split test",
    pictures=40,
    manifest_sha256="a" * 64,
    models=(Measured("brightness", "1", "b" * 64),),
    policy="default",
    policy_version="sha256:" + "c" * 64,
    runtime="onnxruntime-cpu-f32",
    processor="avx2",
)


@pytest.fixture
def report(brightness: list[Example], scored: list[Scored], moderator: Moderator) -> Report:
    neutral = [one for one in scored if not one.example.label]
    rows = robustness_rows(list(score_changes(moderator, brightness)), neutral)
    return measure(ORIGIN, scored, find_subjects(scored, moderator.labels), rows)


def test_a_report_is_read_as_it_was_written(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "out")

    assert read_report(tmp_path / "out", "test") == report
    assert set(report.tables) == {"subjects", "decisions", "sources", "kinds", "robustness"}


def test_a_table_or_figure_of_an_earlier_run_does_not_stay(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path)
    (tmp_path / "hazards-test-roc.png").touch()
    without = {name: rows for name, rows in report.tables.items() if name != "robustness"}

    write_report(replace(report, tables=without), tmp_path)

    assert not (tmp_path / "hazards-test-robustness.csv").exists()
    assert not (tmp_path / "hazards-test-roc.png").exists()
    assert read_report(tmp_path, "test").tables == without


def test_a_split_that_was_not_evaluated_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="run worksafe evaluate --split val"):
        read_report(tmp_path, "val")


def test_the_markdown_says_what_was_measured_first_and_links_pictures_last(report: Report) -> None:
    text = write_markdown(report, {"ROC": "hazards-test-roc.png"})

    places = [
        text.index(part)
        for part in (
            "Models: brightness 1 (`bbbbbbbbbbbb`)",
            "Command: `worksafe evaluate --split test`",
            "## Subjects",
            "| violence.blood | 20 | 3 | 0.925 (",
            "## Decisions",
            "## Sources",
            "| violence.blood | s0 | 7 |",
            "## Ordinary pictures",
            "| sport | 20 |",
            "## Robustness",
            "![ROC](hazards-test-roc.png)",
        )
    ]
    assert places == sorted(places)
    assert "nan" not in text


def test_a_report_of_neutral_pictures_alone_has_their_decisions() -> None:
    report = measure(ORIGIN, [make_scored("", 0.1)], [])

    assert set(report.tables) == {"decisions", "kinds"}
    assert "## Subjects" not in write_markdown(report, {})
