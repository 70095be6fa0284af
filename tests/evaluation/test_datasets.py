from pathlib import Path

import pytest

from worksafe.errors import DatasetError
from worksafe.evaluation.datasets import read_manifest

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
        ("a.png,train,violence,,w,g\n", "wants a label"),
        ("a.png,train,neutral,,w,\n", ":2: group is empty"),
        ("a.png,train,neutral\n", ":2: fewer cells than columns"),
        ("a.png,train,neutral,,Flickr, Inc,g\n", ":2: more cells than columns"),
        (
            "a.png,train,neutral,,w,g\na.png,test,neutral,,w,h\n",
            "a.png is in train and in test; a picture belongs",
        ),
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
    (tmp_path / "manifest.csv").write_text(HEADER.replace(",", ";"))
    with pytest.raises(DatasetError, match="semicolons"):
        read_manifest(tmp_path)


def test_a_picture_is_in_one_split_however_its_path_is_written(tmp_path: Path) -> None:
    rows = "a.png,train,neutral,,w,g\nb/../a.png,val,neutral,,w,h\n"
    with pytest.raises(DatasetError, match="one split"):
        read_manifest(write_manifest(tmp_path, rows))


@pytest.mark.parametrize("weak", ["true", "yes", "1.0", " 1"])
def test_a_word_that_may_mean_weak_is_not_passed_over(weak: str, tmp_path: Path) -> None:
    row = f"a.png,train,neutral,,w,g,{weak}\n"
    (tmp_path / "manifest.csv").write_text(HEADER.replace("group", "group,weak") + row)

    with pytest.raises(DatasetError, match=":2: weak is"):
        read_manifest(tmp_path)


def test_a_manifest_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    rows = HEADER.replace("\n", "\r\n") + "a.png,train,neutral,,w,g\r\n"
    (tmp_path / "manifest.csv").write_bytes(rows.encode("utf-8-sig"))

    (example,) = read_manifest(tmp_path)

    assert example.path == tmp_path / "a.png"


def test_a_manifest_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(HEADER.encode() + b"\xe9.png,train,neutral,,w,g\n")

    with pytest.raises(DatasetError, match="UTF-8"):
        read_manifest(tmp_path)


def test_a_manifest_with_a_quote_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{number}.png,val,neutral,,web,{number}\n" for number in range(9000))
    text = f'path,split,category,label,source,group\n"0.png,val,neutral,,web,x\n{rows}'
    (tmp_path / "manifest.csv").write_text(text)

    with pytest.raises(DatasetError, match="not a table of comma-separated values"):
        read_manifest(tmp_path)
