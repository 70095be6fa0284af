from pathlib import Path
from urllib.parse import urlsplit

import pytest

from worksafe import Settings
from worksafe.api.server import Server
from worksafe.errors import SettingsError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "worksafe.toml"
    monkeypatch.setenv("WORKSAFE_CONFIG", str(path))
    return path


def test_arguments_come_before_the_environment_before_the_file_before_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('port = 1\nthreads = 2\nhost = "10.0.0.1"\n')
    monkeypatch.setenv("WORKSAFE_PORT", "3")
    monkeypatch.setenv("WORKSAFE_THREADS", "4")

    settings = Settings.load(port=5)

    assert (settings.port, settings.threads, settings.host) == (5, 4, "10.0.0.1")
    assert settings.waiting == Settings.model_fields["waiting"].default


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prt = 1", "there is no setting prt"),
        ("port = 70000", "the setting port "),
        ("deadline_s = 0", "deadline_s"),
        ("deadline_s = inf", "the setting deadline_s "),
        ("deadline_s = 1e10", "the setting deadline_s "),
        ("deadline_per_image_s = 1e10", "the setting deadline_per_image_s "),
        ("decode_s = 3e6", "the setting decode_s "),
        ("decoder_bytes = 9223372036854775808", "the setting decoder_bytes "),
        ('host = ""', "the setting host "),
        ('host = " "', "the setting host "),
        ("deadline_s = nan", "the setting deadline_s "),
        ("deadline_per_image_s = inf", "the setting deadline_per_image_s "),
        ("decode_s = inf", "the setting decode_s "),
        ("fetch_s = nan", "the setting fetch_s "),
        ('fetch_hosts = "a.example.com"', "the setting fetch_hosts "),
        ("port = ", r"worksafe\.toml, which WORKSAFE_CONFIG names"),
    ],
)
def test_mistakes_are_named(text: str, message: str, file: Path) -> None:
    file.write_text(text)

    with pytest.raises(SettingsError, match=message) as caught:
        Settings.load()

    assert "worksafe.toml" in str(caught.value)


def test_all_mistakes_are_named_with_where_they_were_made(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('prt = 1\nwaiting = "x"')
    monkeypatch.setenv("WORKSAFE_MAX_IMAGE_BYTES", "32MB")
    monkeypatch.setenv("WORKSAFE_CACHE_URL", "user:secret@host")

    with pytest.raises(SettingsError) as caught:
        Settings.load(port="80x")

    said = str(caught.value)
    assert f"there is no setting prt ({file})" in said
    assert f"the setting waiting ({file}): must be a whole number, not 'x'" in said
    assert "(WORKSAFE_MAX_IMAGE_BYTES): must be a whole number, not '32MB'" in said
    assert "the setting port (WORKSAFE_PORT): must be a whole number, not '80x'" in said
    assert "(WORKSAFE_CACHE_URL): must begin with redis:// or rediss://" in said
    assert "secret" not in said


def test_a_number_that_is_too_long_to_be_written_is_a_mistake_like_others() -> None:
    with pytest.raises(SettingsError, match="the setting port"):
        Settings.load(port=16**5000)


def test_a_file_that_is_not_there_is_not_ignored(file: Path) -> None:
    assert not file.exists()
    with pytest.raises(SettingsError, match=r"worksafe\.toml"):
        Settings.load()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("::1", ("::1", 8000)),
        ("[::1]", ("::1", 8000)),
        ("localhost", ("localhost", 8000)),
        ("0.0.0.0", ("0.0.0.0", 8000)),  # noqa: S104 - as an operator may want it
    ],
)
def test_a_server_listens_where_it_is_told(host: str, expected: tuple[str, int]) -> None:
    assert Server(Settings(host=host)).cfg.address == [expected]


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_stands_in_a_url(host: str) -> None:
    assert urlsplit(f"http://{Settings(host=host).address}/docs").hostname == "::1"


def test_no_set_has_more_than_a_day() -> None:
    assert Settings(deadline_per_image_s=86_400).deadline_for(10**9) == 86_400


def test_a_set_has_more_time_than_one_image() -> None:
    settings = Settings(deadline_s=10, deadline_per_image_s=0.5)

    assert settings.deadline_for(1) == 10
    assert settings.deadline_for(101) == 60


def test_a_video_has_more_time_than_an_image() -> None:
    settings = Settings(deadline_s=10, deadline_per_image_s=0.5, deadline_per_video_s=40)

    assert settings.deadline_for(1, videos=1) == 50
    assert settings.deadline_for(3, videos=2) == 91


@pytest.mark.parametrize("value", ["cdn.example.com", '"cdn.example.com"', "[1]"])
def test_a_variable_that_is_no_list_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSAFE_FETCH_HOSTS", value)

    with pytest.raises(SettingsError, match=r"^the setting fetch_hosts.*\(WORKSAFE_FETCH_HOSTS\)"):
        Settings.load()


def test_hosts_are_a_list_in_the_environment_and_in_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('fetch_hosts = ["a.example.com"]')
    assert Settings.load().fetch_hosts == {"a.example.com"}

    monkeypatch.setenv("WORKSAFE_FETCH_HOSTS", '["b.example.com", "c.example.com"]')
    assert Settings.load().fetch_hosts == {"b.example.com", "c.example.com"}


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"WORKSAFE_{name.upper()}", "")
    monkeypatch.setenv("WORKSAFE_CONFIG", "")

    settings = Settings.load()

    assert settings.policy_dir is None
    assert settings == Settings.model_construct()


@pytest.mark.parametrize(
    "host",
    [
        "", "images.example.com:8080", "https://images.example.com", "images.example.com/a",
        "*.example.com", "10.0.0.0/8", "[::1]", "::1/128", "fe80::1%eth0", "10.0.0.1:80",
        "images example", "bücher.example", "user@images.example.com", "a.example,b.example",
    ],
)  # fmt: skip
def test_a_host_that_no_url_can_have_is_refused_by_name(host: str) -> None:
    with pytest.raises(SettingsError, match="WORKSAFE_FETCH_HOSTS") as caught:
        Settings.load(fetch_hosts=["images.example.com", host])

    assert str(caught.value).count(repr(host)) == ("@" not in host)  # there a password may be


@pytest.mark.parametrize(
    "variable", ["WORKSAFE_HOST", "WORKSAFE_FETCH_HOSTS", "WORKSAFE_CACHE_URL"]
)
def test_what_may_be_a_password_is_not_quoted(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "https://user:secret@host/0")

    with pytest.raises(SettingsError, match=variable) as caught:
        Settings.load()

    assert "secret" not in str(caught.value)


def test_names_and_addresses_are_hosts() -> None:
    hosts = {"images", "Images.example.com", "xn--bcher-kva.example", "10.0.0.1", "::1", "my_nas"}

    assert Settings.load(fetch_hosts=hosts).fetch_hosts == hosts
