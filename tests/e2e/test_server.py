"""The real server in a process of its own, started as a user would start it."""

import base64
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import encode, photo

READY_WITHIN_S = 60  # of a machine that may be busy with something else


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> tuple[int, Any]:
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.status, json.load(response)


def post(url: str, body: bytes, content_type: str) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def multipart(*files: bytes) -> tuple[bytes, str]:
    boundary = "worksafe-test-boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="images"; '
        f'filename="{index}.png"\r\n\r\n'.encode()
        + file
        + b"\r\n"
        for index, file in enumerate(files)
    ]
    return b"".join(
        parts
    ) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@contextmanager
def serving(
    folder: Path, prepare: Callable[[], None] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "worksafe"), "serve", "--port", str(port)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=prepare,  # noqa: PLW1509
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, server)
        yield url, server
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end:
        if server.poll() is not None:
            output = server.stdout.read().decode() if server.stdout else ""
            pytest.fail(f"the server stopped with {server.returncode}: {output}")
        try:
            assert get(f"{url}/readyz") == (200, {"status": "ready"})
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server was not ready in time")


def no_files_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_no_pixel_goes_to_disk(tmp_path: Path) -> None:
    """50 uploads of 3 MB each in all three forms, where a single byte to a file is an error."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    picture = encode(Image.fromarray(noise), "PNG")
    assert len(picture) > 3_000_000
    as_json = json.dumps({"images": [{"base64": base64.b64encode(picture).decode()}]}).encode()
    bodies = [multipart(picture), (as_json, "application/json"), (picture, "image/png")]

    with serving(tmp_path, no_files_may_grow) as (url, _):
        answers = [post(f"{url}/v1/check", *bodies[index % 3]) for index in range(50)]

    assert all(answer["results"][0]["status"] == "ok" for answer in answers)
    assert list(tmp_path.iterdir()) == []


def chunked(url: str, body: bytes, content_type: str) -> int:
    """Post without a stated length, and give the status."""
    pieces = (body[at : at + 50_000] for at in range(0, len(body), 50_000))
    request = urllib.request.Request(url, pieces, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


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


def test_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as (url, server):
        assert get(f"{url}/healthz")[1] == {"status": "alive"}
        answer = post(f"{url}/preds", *multipart(encode(photo()), encode(photo("cat"))))
        assert [item["img_path"] for item in answer["data"]] == ["0.png", "1.png"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0


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
