import json
import tracemalloc

import pytest

from worksafe.api.errors import RequestError
from worksafe.api.json_body import parse_json

MANY = 300_000


def parse(body: bytes, max_images: int = 1000) -> object:
    return parse_json(body, max_images)


def test_as_many_images_as_are_allowed_fit_whatever_their_names_hold() -> None:
    entry = {"id": '{"a, [b": ["{"]}' * 60, "base64": "", "url": None, "data_url": None}
    body = {"images": [entry] * 1000, "policy": "default", "include": ["regions", "frames"]}

    assert parse(json.dumps(body).encode()) == body


@pytest.mark.parametrize(
    "body",
    [
        b'{"images": [' + b"{}," * MANY + b"{}]}",
        b'{"images": [' + b"[]," * MANY + b"{}]}",
        b'{"images": [' + b"0.5," * MANY + b"0]}",
        b'{"images": [' + b'"a",' * MANY + b"0]}",
        b'{"images": [' + b'""' * MANY + b"]}",
        b'{"images": [{"id": "' + b'\\"' * MANY + b'"}' + b",{}" * MANY + b"]}",
        b'{"images": [], "include": [' + b'"frames",' * MANY + b'"regions"]}',
    ],
    ids=lambda body: repr(body[10:20]),
)
def test_far_too_many_values_are_refused_before_they_take_memory(body: bytes) -> None:
    tracemalloc.start()

    with pytest.raises(RequestError) as caught:
        parse(body)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.code == "too_many_images"
    assert peak < 1_000_000


def test_one_image_too_many_is_told_before_the_entries_are_looked_at() -> None:
    with pytest.raises(RequestError, match="4 images; the limit of a request is 3"):
        parse(b'{"images": [1, 2, 3, 4]}', max_images=3)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"policy": "strict", "policy": "lenient"}', "policy"),
        (b'{"images": [{"base64": ""}], "images": [{"base64": ""}]}', "images"),
        (b'{"images": [{"base64": "", "id": "a", "id": "a"}]}', "id"),
        (b'{"polic\\u0079": "strict", "policy": "strict"}', "policy"),
    ],
)
def test_a_member_that_is_named_twice_is_refused(body: bytes, name: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(body)

    assert (caught.value.code, caught.value.field) == ("malformed_json", name)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        '{"images": []}'.encode("utf-16"),
        b'{"images": [{"base64": "',
        b"[" * 100_000,
        b'{"images": ' + b'{"a": ' * 5000,
        b'{"policy": ' + b"1" * 5000 + b"}",
        b'{"\\ud800": 1}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_json_in_utf_8_is_malformed(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        parse(body)

    assert caught.value.code == "malformed_json"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"images": [\n  {"url": secret}]}', "Expecting value, line 2, column 11"),
        (b'{"images": ["\xff"]}', "byte 13 is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_malformed_body_is_told_where_without_what_it_holds(body: bytes, where: str) -> None:
    with pytest.raises(RequestError, match=where) as caught:
        parse(body)

    assert "secret" not in str(caught.value)
