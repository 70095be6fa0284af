import io
import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from typer.testing import CliRunner

from pictures import BROKEN, encode, photo, photographs
from worksafe.cli.check import exit_status
from worksafe.cli.main import app, main
from worksafe.errors import DatasetError, UrlFailedError
from worksafe.moderator import Moderator
from worksafe.results import Action, ItemError, Moderation

runner = CliRunner()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo()))
    return path


def test_a_table_for_people(picture: Path) -> None:
    result = runner.invoke(app, ["check", str(picture)])

    assert result.exit_code == 0
    assert "allow" in result.output
    for heading in ("decision", "suitability", "nudity", "violence", "drugs"):
        assert heading in result.output


def test_json_for_programs_is_the_document_of_the_api(picture: Path) -> None:
    result = runner.invoke(app, ["check", "--json", str(picture), "no-such-file.jpg"])

    document = json.loads(result.stdout)
    assert result.exit_code == 5
    assert [r["status"] for r in document["results"]] == ["ok", "error"]
    assert document["results"][1]["error"]["code"] == "unreadable_source"
    assert document["results"][0]["id"] == str(picture)


def test_reads_the_standard_input(picture: Path) -> None:
    result = runner.invoke(app, ["check", "--json", "-"], input=picture.read_bytes())

    assert json.loads(result.stdout)["results"][0]["status"] == "ok"


@pytest.mark.parametrize(
    ("decisions", "error", "status"),
    [
        ([], False, 0),
        ([Action.ALLOW, Action.ALLOW], False, 0),
        ([Action.ALLOW, Action.REVIEW], False, 3),
        ([Action.BLOCK, Action.REVIEW], False, 4),
        ([Action.BLOCK, Action.REVIEW], True, 5),
    ],
)
def test_the_exit_status_is_the_highest_that_applies(
    decisions: list[Action], error: bool, status: int
) -> None:
    results = [Moderation(index, None, action, 50) for index, action in enumerate(decisions)]
    if error:
        results.append(Moderation(9, None, Action.REVIEW, None, error=ItemError("empty_image", "")))

    assert exit_status(results) == status


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["check", "--colour", "a.jpg"], ["no-such-command"], ["serve", "--port", "x"]],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "a.jpg", "--policy", "nope"], "unknown_policy"),
        (["evaluate", "--data", "nowhere", "--split", "val"], "invalid_dataset"),
        (["evaluate", "--data", "nowhere", "--split", "all"], "invalid_dataset"),
        (["serve", "--port", "70000"], "invalid_settings"),
    ],
)
def test_our_errors_are_one_line_and_status_2(
    arguments: list[str],
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["worksafe", *arguments])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 2
    assert code in capsys.readouterr().err


@pytest.mark.parametrize(("columns", "is_beside"), [(80, False), (200, True)])
def test_a_narrow_terminal_has_why_below_the_rows(
    tmp_path: Path, columns: int, is_beside: bool
) -> None:
    (tmp_path / "b.txt").write_text("no picture")
    command = [str(Path(sys.executable).parent / "worksafe"), "check", "b.txt"]
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal, os.fdopen(theirs, "wb") as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.DEVNULL, env=environment, cwd=tmp_path,
            check=False,
        )  # fmt: skip
        printed = terminal.read(65_536).decode()

    assert done.returncode == 5
    (line,) = [line for line in printed.splitlines() if "not_an_image: the bytes" in line]
    assert ("review" in line) == is_beside


def test_a_port_that_is_taken_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setattr(sys, "argv", ["worksafe", "serve", "--port", port])
        with pytest.raises(SystemExit) as caught:
            main()

    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in said


