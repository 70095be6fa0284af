import io

import pytest
from flask.testing import FlaskClient
from PIL import Image

from fakes import brightness_detector
from pictures import BROKEN, encode, photo
from worksafe import Moderator
from worksafe.api.app import create_app
from worksafe.api.routes.preds import render_preds
from worksafe.engine.detector import load_detectors
from worksafe.items import Item
from worksafe.models import nudity
from worksafe.models.registry import CATEGORIES
from worksafe.policy.document import Policy
from worksafe.results import Check

JPEG = encode(photo(), "JPEG")


def test_answers_as_the_original_project_did(client: FlaskClient) -> None:
    response = client.post(
        "/preds", data={"images": [(io.BytesIO(JPEG), "a.jpg"), (io.BytesIO(JPEG), "b.jpg")]}
    )

    assert response.status_code == 200
    document = response.get_json()
    assert set(document) == {"data", "isContainNude", "isContainViolence", "isContainDrugs"}
    assert [item["img_path"] for item in document["data"]] == ["a.jpg", "b.jpg"]
    for item in document["data"]:
        assert set(item) == {"img_path", "preds"}
        assert set(item["preds"]) == {
            "nude_score",
            "violence_score",
            "drugs_score",
            "natural_score",
        }
        assert all(isinstance(score, int) and 0 <= score <= 100 for score in item["preds"].values())
    assert document["isContainNude"] is False


def test_without_images_it_is_a_problem(client: FlaskClient) -> None:
    assert client.post("/preds", data={}).status_code == 415
    response = client.post("/preds", data={"pictures": (io.BytesIO(JPEG), "a.jpg")})

    assert response.status_code == 422
    assert response.get_json(force=True)["field"] == "pictures"


def test_a_broken_image_raises_the_flags_and_costs_the_others_nothing(
    client: FlaskClient,
) -> None:
    broken, code = BROKEN["jpeg cut off"]

    response = client.post(
        "/preds", data={"images": [(io.BytesIO(broken), "x.jpg"), (io.BytesIO(JPEG), "a.jpg")]}
    )

    document = response.get_json()
    first, second = document["data"]
    assert first["preds"] is None
    assert first["error"]["code"] == code
    assert second["preds"]["natural_score"] > 0
    assert document["isContainNude"] is document["isContainDrugs"] is True


def bright_set(label: str, policies: dict[str, Policy] | None = None) -> Check:
    """A set whose only picture shows a label for certain, and nothing else."""
    detectors = [*load_detectors([nudity.SPEC]), brightness_detector(label)]
    moderator = Moderator(detectors=detectors, policies=policies)
    check = moderator.check_set([Item(Image.new("RGB", (64, 64), "white"))])
    scores = check.results[0].scores
    assert scores is not None
    for category in CATEGORIES:
        scores.categories.setdefault(category, 0.0)  # type: ignore[attr-defined]  # a dict in fact
    return check


@pytest.mark.parametrize("label", ["drugs.cannabis", "drugs.tobacco"])
def test_tobacco_is_no_drug_and_cannabis_is(label: str) -> None:
    answer = render_preds(bright_set(label))

    assert answer.is_contain_drugs is (label == "drugs.cannabis")
    assert answer.is_contain_violence is False


def test_a_policy_about_labels_alone_sets_the_flags_too() -> None:
    policy = Policy.model_validate(
        {"name": "default", "rules": {"violence.firearm": {"block": 0.9}}}
    )

    assert render_preds(bright_set("violence.firearm", {"default": policy})).is_contain_violence
    assert not render_preds(bright_set("violence.blood", {"default": policy})).is_contain_violence


@pytest.mark.parametrize("action", ["block", "review"])
@pytest.mark.parametrize("label", ["drugs.tobacco", "nudity.suggestive"])
def test_what_is_blocked_sets_a_flag_though_the_label_is_only_reported(
    label: str, action: str
) -> None:
    policy = Policy.model_validate({"name": "default", "rules": {label: {action: 0.9}}})

    check = bright_set(label, {"default": policy})

    answer = render_preds(check)
    assert check.decision == action
    assert answer.is_contain_drugs is (action == "block" and label == "drugs.tobacco")
    assert answer.is_contain_nude is (action == "block" and label == "nudity.suggestive")


def test_options_are_refused_and_not_ignored(client: FlaskClient) -> None:
    file = (io.BytesIO(JPEG), "a.jpg")

    response = client.post("/preds?policy=default", data={"images": file})

    assert response.status_code == 422
    assert response.get_json(force=True)["field"] == "policy"


def test_a_category_that_nothing_scores_is_nought() -> None:
    with Moderator(detectors=[brightness_detector()]) as moderator:
        document = (
            create_app(moderator)
            .test_client()
            .post("/preds", data={"images": [(io.BytesIO(JPEG), "a.jpg")]})
            .get_json()
        )

    preds = document["data"][0]["preds"]
    assert (preds["nude_score"], preds["drugs_score"]) == (0, 0)
    assert preds["violence_score"] > 0
