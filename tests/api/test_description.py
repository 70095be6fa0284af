import io

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from pictures import encode, photo
from worksafe.api.app import create_app
from worksafe.models.registry import DETECTORS
from worksafe.moderator import Moderator

PHOTO = encode(photo())


def test_the_description_is_valid_openapi(client: FlaskClient) -> None:
    validate(client.get("/openapi.json").get_json())


def test_every_route_is_described(moderator: Moderator) -> None:
    app = create_app(moderator)
    described = app.test_client().get("/openapi.json").get_json()["paths"]

    pages = {"/", "/docs", "/openapi.json", "/swagger", "/oauth2-redirect.html"}
    for rule in app.url_map.iter_rules():
        if rule.rule not in pages and not rule.endpoint.endswith("static"):
            for method in rule.methods or set():
                if method in {"GET", "POST"}:
                    assert method.lower() in described[rule.rule], rule.rule


def test_a_check_is_described_in_its_three_forms(client: FlaskClient) -> None:
    check = client.get("/openapi.json").get_json()["paths"]["/v1/check"]["post"]

    assert set(check["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/json",
        "image/*",
        "video/*",
        "application/octet-stream",
    }
    assert {parameter["name"] for parameter in check["parameters"]} == {
        "policy",
        "include",
        "thorough",
    }
    assert set(check["responses"]) == {"200", "400", "413", "415", "422", "500", "503"}


@pytest.mark.parametrize("path", ["/v1/check", "/v1/redact"])
def test_the_page_chooses_no_option_by_itself(client: FlaskClient, path: str) -> None:
    operation = client.get("/openapi.json").get_json()["paths"][path]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert set(form["properties"]) == {"images"}  # an option's first choice would be sent as well
    for parameter in operation["parameters"]:
        assert parameter["description"]
        assert not parameter["required"]
        for described in (parameter, parameter["schema"]):
            assert not described.keys() & {"default", "example", "examples"}, parameter["name"]


@pytest.mark.parametrize("path", ["/v1/check", "/v1/redact"])
def test_what_the_page_offers_to_try_is_answered(client: FlaskClient, path: str) -> None:
    description = client.get("/openapi.json").get_json()
    content = description["paths"][path]["post"]["requestBody"]["content"]
    picture = (io.BytesIO(PHOTO), "a.jpg")
    name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    example = description["components"]["schemas"][name]["example"]

    answers = [client.post(path, data={"images": picture}), client.post(path, json=example)]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_options_are_taken_from_the_query_and_from_a_form(client: FlaskClient) -> None:
    options = {"policy": "strict", "thorough": "never"}

    answers = [
        client.post(
            "/v1/check", data={**form, "images": (io.BytesIO(PHOTO), "a")}, query_string=query
        )
        for form, query in ((options, {}), ({}, options))
    ]

    assert [answer.get_json()["policy"]["name"] for answer in answers] == ["strict", "strict"]


def test_the_page_is_as_wide_as_a_telephone(client: FlaskClient) -> None:
    assert 'name="viewport" content="width=device-width' in client.get("/docs").text


def test_the_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")

    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    with client.get("/swagger/js/swagger-ui-bundle.js") as script:
        assert script.status_code == 200
    assert client.get("/", follow_redirects=True).status_code == 200


def test_every_problem_is_described_as_it_is_answered(client: FlaskClient) -> None:
    described = client.get("/openapi.json").get_json()["paths"]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

    for operations in described.values():
        for operation in operations.values():
            contents = {
                status: answer["content"] for status, answer in operation["responses"].items()
            }
            assert "500" in contents
            assert all(contents[status] == problem for status in contents if status[0] in "45")
    assert "422" not in described["/v1/models"]["get"]["responses"]


def test_all_of_it_holds_behind_a_prefix(client: FlaskClient) -> None:
    assert client.get("/").headers["Location"] == "docs"
    assert client.get("/openapi.json").get_json()["servers"] == [{"url": "."}]


def test_health(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "alive"}
    assert client.get("/readyz").get_json() == {"status": "ready"}


def test_a_closed_moderator_is_not_ready(moderator: Moderator) -> None:
    made = Moderator(detectors=moderator._detectors)
    client = create_app(made).test_client()

    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").headers["Retry-After"]
    made.warm_up()
    assert client.get("/readyz").status_code == 200
    made.close()
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_taxonomy_and_models(client: FlaskClient) -> None:
    labels = client.get("/v1/taxonomy").get_json()["labels"]
    models = client.get("/v1/models").get_json()["models"]

    assert {label["name"] for label in labels if not label["counts"]} == {
        "nudity.suggestive",
        "drugs.tobacco",
    }
    assert {model["name"]: model["license"] for model in models} == {
        spec.name: spec.licence for spec in DETECTORS
    }


def test_what_is_not_there_is_a_problem_document(client: FlaskClient) -> None:
    for response, status in ((client.get("/nowhere"), 404), (client.get("/v1/check"), 405)):
        assert response.status_code == status
        assert response.content_type == "application/problem+json"
        assert response.get_json(force=True)["status"] == status
    assert "/docs lists" in client.get("/nowhere").get_json(force=True)["detail"]
    assert "takes OPTIONS, POST" in client.get("/v1/check").get_json(force=True)["detail"]
    assert "POST" in client.get("/v1/check").headers["Allow"]
