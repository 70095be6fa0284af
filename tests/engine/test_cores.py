import os
from pathlib import Path

import pytest

from worksafe.engine import cores


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("5000 100000", 1),
        ("nonsense", 8),
    ],
)
def test_the_containers_quota_counts_and_not_the_hosts_cores(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    monkeypatch.setattr(cores, "_CGROUP_V2", file)
    monkeypatch.setattr(cores, "_CGROUP_V1_QUOTA", tmp_path / "absent")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    assert cores.count_cores() == expected


def test_the_older_cgroup_files_are_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quota").write_text("300000\n")
    (tmp_path / "period").write_text("100000\n")
    monkeypatch.setattr(cores, "_CGROUP_V2", tmp_path / "absent")
    monkeypatch.setattr(cores, "_CGROUP_V1_QUOTA", tmp_path / "quota")
    monkeypatch.setattr(cores, "_CGROUP_V1_PERIOD", tmp_path / "period")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    assert cores.count_cores() == 3
