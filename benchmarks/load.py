"""Servers on loopback, and clients that ask them: closed loop, open loop, one request."""

import csv
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
WORKSAFE = str(Path(sys.executable).parent / "worksafe")
READY_S = 60
TIMEOUT_S = 300
_BOUNDARY = "worksafe-bench"
_FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


@dataclass
class Load:
    """What clients saw.

    Attributes
    ----------
    latencies_ms : list of float
        Of accepted requests.
    refused_ms : list of float
        Of those answered with 503.
    failed : int
        Any other answer.
    seconds : float
        From the first request to the last answer.
    cpu_s : float
        That the server used meanwhile.
    stolen : float
        Share of the cores' time that the machine's host gave to others meanwhile: rates of a
        stretch with much of it say little, processor time for each request still does.
    """

    latencies_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    failed: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    stolen: float = 0.0

    @property
    def per_second(self) -> float:
        """Accepted requests a second."""
        return len(self.latencies_ms) / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Of the server, for each accepted request."""
        return 1000 * self.cpu_s / max(1, len(self.latencies_ms))

    def add(self, status: int, took_ms: float) -> None:
        """Note an answer."""
        if status == HTTPStatus.OK:
            self.latencies_ms.append(took_ms)
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.refused_ms.append(took_ms)
        else:
            self.failed += 1


def percentile(values: Sequence[float], share: float) -> float:
    """Give what this share of the values is not above; not a number where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def medians(loads: Sequence[Load]) -> list[str]:
    """Give cells of a table, medians over rounds: requests a second, p50 and p99 in ms."""
    return [
        f"{statistics.median(load.per_second for load in loads):.1f}",
        f"{statistics.median(percentile(load.latencies_ms, 0.5) for load in loads):.0f}",
        f"{statistics.median(percentile(load.latencies_ms, 0.99) for load in loads):.0f}",
    ]


@dataclass(frozen=True)
class Server:
    """A running server: its address, its process, and the seconds until it was ready."""

    url: str
    process: subprocess.Popen[bytes]
    ready_s: float

    @property
    def memory_mb(self) -> float:
        """Of the process and all that it started; what they share counts once."""
        return sum(_pss_kb(pid) for pid in _family(self.process.pid)) / 1024

    @property
    def cpu_s(self) -> float:
        """Used so far by the process and all that it started."""
        ticks = sum(_cpu_ticks(pid) for pid in _family(self.process.pid))
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def ours(program: Sequence[str] = (WORKSAFE, "serve"), **environment: str) -> Iterator[Server]:
    """Serve with worksafe, without its result cache: the same pictures come again and again."""
    port = free_port()
    command = [*program, "--port", str(port)]
    settings = {"WORKSAFE_CACHE_ENTRIES": "0", **environment}
    with _running(command, port, "/readyz", "/v1/check", settings) as server:
        yield server


@contextmanager
def naive(kind: str, file: str | None = None) -> Iterator[Server]:
    """Serve with the server that one would write in an afternoon."""
    port = free_port()
    program = str(ROOT / "benchmarks/naive_server.py")
    command = [sys.executable, program, str(port), kind, *([file] if file else [])]
    with _running(command, port, "/", "/check", {}) as server:
        yield server


@contextmanager
def _running(
    command: list[str], port: int, ready: str, path: str, settings: dict[str, str]
) -> Iterator[Server]:
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **settings},
    )
    try:
        while not _answers(port, ready):
            if time.monotonic() - began > READY_S or process.poll() is not None:
                msg = f"no answer from {command}"
                raise SystemExit(msg)
            time.sleep(0.02)
        yield Server(f"http://127.0.0.1:{port}{path}", process, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int, path: str) -> bool:
    try:
        with closing(HTTPConnection("127.0.0.1", port)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status < HTTPStatus.INTERNAL_SERVER_ERROR
    except OSError:
        return False


def free_port() -> int:
    """Find a port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_form(files: Sequence[bytes]) -> bytes:
    """Make a multipart body."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="images"; '
        f'filename="{number}.jpg"\r\n\r\n'.encode()
        + file
        + b"\r\n"
        for number, file in enumerate(files)
    ]
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


