"""A policy that decides beside the active one is counted for itself, and harms nobody."""

import pytest
from flask.testing import FlaskClient

from fakes import brightness_detector, counts_of
from pictures import encode, photo
from policy_scores import image
from worksafe import Moderator, Settings
from worksafe.api.app import create_app
from worksafe.policy.document import Policy, Rule
from worksafe.policy.reading import read_policies
from worksafe.policy.shadow import Shadow
from worksafe.results import Action, ImageInfo, Moderation

DEFAULT, STRICT = (read_policies()[name] for name in ("default", "strict"))
BLOODY = Moderation(
    0,
    "a",
    Action.ALLOW,
    60,
    scores=image({"violence.blood": 0.4}).scores,
    image=ImageInfo("png", 8, 8, 1, 1),
)


def test_a_changed_shadow_is_counted_anew_and_each_active_policy_for_itself() -> None:
    now = [STRICT]
    shadow = Shadow(lambda: now[0])
    edited = DEFAULT.model_copy(update={"on_error": Action.BLOCK})

    for active in (DEFAULT, DEFAULT, edited):
        shadow.see(active, BLOODY, "chk_1")

    pair = (Action.ALLOW, Action.REVIEW)
    assert counts_of(shadow) == {pair: 3}
    assert shadow.by_policy(STRICT.info) == {DEFAULT.info: {pair: 2}, edited.info: {pair: 1}}

    now[0] = STRICT.model_copy(update={"rules": {"violence": Rule(block=0.3)}})
    assert counts_of(shadow) == {}
    shadow.see(DEFAULT, BLOODY, "chk_2")
    assert counts_of(shadow) == {(Action.ALLOW, Action.BLOCK): 1}


def test_a_shadow_that_fails_fails_no_request(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Policy:
        raise ZeroDivisionError

    Shadow(fail).see(DEFAULT, BLOODY, "chk_1")

    assert "check=chk_1 index=0: the shadow could not decide" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_active_policies_are_listed_apart() -> None:
    settings = Settings(shadow_policy="strict", cache_entries=0)
    moderator = Moderator(settings, detectors=[brightness_detector()])
    client: FlaskClient = create_app(moderator).test_client()
    for policy in ("default", "lenient", "lenient"):
        body = encode(photo("coffee"))
        client.post(f"/v1/check?policy={policy}", data=body, content_type="image/jpeg")

    shadow = client.get("/v1/policies").get_json()["shadow"]

    images = [(one["name"], sum(n["images"] for n in one["counts"])) for one in shadow["by_policy"]]
    assert images == [("default", 1), ("lenient", 2)]
    assert sum(one["images"] for one in shadow["counts"]) == 3
    moderator.close()
