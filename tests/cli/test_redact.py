import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pictures import BROKEN, encode, photo
from worksafe.cli.main import app, main

runner = CliRunner()


@pytest.mark.parametrize("way", ["itself", "link", "hard link"])
def test_redact_does_not_replace_the_picture(way: str, picture: Path, tmp_path: Path) -> None:
    to = tmp_path / "b.jpg"
    if way == "itself":
        to = tmp_path / "." / "a.jpg"
    elif way == "link":
        to.symlink_to(picture)
    else:
        to.hardlink_to(picture)
    before = picture.read_bytes()

    result = runner.invoke(app, ["redact", str(picture), str(to)])

    assert result.exit_code == 2
    assert "another name" in result.stderr
    assert picture.read_bytes() == before


def test_redact_writes_a_file_that_passes(picture: Path, tmp_path: Path) -> None:
    to = tmp_path / "b.jpg"

    result = runner.invoke(app, ["redact", str(picture), str(to), "--method", "box"])

    assert result.exit_code == 0
    assert "after allow" in result.output
    assert runner.invoke(app, ["check", str(to)]).exit_code == 0


def test_redact_writes_nothing_where_it_fails(tmp_path: Path) -> None:
    broken, to = tmp_path / "a.jpg", tmp_path / "b.jpg"
    broken.write_bytes(b"no picture")

    result = runner.invoke(app, ["redact", str(broken), str(to)])

    assert result.exit_code != 0
    assert not to.exists()


@pytest.mark.parametrize("name", ["b.png", "b.HEIC", "no/such/folder/b.jpg"])
def test_redact_says_why_a_file_cannot_be_written(name: str, picture: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["redact", str(picture), str(tmp_path / name)])

    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "jpeg" in result.stderr or "No such file" in result.stderr
    assert not (tmp_path / name).exists()


def test_redact_keeps_what_stands_where_there_is_no_room_for_the_new(
    picture: Path, tmp_path: Path
) -> None:
    program = Path(sys.executable).parent / "worksafe"
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "b.jpg").write_bytes(b"what stood there")

    for to in ("b.jpg", "new.jpg"):
        run = subprocess.run(
            ["sh", "-c", f"ulimit -f 1; exec {program} redact {picture} {folder / to}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 2
        assert "File too large" in run.stderr

    assert [path.name for path in folder.iterdir()] == ["b.jpg"]
    assert (folder / "b.jpg").read_bytes() == b"what stood there"


def test_redact_follows_a_link_and_keeps_the_rights_of_a_file(
    picture: Path, tmp_path: Path
) -> None:
    file, link = tmp_path / "b.jpg", tmp_path / "link.jpg"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)

    assert runner.invoke(app, ["redact", str(picture), str(link)]).exit_code == 0

    assert link.is_symlink()
    assert file.read_bytes().startswith(b"\xff\xd8")
    assert file.stat().st_mode & 0o777 == 0o640


def test_redact_writes_into_a_device() -> None:
    result = runner.invoke(app, ["redact", "-", "/dev/null"], input=encode(photo()))

    assert result.exit_code == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("name", ["b.JPEG", "b", "b.new"])
def test_redact_writes_where_the_name_says_nothing_else(
    name: str, picture: Path, tmp_path: Path
) -> None:
    result = runner.invoke(app, ["redact", str(picture), str(tmp_path / name)])

    assert result.exit_code == 0
    assert (tmp_path / name).read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize("image", ["broken.jpg", "no-such-file.jpg"])
def test_redact_has_the_status_of_check_for_an_image_in_error(
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "broken.jpg").write_bytes(BROKEN["jpeg cut off"][0])
    arguments = ["worksafe", "redact", str(tmp_path / image), str(tmp_path / "b.jpg")]
    monkeypatch.setattr(sys, "argv", arguments)

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 5
    assert "error" in capsys.readouterr().err


def test_redact_knows_its_labels(picture: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["redact", str(picture), str(tmp_path / "b"), "--label", "kittens"])

    assert result.exit_code == 2
    assert "nudity.explicit" in result.output
