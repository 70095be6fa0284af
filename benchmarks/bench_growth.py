"""How our server's cost grows: with images in a request, with clients, with time, and overloaded.

Usage: python benchmarks/bench_growth.py [--requests 20000] [--overload 60]

Writes results/bench-growth-<processor>.csv, one measurement a line.
"""

import argparse
import csv
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench_nudity import make_pictures
from load import (
    Client,
    Server,
    as_form,
    closed_loop,
    open_loop,
    ours,
    percentile,
    processor,
    table_path,
)

MEGAPIXELS = 0.5
SETS = (1, 10, 100, 1000)
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
ROUNDS = 3
SECONDS = 6
OPEN_SHARES = (0.5, 0.8, 0.95)  # of the closed loop's rate

Row = tuple[str, float, str, float]  # what, at, unit, value


def grow_sets(server: Server, files: list[bytes]) -> list[Row]:
    """Time requests with more and more images, beside as many with one."""
    rows: list[Row] = []
    singles = [as_form([file]) for file in files]
    with closing(Client(server.url)) as client:
        for images in SETS:
            body = as_form([files[at % len(files)] for at in range(images)])
            ratios, each = [], []
            for _ in range(ROUNDS if images <= 100 else 1):  # noqa: PLR2004 - a minute else
                status, took_ms = client.post(body)
                assert status == 200, status  # noqa: S101, PLR2004 - or nothing was timed
                each.append(took_ms / images)
                if images <= 100:  # noqa: PLR2004
                    one_by_one = sum(
                        client.post(singles[at % len(files)])[1] for at in range(images)
                    )
                    ratios.append(took_ms / one_by_one)
            rows.append(("images in a request", images, "ms each", statistics.median(each)))
            if ratios:
                ratio = statistics.median(ratios)
                rows.append(("images in a request", images, "of as many requests", ratio))
    return rows


def grow_clients(server: Server, bodies: list[bytes]) -> list[Row]:
    """Ask from more and more clients at once."""
    rows: list[Row] = []
    for clients in CLIENTS:
        load = closed_loop(server, bodies, clients, SECONDS)
        rows += [
            ("clients", clients, "req/s", load.per_second),
            ("clients", clients, "p50 ms", percentile(load.latencies_ms, 0.5)),
            ("clients", clients, "p99 ms", percentile(load.latencies_ms, 0.99)),
            ("clients", clients, "refused", len(load.refused_ms)),
        ]
    return rows


def ask_steadily(server: Server, bodies: list[bytes], most: float) -> list[Row]:
    """Send at a steady rate, up to nearly all that the server can do."""
    rows: list[Row] = []
    for share in OPEN_SHARES:
        load = open_loop(server, bodies, share * most, SECONDS)
        rows += [
            ("open loop, share of most", share, "p50 ms", percentile(load.latencies_ms, 0.5)),
            ("open loop, share of most", share, "p99 ms", percentile(load.latencies_ms, 0.99)),
        ]
    return rows


def overload(server: Server, bodies: list[bytes], seconds: float) -> list[Row]:
    """Ask from eight clients, then for long from eight times as many, who heed Retry-After."""
    easy = closed_loop(server, bodies, 8, SECONDS)
    load = closed_loop(server, bodies, 64, seconds, is_patient=True)
    p99 = percentile(load.latencies_ms, 0.99)
    what = "64 clients"
    return [
        (what, seconds, "accepted", len(load.latencies_ms)),
        (what, seconds, "slowest ms", max(load.latencies_ms)),
        (what, seconds, "p99 ms", p99),
        (what, seconds, "p99 of that at 8 clients", p99 / percentile(easy.latencies_ms, 0.99)),
        (what, seconds, "refused", len(load.refused_ms)),
        (what, seconds, "refused p50 ms", percentile(load.refused_ms, 0.5)),
        (what, seconds, "other answers", load.failed),
    ]


def keep_on(server: Server, bodies: list[bytes], requests: int) -> list[Row]:
    """Watch memory over many requests; the first minute counts as warming up."""
    rows: list[Row] = []
    began = time.monotonic()
    closed_loop(server, bodies, 8, seconds=60)
    rows.append(("requests", 0, "MB after the first minute", server.memory_mb))
    step = max(1, requests // 10)
    for done in range(step, requests + 1, step):
        closed_loop(server, bodies, 8, requests=step)
        rows.append(("requests", done, "MB", server.memory_mb))
        print(f"{done} requests, {time.monotonic() - began:.0f} s", *rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--overload", type=float, default=60)
    options = parser.parse_args()
    print(processor())
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = make_pictures(Path(folder), MEGAPIXELS)
        files = [path.read_bytes() for path in paths]
    bodies = [as_form([file]) for file in files]
    with ours() as server:
        rows.append(("start", 0, "seconds to ready", server.ready_s))
        closed_loop(server, bodies, 8, 2)
        for some in (
            grow_sets(server, files),
            by_clients := grow_clients(server, bodies),
            ask_steadily(server, bodies, max(row[3] for row in by_clients if row[2] == "req/s")),
            overload(server, bodies, options.overload),
            keep_on(server, bodies, options.requests) if options.requests else [],
        ):
            rows += some
            for row in some:
                print(*row, sep="  ", flush=True)
    with table_path("growth").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "at", "unit", "value"])
        writer.writerows([what, f"{at:g}", unit, f"{value:.2f}"] for what, at, unit, value in rows)


if __name__ == "__main__":
    main()