@pytest.mark.parametrize("command", [["serve"], ["check", "a.jpg"], ["doctor"]])
def test_a_malformed_cache_url_is_one_line_and_status_2(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("redis")
    monkeypatch.setattr(sys, "argv", ["worksafe", *command])
    monkeypatch.setenv("WORKSAFE_CACHE_URL", "redis://:se/cret@host")

    with pytest.raises(SystemExit) as caught:
        main()

    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert "WORKSAFE_CACHE_URL" in said
    assert "invalid_settings" in said
    assert "cret" not in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "in memory, 4096 results at most"),
        ({"WORKSAFE_CACHE_ENTRIES": "0"}, "off"),
        ({"WORKSAFE_CACHE_URL": "redis://:secret@127.0.0.1:1"}, "Connection refused"),
    ],
)
def test_doctor_says_where_results_are_kept(
    settings: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("redis")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    run = runner.invoke(app, ["doctor"], env={"COLUMNS": "200"})

    (line,) = [line for line in run.output.splitlines() if line.startswith("cache")]
    assert said in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["check", "--json"], ["redact"]],
    ids=["table", "json", "picture"],
)
def test_an_output_that_cannot_be_written_is_one_line_and_status_2(
    arguments: list[str],
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    to = ["-"] if arguments == ["redact"] else []
    monkeypatch.setattr(sys, "argv", ["worksafe", *arguments, str(picture), *to])
    monkeypatch.setattr(sys, "stdout", Path("/dev/full").open("w"))  # noqa: SIM115 - main closes it

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 2
    assert "the output: No space left on device" in capsys.readouterr().err
    assert sys.stdout.closed  # nothing is left that the interpreter would write at its end


@pytest.mark.parametrize(
    ("closed", "status", "says"),
    [
        ("check PICTURE >&-", 2, "cannot write the output: it is closed"),
        ("check --json PICTURE >&-", 2, "cannot write the output: it is closed"),
        ("redact PICTURE - >&-", 2, "cannot write the output: it is closed"),
        ("check - <&-", 5, ""),
        ("redact - out.jpg <&-", 5, "no bytes"),
        ("check PICTURE 2>&-", 0, ""),
    ],
)
def test_a_stream_that_the_shell_has_closed_is_no_traceback(
    closed: str, status: int, says: str, picture: Path, tmp_path: Path
) -> None:
    program = Path(sys.executable).parent / "worksafe"

    run = subprocess.run(
        ["sh", "-c", f"{program} {closed.replace('PICTURE', str(picture))}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == status
    assert says in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("arguments", [["check"], ["check", "--json"], ["redact"]])
def test_a_terminal_need_not_know_every_character(
    arguments: list[str], picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = picture.rename(picture.with_name("é😀.jpg"))
    to = ["-"] if arguments == ["redact"] else []
    written = io.BytesIO()
    monkeypatch.setattr(sys, "argv", ["worksafe", *arguments, str(named), *to])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="latin-1"))

    with pytest.raises(SystemExit) as caught:
        main()

    output = written.getvalue()
    assert caught.value.code == 0
    if arguments == ["check"]:
        assert b"\xe9\\U0001f600.jpg" in output
    elif arguments == ["redact"]:
        assert output.startswith(b"\xff\xd8")
    else:
        assert json.loads(output)["results"][0]["id"] == str(named)


def test_version() -> None:
    assert runner.invoke(app, ["--version"]).output.strip()


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


def test_a_split_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,split,category,label,source,group\n")

    result = runner.invoke(app, ["evaluate", "--data", str(tmp_path), "--split", "val"])

    assert isinstance(result.exception, DatasetError)


def test_a_file_name_that_is_not_unicode_costs_nothing(picture: Path) -> None:
    odd = os.fsencode(picture.parent) + b"/b\xff.jpg"
    Path(os.fsdecode(odd)).write_bytes(picture.read_bytes())

    result = runner.invoke(app, ["check", "--json", str(picture), os.fsdecode(odd), "\udcff.jpg"])

    results = json.loads(result.stdout)["results"]
    assert [r["status"] for r in results] == ["ok", "ok", "error"]
    assert results[1]["id"].endswith("b\ufffd.jpg")


def test_a_file_name_does_not_steer_the_terminal(picture: Path, tmp_path: Path) -> None:
    named = tmp_path / "a\x1b[2K\x1b[1A[red]b.jpg"
    named.write_bytes(picture.read_bytes())
    gone = tmp_path / "gone\x1b[2K.jpg"

    run = runner.invoke(app, ["check", str(named), str(gone)])

    assert run.exit_code == 5
    assert "\x1b" not in run.output


def test_a_file_name_forges_no_row_of_the_table(picture: Path, tmp_path: Path) -> None:
    named = tmp_path / "a.jpg\nb.jpg   allow   99"
    named.write_bytes(picture.read_bytes())

    lines = runner.invoke(app, ["check", str(named)]).output.splitlines()

    assert not any(line.startswith("b.jpg") for line in lines)


def test_frames_are_not_left_out_in_silence(picture: Path) -> None:
    assert runner.invoke(app, ["check", "--frames", str(picture)]).exit_code == 2


@pytest.mark.parametrize(
    "url",
    ["localhost", "http://[::1", "http://localhost:foo", "http://localhost:0", "ftp://localhost"],
)
def test_a_service_to_attack_needs_a_url(url: str) -> None:
    run = runner.invoke(app, ["doctor", "--hostile", url])

    assert run.exit_code == 2
    assert "is no URL" in run.output


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


def test_a_table_that_is_piped_has_a_line_for_each_image(picture: Path, tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(8):
        folder /= "d" * 200
    folder.mkdir(parents=True)
    image = picture.rename(folder / "a.jpg")

    result = runner.invoke(app, ["check", str(image), str(image), f"{folder}/none.jpg"])

    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert all(str(folder) in line for line in lines[1:])


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
    assert "is allow" in result.output
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


@pytest.mark.parametrize("command", [["check"], ["redact"]])
def test_no_more_of_the_standard_input_is_read_than_an_image_may_have(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            self.taken += size
            return b"\xff\xd8\xff\xe0" * (size // 4)

    endless = Endless()
    monkeypatch.setenv("WORKSAFE_MAX_IMAGE_BYTES", "3000000")
    monkeypatch.setattr(
        "worksafe.cli.sources.sys", SimpleNamespace(stdin=SimpleNamespace(buffer=endless))
    )
    output = ["/dev/null"] if command == ["redact"] else []

    result = runner.invoke(app, [*command, "-", *output])

    assert result.exit_code != 0
    assert endless.taken < 10_000_000
