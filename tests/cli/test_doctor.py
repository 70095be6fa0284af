import pytest
from typer.testing import CliRunner

from worksafe.cli.main import app

runner = CliRunner()


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


def test_doctor_names_variables_that_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSAFE_POLICYDIR", "policies")

    run = runner.invoke(app, ["doctor"], env={"COLUMNS": "200"})

    (line,) = [line for line in run.output.splitlines() if line.startswith("ignored")]
    assert "WORKSAFE_POLICYDIR: there are no such settings" in line


@pytest.mark.parametrize(
    "url",
    ["localhost", "http://[::1", "http://localhost:foo", "http://localhost:0", "ftp://localhost"],
)
def test_a_service_to_attack_needs_a_url(url: str) -> None:
    run = runner.invoke(app, ["doctor", "--hostile", url])

    assert run.exit_code == 2
    assert "is not a URL" in run.output
