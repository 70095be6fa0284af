"""Requests that are wrong in themselves, or name images in ways that must not work."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

from worksafe.doctor.making import encoded, scene

_JSON = "application/json"
_BOUNDARY = "worksafe-hostile"
_FORM = f"multipart/form-data; boundary={_BOUNDARY}"
_REFUSED = "urls_off or url_refused"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to ``/v1/check``: its body, its content type, and its query."""

    body: bytes
    content_type: str
    query: str = ""


def _json(document: object) -> Callable[[], Sent]:
    return lambda: Sent(json.dumps(document).encode(), _JSON)


def _url(url: str) -> Callable[[], Sent]:
    return _json({"images": [{"url": url}]})


def _raw(body: bytes, content_type: str = _JSON, query: str = "") -> Callable[[], Sent]:
    return lambda: Sent(body, content_type, query)


def _part(head: str, body: bytes) -> bytes:
    return f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode() + body + b"\r\n"


def _form(*parts: bytes, end: str = f"--{_BOUNDARY}--\r\n") -> Callable[[], Sent]:
    return lambda: Sent(b"".join(parts) + end.encode(), _FORM)


def _file(name: str, body: bytes) -> bytes:
    return _part(f'Content-Disposition: form-data; name="images"; filename="{name}"', body)


def _good() -> bytes:
    return encoded(scene(), "JPEG")


def _many_parts() -> Sent:
    return Sent(_file("a.jpg", b"x") * 5_000 + f"--{_BOUNDARY}--\r\n".encode(), _FORM)


def _deep() -> Sent:
    return Sent(b'{"images": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", _JSON)


def _with_name(name: str) -> Callable[[], Sent]:
    return lambda: Sent(_file(name, _good()) + f"--{_BOUNDARY}--\r\n".encode(), _FORM)


REQUESTS: dict[str, tuple[Callable[[], Sent], str]] = {
    "no body": (_raw(b""), "422 malformed_json"),
    "broken JSON": (_raw(b'{"images": ['), "422 malformed_json"),
    "JSON that is no object": (_raw(b"[]"), "422 invalid_field"),
    "JSON 200,000 levels deep": (_deep, "422 malformed_json"),
    "JSON that is not UTF-8": (_raw(b'{"images": "\xff"}'), "422 malformed_json"),
    "no images": (_json({"images": []}), "422 missing_field"),
    "unknown member": (_json({"images": [{"base64": ""}], "polcy": "x"}), "422 unknown_field"),
    "unknown policy": (
        _json({"images": [{"base64": ""}], "policy": "../../etc/passwd"}),
        "422 unknown_policy",
    ),
    "two sources of one image": (
        _json({"images": [{"base64": "", "url": "http://8.8.8.8/"}]}),
        "422 invalid_field",
    ),
    "a number for base64": (_json({"images": [{"base64": 5}]}), "422 invalid_field"),
    "bad base64": (_json({"images": [{"base64": "not base64!"}]}), "invalid_base64"),
    "bad data URL": (_json({"images": [{"data_url": "data:,hello"}]}), "invalid_base64"),
    "data URL of text": (
        _json({"images": [{"data_url": "data:image/png;base64,aGVsbG8="}]}),
        "not_an_image",
    ),
    "a good image in base64": (
        lambda: Sent(
            json.dumps({"images": [{"base64": base64.b64encode(_good()).decode()}]}).encode(),
            _JSON,
        ),
        "ok",
    ),
    "a path for a URL": (_url("/etc/passwd"), _REFUSED),
    "a file URL": (_url("file:///etc/passwd"), _REFUSED),
    "a URL to this machine": (_url("http://127.0.0.1:22/"), _REFUSED),
    "a URL to this machine, as a decimal": (_url("http://2130706433/"), _REFUSED),
    "a URL to this machine, in octal": (_url("http://0177.0.0.1/"), _REFUSED),
    "a URL to 0.0.0.0": (_url("http://0.0.0.0/"), _REFUSED),
    "a URL to this machine, mapped": (_url("http://[::ffff:127.0.0.1]/"), _REFUSED),
    "a URL to a cloud's metadata": (_url("http://169.254.169.254/latest/"), _REFUSED),
    "a URL to a cloud's metadata, mapped": (_url("http://[::ffff:169.254.169.254]/"), _REFUSED),
    "a URL with a user": (_url("http://8.8.8.8@127.0.0.1/"), _REFUSED),
    "a content type that is not taken": (
        _raw(b"images=x", "application/x-www-form-urlencoded"),
        "415 unsupported_media_type",
    ),
    "a form without a boundary": (_raw(b"x", "multipart/form-data"), "422 malformed_multipart"),
    "a form that is cut off": (_form(_file("a.jpg", b"abc"), end=""), "422 malformed_multipart"),
    "a form without images": (_form(), "422 missing_field"),
    "a form of 5,000 parts": (_many_parts, "422 too_many_images"),
    "text where files belong": (
        _form(_part('Content-Disposition: form-data; name="images"', b"a.jpg")),
        "422 invalid_field",
    ),
    "a file in an unknown field": (
        _form(_part('Content-Disposition: form-data; name="file"; filename="a"', b"x")),
        "422 unknown_field",
    ),
    "a file name that is a path": (_with_name("../../../etc/passwd"), "ok"),
    "a file name of 5,000 letters": (_with_name("a" * 5_000), "ok"),
    "a file name with markup": (_with_name("<script>alert(1)</script>.jpg"), "ok"),
    "an unknown option": (
        lambda: Sent(_good(), "image/jpeg", "?colour=red"),
        "422 unknown_field",
    ),
    "options that contradict each other": (
        lambda: Sent(_good(), "image/jpeg", "?policy=default&policy=other"),
        "422 invalid_field",
    ),
}
"""By what is odd: the request, and the answers that are right."""
