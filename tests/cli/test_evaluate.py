import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pictures import encode, photo, photographs
from worksafe.cli.main import app
from worksafe.errors import DatasetError, SettingsError

runner = CliRunner()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Thirty plain pictures, every second one said to show a knife."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = ["path,split,category,label,sublabel,source,group"]
    for index in range(30):
        shade = np.full((16, 16, 3), 8 * index, np.uint8)
        Image.fromarray(shade).save(folder / f"{index}.png")
        what = "neutral,,food" if index % 2 else "violence,blade,knife"
        rows.append(f"{index}.png,val,{what},web,g{index}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    return folder


def test_what_is_printed_into_a_file_is_the_document_itself(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["evaluate", "--data", str(data), "--split", "val", "--out", str(out)]

    printed = runner.invoke(app, [*arguments, "--no-pictures"]).stdout

    assert "| violence.blade | 15 |" in printed
    assert max(map(len, printed.splitlines())) < 1000


def evaluate(data: Path, out: Path, *options: str) -> BaseException | None:
    arguments = ["evaluate", "--data", str(data), "--split", "val", "--out", str(out), *options]
    return runner.invoke(app, arguments).exception


def test_writes_every_file_that_is_asked_for(data: Path, tmp_path: Path) -> None:
    out, sheet, card = tmp_path / "out", tmp_path / "errors.png", tmp_path / "card.md"
    card.write_text("By hand.\n<!-- figures: val -->\n<!-- /figures -->\n")

    failure = evaluate(data, out, "--robustness", "--sheet", str(sheet), "--card", str(card))

    assert failure is None
    endings = {path.name.removeprefix("hazards-val") for path in out.iterdir()}
    tables = {".csv", "-decisions.csv", "-sources.csv", "-kinds.csv", "-robustness.csv"}
    assert endings == {".json", ".md", "-roc.png", "-pr.png", "-reliability.png", *tables}
    assert sheet.exists()
    assert "violence.blade" in card.read_text()


def test_no_sheet_and_no_pictures_unless_wanted(data: Path, tmp_path: Path) -> None:
    assert evaluate(data, tmp_path / "out", "--no-pictures") is None

    assert not list(tmp_path.rglob("out/*.png"))


@pytest.mark.parametrize(
    ("card", "kind", "message"),
    [
        (None, SettingsError, "does not exist"),
        ("By hand.\n", SettingsError, "has no block"),
        ("<!-- figures: test -->\n<!-- /figures -->\n", SettingsError, "figures: val"),
        (
            "<!-- figures: test -->\n<!-- /figures -->\n<!-- figures: val -->\n<!-- /figures -->\n",
            DatasetError,
            "--split test",
        ),
    ],
)
def test_a_card_that_cannot_be_filled_is_found_before_the_scoring(
    card: str | None, kind: type[Exception], message: str, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "card.md"
    if card is not None:
        path.write_text(card)

    failure = evaluate(data, tmp_path / "out", "--card", str(path))

    assert isinstance(failure, kind)
    assert message in str(failure)
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_nothing_is_scored(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    failure = evaluate(data, tmp_path / "out")

    assert isinstance(failure, SettingsError)
    assert "pip install '.[evaluate]'" in str(failure)
    assert not (tmp_path / "out").exists()


def test_a_sheet_that_could_not_be_written_is_found_before_the_scoring(
    data: Path, tmp_path: Path
) -> None:
    failure = evaluate(data, tmp_path / "out", "--sheet", str(tmp_path / "errors"))

    assert isinstance(failure, SettingsError)
    assert "one of .png, .jpg, .webp, not 'errors'" in str(failure)
    assert not (tmp_path / "out").exists()


def test_evaluate_writes_its_tables(tmp_path: Path) -> None:
    rows = ["path,split,category,label,source,group"]
    for index, name in enumerate(sorted(photographs())):
        (tmp_path / f"{name}.jpg").write_bytes(encode(photo(name)))
        label = "neutral," if index % 2 else "violence,firearm"
        rows.append(f"{name}.jpg,val,{label},web,g{index}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))

    result = runner.invoke(
        app,
        ["evaluate", "--data", str(tmp_path), "--split", "val", "--out", str(tmp_path / "out")],
    )

    assert result.exit_code == 0, result.output
    assert "violence.firearm" in (tmp_path / "out" / "hazards-val.md").read_text()
    assert "violence.firearm,3,1,3," in (tmp_path / "out" / "hazards-val.csv").read_text()


def test_a_damaged_picture_is_in_no_figure_and_is_named(data: Path, tmp_path: Path) -> None:
    (data / "4.png").write_bytes((data / "4.png").read_bytes()[:60])
    out = tmp_path / "out"

    arguments = ["--data", str(data), "--split", "val", "--out", str(out), "--no-pictures"]
    result = runner.invoke(app, ["evaluate", *arguments])

    assert result.exit_code == 0, result.output
    assert (
        (out / "hazards-val-unchecked.csv").read_text().startswith('path,why\n4.png,"the png data')
    )
    assert "in no figure: 1." in (out / "hazards-val.md").read_text()
    assert json.loads((out / "hazards-val.json").read_text())["pictures"] == 29


def test_a_label_that_nobody_reports_is_said(data: Path, tmp_path: Path) -> None:
    manifest = data / "manifest.csv"
    manifest.write_text(
        manifest.read_text().replace("\n4.png,val,violence,blade", "\n4.png,val,violence,gun")
    )

    arguments = ["--data", str(data), "--split", "val", "--out", str(tmp_path / "out")]
    result = runner.invoke(app, ["evaluate", *arguments, "--no-pictures"])

    assert result.exit_code == 0, result.output
    assert "no detector reports violence.gun" in result.output


def test_pictures_none_of_which_can_be_checked_are_an_error(data: Path, tmp_path: Path) -> None:
    for picture in data.glob("*.png"):
        picture.write_bytes(b"no picture")

    arguments = ["--data", str(data), "--split", "val", "--out", str(tmp_path / "out")]
    result = runner.invoke(app, ["evaluate", *arguments, "--no-pictures"])

    assert isinstance(result.exception, DatasetError)
    assert "no picture can be checked" in str(result.exception)


def test_a_split_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,split,category,label,source,group\n")

    result = runner.invoke(app, ["evaluate", "--data", str(tmp_path), "--split", "val"])

    assert isinstance(result.exception, DatasetError)
