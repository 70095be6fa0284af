from http import HTTPStatus
from pathlib import Path

from worksafe.api.errors import STATUS_BY_ERROR, RequestError
from worksafe.errors import InputError

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
