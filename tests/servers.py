"""The real server in a process of its own, started as a user would start it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

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
    folder: Path, prepare: Callable[[], None] | None = None, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "worksafe"), "serve", "--port", str(port)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=prepare,  # noqa: PLW1509
        env={
            **os.environ,
            "TMPDIR": str(folder),
            "PYTHONUNBUFFERED": "1",
            "WORKSAFE_CACHE_ENTRIES": "0",
            **environment,
        },
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, server)
        yield url, server
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            log = server.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            server.kill()
            raise
    assert b"Traceback" not in log, log.decode()  # where the test itself has not failed
    assert server.returncode == 0


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


def resident_bytes(pid: int) -> int:
    """Memory of a process and all that it started."""
    own = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):  # what is shared between them counts once
            own = int(line.split()[1]) * 1024
    children = Path(f"/proc/{pid}/task").glob("*/children")
    started = [int(child) for file in children for child in file.read_text().split()]
    return own + sum(_or_none(child) for child in started)


def _or_none(pid: int) -> int:
    try:
        return resident_bytes(pid)
    except OSError:  # gone meanwhile
        return 0
