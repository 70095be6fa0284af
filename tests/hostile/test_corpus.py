"""The corpus against the real server, in a process of its own, with its memory watched."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers import resident_bytes, serving
from worksafe.doctor.attack import Answered, attack
from worksafe.doctor.corpus import all_cases
from worksafe.doctor.table import format_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"
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

    assert len(cases) >= 60
    assert len({(case.group, case.name) for case in cases}) == len(cases)


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
    worksafe = str(Path(sys.executable).parent / "worksafe")
    with serving(tmp_path) as (url, _):
        began = time.monotonic()
        done = subprocess.run(
            [worksafe, "doctor", "--hostile", url], capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stdout
    assert f"{len(all_cases())} of {len(all_cases())}" in done.stdout
    assert time.monotonic() - began < 120


def test_a_service_elsewhere_is_only_attacked_by_name() -> None:
    worksafe = str(Path(sys.executable).parent / "worksafe")

    done = subprocess.run(
        [worksafe, "doctor", "--hostile", "http://192.0.2.7:8000"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "--host 192.0.2.7" in done.stderr
