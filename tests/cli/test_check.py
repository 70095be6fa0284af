import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from worksafe.cli.check import exit_status
from worksafe.cli.main import app
from worksafe.results import Action, ItemError, Moderation

runner = CliRunner()


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
