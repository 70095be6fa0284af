"""The real server in a process of its own, started as a user would start it."""

import base64
import json
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image

from films import film
from pictures import encode, photo
from servers import get, multipart, post, serving


def no_files_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_no_pixel_goes_to_disk(tmp_path: Path) -> None:
    """Large uploads in all forms and of all kinds, where a single byte to a file is an error."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    picture = encode(Image.fromarray(noise), "PNG")
    assert len(picture) > 3_000_000
    as_json = json.dumps({"images": [{"base64": base64.b64encode(picture).decode()}]}).encode()
    noisy = Image.fromarray(noise)
    bodies = [
        multipart(picture),
        (as_json, "application/json"),
        (picture, "image/png"),
        multipart(encode(noisy, "TIFF"), encode(noisy, "GIF"), encode(noisy, "AVIF")),
        (film(60, lambda index: np.roll(noise, 10 * index, axis=0)), "video/mp4"),
    ]

    with serving(tmp_path, no_files_may_grow) as (url, _):
        answers = [post(f"{url}/v1/check", *bodies[index % 5]) for index in range(50)]
        for image_format in ("PNG", "JPEG", "TIFF", "AVIF"):
            body = encode(noisy.resize((300, 300)), image_format)
            assert redacted(url, body, f"image/{image_format.lower()}")

    results = [result for answer in answers for result in answer["results"]]
    assert all(result["status"] == "ok" for result in results)
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_what_was_sent_goes_to_the_log(tmp_path: Path) -> None:
    """Neither pixels nor names, of good requests, of bad ones and of what cannot be decoded."""
    picture = encode(photo("cat").resize((64, 64)), "PNG")
    coded = base64.b64encode(picture).decode()
    name = "my-secret-holiday"
    entries = [
        {"id": name, "base64": coded},
        {"id": name, "base64": coded[:100] + "!" + coded[100:]},
        {"id": name, "base64": coded[:400]},
        {"id": name, "url": f"https://example.com/{name}.jpg"},
    ]
    documents: list[object] = [
        {"images": entries},
        {"images": entries, "polcy": name},
        {"images": [{"base64": coded, "base65": coded}]},
        {"images": coded},
        [coded],
    ]
    bodies = [(json.dumps(document), "application/json") for document in documents]
    bodies += [(json.dumps(documents[0])[:-3], "application/json"), (coded, "image/png")]
    boundary = f'--b\r\nContent-Disposition: form-data; name="images"; filename="{name}"\r\n\r\n'
    bodies += [(boundary + coded, "multipart/form-data; boundary=b"),
               (f"{boundary}{coded}\r\n--b--\r\n", "multipart/form-data; boundary=b")]  # fmt: skip

    with serving(tmp_path) as (url, server):
        for path in ("v1/check", "v1/redact", "preds"):
            for body, content_type in bodies:
                headers = {"Content-Type": content_type}
                answer = httpx.post(f"{url}/{path}", content=body, headers=headers, timeout=60)
                assert answer.status_code in {200, 415, 422}
                assert coded[100:140] not in answer.text
        server.send_signal(signal.SIGTERM)
        log = server.communicate(timeout=30)[0].decode()

    assert log.count("POST /") == 3 * len(bodies)
    assert name not in log
    assert not any(coded[at : at + 40] in log for at in range(len(coded) - 40))


def redacted(url: str, body: bytes, content_type: str) -> bytes:
    """Have a picture written anew, and give the new file."""
    address = f"{url}/v1/redact?policy=lenient&labels=nudity.suggestive"
    request = urllib.request.Request(address, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as response:
        file: bytes = response.read()
    return file


def chunked(url: str, body: bytes, content_type: str) -> int:
    """Post without a stated length, and give the status: it may come before all is sent."""
    pieces = (body[at : at + 50_000] for at in range(0, len(body), 50_000))
    address = urlsplit(url)
    with closing(HTTPConnection(address.netloc, timeout=60)) as connection:
        with suppress(BrokenPipeError):  # a server that has refused need not listen
            connection.request("POST", address.path, pieces, {"Content-Type": content_type})
        return connection.getresponse().status


def test_a_body_without_a_stated_length_is_refused_and_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSAFE_MAX_REQUEST_BYTES", "300000")
    small, large = encode(photo(), "JPEG"), encode(photo(), "PNG")
    as_json = json.dumps({"images": [{"base64": base64.b64encode(large).decode()}]}).encode()
    assert len(small) < 300_000 < len(large)

    with serving(tmp_path) as (url, _):
        check = f"{url}/v1/check"
        assert chunked(check, small, "image/jpeg") == 200
        assert chunked(check, large, "image/png") == 413
        assert chunked(check, as_json, "application/json") == 413
        assert chunked(check, *multipart(small, large)) == 413


def test_a_malformed_chunk_is_a_fault_of_the_client(tmp_path: Path) -> None:
    head = (
        b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )

    with serving(tmp_path) as (url, server):
        answers = [raw(url, head + body) for body in (b"ZZ\r\nabc", b"3\r\nabcde\r\n")]
        server.send_signal(signal.SIGTERM)
        log = server.communicate(timeout=30)[0].decode()

    assert all(answer.startswith(b"HTTP/1.1 400 ") for answer in answers)
    assert all(b'"code":"bad_request"' in answer for answer in answers)
    assert "Traceback" not in log


def raw(url: str, request: bytes) -> bytes:
    """Send what no client would, and give all that comes back."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, server):
        assert get(f"{url}/healthz")[1] == {"status": "alive"}
        answer = post(f"{url}/preds", *multipart(encode(photo()), encode(photo("cat"))))
        assert [item["img_path"] for item in answer["data"]] == ["0.png", "1.png"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0


def test_when_it_stops_it_refuses_what_comes_and_answers_what_it_has(tmp_path: Path) -> None:
    files = [encode(photo().rotate(angle)) for angle in range(40)]
    with (
        serving(tmp_path, WORKSAFE_DEADLINE_S="300") as (url, server),
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(post, f"{url}/v1/check?thorough=always", *multipart(*files))
        time.sleep(1)  # until it is accepted
        server.send_signal(signal.SIGTERM)
        is_refused = False
        while not is_refused and not answer.done():
            try:
                get(f"{url}/healthz")
            except OSError as error:  # in the moment of closing also a reset
                is_refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
        results = answer.result()["results"]

    assert is_refused
    assert {result["status"] for result in results} == {"ok"}


def test_a_connection_that_waits_is_kept(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as (url, _),
        closing(HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection,
    ):
        for pause_s in (4, 0):  # gunicorn's own measure is 2
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
            assert connection.sock is not None  # it was not told to close
            time.sleep(pause_s)


def test_what_the_shadow_would_have_decided_and_a_misspelt_setting_are_in_the_log(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, WORKSAFE_SHADOW_POLICY="strict", WORKSAFE_POLICYDIR="policies") as (
        url,
        server,
    ):
        answer = post(f"{url}/v1/check", b"no picture", "image/jpeg")
        server.send_signal(signal.SIGTERM)
        log = server.communicate(timeout=30)[0].decode()

    assert f"check={answer['id']} index=0 active=default did=review" in log
    assert "shadow=strict would=block" in log
    assert "ignored: WORKSAFE_POLICYDIR" in log


def test_the_command_line_runs_as_installed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(photo()))

    for program in (
        [str(Path(sys.executable).parent / "worksafe")],
        [sys.executable, "-m", "worksafe"],
    ):
        run = subprocess.run(
            [*program, "check", "--json", "a.jpg"], cwd=tmp_path, capture_output=True, check=False
        )
        assert run.returncode == 0, run.stderr.decode()
        assert json.loads(run.stdout)["decision"] == "allow"
