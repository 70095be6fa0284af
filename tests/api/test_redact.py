import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image

from fakes import colour_detector
from pictures import encode, photo
from worksafe import Moderator, Settings
from worksafe.api.app import create_app
from worksafe.engine.detector import Detector
from worksafe.models.spec import Placement
from worksafe.policy.document import Policy
from worksafe.results import Region, Scores

GUN = "violence.firearm"
STRICT = {"name": "strict", "rules": {"violence": {"block": 0.1}}}
LAX = {"name": "default", "rules": {}}


@pytest.fixture(scope="module")
def redacting() -> Iterator[FlaskClient]:
    """Red things are guns."""
    policies = {one["name"]: Policy.model_validate(one) for one in (STRICT, LAX)}
    made = Moderator(
        Settings(policy="strict"),
        detectors=[colour_detector(GUN, (255, 0, 0))],
        policies=policies,  # type: ignore[arg-type]
    )
    yield create_app(made).test_client()
    made.close()


@pytest.fixture(scope="module")
def picture() -> bytes:
    image = photo("coffee").convert("L").convert("RGB").resize((300, 200))
    image.paste((255, 0, 0), (50, 50, 75, 80))
    return encode(image, "PNG")


def shown_at(data: bytes, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(value) for value in np.asarray(Image.open(io.BytesIO(data)))[y, x])


def test_the_body_is_the_picture_and_headers_say_what_was_done(
    redacting: FlaskClient, picture: bytes
) -> None:
    response = redacting.post("/v1/redact?method=box", data=picture, content_type="image/png")

    assert response.status_code == 200
    assert response.content_type == "image/png"
    assert shown_at(response.data, 60, 65) == (0, 0, 0)
    assert response.headers["Worksafe-Decision-Before"] == "block"
    assert response.headers["Worksafe-Decision"] == "allow"
    assert response.headers["Worksafe-Redacted"].startswith("violence.firearm; x=0.1")
    assert response.headers["Worksafe-Policy"].startswith('strict; version="sha256:')


def test_all_forms_of_request_do_the_same(redacting: FlaskClient, picture: bytes) -> None:
    raw = redacting.post("/v1/redact?method=box", data=picture, content_type="image/png")
    form = redacting.post(
        "/v1/redact", data={"images": (io.BytesIO(picture), "a.png"), "method": "box"}
    )
    text = base64.b64encode(picture).decode()
    as_json = redacting.post("/v1/redact", json={"images": [{"base64": text}], "method": "box"})

    assert raw.data == form.data == as_json.data


def test_an_allowed_picture_has_no_header_of_areas(redacting: FlaskClient, picture: bytes) -> None:
    response = redacting.post("/v1/redact?policy=default", data=picture, content_type="image/png")

    assert response.status_code == 200
    assert "Worksafe-Redacted" not in response.headers
    assert shown_at(response.data, 60, 65) == (255, 0, 0)


def test_of_many_areas_the_largest_are_named_so_that_headers_stay_short(picture: bytes) -> None:
    small = [(column / 20, row / 20, 0.02, 0.02) for column in range(20) for row in range(10)]
    red = colour_detector(GUN, (255, 0, 0))

    def interpret(outputs: Sequence[NDArray[Any]], placement: Placement) -> Scores:
        found = red.spec.interpret(outputs, placement)
        more = (Region(GUN, "COLOUR", 1.0, box) for box in small if found.regions)
        return replace(found, regions=(*more, *found.regions))

    detector = Detector(replace(red.spec, interpret=interpret), red.session)
    settings, strict = Settings(policy="strict"), {"strict": Policy.model_validate(STRICT)}
    with closing(Moderator(settings, detectors=[detector], policies=strict)) as made:
        client = create_app(made).test_client()
        response = client.post("/v1/redact?method=box", data=picture, content_type="image/png")

    named = response.headers["Worksafe-Redacted"].split(", ")
    assert len(named) == 32
    assert named[0].startswith(f"{GUN}; x=0.164; y=0.236; width=0.094")  # where it is red
    assert len(response.headers["Worksafe-Redacted"]) < 3000


def test_labels_by_name(redacting: FlaskClient, picture: bytes) -> None:
    response = redacting.post(
        f"/v1/redact?policy=default&method=box&labels={GUN}", data=picture, content_type="image/png"
    )

    assert shown_at(response.data, 60, 65) == (0, 0, 0)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("labels=violence.kitten", "invalid_field", "labels.0"),
        ("method=erase", "invalid_field", "method"),
        ("policy=none", "unknown_policy", "policy"),
        ("include=frames", "unknown_field", "include"),
    ],
)
def test_wrong_options_are_refused(
    redacting: FlaskClient, picture: bytes, query: str, code: str, field: str
) -> None:
    response = redacting.post(f"/v1/redact?{query}", data=picture, content_type="image/png")

    assert response.status_code == 422
    document = response.get_json(force=True)
    assert (document["code"], document["field"]) == (code, field)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_image"),
        (b"no picture", "not_an_image"),
        (encode(photo(), "PNG")[:2000], "undecodable_image"),
        (
            encode(photo(), "GIF", save_all=True, append_images=[photo("cat")]),
            "not_redactable",
        ),
    ],
)
def test_what_cannot_be_redacted_is_a_problem_and_never_a_picture(
    redacting: FlaskClient, data: bytes, code: str
) -> None:
    response = redacting.post("/v1/redact", data=data, content_type="image/png")

    assert response.status_code == 422
    assert response.content_type == "application/problem+json"
    assert response.get_json(force=True)["code"] == code


def test_one_picture_at_a_time(redacting: FlaskClient, picture: bytes) -> None:
    files = [(io.BytesIO(picture), "a.png"), (io.BytesIO(picture), "b.png")]

    response = redacting.post("/v1/redact", data={"images": files})

    assert response.status_code == 422
    assert response.get_json(force=True)["code"] == "too_many_images"


def test_one_mistake_has_one_code_in_a_form_and_in_json(
    redacting: FlaskClient, picture: bytes
) -> None:
    entry = {"base64": base64.b64encode(picture).decode()}

    two = redacting.post("/v1/redact", json={"images": [entry, entry]})
    none = redacting.post("/v1/redact", json={"images": []})

    assert [two.status_code, none.status_code] == [422, 422]
    assert two.get_json(force=True)["code"] == "too_many_images"
    assert none.get_json(force=True)["code"] == "missing_field"


def test_no_time_left_is_no_fault_of_the_picture(picture: bytes) -> None:
    made = Moderator(
        Settings(redact_deadline_s=1e-6), detectors=[colour_detector(GUN, (255, 0, 0))]
    )
    client = create_app(made).test_client()

    response = client.post("/v1/redact", data=picture, content_type="image/png")

    assert response.status_code == 503
    assert response.get_json(force=True)["code"] == "deadline_exceeded"
    assert "Retry-After" in response.headers
    made.close()


def test_a_label_that_nothing_here_reports_is_the_callers_mistake(
    redacting: FlaskClient, picture: bytes
) -> None:
    response = redacting.post(
        "/v1/redact?labels=drugs.cannabis", data=picture, content_type="image/png"
    )

    assert response.status_code == 422
    assert response.get_json(force=True)["code"] == "invalid_field"
    assert response.get_json(force=True)["field"] == "labels"
