import ipaddress
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler
from ssl import SSLContext
from typing import Any

import httpcore
import httpx
import pytest

from hosts import Answer, hosting, sending
from pictures import encode, photo
from worksafe.errors import (
    DeadlineExceededError,
    ImageBytesError,
    InputError,
    UrlFailedError,
    UrlRefusedError,
)
from worksafe.images.deadline import Deadline
from worksafe.images.fetch import Fetcher, is_public
from worksafe.images.limits import ImageLimits

LIMITS = ImageLimits(max_bytes=300_000, max_video_bytes=400_000)
PICTURE = encode(photo("cat"))


def redirect(target: str, status: int = 302) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(PICTURE)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"\xff")
        time.sleep(0.05)


def dripping_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for index in range(100):
        handler.wfile.write(f"X-{index}: x\r\n".encode())
        time.sleep(0.05)


def claiming_too_much(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "99999999999")
    handler.end_headers()


def missing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


class Recording(httpcore.NetworkBackend):
    """Notes where a connection would go, and refuses it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        self.asked.append((host, port))
        raise httpcore.ConnectError("not from a test")


NOT_PUBLIC = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 - refused
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_of_the_open_internet(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_to_such_an_address_is_refused(address: str) -> None:
    backend = Recording()
    fetcher = Fetcher(resolve=lambda *_: ["8.8.8.8", address], backend=backend)

    with pytest.raises(UrlRefusedError):
        fetcher.fetch("http://pictures.example/a.jpg", LIMITS)

    assert backend.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::]/",
        "http://[64:ff9b::7f00:1]/",
        "https://169.254.169.254/latest/meta-data/",
        "http://8.8.8.8:22/",
        "http://8.8.8.8:8080/",
        "http://user:word@8.8.8.8/",
        "http://8.8.8.8@127.0.0.1/",
        "ftp://8.8.8.8/a.jpg",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "http://",
        "http:///a.jpg",
        "http://[::1",
        "not a url",
        "",
        "http://8.8.8.8:99999/",
        "http://own.example:99999/a.jpg",
        "http://[bad/",
        "http://lo calhost/",
        "http://a,b/",
        "data:image/png;base64,AAAA",
        "http://8.8.8.8/" + "a" * 5_000,
    ],
)
def test_urls_that_are_refused_before_any_connection(url: str) -> None:
    backend = Recording()

    with pytest.raises(UrlRefusedError):
        Fetcher(["own.example"], backend=backend).fetch(url, LIMITS)

    assert backend.asked == []


def test_a_name_that_changes_between_check_and_connection_changes_nothing() -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]])
    backend = Recording()
    fetcher = Fetcher(resolve=lambda *_: next(answers), backend=backend)

    with pytest.raises(UrlFailedError):
        fetcher.fetch("http://flipping.example/a.jpg", LIMITS)

    assert backend.asked == [("8.8.8.8", 80)]


def test_a_picture_is_fetched_from_an_allowed_host_through_redirects() -> None:
    with hosting({"/a.jpg": redirect("/b.jpg"), "/b.jpg": sending(PICTURE)}) as base:
        assert Fetcher(["localhost"]).fetch(f"{base}/a.jpg", LIMITS) == PICTURE


def test_a_picture_may_be_larger_than_films_may() -> None:
    limits = ImageLimits(max_bytes=len(PICTURE), max_video_bytes=100)
    with hosting({"/a.jpg": sending(PICTURE)}) as base:
        assert Fetcher(["localhost"]).fetch(f"{base}/a.jpg", limits) == PICTURE


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/",
        "http://127.0.0.1:1/",
        "//[::1]/",
        "file:///etc/passwd",
        "http://[bad/",
        "http://lo calhost/",
        "http://localhost:99999/",
        "http://localhost:port/",
    ],
)
def test_every_redirect_is_checked_again(target: str) -> None:
    with hosting({"/a.jpg": redirect(target)}) as base, pytest.raises(UrlRefusedError):
        Fetcher(["localhost"]).fetch(f"{base}/a.jpg", LIMITS)


@pytest.mark.parametrize(
    ("answer", "seconds", "error"),
    [
        (redirect("/loop"), 60, UrlFailedError),
        (missing, 60, UrlFailedError),
        (dripping, 1, UrlFailedError),
        (dripping_headers, 1, UrlFailedError),
        (endless, 60, ImageBytesError),
        (claiming_too_much, 60, ImageBytesError),
    ],
    ids=["loop", "missing", "dripping", "dripping headers", "endless", "claiming too much"],
)
def test_answers_that_are_given_up(answer: Answer, seconds: float, error: type[InputError]) -> None:
    with hosting({"/loop": answer}) as base, pytest.raises(error):
        Fetcher(["localhost"], seconds=seconds).fetch(f"{base}/loop", LIMITS)


def test_a_name_that_nobody_answers_for_is_given_up_in_time() -> None:
    is_over = threading.Event()

    def never(host: str, port: int) -> list[str]:  # noqa: ARG001
        is_over.wait(60)
        raise OSError("it was waited for")

    with pytest.raises(UrlFailedError, match="in time"):
        Fetcher(seconds=0.2, resolve=never).fetch("http://slow.example/a.png", LIMITS)
    is_over.set()


def test_nothing_is_fetched_beyond_the_deadline() -> None:
    is_over = threading.Event()

    def never(host: str, port: int) -> list[str]:  # noqa: ARG001
        is_over.wait(60)
        raise OSError("it was waited for")

    for seconds in (0.2, 0.0):
        with pytest.raises(DeadlineExceededError):
            Fetcher(resolve=never).fetch("http://slow.example/a.png", LIMITS, Deadline(seconds))
    is_over.set()


def test_the_body_of_a_redirect_is_not_read() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/b.jpg")
        handler.send_header("Content-Length", "99999999999")
        handler.end_headers()
        handler.wfile.write(b"x" * 1000)

    with hosting({"/a.jpg": answer, "/b.jpg": sending(PICTURE)}) as base:
        assert Fetcher(["localhost"]).fetch(f"{base}/a.jpg", LIMITS) == PICTURE


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with hosting({"/a.jpg": sending(PICTURE)}) as base:
        assert Fetcher(["localhost"]).fetch(f"{base}/a.jpg", LIMITS) == PICTURE


def test_trusted_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    create, read = httpx.create_ssl_context, []

    def count() -> SSLContext:
        read.append(create())
        return read[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", count)
    fetcher = Fetcher(["localhost"])

    with hosting({"/a.jpg": sending(PICTURE)}) as base:
        bodies = [fetcher.fetch(f"{base}/a.jpg", LIMITS) for _ in range(3)]

    assert bodies == [PICTURE] * 3
    assert len(read) == 1


def test_where_one_address_does_not_answer_the_next_is_asked() -> None:
    backend = Recording()
    fetcher = Fetcher(resolve=lambda *_: ["8.8.8.8", "8.8.4.4"], backend=backend)

    with pytest.raises(UrlFailedError):
        fetcher.fetch("http://pictures.example/a.jpg", LIMITS)

    assert backend.asked == [("8.8.8.8", 80), ("8.8.4.4", 80)]
