"""A real server under a hail of damaged files, and with its decoders killed under it."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import httpx
import numpy as np
import pillow_heif
import pytest

from films import quiet_film_with
from hosts import hosting, sending
from pictures import encode, photo, quadrants
from servers import free_port, serving
from worksafe.doctor.making import long_gif
from worksafe.errors import InputError

CODES = {kind.code for kind in InputError.__subclasses__()} - {"internal_error"}
CLIENTS = 8


def heic() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(photo("cat")).save(file, quality=80)
    return file.getvalue()


@pytest.fixture(scope="module")
def whole_files() -> dict[str, bytes]:
    def two(image_format: str) -> bytes:
        other = photo("cat").resize((96, 64))
        return encode(quadrants(), image_format, save_all=True, append_images=[other], duration=40)

    return {
        "jpeg": encode(photo("cat")),
        "progressive jpeg": encode(photo("cat"), progressive=True),
        "mpo": two("MPO"),
        "png": encode(photo("cat").resize((96, 64)), "PNG"),
        "apng": two("PNG"),
        "webp": encode(photo("cat"), "WEBP"),
        "animated webp": two("WEBP"),
        "gif": two("GIF"),
        "bmp": encode(quadrants(), "BMP"),
        "tiff": two("TIFF"),
        "avif": encode(photo("cat"), "AVIF"),
        "heic": heic(),
        "mp4": quiet_film_with({}, frames=20),
        "matroska": quiet_film_with({}, frames=20, container="matroska"),
        "avi": quiet_film_with({}, frames=20, container="avi"),
    }


def damaged(files: dict[str, bytes], seed: int) -> bytes:
    """Flip bits, cut off, or splice with another file of the same kind or not."""
    rng = np.random.default_rng(seed)
    names = sorted(files)
    data = bytearray(files[names[seed % len(names)]])
    match seed // len(names) % 3:
        case 0:
            for at in rng.integers(0, len(data), size=int(rng.integers(1, 40))):
                data[at] ^= 1 << int(rng.integers(8))
        case 1:
            del data[int(rng.integers(1, len(data))) :]
        case _:
            other = files[names[int(rng.integers(len(names)))]]
            cut = int(rng.integers(1, len(data)))
            data[cut:] = other[min(cut, len(other) // 2) :]
    return bytes(data)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with serving(tmp_path_factory.mktemp("served")) as (url, server):
        yield url, server.pid


def check(client: httpx.Client, url: str, *files: bytes) -> list[dict[str, Any]]:
    uploads = [("images", (str(index), data)) for index, data in enumerate(files)]
    response = client.post(f"{url}/v1/check", files=uploads)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def test_300_damaged_files_at_eight_clients_and_good_ones_all_the_while(
    service: tuple[str, int], whole_files: dict[str, bytes]
) -> None:
    url, _ = service
    end = threading.Event()
    good: list[str] = []

    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(CLIENTS + 1) as pool:

        def keep_asking() -> None:
            while not end.is_set():
                good.append(check(client, url, whole_files["jpeg"])[0]["status"])

        def one(seed: int) -> dict[str, Any]:
            return check(client, url, damaged(whole_files, seed))[0]

        asking = pool.submit(keep_asking)
        results = list(pool.map(one, range(300)))
        end.set()
        asking.result()

    wrong = [(seed, r["error"]) for seed, r in enumerate(results)
             if r["error"] and r["error"]["code"] not in CODES]  # fmt: skip
    assert wrong == []
    assert {r["status"] for r in results} == {"ok", "error"}
    assert good
    assert set(good) == {"ok"}


def decoders_of(pid: int) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            above = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):  # gone meanwhile
            continue
        if b"worksafe.images.isolated.worker" in command and pid in {parent, above}:
            found.add(int(entry.name))
    return found


def test_a_decoder_killed_in_mid_request_costs_that_item_alone(service: tuple[str, int]) -> None:
    url, pid = service
    slow = long_gif(10_000, 5)
    good = encode(photo("cat"))

    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(check, client, url, good, slow, good)
        while not answer.done():  # each that is started, also one that has not begun yet
            time.sleep(0.5)
            for decoder in decoders_of(pid):
                with suppress(ProcessLookupError):
                    os.kill(decoder, signal.SIGKILL)
        first, killed, last = answer.result()
        after = check(client, url, encode(quadrants(), "GIF"))[0]

    assert killed["error"]["code"] == "decoder_crashed"
    assert killed["decision"] == "review"
    assert [first["status"], last["status"], after["status"]] == ["ok", "ok", "ok"]


def test_a_film_over_http_is_checked_up_to_the_configured_size(tmp_path: Path) -> None:
    small, large = (quiet_film_with({}, frames=frames) for frames in (30, 250))

    with (
        serving(tmp_path, WORKSAFE_MAX_VIDEO_BYTES=str(len(small))) as (url, _),
        httpx.Client(timeout=60) as client,
    ):
        first, second = check(client, url, small, large)
        with_frames = client.post(
            f"{url}/v1/check?include=frames", content=small, headers={"Content-Type": "video/mp4"}
        ).json()["results"][0]

    assert first["image"]["format"] == "mp4"
    assert first["image"]["duration_s"] == pytest.approx(29 / 25, abs=0.1)
    assert second["error"]["code"] == "too_many_bytes"
    times = [frame["time_s"] for frame in with_frames["frames"]]
    assert times == pytest.approx([0, 1], abs=0.1)


def test_images_are_fetched_where_the_operator_allows_it(tmp_path: Path) -> None:
    answers = {"/a.jpg": sending(encode(photo("cat"))), "/b.mp4": sending(quiet_film_with({}, 30))}

    with (
        hosting(answers) as base,
        serving(tmp_path, WORKSAFE_FETCH_URLS="true", WORKSAFE_FETCH_HOSTS='["localhost"]') as (
            url,
            _,
        ),
    ):
        urls = [f"{base}/a.jpg", f"{base}/b.mp4", f"{base}/none", "http://169.254.169.254/latest/"]
        results = httpx.post(
            f"{url}/v1/check", json={"images": [{"url": one} for one in urls]}, timeout=60
        ).json()["results"]

    assert [result["image"]["format"] for result in results[:2]] == ["jpeg", "mp4"]
    assert [result["error"]["code"] for result in results[2:]] == ["url_failed", "url_refused"]


@pytest.fixture(scope="module")
def small_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("small")
    with serving(folder, WORKSAFE_MAX_REQUEST_BYTES="40000000") as (url, server):
        yield url, server.pid


@pytest.mark.parametrize(
    ("size", "headers", "code"),
    [
        (30_000_000, {"Content-Type": "text/plain"}, "unsupported_media_type"),
        (30_000_000, {"Content-Type": "image/png", "Content-Encoding": "gzip"}, None),
        (41_000_000, {"Content-Type": "image/png"}, "body_too_large"),
        (150_000_000, {"Content-Type": "image/png"}, "body_too_large"),
    ],
)
def test_a_client_that_sends_all_of_it_first_gets_its_refusal(
    size: int, headers: dict[str, str], code: str | None, small_service: tuple[str, int]
) -> None:
    url, _ = small_service
    request = Request(f"{url}/v1/check", bytes(size), headers)  # noqa: S310 - our own server

    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=60)  # noqa: S310 - our own server

    with refused.value as answer:
        assert answer.code in {413, 415}
        assert not code or json.load(answer)["code"] == code


def test_a_client_whose_body_in_pieces_is_too_large_may_go_on(
    small_service: tuple[str, int],
) -> None:
    with httpx.Client(base_url=small_service[0], timeout=60) as client:
        for _ in range(3):
            pieces = (bytes(1_000_000) for _ in range(60))
            answer = client.post("/v1/check", content=pieces, headers={"Content-Type": "image/png"})
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
            assert client.get("/healthz").status_code == 200


def test_no_crash_of_the_server_leaves_pictures_on_disk(small_service: tuple[str, int]) -> None:
    _, pid = small_service
    (worker,) = (int(line) for line in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    limits = Path(f"/proc/{worker}/limits").read_text().splitlines()

    (core,) = (line.split()[4:6] for line in limits if line.startswith("Max core file size"))
    assert core == ["0", "0"]


def test_a_device_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    server = subprocess.run(
        [str(Path(sys.executable).parent / "worksafe"), "serve", "--port", str(free_port())],
        cwd=tmp_path,
        env={**os.environ, "WORKSAFE_DEVICE": "cuda", "WORKSAFE_RUNTIME": "onnxruntime"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert server.returncode == 2
    assert "WORKSAFE_DEVICE=cuda" in server.stderr
    assert "Traceback" not in server.stderr