class Client:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._connection = HTTPConnection(self._address.netloc, timeout=TIMEOUT_S)
        self.retry_after_s = 0.0  # what the last answer asked for

    def post(self, body: bytes) -> tuple[int, float]:
        """Send a form; give the status and the milliseconds until all of the answer was there."""
        began = time.perf_counter()
        self._connection.request("POST", self._address.path, body, _FORM)
        response = self._connection.getresponse()
        response.read()
        self.retry_after_s = float(response.headers.get("Retry-After", 0))
        return response.status, (time.perf_counter() - began) * 1000

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def closed_loop(
    server: Server,
    bodies: Sequence[bytes],
    clients: int,
    seconds: float = float("inf"),
    requests: float = float("inf"),
    *,
    is_patient: bool = False,
) -> Load:
    """Let each client send the next form when it has the answer to the last.

    A patient one that is refused waits as long as the answer asks for.
    """
    load, lock, sent = Load(), threading.Lock(), iter(range(10**9))
    end = time.monotonic() + seconds

    def one() -> None:
        with closing(Client(server.url)) as client:
            while (turn := next(sent)) < requests and time.monotonic() < end:
                status, took_ms = client.post(bodies[turn % len(bodies)])
                with lock:
                    load.add(status, took_ms)
                if is_patient and status == HTTPStatus.SERVICE_UNAVAILABLE:
                    time.sleep(client.retry_after_s)

    _at_once([one] * clients, server, load)
    return load


def open_loop(server: Server, bodies: Sequence[bytes], rate: float, seconds: float) -> Load:
    """Send forms at a steady rate, whether or not the last ones were answered.

    Latency counts from when a form was due, so that a server that falls behind is seen to.
    """
    load, lock = Load(), threading.Lock()
    senders = max(4, int(4 * rate))
    began = time.monotonic() + 0.2

    def one(number: int) -> None:
        for turn in range(number, int(rate * seconds), senders):
            due = began + turn / rate
            time.sleep(max(0.0, due - time.monotonic()))
            with closing(Client(server.url)) as client:  # an idle connection may be closed by then
                status, _ = client.post(bodies[turn % len(bodies)])
            with lock:
                load.add(status, (time.monotonic() - due) * 1000)

    _at_once([lambda number=number: one(number) for number in range(senders)], server, load)  # type: ignore[misc]
    return load


def _at_once(works: Sequence[Callable[[], None]], server: Server, load: Load) -> None:
    threads = [threading.Thread(target=work) for work in works]
    began, used, stolen = time.monotonic(), server.cpu_s, _stolen_s()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds, load.cpu_s = time.monotonic() - began, server.cpu_s - used
    load.stolen = (_stolen_s() - stolen) / (load.seconds * (os.cpu_count() or 1))


def processor() -> str:
    """Name the processor and what of its instructions matters here."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"model name\s*: (.*)", text)
    flags = [flag for flag in _FLAGS if re.search(rf"\b{flag}\b", text)]
    cores = len(os.sched_getaffinity(0))
    return f"{name.group(1) if name else 'unknown'} ({', '.join(flags)}), {cores} cores"


def table_path(what: str) -> Path:
    """Name a table of this machine."""
    slug = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    return RESULTS / f"bench-{what}-{slug}.csv"


def add_rows(what: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Add rows to a table of this machine, which begins with the names of its columns."""
    path = table_path(what)
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows] if is_new else rows)


def _family(pid: int) -> list[int]:
    children = [
        int(child)
        for file in Path(f"/proc/{pid}/task").glob("*/children")
        for child in file.read_text().split()
    ]
    return [pid, *(one for child in children for one in _family(child))]


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # gone meanwhile
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _stolen_s() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
