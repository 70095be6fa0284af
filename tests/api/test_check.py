import base64
import gzip
import io
import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fakes import colour_detector
from films import film
from pictures import BROKEN, encode, photo
from worksafe.api.app import create_app
from worksafe.api.response_schemas import CheckResponse
from worksafe.models.registry import CATEGORIES, DETECTORS, LABELS
from worksafe.moderator import Moderator
from worksafe.results import TAXONOMY
from worksafe.settings import Settings

PNG = encode(photo("cat"), "PNG")
JPEG = encode(photo("coffee"), "JPEG")
PROBLEM = "application/problem+json"


def upload(data: bytes, name: str = "a.jpg") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def post_files(client: FlaskClient, *files: tuple[io.BytesIO, str], **fields: Any) -> TestResponse:
    return client.post("/v1/check", data={"images": list(files), **fields})


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def assert_problem(response: TestResponse, status: int, code: str, field: str | None) -> None:
    assert response.status_code == status, response.text
    assert response.content_type == PROBLEM
    document = response.get_json(force=True)
    assert document["status"] == status
    assert document["code"] == code
    assert document.get("field") == field
    assert document["title"]
    assert document["detail"]


def test_a_multipart_request_gets_the_documented_answer(client: FlaskClient) -> None:
    response = post_files(client, upload(JPEG, "a.jpg"), upload(PNG, "b.png"))

    assert response.status_code == 200
    document = response.get_json()
    CheckResponse.model_validate(document, strict=False)
    assert document["id"].startswith("chk_")
    assert document["taxonomy"] == TAXONOMY
    assert document["policy"]["name"] == "default"
    assert [model["name"] for model in document["models"]] == [spec.name for spec in DETECTORS]
    assert document["decision"] in {"allow", "review", "block"}
    assert document["suitability"] == min(r["suitability"] for r in document["results"])
    assert [result["id"] for result in document["results"]] == ["a.jpg", "b.png"]
    assert [result["index"] for result in document["results"]] == [0, 1]
    assert [result["image"]["format"] for result in document["results"]] == ["jpeg", "png"]
    for result in document["results"]:
        assert result["status"] == "ok"
        assert result["error"] is None
        named = {
            f"{category}.{label}"
            for category, scores in result["categories"].items()
            for label in scores["labels"]
        }
        assert set(result["categories"]) == set(CATEGORIES)
        assert named == set(LABELS)
    assert set(document["timing_ms"]) == {"decode", "wait", "inference", "total"}


def test_all_three_forms_give_the_same_scores(client: FlaskClient) -> None:
    responses = [
        post_files(client, upload(PNG)),
        client.post("/v1/check", json={"images": [{"id": "x", "base64": as_base64(PNG)}]}),
        client.post(
            "/v1/check",
            json={"images": [{"data_url": f"data:image/png;base64,{as_base64(PNG)}"}]},
        ),
        client.post("/v1/check", data=PNG, content_type="image/png"),
        client.post("/v1/check", data=PNG, content_type="application/octet-stream"),
    ]

    results = [response.get_json()["results"][0] for response in responses]
    assert [response.status_code for response in responses] == [200] * 5
    assert [result["id"] for result in results] == ["a.jpg", "x", None, None, None]
    assert all(result["categories"] == results[0]["categories"] for result in results)


def test_base64_may_be_broken_into_lines(client: FlaskClient) -> None:
    lines = base64.encodebytes(PNG).decode()

    response = client.post("/v1/check", json={"images": [{"base64": lines}]})

    assert response.get_json()["results"][0]["status"] == "ok"


