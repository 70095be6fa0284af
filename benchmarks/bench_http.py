"""Our server against the naive one, over HTTP on loopback, in turns (A B A B), as ratios.

Usage: python benchmarks/bench_http.py [--rounds 3] [--seconds 8] [--clients 8] [--mobilenet FILE]

Both servers run all the time; only one is asked at a time. `ratio` compares requests a second,
`cpu ratio` the processor time for each; `stolen` is the share of the cores that the host took.
Adds rows to results/bench-http-<processor>.csv.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from bench_nudity import MEGAPIXELS, make_pictures
from load import Load, add_rows, as_form, closed_loop, medians, naive, ours, processor

WARM_S = 2
COLUMNS = (
    "megapixels", "clients", "runtime", "naive second model", "ratio", "cpu ratio", "stolen",
    "ours req/s", "ours p50 ms", "ours p99 ms", "ours cpu ms", "ours MB", "ours ready s",
    "naive req/s", "naive p50 ms", "naive p99 ms", "naive cpu ms", "naive MB", "naive ready s",
)  # fmt: skip


def cells(loads: list[Load]) -> list[str]:
    """Give the medians over rounds of what clients saw of one server."""
    return [*medians(loads), f"{statistics.median(load.cpu_ms for load in loads):.1f}"]


def main() -> None:
    """Print a line for each size, and add it to the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--runtime", default="auto", help="WORKSAFE_RUNTIME of our server")
    parser.add_argument("--mobilenet", help="ONNX file of the naive server's second model")
    options = parser.parse_args()
    kind = "mobilenet" if options.mobilenet else "hazards"
    print(processor())
    print(*COLUMNS, sep="  ")
    rows = []
    with (
        ours(WORKSAFE_RUNTIME=options.runtime) as our_server,
        naive(kind, options.mobilenet) as naive_server,
        tempfile.TemporaryDirectory() as folder,
    ):
        servers = (our_server, naive_server)
        for megapixels in MEGAPIXELS:
            paths = make_pictures(Path(folder), megapixels)
            bodies = [as_form([path.read_bytes()]) for path in paths]
            for server in servers:
                closed_loop(server, bodies, options.clients, WARM_S)
            rounds = [
                [closed_loop(one, bodies, options.clients, options.seconds) for one in servers]
                for _ in range(options.rounds)
            ]
            ratio = statistics.median(mine.per_second / other.per_second for mine, other in rounds)
            cpu_ratio = statistics.median(other.cpu_ms / mine.cpu_ms for mine, other in rounds)
            stolen = statistics.mean(load.stolen for pair in rounds for load in pair)
            row = [str(megapixels), str(options.clients), options.runtime, kind]
            row += [f"{ratio:.2f}", f"{cpu_ratio:.2f}", f"{stolen:.2f}"]
            for server, loads in zip(servers, zip(*rounds, strict=True), strict=True):
                row += [*cells(list(loads)), f"{server.memory_mb:.0f}", f"{server.ready_s:.2f}"]
            rows.append(row)
            print(*row, sep="  ", flush=True)
    add_rows("http", COLUMNS, rows)


if __name__ == "__main__":
    main()
