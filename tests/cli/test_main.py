import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from gunicorn.arbiter import Arbiter
from typer.testing import CliRunner

from worksafe.cli.main import app, main
from worksafe.settings import Settings

runner = CliRunner()


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


@pytest.mark.parametrize("command", [["serve"], ["check", "a.jpg"]])
def test_a_device_that_is_not_there_is_one_line_and_status_2(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["worksafe", *command])
    monkeypatch.setenv("WORKSAFE_DEVICE", "cuda")

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 2
    assert "install onnxruntime-gpu in its place" in capsys.readouterr().err


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


def test_a_server_that_cannot_start_has_no_status_of_a_decision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(settings: Settings) -> None:  # noqa: ARG001
        raise SystemExit(Arbiter.APP_LOAD_ERROR)  # of gunicorn

    monkeypatch.setattr("worksafe.cli.serve.serve", fail)

    assert runner.invoke(app, ["serve", "--port", "0"]).exit_code == 2