def test_broken_images_are_items_in_error_and_the_others_are_scored(client: FlaskClient) -> None:
    broken = [upload(data, name) for name, (data, _) in BROKEN.items()]

    response = post_files(client, upload(JPEG), *broken, upload(PNG))

    assert response.status_code == 200
    document = response.get_json()
    results = document["results"]
    assert [result["status"] for result in results] == ["ok", *["error"] * len(BROKEN), "ok"]
    assert [r["error"]["code"] for r in results[1:-1]] == [code for _, code in BROKEN.values()]
    for result in results[1:-1]:
        assert result["decision"] == "review"
        assert result["suitability"] is None
        assert result["categories"] is None
        assert result["regions"] == []
    assert document["decision"] == "review"
    assert document["suitability"] is not None


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"base64": "not base64!"}, "invalid_base64"),
        ({"base64": "Zm9v\u00fc"}, "invalid_base64"),
        ({"base64": ""}, "empty_image"),
        ({"data_url": "data:image/png,abc"}, "invalid_base64"),
        ({"data_url": "http://example.com/a.png"}, "invalid_base64"),
        ({"url": "https://example.com/a.png"}, "urls_off"),
        ({"base64": as_base64(b"hello, this is text")}, "not_an_image"),
    ],
)
def test_what_cannot_be_received_is_an_item_in_error(
    entry: dict[str, str], code: str, client: FlaskClient
) -> None:
    good = {"base64": as_base64(PNG)}

    response = client.post("/v1/check", json={"images": [entry, good]})

    first, second = response.get_json()["results"]
    assert first["error"]["code"] == code
    assert second["status"] == "ok"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "missing_field", "images"),
        ({"images": []}, "missing_field", "images"),
        ({"images": "a.jpg"}, "invalid_field", "images"),
        ({"images": ["a.jpg"]}, "invalid_field", "images.0"),
        ({"images": [{}]}, "invalid_field", "images.0"),
        ({"images": [{"base64": 5}]}, "invalid_field", "images.0.base64"),
        ({"images": [{"base64": "", "url": ""}]}, "invalid_field", "images.0"),
        ({"images": [{"base64": "", "id": 7}]}, "invalid_field", "images.0.id"),
        ({"images": [{"base64": "", "ids": "7"}]}, "unknown_field", "images.0.ids"),
        ({"images": [{"base64": ""}], "polcy": "default"}, "unknown_field", "polcy"),
        ({"images": [{"base64": ""}], "policy": 1}, "invalid_field", "policy"),
        ({"images": [{"base64": ""}], "policy": "nope"}, "unknown_policy", "policy"),
        ({"images": [{"base64": ""}], "include": "regions"}, "invalid_field", "include"),
        ({"images": [{"base64": ""}], "include": ["x"]}, "invalid_field", "include.0"),
        ([], "invalid_field", None),
    ],
)
def test_wrong_json_is_a_problem_that_names_the_field(
    body: Any, code: str, field: str | None, client: FlaskClient
) -> None:
    assert_problem(client.post("/v1/check", json=body), 422, code, field)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1, 2"])
def test_what_is_no_json_is_malformed(body: bytes, client: FlaskClient) -> None:
    response = client.post("/v1/check", data=body, content_type="application/json")

    assert_problem(response, 422, "malformed_json", None)


def test_a_member_that_is_named_twice_is_refused(client: FlaskClient) -> None:
    body = b'{"policy": "strict", "policy": "lenient", "images": [{"base64": ""}]}'

    response = client.post("/v1/check", data=body, content_type="application/json")

    assert_problem(response, 422, "malformed_json", "policy")


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({}, "missing_field", "images"),
        ({"file": upload(PNG)}, "unknown_field", "file"),
        ({"images": "a.jpg"}, "invalid_field", "images"),
        ({"images": upload(PNG), "threshold": "0.5"}, "unknown_field", "threshold"),
        ({"images": upload(PNG), "policy": "nope"}, "unknown_policy", "policy"),
        ({"images": upload(PNG), "include": "everything"}, "invalid_field", "include.0"),
    ],
)
def test_a_wrong_form_is_a_problem_that_names_the_field(
    data: dict[str, Any], code: str, field: str, client: FlaskClient
) -> None:
    response = client.post("/v1/check", data=data, content_type="multipart/form-data")

    assert_problem(response, 422, code, field)


def test_options_travel_as_query_parameters_too(client: FlaskClient) -> None:
    url = "/v1/check?policy=default&include=regions"

    assert client.post(url, data=PNG, content_type="image/png").status_code == 200
    assert client.post(url, json={"images": [{"base64": as_base64(PNG)}]}).status_code == 200
    assert post_files(client, upload(PNG), policy="default", include="regions").status_code == 200
    assert_problem(
        client.post("/v1/check?polcy=x", data=PNG, content_type="image/png"),
        422,
        "unknown_field",
        "polcy",
    )
    assert_problem(
        client.post("/v1/check?policy=nope", json={"images": [{"base64": as_base64(PNG)}]}),
        422,
        "unknown_policy",
        "policy",
    )


