import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from worksafe.cli.main import app
from worksafe.errors import UrlFailedError
from worksafe.moderator import Moderator

runner = CliRunner()


def test_explain_writes_a_picture_for_each_image(picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "why"

    result = runner.invoke(
        app, ["check", "--explain", str(folder), str(picture), str(picture), "no-such-file.jpg"]
    )

    assert result.exit_code == 5
    written = sorted(path.name for path in folder.iterdir())
    assert [name[:6] for name in written] == ["000-a-", "001-a-"]
    with Image.open(folder / written[0]) as overlay:
        assert overlay.width > 600


def test_a_picture_that_cannot_be_drawn_is_a_warning_and_the_answer_stands(
    picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "why"
    arguments = ["check", "--json", "--explain", str(folder), str(picture), str(picture)]
    runner.invoke(app, arguments)
    first, second = sorted(folder.iterdir())
    first.unlink()
    first.mkdir()
    second.unlink()

    result = runner.invoke(app, arguments)

    assert result.exit_code == 0
    assert len(json.loads(result.stdout)["results"]) == 2
    assert f"no picture of {picture}" in result.stderr
    assert second.is_file()


def test_an_image_that_is_gone_when_it_is_drawn_is_a_warning(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        msg = "no answer in time"
        raise UrlFailedError(msg)

    monkeypatch.setattr(Moderator, "open", fail)

    result = runner.invoke(app, ["check", "--explain", str(tmp_path / "why"), str(picture)])

    assert result.exit_code == 0
    assert "allow" in result.stdout
    assert f"no picture of {picture}: no answer in time" in result.stderr


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_checked(picture: Path) -> None:
    result = runner.invoke(app, ["check", "--explain", str(picture / "why"), str(picture)])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "cannot write to" in result.stderr


def test_a_pipe_is_explained_though_it_can_be_read_only_once(picture: Path, tmp_path: Path) -> None:
    pipe, folder = tmp_path / "p.jpg", tmp_path / "why"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(picture.read_bytes(),), daemon=True)
    writer.start()

    result = runner.invoke(app, ["check", "--explain", str(folder), str(pipe)])

    writer.join()
    assert result.exit_code == 0
    assert [path.name[:6] for path in folder.iterdir()] == ["000-p-"]


@pytest.mark.parametrize("name", ["ü" * 120, "一" * 80, "\n\x1b[2J", "a" * 240])
def test_any_name_is_explained(name: str, picture: Path, tmp_path: Path) -> None:
    image, folder = picture.rename(tmp_path / f"{name}.jpg"), tmp_path / "why"

    result = runner.invoke(app, ["check", "--explain", str(folder), str(image)])

    (drawn,) = folder.iterdir()
    assert result.exit_code == 0
    assert "warning" not in result.stderr
    assert drawn.name.isprintable()


def test_pictures_of_another_run_stay(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(picture, tmp_path / folder / "a.jpg")

    for image in ("one/a.jpg", "two/a.jpg", "one/a.jpg"):
        runner.invoke(app, ["check", "--explain", "why", image])

    assert len(list((tmp_path / "why").iterdir())) == 2


def test_an_explanation_needs_a_folder(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = runner.invoke(app, ["check", "--explain", "", str(picture)])

    assert result.exit_code == 2
    assert "folder" in result.stderr
    assert list(tmp_path.iterdir()) == [picture]
