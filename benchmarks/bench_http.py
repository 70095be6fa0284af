"""Our server against the naive one, over HTTP on loopback, in turns (A B A B), as ratios.

Usage: python benchmarks/bench_http.py [--rounds 3] [--seconds 8] [--clients 8] [--mobilenet FILE]

Closed loop: each client sends the next picture when it has the answer to the last. Both servers
run all the time; only one is asked at a time. Writes results/bench-http-<processor>.csv.
"""

import argparse
import csv
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from bench_nudity import MEGAPIXELS, make_pictures

ROOT = Path(__file__).parents[1]
READY_S = 60
_BOUNDARY = "worksafe-bench"
_FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


@dataclass
class Load:
    """What clients saw."""

    latencies_ms: list[float] = field(default_factory=list)
    refused: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.seconds

    def percentile(self, share: float) -> float:
        """Latency that this share of the answers kept below."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def free_port() -> int:
    """Find a port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(arguments: list[str], port: int, path: str) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    server = subprocess.Popen(
        arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "WORKSAFE_CACHE_ENTRIES": "0"},  # the same pictures come again and again
    )
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        try:
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                connection.request("GET", path)
                if connection.getresponse().status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    return server
        except OSError:
            time.sleep(0.1)
    msg = f"no answer from {arguments}"
    raise SystemExit(msg)


def as_form(file: bytes) -> bytes:
    """Make a multipart body."""
    head = 'Content-Disposition: form-data; name="images"; filename="a.jpg"'
    return f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode() + file + f"\r\n--{_BOUNDARY}--\r\n".encode()


def ask(url: str, files: list[bytes], clients: int, seconds: float) -> Load:
    """Send pictures from several clients for a while."""
    load, lock = Load(), threading.Lock()
    end = time.monotonic() + seconds

    bodies = [as_form(file) for file in files]  # once: clients share the server's cores
    address = urlsplit(url)

    def one(number: int) -> None:
        with closing(HTTPConnection(address.netloc, timeout=60)) as connection:
            turn = number
            while time.monotonic() < end:
                began = time.perf_counter()
                connection.request("POST", address.path, bodies[turn % len(bodies)], _FORM)
                response = connection.getresponse()
                response.read()
                took_ms = (time.perf_counter() - began) * 1000
                turn += 1
                with lock:
                    if response.status == HTTPStatus.OK:
                        load.latencies_ms.append(took_ms)
                    else:
                        load.refused += 1

    began = time.monotonic()
    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.monotonic() - began
    return load


def processor() -> str:
    """Name the processor and what of its instructions matters here."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"model name\s*: (.*)", text)
    flags = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
             if re.search(rf"\b{flag}\b", text)]  # fmt: skip
    return f"{name.group(1) if name else 'unknown'} ({', '.join(flags)}), {os.cpu_count()} cores"


def main() -> None:
    """Print a line for each size and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--mobilenet", help="ONNX file of the naive server's second model")
    options = parser.parse_args()
    kind = ["mobilenet", options.mobilenet] if options.mobilenet else ["hazards"]
    ours_port, naive_port = free_port(), free_port()
    worksafe = str(Path(sys.executable).parent / "worksafe")
    servers = [
        start([worksafe, "serve", "--port", str(ours_port)], ours_port, "/readyz"),
        start(
            [sys.executable, str(ROOT / "benchmarks/naive_server.py"), str(naive_port), *kind],
            naive_port,
            "/",
        ),
    ]
    urls = [f"http://127.0.0.1:{ours_port}/v1/check", f"http://127.0.0.1:{naive_port}/check"]
    print(processor(), f"{options.clients} clients, second model of the naive server: {kind[0]}")
    rows = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for megapixels in MEGAPIXELS:
                paths = make_pictures(Path(folder), megapixels)
                files = [path.read_bytes() for path in paths]
                for url in urls:
                    ask(url, files, options.clients, 2)  # warm
                rounds = [
                    [ask(url, files, options.clients, options.seconds) for url in urls]
                    for _ in range(options.rounds)
                ]
                ratio = statistics.median(ours.per_second / naive.per_second
                                          for ours, naive in rounds)  # fmt: skip
                row: list[object] = [megapixels, options.clients, kind[0], f"{ratio:.2f}"]
                for loads in zip(*rounds, strict=True):
                    row += [
                        f"{statistics.median(load.per_second for load in loads):.1f}",
                        f"{statistics.median(load.percentile(0.5) for load in loads):.0f}",
                        f"{statistics.median(load.percentile(0.99) for load in loads):.0f}",
                    ]
                rows.append(row)
                print(*row, sep="  ", flush=True)
    finally:
        for server in servers:
            server.terminate()
    out = ROOT / "results" / f"bench-http-{re.sub(r'[^a-z0-9]+', '-', processor().lower())}.csv"
    is_new = not out.exists()
    with out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(
                ["megapixels", "clients", "naive second model", "ratio", "ours req/s",
                 "ours p50 ms", "ours p99 ms", "naive req/s", "naive p50 ms", "naive p99 ms"]
            )  # fmt: skip
        writer.writerows(rows)


if __name__ == "__main__":
    main()