def test_options_that_contradict_each_other_are_refused(client: FlaskClient) -> None:
    body = {"images": [{"base64": as_base64(PNG)}], "policy": "default"}

    assert client.post("/v1/check?policy=default", json=body).status_code == 200
    assert_problem(client.post("/v1/check?policy=other", json=body), 422, "invalid_field", "policy")
    assert_problem(
        client.post("/v1/check?policy=", data=PNG, content_type="image/png"),
        422,
        "unknown_policy",
        "policy",
    )


class Malformed(io.BytesIO):
    """A body with a malformed chunk: servers have exceptions of their own for it."""

    def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002 - as files have it
        raise EOFError("Invalid chunk size: b'ZZ'")


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=b", "image/png"])
def test_a_body_that_cannot_be_read_is_a_fault_of_the_client(
    content_type: str, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.post(
        "/v1/check",
        input_stream=Malformed(),
        content_type=content_type,
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert_problem(response, 400, "bad_request", None)
    assert caplog.text == ""


@pytest.mark.parametrize("content_type", ["image/png", "application/json"])
def test_a_body_that_is_shorter_than_its_length_is_refused(
    content_type: str, client: FlaskClient
) -> None:
    response = client.post(
        "/v1/check",
        input_stream=io.BytesIO(PNG),
        content_type=content_type,
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": str(len(PNG) + 1)},
    )

    assert_problem(response, 400, "bad_request", None)
    assert "shorter than its length" in response.get_json(force=True)["detail"]


@pytest.mark.parametrize("path", ["/v1/check", "/v1/redact", "/preds"])
def test_a_compressed_body_is_refused_by_the_name_of_its_coding(
    path: str, client: FlaskClient
) -> None:
    response = client.post(
        path,
        data={"images": upload(gzip.compress(PNG))},
        headers={"Content-Encoding": "gzip"},
    )

    assert_problem(response, 415, "unsupported_media_type", None)
    assert "gzip" in response.get_json(force=True)["detail"]
    assert response.headers["Accept-Encoding"] == "identity"


def test_a_body_that_is_said_to_be_as_it_is_is_taken(client: FlaskClient) -> None:
    response = client.post(
        "/v1/check", data=PNG, content_type="image/png", headers={"Content-Encoding": "Identity"}
    )

    assert response.status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_other_content_types_are_refused(content_type: str | None, client: FlaskClient) -> None:
    response = client.post("/v1/check", data=b"images=1", content_type=content_type)

    assert_problem(response, 415, "unsupported_media_type", None)


def limited(moderator: Moderator, **changes: Any) -> FlaskClient:
    settings = moderator.settings.model_copy(update=changes)
    return create_app(Moderator(settings, detectors=moderator._detectors)).test_client()


def test_a_body_beyond_the_ceiling_is_refused(moderator: Moderator) -> None:
    client = limited(moderator, max_request_bytes=10_000)

    assert_problem(post_files(client, upload(PNG)), 413, "body_too_large", None)
    assert_problem(
        client.post("/v1/check", data=PNG, content_type="image/png"), 413, "body_too_large", None
    )
    body = json.dumps({"images": [{"base64": as_base64(PNG)}]})
    assert_problem(
        client.post("/v1/check", data=body, content_type="application/json"),
        413,
        "body_too_large",
        None,
    )


def test_more_images_than_allowed_are_refused(moderator: Moderator) -> None:
    client = limited(moderator, max_images=3)
    text = upload(b"no picture")

    assert post_files(client, *[upload(b"no picture")] * 3).status_code == 200
    assert_problem(
        post_files(client, *[upload(b"no picture") for _ in range(4)]),
        422,
        "too_many_images",
        "images",
    )
    assert_problem(
        client.post("/v1/check", json={"images": [{"base64": ""}] * 4}),
        422,
        "too_many_images",
        "images",
    )
    text[0].close()


def test_a_thousand_images_fit_into_one_request(client: FlaskClient) -> None:
    files = [upload(b"no picture", f"{index}.jpg") for index in range(1000)]

    response = post_files(client, *files)

    assert response.status_code == 200
    assert len(response.get_json()["results"]) == 1000


def test_an_image_beyond_the_ceiling_is_an_item_in_error(moderator: Moderator) -> None:
    client = limited(moderator, max_image_bytes=len(JPEG))

    results = post_files(client, upload(PNG), upload(JPEG)).get_json()["results"]

    assert len(PNG) > len(JPEG)
    assert [result["error"] and result["error"]["code"] for result in results] == [
        "too_many_bytes",
        None,
    ]


def test_overload_is_refused_as_a_whole_with_retry_after(moderator: Moderator) -> None:
    made = Moderator(
        moderator.settings.model_copy(update={"running": 1, "waiting": 0}),
        detectors=moderator._detectors,
    )
    client = create_app(made).test_client()

    with made.admission.admit():
        response = post_files(client, upload(PNG))
        unread = [
            client.post(path, data=b"no form", content_type="multipart/form-data")
            for path in ("/v1/check", "/v1/redact", "/preds")
        ]

    assert_problem(response, 503, "overloaded", None)
    assert int(response.headers["Retry-After"]) >= 1
    assert [one.status_code for one in unread] == [503] * 3  # before a body is read


def test_a_fault_of_our_own_says_nothing_of_the_inside(
    moderator: Moderator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        msg = "the password is swordfish"
        raise RuntimeError(msg)

    made = Moderator(moderator.settings, detectors=moderator._detectors)
    monkeypatch.setattr(made, "check_set", fail)

    response = post_files(create_app(made).test_client(), upload(PNG))

    assert_problem(response, 500, "internal_error", None)
    assert "swordfish" not in response.text
    assert "swordfish" in caplog.text


def test_a_malformed_form_is_not_called_a_form_without_images(client: FlaskClient) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="images"; filename="'
    bodies = {
        "latin-1 name": head + b'\xe9.jpg"\r\n\r\n' + PNG + b"\r\n--b--\r\n",
        "cut off": head + b'a.jpg"\r\n\r\n' + PNG[:500],
    }
    for name, body in bodies.items():
        response = client.post(
            "/v1/check", data=body, content_type="multipart/form-data; boundary=b"
        )
        assert_problem(response, 422, "malformed_multipart", None)
        assert name
    response = client.post("/v1/check", data=PNG, content_type="multipart/form-data")
    assert_problem(response, 422, "malformed_multipart", None)


def unsaid(body: bytes, content_type: str) -> dict[str, Any]:
    """A request whose length is not stated: it comes in chunks."""
    return {
        "input_stream": io.BytesIO(body),
        "content_type": content_type,
        "headers": {"Transfer-Encoding": "chunked"},
        "environ_overrides": {"wsgi.input_terminated": True},
    }


def form(*parts: tuple[str, bytes]) -> bytes:
    return (
        b"".join(
            b"--b\r\nContent-Disposition: form-data; "
            + head.encode()
            + b"\r\n\r\n"
            + body
            + b"\r\n"
            for head, body in parts
        )
        + b"--b--\r\n"
    )


FORM = "multipart/form-data; boundary=b"
IMAGE = ('name="images"; filename="a.png"', PNG)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PNG, "image/png"),
        (form(IMAGE), FORM),
        (json.dumps({"images": [{"base64": as_base64(PNG)}]}).encode(), "application/json"),
    ],
    ids=["raw", "form", "json"],
)
def test_a_body_in_chunks_may_have_as_many_bytes_as_one_that_says_how_many(
    body: bytes, content_type: str, moderator: Moderator
) -> None:
    exact = limited(moderator, max_request_bytes=len(body))
    less = limited(moderator, max_request_bytes=len(body) - 1)

    assert exact.post("/v1/check", **unsaid(body, content_type)).status_code == 200
    assert exact.post("/v1/check", data=body, content_type=content_type).status_code == 200
    assert_problem(
        less.post("/v1/check", **unsaid(body, content_type)), 413, "body_too_large", None
    )


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ([IMAGE] * 40, "too_many_images", "images"),
        ([IMAGE, ('name="policy"', b"x" * 500_001)], "invalid_field", None),
        ([IMAGE, *[('name="policy"', b"default")] * 40], "invalid_field", None),
    ],
)
def test_a_form_in_chunks_is_refused_for_what_is_wrong_with_it(
    parts: list[tuple[str, bytes]], code: str, field: str | None, moderator: Moderator
) -> None:
    client = limited(moderator, max_images=3)

    response = client.post("/v1/check", **unsaid(form(*parts), FORM))

    assert_problem(response, 422, code, field)


