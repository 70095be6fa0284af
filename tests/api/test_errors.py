from http import HTTPStatus
from pathlib import Path

from flask import Flask

from worksafe import errors
from worksafe.api.errors import STATUS_BY_ERROR, RequestError, register_errors
from worksafe.errors import InputError, WorksafeError

DOCUMENT = Path(__file__).parents[2] / "docs" / "http-api.md"


def test_every_code_that_an_answer_can_have_is_documented() -> None:
    told = {
        kind.code
        for kind, status in STATUS_BY_ERROR.items()
        if status != HTTPStatus.INTERNAL_SERVER_ERROR and kind not in {RequestError, InputError}
    }
    codes = told | {kind.code for kind in InputError.__subclasses__()}

    text = DOCUMENT.read_text()
    assert {code for code in codes if f"`{code}`" not in text} == set()


STABLE = {
    "error": 500,
    "input_error": 422,
    "empty_image": 422,
    "too_many_bytes": 422,
    "too_many_pixels": 422,
    "side_too_long": 422,
    "too_many_frames": 422,
    "not_an_image": 422,
    "undecodable_image": 422,
    "invalid_base64": 422,
    "unreadable_source": 422,
    "decode_timeout": 422,
    "decoder_crashed": 422,
    "video_not_supported": 422,
    "urls_off": 422,
    "url_refused": 422,
    "url_failed": 422,
    "not_redactable": 422,
    "redaction_failed": 422,
    "unknown_policy": 422,
    "deadline_exceeded": 503,
    "overloaded": 503,
    "closed": 503,
    "internal_error": 500,
    "invalid_settings": 500,
    "invalid_policy": 500,
    "invalid_results": 500,
    "weights_unavailable": 500,
    "invalid_dataset": 500,
    "training_failed": 500,
}
"""What programs rely on: each code, and the status of a request that fails with it."""


def test_codes_and_their_statuses_are_stable() -> None:
    kinds = {kind.code: kind for kind in vars(errors).values()
             if isinstance(kind, type) and issubclass(kind, WorksafeError)}  # fmt: skip
    app = Flask(__name__)
    register_errors(app)

    @app.route("/<code>")
    def fail(code: str) -> str:
        raise kinds[code]("its cause")

    found = {code: app.test_client().get(f"/{code}") for code in kinds}

    assert {code: answer.status_code for code, answer in found.items()} == STABLE
    for code, answer in found.items():
        is_ours = answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        assert answer.get_json(force=True)["code"] == ("internal_error" if is_ours else code)
        assert ("its cause" in answer.text) is not is_ours
    assert {code for code, answer in found.items() if "Retry-After" in answer.headers} == {
        code for code, status in STABLE.items() if status == HTTPStatus.SERVICE_UNAVAILABLE
    }
