"""One process against a process for each core, in turns (A B A B).

Usage: python benchmarks/bench_processes.py [--rounds 3] [--seconds 6] [--runtime auto]

Adds rows to results/bench-processes-<processor>.csv, one for each number of clients.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from bench_nudity import make_pictures
from load import Load, Server, add_rows, as_form, closed_loop, medians, ours, processor

from worksafe.api.server import Server as Gunicorn
from worksafe.engine.cores import count_cores
from worksafe.settings import Settings

MEGAPIXELS = 0.5
CLIENTS = (1, 8, 64)
COLUMNS = (
    "runtime", "clients", "ratio", "cpu ratio", "stolen",
    "one process req/s", "p50 ms", "p99 ms", "refused", "MB",
    "processes req/s", "p50 ms", "p99 ms", "refused", "MB",
)  # fmt: skip


class Processes(Gunicorn):
    """As the service is served, but by a process for each core."""

    def load_config(self) -> None:
        """Take the service's configuration, and more processes."""
        super().load_config()
        self.cfg.set("workers", count_cores())


def serve(port: int) -> None:
    """Serve, with as many places in all as the service has."""
    settings = Settings.load(port=port)
    shared = {"running": settings.running_places, "waiting": settings.waiting}
    each = {name: places // count_cores() for name, places in shared.items()}
    Processes(settings.model_copy(update=each)).run()


def cells(loads: list[Load], server: Server) -> list[str]:
    """Give medians over rounds of what clients saw, and the server's memory."""
    refused = statistics.median(len(load.refused_ms) for load in loads)
    return [*medians(loads), f"{refused:.0f}", f"{server.memory_mb:.0f}"]


def main() -> None:
    """Print a line for each number of clients, and add it to the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--runtime", default="auto", help="WORKSAFE_RUNTIME")
    parser.add_argument("--port", type=int, help="serve there by processes, and measure nothing")
    options = parser.parse_args()
    if options.port:
        serve(options.port)
    print(processor())
    print(*COLUMNS, sep="  ")
    rows = []
    with (
        ours(WORKSAFE_RUNTIME=options.runtime) as one,
        ours([sys.executable, __file__], WORKSAFE_RUNTIME=options.runtime) as several,
        tempfile.TemporaryDirectory() as folder,
    ):
        files = [path.read_bytes() for path in make_pictures(Path(folder), MEGAPIXELS)]
        bodies = [as_form([file]) for file in files]
        for server in (one, several):
            closed_loop(server, bodies, 8, seconds=3)
        for clients in CLIENTS:
            turns = [
                [
                    closed_loop(server, bodies, clients, options.seconds, is_patient=True)
                    for server in (one, several)
                ]
                for _ in range(options.rounds)
            ]
            ratio = statistics.median(b.per_second / a.per_second for a, b in turns)
            cpu_ratio = statistics.median(b.cpu_ms / a.cpu_ms for a, b in turns)
            stolen = statistics.mean(load.stolen for pair in turns for load in pair)
            row = [options.runtime, str(clients), f"{ratio:.2f}", f"{cpu_ratio:.2f}"]
            row.append(f"{stolen:.2f}")
            for server, loads in zip((one, several), zip(*turns, strict=True), strict=True):
                row += cells(list(loads), server)
            rows.append(row)
            print(*row, sep="  ", flush=True)
    add_rows("processes", COLUMNS, rows)


if __name__ == "__main__":
    main()