def test_far_too_many_parts_are_too_many_images(moderator: Moderator) -> None:
    client = limited(moderator, max_images=3)

    response = post_files(client, *[upload(b"no picture") for _ in range(40)])

    assert_problem(response, 422, "too_many_images", "images")


def test_a_long_text_and_far_too_many_fields_are_not_called_images(moderator: Moderator) -> None:
    client = limited(moderator, max_images=3)

    long = post_files(client, upload(b"no picture"), policy="x" * 500_001)
    many = post_files(client, upload(b"no picture"), policy=["default"] * 40)

    assert_problem(long, 422, "invalid_field", None)
    assert_problem(many, 422, "invalid_field", None)


def test_an_option_given_twice_and_one_that_is_null(client: FlaskClient) -> None:
    body = {
        "images": [{"base64": as_base64(PNG)}],
        "policy": None,
        "thorough": None,
        "include": ["regions", "frames"],
    }
    query = "policy=default&include=frames,regions"  # the same, in another order

    assert client.post(f"/v1/check?{query}", json=body).status_code == 200
    assert client.post("/v1/check", json={**body, "include": None}).status_code == 200
    unset = {"images": body["images"], "labels": None, "method": None}
    assert client.post("/v1/redact", json=unset).status_code == 200
    assert_problem(
        client.post("/v1/check", json={**body, "nope": None}), 422, "unknown_field", "nope"
    )
    assert_problem(
        client.post("/v1/check?policy=nope&policy=default", data=PNG, content_type="image/png"),
        422,
        "invalid_field",
        "policy",
    )


