import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes import brightness_detector
from worksafe import Moderator
from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import read_manifest
from worksafe.evaluation.report import measure, score_examples, write_report

HEADER = "path,split,category,label,source,group\n"


def write_manifest(folder: Path, rows: str) -> Path:
    (folder / "manifest.csv").write_text(HEADER + rows)
    return folder


def test_reads_a_manifest(tmp_path: Path) -> None:
    rows = "a.png,train,violence,blood,web,web:1\nb.png,test,neutral,,web,web:2\n"

    bloody, neutral = read_manifest(write_manifest(tmp_path, rows))

    assert bloody.label == "violence.blood"
    assert bloody.path == tmp_path / "a.png"
    assert (neutral.label, neutral.weak, neutral.kind) == ("", False, "")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "a.png,train,neutral,,w,g\nb.png,test,neutral,,w,g\n",
            "group 'g' is in train and in test",
        ),
        ("a.png,training,neutral,,w,g\n", ":2: split is 'training'"),
        ("a.png,train,neutral,blood,w,g\n", "a neutral picture has no label"),
        ("a.png,train,violence,,w,g\n", "any other has one"),
    ],
)
def test_a_wrong_manifest_is_refused(rows: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        read_manifest(write_manifest(tmp_path, rows))


def test_a_manifest_without_a_column_or_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("path,split\n")
    with pytest.raises(DatasetError, match="lacks the columns category"):
        read_manifest(tmp_path)


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """Bright pictures show blood, dark ones are neutral; two of forty are the other way round."""
    rows = []
    for index in range(40):
        bloody = index % 2 == 0
        level = 200 + index if bloody else 10 + index
        level = 30 if index == 2 else 250 if index == 3 else level
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(tmp_path / f"{index}.png")
        what = "violence,blood" if bloody else "neutral,"
        rows.append(f"{index}.png,test,{what},s{index % 3},g{index}\n")
    return write_manifest(tmp_path, "".join(rows))


def test_figures_come_from_the_moderator(brightness: Path, tmp_path: Path) -> None:
    moderator = Moderator(detectors=[brightness_detector()])
    examples = read_manifest(brightness)

    report = measure(list(score_examples(moderator, examples)), moderator)
    text = write_report(report, "test", tmp_path / "out")

    row = next(row for row in report.rows if row.subject == "violence.blood")
    assert (row.positives, row.sources, report.neutral) == (20, 3, 20)
    # 19 bright positives beat 19 dark neutrals; the dark positive (30) beats 9 (11 to 29).
    assert row.figures["auc"] == pytest.approx((19 * 19 + 9) / 400)
    assert row.intervals["auc"][0] < row.figures["auc"] <= row.intervals["auc"][1]
    assert report.decisions["neutral"]["block"] == 1
    with (tmp_path / "out" / "hazards-test.csv").open(newline="") as file:
        assert {line["subject"] for line in csv.DictReader(file)} == {"violence", "violence.blood"}
    assert "violence.blood" in text


def test_a_picture_that_is_missing_is_named(brightness: Path) -> None:
    (brightness / "7.png").unlink()
    moderator = Moderator(detectors=[brightness_detector()])

    with pytest.raises(DatasetError, match=r"7\.png"):
        list(score_examples(moderator, read_manifest(brightness)))
