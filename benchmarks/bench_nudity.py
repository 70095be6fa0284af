"""Our whole path against `NudeDetector().detect(path)`: file to regions, in turns, as a ratio.

Usage: python benchmarks/bench_nudity.py [ROUNDS]

The pictures are openly licensed photographs (scikit-image, scikit-learn), enlarged to 12, 2 and
0.5 megapixels and saved as JPEG. Each round times all pictures of a size with one path, then with
the other, so that a change in the machine's speed meets both. The detectors of violence and drugs
are left out: the package has none.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nudenet import NudeDetector
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_images

from worksafe.engine.detector import load_detectors
from worksafe.engine.idle import IdlePlaces
from worksafe.engine.scoring import score_image
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.models import nudity

MEGAPIXELS = (12.0, 2.0, 0.5)
DEFAULT_ROUNDS = 7


def make_pictures(folder: Path, megapixels: float) -> list[Path]:
    """Write the photographs at a size and say where."""
    paths = []
    photographs = [data.astronaut(), data.coffee(), data.chelsea(), *load_sample_images().images]
    for index, pixels in enumerate(photographs):
        image = Image.fromarray(pixels)
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        path = folder / f"{megapixels}-{index}.jpg"
        image.resize((round(image.width * scale), round(image.height * scale))).save(
            path, quality=90
        )
        paths.append(path)
    return paths


def time_ms(check: Callable[[Path], object], paths: list[Path]) -> float:
    """Time a path over all pictures, in milliseconds for one."""
    began = time.perf_counter()
    for path in paths:
        check(path)
    return (time.perf_counter() - began) * 1000 / len(paths)


def main(rounds: int) -> None:
    """Print a line for each size."""
    detectors = load_detectors([nudity.SPEC])
    limits = ImageLimits()
    package, idle = NudeDetector(), IdlePlaces(1)

    def ours(path: Path) -> object:
        return score_image(decode_image(path, limits, nudity.SPEC.side_px), detectors, idle)

    def theirs(path: Path) -> object:
        return package.detect(str(path))

    print(f"{os.cpu_count()} cores; median of {rounds} rounds, ms for one picture")
    print("ours runs on one thread; the package on as many as there are cores")
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in MEGAPIXELS:
            paths = make_pictures(Path(folder), megapixels)
            for check in (ours, theirs):
                time_ms(check, paths)  # warm
            pairs = [(time_ms(ours, paths), time_ms(theirs, paths)) for _ in range(rounds)]
            ratio = statistics.median(their / our for our, their in pairs)
            our, their = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{megapixels:>5} MP: ours {our:6.1f}, package {their:6.1f}: {ratio:.2f} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS)
