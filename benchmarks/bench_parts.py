"""Where the time of one picture goes, and how near the whole comes to the sum of its parts.

Usage: python benchmarks/bench_parts.py [ROUNDS]

Parts run alone on one thread of each core: decoding, preparing and running each network, reading
its output. `check_many` and the server run the same pictures in the same turns (A B A B). Writes
results/bench-parts-<processor>.csv.
"""

import csv
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench_nudity import MEGAPIXELS, make_pictures
from load import as_form, closed_loop, ours, processor, table_path

from worksafe.engine.cores import count_cores
from worksafe.engine.detector import PLAIN, Detector, prepare
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.moderator import Moderator
from worksafe.settings import Settings

REPEATS = 40
CLIENTS = 8
DEFAULT_ROUNDS = 3
COLUMNS = ("megapixels", "decode ms", "detectors ms", "sum ms", "check_many ms", "http ms",
           "check_many share", "http share")  # fmt: skip


def time_ms(work: Callable[[bytes], object], files: Sequence[bytes]) -> float:
    """Time work on files, one on each core at once: milliseconds for one."""
    with ThreadPoolExecutor(count_cores()) as pool:
        began = time.perf_counter()
        list(pool.map(work, files))
        return (time.perf_counter() - began) * 1000 / len(files)


def time_networks(moderator: Moderator, file: bytes) -> dict[str, float]:
    """Time each step of each detector on one thread, alone: milliseconds, the median."""
    side_px = PLAIN.side_px(detector.spec for detector in moderator._detectors)
    image = decode_image(file, ImageLimits(), side_px).views[0].pixels
    steps: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for detector in _all_looks(moderator):
            spec, marks = detector.spec, [time.perf_counter()]
            planes, placement = prepare(image, spec)
            marks.append(time.perf_counter())
            outputs = detector.session.run(planes, spec.outputs)
            marks.append(time.perf_counter())
            spec.interpret(outputs, placement)
            marks.append(time.perf_counter())
            for step, (start, end) in zip(
                ("prepare", "run", "interpret"), itertools.pairwise(marks), strict=True
            ):
                name = f"{spec.name} {spec.side_px} px {step}"
                steps.setdefault(name, []).append((end - start) * 1000)
    return {step: statistics.median(times) for step, times in steps.items()}


def _all_looks(moderator: Moderator) -> list[Detector]:
    looks = [(detector.glance, detector) for detector in moderator._detectors]
    return [one for pair in looks for one in pair if one is not None]


def main(rounds: int) -> None:
    """Print a line for each size and write the table."""
    moderator = Moderator(Settings(cache_entries=0))
    moderator.warm_up()
    side_px = PLAIN.side_px(detector.spec for detector in moderator._detectors)
    limits, rows = ImageLimits(), []
    print(processor())
    print(*COLUMNS, sep="  ")
    with ours() as server, tempfile.TemporaryDirectory() as folder:
        for megapixels in MEGAPIXELS:
            paths = make_pictures(Path(folder), megapixels)
            files = [path.read_bytes() for path in paths] * max(1, REPEATS // len(paths))
            bodies = [as_form([file]) for file in files[: len(paths)]]
            views = {file: decode_image(file, limits, side_px).views[0].pixels for file in files}

            def decode(file: bytes) -> object:
                return decode_image(file, limits, side_px)

            def detect(file: bytes, views: dict[bytes, object] = views) -> object:  # type: ignore[assignment]
                return [one.score(views[file]) for one in moderator._detectors]  # type: ignore[arg-type]

            turns: list[list[float]] = []
            for _ in range(rounds):
                began = time.perf_counter()
                assert all(r.status == "ok" for r in moderator.check_many(files))  # noqa: S101
                whole = (time.perf_counter() - began) * 1000 / len(files)
                load = closed_loop(server, bodies, CLIENTS, requests=len(files))
                parts = [time_ms(decode, files), time_ms(detect, files)]
                turns.append([*parts, sum(parts), whole, 1000 / load.per_second])
            medians = [statistics.median(column) for column in zip(*turns, strict=True)]
            shares = [statistics.median(turn[2] / turn[at] for turn in turns) for at in (3, 4)]
            row = [str(megapixels), *(f"{value:.1f}" for value in medians)]
            rows.append([*row, *(f"{share:.2f}" for share in shares)])
            print(*rows[-1], sep="  ", flush=True)
        for step, median in time_networks(moderator, files[0]).items():
            print(f"{step}: {median:.2f} ms")
    with table_path("parts").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS)
