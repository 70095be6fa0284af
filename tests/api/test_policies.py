import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from fakes import brightness_detector
from pictures import encode, photo
from worksafe import Moderator, Settings
from worksafe.api.app import create_app

EAGER = "name: eager\non_error: block\nrules:\n  violence: {block: {fpr: 0.05}}\n"


@pytest.fixture
def moderator(tmp_path: Path) -> Iterator[Moderator]:
    (tmp_path / "eager.yaml").write_text(EAGER)
    settings = Settings(policy_dir=tmp_path, shadow_policy="eager", cache_entries=0)
    made = Moderator(settings, detectors=[brightness_detector()])
    yield made
    made.close()


@pytest.fixture
def client(moderator: Moderator) -> FlaskClient:
    return create_app(moderator).test_client()


def test_policies_are_listed_with_thresholds_as_scores(client: FlaskClient) -> None:
    document = client.get("/v1/policies").get_json()

    assert document["default"] == "default"
    names = [one["name"] for one in document["policies"]]
    assert names == ["default", "eager", "lenient", "strict"]
    eager = document["policies"][1]
    assert 0 < eager["rules"]["violence"]["block"] < 1
    assert eager["version"].startswith("sha256:")
    assert document["is_stale"] is False


def test_the_shadow_counts_and_logs_and_never_acts(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "worksafe")
    pictures = [encode(photo("coffee")), b"no picture"]
    files = [(io.BytesIO(data), f"secret-{at}.jpg") for at, data in enumerate(pictures)]

    answer = client.post("/v1/check", data={"images": files}).get_json()

    assert [one["decision"] for one in answer["results"]] == ["allow", "review"]
    assert answer["policy"]["name"] == "default"
    shadow = client.get("/v1/policies").get_json()["shadow"]
    assert shadow["name"] == "eager"
    assert shadow["counts"] == [
        {"active": "allow", "shadow": "block", "images": 1},
        {"active": "review", "shadow": "block", "images": 1},
    ]
    first, second = (one.getMessage() for one in caplog.records if "shadow=" in one.message)
    assert first == (
        f"check={answer['id']} index=0 active=default did=allow did_for=- "
        "shadow=eager would=block would_for=violence"
    )
    assert "index=1 active=default did=review did_for=- shadow=eager would=block" in second
    assert "secret" not in caplog.text


def test_a_changed_policy_decides_without_a_restart(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worksafe.policy.shelf._LOOK_EVERY_S", 0.0)

    def decide() -> str:
        body = encode(photo("coffee"))
        answer = client.post("/v1/check?policy=eager", data=body, content_type="image/jpeg")
        return str(answer.get_json()["decision"])

    assert decide() == "block"
    (tmp_path / "eager.yaml").write_text("name: eager\nrules: {}\n")
    os.utime(tmp_path / "eager.yaml", (0, 0))  # a file counts when it is a second old
    assert decide() == "allow"


def test_an_unknown_policy_is_refused_with_those_there_are(client: FlaskClient) -> None:
    answer = client.post("/v1/check?policy=eagre", data=b"x", content_type="image/jpeg")

    assert answer.status_code == 422
    detail = answer.get_json(force=True)["detail"]
    assert all(name in detail for name in ("default", "eager", "lenient", "strict"))
