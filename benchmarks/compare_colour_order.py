"""Was NudeNet trained on RGB or on BGR? Count what it finds in pictures of people, fed both ways.

Usage: python benchmarks/compare_colour_order.py DATA

DATA is a folder of labelled pictures with a manifest.csv. Only neutral pictures of its splits
``train`` and ``val`` whose kind says that people are the subject are looked at: a face, foot or
hand that is found there is nearly always one that is there.
"""

import sys
from dataclasses import replace
from pathlib import Path

from worksafe.engine.detector import Detector, load_detectors, prepare
from worksafe.evaluation.datasets import NEUTRAL, read_manifest
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.models import nudity

KINDS = {"portrait", "people", "people_action", "person_action", "person_gesture", "makeup"}
THRESHOLDS = (0.3, 0.5, 0.7)


def count_found(detector: Detector, paths: list[Path]) -> dict[str, dict[float, int]]:
    """Count pictures in which each class is found, by threshold."""
    found = {name: dict.fromkeys(THRESHOLDS, 0) for name, _ in nudity.CLASSES}
    for path in paths:
        pixels = decode_image(path, ImageLimits(), detector.spec.side_px).views[0].pixels
        planes, placement = prepare(pixels, detector.spec)
        (output,) = detector.session.run(planes, detector.spec.outputs)
        _, scores = nudity.decode_boxes(output, placement)
        for (name, _), score in zip(nudity.CLASSES, scores.max(axis=0), strict=True):
            for threshold in THRESHOLDS:
                found[name][threshold] += bool(score >= threshold)
    return found


def main(folder: Path) -> None:
    """Print the counts side by side."""
    paths = [
        example.path
        for example in read_manifest(folder)
        if example.category == NEUTRAL and example.kind in KINDS and example.split != "test"
    ]
    (detector,) = load_detectors([nudity.SPEC])
    counts = {
        "rgb": count_found(
            Detector(replace(nudity.SPEC, colour_order="rgb"), detector.session), paths
        ),
        "bgr": count_found(
            Detector(replace(nudity.SPEC, colour_order="bgr"), detector.session), paths
        ),
    }
    print(f"{len(paths)} pictures; pictures in which a class is found, RGB / BGR")
    for name, _ in nudity.CLASSES:
        cells = (f"{counts['rgb'][name][t]:>5} / {counts['bgr'][name][t]:<5}" for t in THRESHOLDS)
        print(f"{name:<26}", *cells)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
