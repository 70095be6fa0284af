import errno
import os
import threading
import time
from pathlib import Path

import pytest

from worksafe.errors import UnknownPolicyError
from worksafe.policy import reading as reading_module
from worksafe.policy import shelf as shelf_module
from worksafe.policy.document import Policy
from worksafe.policy.shelf import PolicyShelf
from worksafe.policy.yaml_file import YamlFile, read_yaml

TEXT = "name: school\nrules:\n  nudity: {block: %s}\n"


@pytest.fixture(autouse=True)
def _always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "_LOOK_EVERY_S", 0.0)


def write(folder: Path, threshold: str, name: str = "school.yaml") -> None:
    path = folder / name
    path.write_text(TEXT % threshold)
    _date(path, 2)
    _date(folder, 2)


def remove(folder: Path, name: str = "school.yaml") -> None:
    (folder / name).unlink()
    _date(folder, 2)


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

    remove(tmp_path)
    assert "school" not in shelf.policies
    assert not shelf.is_stale


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


def test_a_passing_error_is_tried_again_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Too many open files, say: the file itself does not change again."""
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))
    write(tmp_path, "0.75")

    def refuse(path: Path, *_: object) -> None:
        raise OSError(24, "Too many open files", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        for _ in range(3):
            assert shelf.policies["school"].rules["nudity"].block == 0.5
        assert shelf.is_stale
    assert caplog.text.count("Too many open files") == 1

    assert shelf.policies["school"].rules["nudity"].block == 0.75
    assert not shelf.is_stale


def test_whatever_a_file_raises_keeps_what_was_and_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))
    write(tmp_path, "0.75")

    def fail(path: Path) -> YamlFile:
        raise MemoryError(str(path))

    monkeypatch.setattr(reading_module, "read_yaml", fail)

    assert shelf.policies["school"].rules["nudity"].block == 0.5
    assert shelf.is_stale
    assert "policies stay as they were" in caplog.text


def test_a_folder_that_is_as_it_was_is_not_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))

    def refuse(folder: Path) -> None:
        raise OSError(116, "Stale file handle", str(folder))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", refuse)
        assert "school" in shelf.policies
        assert shelf.is_stale

    assert "school" in shelf.policies
    assert not shelf.is_stale


def test_a_second_of_one_name_that_cannot_be_read_again_is_a_mistake_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "0.5", "a.yaml")
    shelf = PolicyShelf(tmp_path, ("school",))
    write(tmp_path, "0.6", "b.yaml")
    calls: list[Path] = []

    def read_twice(path: Path) -> YamlFile:
        calls.append(path)
        if calls.count(path) > 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return read_yaml(path)

    monkeypatch.setattr(reading_module, "read_yaml", read_twice)

    assert shelf.policies["school"].rules["nudity"].block == 0.5
    assert shelf.is_stale


def test_a_policy_that_is_needed_does_not_go(tmp_path: Path) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))

    remove(tmp_path)
    assert "school" in shelf.policies
    assert shelf.is_stale

    tmp_path.rmdir()
    assert "school" in shelf.policies


@pytest.mark.parametrize("name", ["default", "strict"])
def test_a_shipped_policy_does_not_stand_in_for_one_that_is_gone(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has the same name, and may be laxer: a volume that is unmounted leaves an empty folder."""
    text = f"name: {name}\nrules: {{nudity: {{block: 0.01}}}}\n"
    (tmp_path / "own.yaml").write_text(text)
    shelf = PolicyShelf(tmp_path, ("default",))

    remove(tmp_path, "own.yaml")

    assert shelf.policies[name].rules["nudity"].block == 0.01
    assert shelf.is_stale
    assert f"the policy '{name}' is gone" in caplog.text

    (tmp_path / "back.yaml").write_text(text)
    _date(tmp_path / "back.yaml", 2)
    _date(tmp_path, 2)
    assert shelf.policies[name].rules["nudity"].block == 0.01
    assert not shelf.is_stale


def test_a_file_that_is_gone_for_a_moment_is_not_missed(tmp_path: Path) -> None:
    """As between `rm` and `cp`."""
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("default",))

    (tmp_path / "school.yaml").unlink()

    assert "school" in shelf.policies
    assert not shelf.is_stale


def test_what_changes_while_it_is_read_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "0.5", "a.yaml")
    shelf = PolicyShelf(tmp_path, ("school",))
    read = reading_module.read_folder

    def read_slowly(folder: Path) -> dict[str, Policy]:
        policies = read(folder)
        write(folder, "0.7", "a.yaml")
        return policies

    write(tmp_path, "0.6", "a.yaml")
    monkeypatch.setattr(shelf_module, "read_folder", read_slowly)
    assert shelf.policies["school"].rules["nudity"].block == 0.5

    monkeypatch.setattr(shelf_module, "read_folder", read)
    assert shelf.policies["school"].rules["nudity"].block == 0.7


def test_a_new_file_does_not_hide_that_another_is_half_written(tmp_path: Path) -> None:
    """A clock that is ahead dates one, and the other is being written."""
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))

    (tmp_path / "other.yaml").write_text("name: other\nrules: {}\n")
    _date(tmp_path / "other.yaml", -3600)
    (tmp_path / "school.yaml").write_text("name: school\nrules: {}\n")
    _date(tmp_path, 2)

    assert "nudity" in shelf.policies["school"].rules


def test_no_policies_in_place_of_those_that_are_read_are_none() -> None:
    assert PolicyShelf(None, (), {}).policies == {}


def test_what_is_needed_must_be_there_from_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnknownPolicyError):
        PolicyShelf(tmp_path, ("school",))


def test_a_pipe_among_the_files_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", tmp_path):
        _date(path, 2)

    assert shelf.policies["school"].rules["nudity"].block == 0.5
    assert shelf.is_stale
    (tmp_path / "pipe.yaml").unlink()
    write(tmp_path, "0.75")
    assert shelf.policies["school"].rules["nudity"].block == 0.75
    assert not shelf.is_stale


def test_a_folder_that_does_not_answer_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "0.5")
    shelf = PolicyShelf(tmp_path, ("school",))
    is_asked, answers = threading.Event(), threading.Event()

    def hang(_: Path) -> list[Path]:
        is_asked.set()
        answers.wait(30)
        return []

    monkeypatch.setattr(shelf_module, "policy_files", hang)
    monkeypatch.setattr(shelf_module, "_LONG_LOOK_S", 0.0)
    asking = threading.Thread(target=lambda: shelf.policies)
    asking.start()
    assert is_asked.wait(30)

    assert shelf.policies["school"].rules["nudity"].block == 0.5
    assert shelf.is_stale
    assert "does not let itself be read" in caplog.text
    answers.set()
    asking.join()
