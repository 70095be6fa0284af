"""The corpus against the real server, in a process of its own, with its memory watched."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from servers import resident_bytes, serving
from worksafe.cli.main import app
from worksafe.doctor.attack import Answered, attack
from worksafe.doctor.corpus import all_cases

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "formats.md"
BEGIN, END = "<!-- corpus -->\n\n", "<!-- end of corpus -->"
MOST_BYTES = 600 * 1024**2


class Watch:
    """The most memory that a process and its children had."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._end = threading.Event()
        self.most = 0

    @contextmanager
    def running(self) -> Iterator["Watch"]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            self.most = max(self.most, resident_bytes(self._pid))


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Answered], int, bool]:
    """Answers to the whole corpus, the most memory, and whether the server still stands."""
    with (
        serving(tmp_path_factory.mktemp("served")) as (url, server),
        Watch(server.pid).running() as watch,
    ):
        answered = list(attack(url))
        return answered, watch.most, server.poll() is None


def test_every_input_has_a_right_answer(attacked: tuple[list[Answered], int, bool]) -> None:
    answered, _, _ = attacked

    wrong = [f"{one.case.name}: {one.answer}, not {one.case.answers}" for one in answered
             if one.answer not in one.case.answers]  # fmt: skip
    assert wrong == []


def test_no_input_takes_more_than_ten_seconds(
    attacked: tuple[list[Answered], int, bool],
) -> None:
    answered, _, _ = attacked

    assert [(one.case.name, one.seconds) for one in answered if one.seconds > 10] == []


def test_the_whole_service_stays_small_and_alive(
    attacked: tuple[list[Answered], int, bool],
) -> None:
    _, most, is_alive = attacked

    assert is_alive
    assert most < MOST_BYTES


def test_the_corpus_is_as_large_as_the_documentation_says() -> None:
    cases = all_cases()

    assert len({(case.group, case.name) for case in cases}) == len(cases)
    for document in ("README.md", "SECURITY.md", "docs/cli.md", "src/worksafe/cli/main.py"):
        assert re.search(rf"\b{len(cases)}\b (of them|odd)", (ROOT / document).read_text())


def test_the_table_in_the_documentation_is_the_corpus(
    attacked: tuple[list[Answered], int, bool],
) -> None:
    answered, _, _ = attacked
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    made = format_table(answered) + "\n"
    if os.environ.get("WORKSAFE_WRITE_DOCS"):
        DOCUMENT.write_text(before + BEGIN + made + END + after)
        table = made

    assert table == made


def test_anybody_can_run_it_against_their_own_deployment(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, _):
        done = CliRunner().invoke(app, ["doctor", "--hostile", url])

    assert done.exit_code == 0, done.output
    assert f"{len(all_cases())} of {len(all_cases())}" in done.output


def test_a_service_that_is_not_there_is_said_at_once() -> None:
    done = CliRunner().invoke(app, ["doctor", "--hostile", "http://localhost:1"])

    assert done.exit_code == 2
    assert "nothing answers" in done.output


def test_wrong_answers_are_shown_and_told_by_the_exit_status() -> None:
    with answering(500, b"oops") as url:
        done = CliRunner().invoke(app, ["doctor", "--hostile", url])

    assert done.exit_code == 1
    assert "0 of" in done.output
    assert "500 without a document" in done.output


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that says the same to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            left = int(self.headers["Content-Length"])
            while left:
                left -= len(self.rfile.read(min(left, 1024**2)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_service_elsewhere_is_only_attacked_by_name() -> None:
    done = CliRunner().invoke(app, ["doctor", "--hostile", "http://192.0.2.7:8000"])

    assert done.exit_code == 2
    assert "--host 192.0.2.7" in " ".join(done.output.split())


def test_the_doctor_says_what_an_installation_runs_on() -> None:
    done = CliRunner().invoke(app, ["doctor"])

    assert done.exit_code == 0
    for word in ("nudenet-320n", "hazards", "heic", "mp4", "default", "not fetched"):
        assert word in done.output


def format_table(answered: Sequence[Answered]) -> str:
    """Write a table for each group of cases."""
    lines: list[str] = []
    for group, some in groupby(answered, key=lambda one: one.case.group):
        lines += [f"### {group}", "", "| input | answer |", "| --- | --- |"]
        lines += [f"| {one.case.name} | {_shown(one.case.answers)} |" for one in some]
        lines.append("")
    return "\n".join(lines)


def _shown(answers: Sequence[str]) -> str:
    return " or ".join("scored" if answer == "ok" else f"`{answer}`" for answer in answers)
