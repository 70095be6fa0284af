"""What a second pass for nudity at twice the size finds, what it costs, and what it gets wrong.

Usage: python benchmarks/compare_thorough.py DATA

DATA is a folder of labelled pictures with a manifest.csv; only neutral pictures are looked at, of
the splits ``train`` and ``val``. Nobody is nude there, so recall is counted on other parts of
people: faces and feet no longer than 0.3 of the picture (the network knows no hands), found by one
pass in the picture itself, are looked for again after it was put into a larger grey canvas.
"""

import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worksafe.choices import Thorough
from worksafe.engine.detector import Detector, Look, load_detectors, prepare
from worksafe.evaluation.datasets import NEUTRAL, Example, read_manifest, read_pixels
from worksafe.images.resize import RgbImage
from worksafe.models import nudity
from worksafe.models.boxes import suppress_overlaps

PARTS = ("FACE", "FEET")
CANVASES = (2, 4)  # times the sides of the picture
THRESHOLD = 0.3
SMALL = 0.3
SURE = 0.4
SAME = 0.3  # intersection over union
PARTS_WANTED = 300
PICTURES = 1000
MODES: tuple[Thorough, ...] = ("never", "uncertain", "always")

Part = tuple[str, NDArray[np.float64]]  # its kind, and its box as fractions


def find_parts(
    detector: Detector, image: RgbImage, side_px: int, threshold: float = THRESHOLD
) -> list[Part]:
    """Find faces and feet."""
    planes, placement = prepare(image, detector.spec, side_px)
    (output,) = detector.session.run(planes, detector.spec.outputs)
    boxes, scores = nudity.decode_boxes(output, placement)
    anchors, classes = np.nonzero(scores > threshold)
    if not anchors.size:
        return []
    kept = suppress_overlaps(boxes[anchors], scores[anchors, classes], classes)
    unit = np.array([placement.width, placement.height] * 2)
    named = ((nudity.CLASSES[classes[i]][0], boxes[anchors[i]] / unit) for i in kept)
    return [(name[:4], box) for name, box in named if name.startswith(PARTS)]


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Give two boxes' intersection over their union."""
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    both = float(np.clip(sides, 0, None).prod())
    return both / float(one[2:].prod() + other[2:].prod() - both + 1e-9)


def count_found(wanted: list[Part], found: list[Part]) -> Counter[str]:
    """Count the wanted parts that were found, by kind."""
    return Counter(
        kind
        for kind, box in wanted
        if any(kind == other and overlap(box, at) > SAME for other, at in found)
    )


def compare_recall(detector: Detector, examples: list[Example], rng: random.Random) -> None:
    """Print how many small parts are found in larger canvases, by one pass and by two."""
    larger_px = detector.spec.thorough_side_px
    assert larger_px is not None  # noqa: S101 - or there is nothing to compare
    total: Counter[str] = Counter()
    found: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for example in examples:
        image = read_pixels(example, larger_px)
        parts = find_parts(detector, image, detector.spec.side_px, SURE)
        small = [(kind, box) for kind, box in parts if box[2:].max() <= SMALL]
        total.update(kind for kind, _ in small)
        for times in CANVASES if small else ():
            height, width = image.shape[:2]
            canvas = np.full((times * height, times * width, 3), 127, dtype=np.uint8)
            x, y = rng.randrange((times - 1) * width), rng.randrange((times - 1) * height)
            canvas[y : y + height, x : x + width] = image
            moved = [
                (kind, np.array([x / width, y / height, 0, 0]) / times + box / times)
                for kind, box in small
            ]
            first = find_parts(detector, canvas, detector.spec.side_px)
            found[times, 1] += count_found(moved, first)
            found[times, 2] += count_found(moved, first + find_parts(detector, canvas, larger_px))
        if total.total() >= PARTS_WANTED:
            break
    print(f"{total.total()} small parts: {dict(total)}")
    for (times, passes), counts in sorted(found.items()):
        print(f"canvas of {times} x the sides, {passes} passes: {counts.total()} {dict(counts)}")


def compare_alarms(detector: Detector, examples: list[Example]) -> None:
    """Print false alarms by kind of picture, and the time of a picture, for each mode."""
    took_ms: dict[Thorough, list[float]] = {mode: [] for mode in MODES}
    alarms: dict[str, Counter[str]] = defaultdict(Counter)
    pictures: Counter[str] = Counter()
    for example in examples:
        image = read_pixels(example, 2 * detector.spec.side_px)
        kind = example.kind or "?"
        pictures[kind] += 1
        for mode in MODES:
            began = time.perf_counter()
            score = detector.score(image, Look(mode)).labels[nudity.EXPLICIT]
            took_ms[mode].append((time.perf_counter() - began) * 1000)
            for threshold in (0.3, 0.5, 0.8):
                alarms[f"{mode} {threshold}"][kind] += score >= threshold
    for mode, times in took_ms.items():
        print(
            f"{mode}: mean {statistics.mean(times):.1f} ms, median {statistics.median(times):.1f}"
        )
    print("explicit at or above, of", len(examples))
    for name, by_kind in alarms.items():
        worst = ", ".join(f"{kind} {n}/{pictures[kind]}" for kind, n in by_kind.most_common(6) if n)
        print(f"{name}: {by_kind.total()} ({worst})")


def main(folder: Path) -> None:
    """Compare on the pictures of a folder."""
    examples = [
        one for one in read_manifest(folder) if one.category == NEUTRAL and one.split != "test"
    ]
    rng = random.Random(0)  # noqa: S311 - no secret
    rng.shuffle(examples)
    (detector,) = load_detectors([nudity.SPEC])
    compare_recall(detector, examples, rng)
    compare_alarms(detector, examples[:PICTURES])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