def test_a_content_type_that_only_begins_alike_is_refused(client: FlaskClient) -> None:
    response = client.post("/v1/check", data=PNG, content_type="application/octet-streamx")

    assert response.status_code == 415


@pytest.mark.parametrize("length", [1024, 1025, 9000])
def test_an_id_is_of_a_file_name_no_more_than_an_id_may_have(
    client: FlaskClient, length: int
) -> None:
    (result,) = post_files(client, upload(PNG, "é" * length)).get_json()["results"]

    assert (result["id"], result["status"]) == ("é" * 1024, "ok")


@pytest.mark.parametrize("path", ["/v1//check", "//v1/check"])
def test_nobody_is_led_elsewhere(client: FlaskClient, path: str) -> None:
    response = client.open(path, base_url="http://localhost", method="POST", data=PNG)

    assert_problem(response, 404, "not_found", None)


def test_a_list_that_nobody_has_filled_in_is_not_given(client: FlaskClient) -> None:
    response = client.post(
        "/v1/check?include=frames", data={"images": [upload(PNG)], "include": ""}
    )

    assert response.status_code == 200, response.text
    assert response.get_json()["results"][0]["frames"]


def test_a_video_has_more_time_than_a_picture_and_lends_it_to_its_set() -> None:
    detector = colour_detector("violence.firearm", (255, 0, 0))
    made = Moderator(Settings(deadline_s=1e-6, deadline_per_video_s=30), detectors=[detector])
    client = create_app(made).test_client()
    video = film(30, lambda index: np.full((48, 64, 3), 8 * index, dtype=np.uint8))

    alone = post_files(client, upload(PNG)).get_json()
    both = post_files(client, upload(PNG), upload(video, "a.mp4")).get_json()
    as_before = client.post("/preds", data={"images": [upload(PNG), upload(video, "a.mp4")]})

    assert [result["error"]["code"] for result in alone["results"]] == ["deadline_exceeded"]
    assert [result["status"] for result in both["results"]] == ["ok", "ok"]
    assert all("error" not in item for item in as_before.get_json()["data"])
    made.close()
