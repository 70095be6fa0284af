"""How far OpenVINO's scores are from onnxruntime's, and which decisions they would change.

Usage: python benchmarks/compare_runtimes.py DATA [SPLIT] [EVERY]

DATA is a folder of labelled pictures with a manifest.csv; only each EVERY-th picture is scored. In
bfloat16 where the processor has it, else in fp32.
"""

import sys
from pathlib import Path

import numpy as np
from load import processor
from rich.progress import track

from worksafe.evaluation.datasets import read_manifest
from worksafe.moderator import Moderator
from worksafe.settings import Settings


def main(folder: Path, split: str = "val", every: str = "1") -> None:
    """Print the mean and the largest difference, and the decisions that differ."""
    moderators = [
        Moderator(Settings(runtime=name, cache_entries=0)) for name in ("onnxruntime", "openvino")
    ]
    paths = [one.path for one in read_manifest(folder) if one.split == split][:: int(every)]
    print(processor(), "; ".join(moderator.runtime.key for moderator in moderators))
    differences, flips = [], 0
    results = zip(*(moderator.check_many(paths) for moderator in moderators), strict=True)
    for one, other in track(results, "scoring", total=len(paths)):
        if one.scores is None or other.scores is None:
            continue
        labels = one.scores.labels
        differences.append([abs(labels[name] - other.scores.labels[name]) for name in labels])
        flips += one.decision is not other.decision
    table = np.array(differences)
    print(
        f"{len(table)} pictures: difference of a score {table.mean():.5f} in the mean, "
        f"{table.max():.4f} at most; {flips} decisions differ ({flips / len(table):.2%})"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
