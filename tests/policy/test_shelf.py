import os
import time
from pathlib import Path

import pytest

from worksafe.errors import UnknownPolicyError
from worksafe.policy import shelf as shelf_module
from worksafe.policy.shelf import PolicyShelf

TEXT = "name: school\nrules:\n  nudity: {block: %s}\n"


@pytest.fixture(autouse=True)
def _always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "_LOOK_EVERY_S", 0.0)


def write(folder: Path, threshold: str, name: str = "school.yaml") -> None:
    path = folder / name
    path.write_text(TEXT % threshold)
    _date(path, 2)


def _date(path: Path, seconds_ago: float) -> None:
    written_ns = time.time_ns() - int(seconds_ago * 10**9)
    os.utime(path, ns=(written_ns, written_ns))


def test_a_changed_file_is_followed(tmp_path: Path) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))
    held = shelf.policies["school"]

    write(tmp_path, "0.75")

    assert shelf.policies["school"].rules["nudity"].block == 0.75
    assert held.rules["nudity"].block == 0.5  # a request keeps what it began with


def test_a_new_and_a_removed_file_are_followed(tmp_path: Path) -> None:
    shelf = PolicyShelf(tmp_path, ("default",))
    assert "school" not in shelf.policies

    write(tmp_path, "0.5")
    assert "school" in shelf.policies

    (tmp_path / "school.yaml").unlink()
    assert "school" not in shelf.policies


def test_a_mistake_keeps_what_was_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))

    write(tmp_path, "5")
    assert shelf.policies["school"].rules["nudity"].block == 0.5
    assert shelf.is_stale
    assert "school.yaml:3: rules.nudity.block" in caplog.text

    write(tmp_path, "0.6")
    assert shelf.policies["school"].rules["nudity"].block == 0.6
    assert not shelf.is_stale


def test_a_file_that_may_be_half_written_does_not_count_yet(tmp_path: Path) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))
    half = tmp_path / "school.yaml"

    half.write_text("name: school\nrules: {}\n")
    assert "nudity" in shelf.policies["school"].rules

    _date(half, 1.5)
    assert "nudity" not in shelf.policies["school"].rules


def test_a_clock_that_is_ahead_holds_nothing_up(tmp_path: Path) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))

    write(tmp_path, "0.75")
    _date(tmp_path / "school.yaml", -3600)

    assert shelf.policies["school"].rules["nudity"].block == 0.75


def test_a_copy_that_keeps_time_and_size_is_followed(tmp_path: Path) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))
    was = (tmp_path / "school.yaml").stat()

    write(tmp_path, "0.7")
    os.utime(tmp_path / "school.yaml", ns=(was.st_atime_ns, was.st_mtime_ns))

    assert shelf.policies["school"].rules["nudity"].block == 0.7


def test_a_folder_that_may_not_be_read_keeps_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert shelf.policies["school"].rules["nudity"].block == 0.5
    assert shelf.is_stale


def test_a_policy_that_is_needed_does_not_go(tmp_path: Path) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))

    (tmp_path / "school.yaml").unlink()
    assert "school" in shelf.policies
    assert shelf.is_stale

    tmp_path.rmdir()
    assert "school" in shelf.policies


def test_what_is_needed_must_be_there_from_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnknownPolicyError):
        PolicyShelf(tmp_path, ("school",))
