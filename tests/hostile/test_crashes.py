"""What fuzzing found stays mended: each file in `crashes/` is one finding of `make fuzz`."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from worksafe.errors import InputError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits

FOUND = sorted(
    path for path in (Path(__file__).parent / "crashes").iterdir() if path.suffix != ".md"
)
FORM = "multipart/form-data; boundary=worksafe-hostile"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_a_finding_is_pictures_or_an_error_of_ours(path: Path) -> None:
    try:
        decoded = decode_image(path.read_bytes(), ImageLimits(), 320)
    except InputError:
        return
    assert decoded.views


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
@pytest.mark.parametrize("content_type", [FORM, "application/json"])
def test_a_finding_is_no_fault_of_the_server(
    path: Path, content_type: str, client: FlaskClient
) -> None:
    response = client.post("/v1/check", data=path.read_bytes(), content_type=content_type)

    assert response.status_code < 500
