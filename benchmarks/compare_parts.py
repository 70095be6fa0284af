"""What is found in long pictures by looking at their parts, what is missed without, what it costs.

Usage: python benchmarks/compare_parts.py DATA [STRIPS]

DATA is a folder of labelled pictures with a manifest.csv. Seven neutral ones of the split ``val``
are joined one below the other, 400 px wide, a hundred times (STRIPS); and once more with one of the
seven replaced by one that shows violence or drugs and that the default policy does not allow by
itself.
"""

import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from worksafe.engine.idle import IdlePlaces
from worksafe.engine.scoring import score_image
from worksafe.evaluation.datasets import NEUTRAL, Example, read_manifest, read_pixels
from worksafe.images import parts
from worksafe.images.pictures import DecodedImage, View
from worksafe.images.resize import RgbImage
from worksafe.moderator import Moderator
from worksafe.policy.decide import decide
from worksafe.results import Action
from worksafe.settings import Settings

SPLIT = "val"
JOINED = 7
WIDTH_PX = 400
STRIPS = 100


def load(example: Example) -> RgbImage:
    """Read a picture, in the width of a strip."""
    image = Image.fromarray(read_pixels(example, WIDTH_PX))
    height = max(1, round(image.height * WIDTH_PX / image.width))
    return np.asarray(image.resize((WIDTH_PX, height)))


class Judge:
    """Decides by the default policy, and notes how long it takes."""

    def __init__(self) -> None:
        self._moderator = Moderator(Settings(cache_entries=0))
        self._idle = IdlePlaces(1)
        self.took_ms: list[float] = []

    def action(self, pixels: RgbImage) -> Action:
        """Decide about one picture."""
        height, width = pixels.shape[:2]
        pictures = DecodedImage("array", width, height, 1, (View(0, pixels),))
        began = time.perf_counter()
        with self._idle.hold():  # one detector after the other, as on a busy machine
            scored = score_image(pictures, self._moderator._detectors, self._idle)
        self.took_ms.append((time.perf_counter() - began) * 1000)
        return decide(scored, self._moderator.policy()).action


def strips(
    judge: Judge, examples: Sequence[Example], rng: random.Random
) -> Iterator[tuple[RgbImage, RgbImage]]:
    """Join pictures: a strip of ordinary ones, and the same with one that is not allowed."""
    neutral = [one for one in examples if one.category == NEUTRAL]
    shown = [one for one in examples if one.category != NEUTRAL]
    while True:
        joined = [load(one) for one in rng.sample(neutral, JOINED)]
        other = load(rng.choice(shown))
        if judge.action(other) is not Action.ALLOW:
            at = rng.randrange(JOINED)
            yield np.vstack(joined), np.vstack([*joined[:at], other, *joined[at + 1 :]])


def main(folder: Path, count: int) -> None:
    """Print what is decided about whole strips, and about their parts."""
    examples = [one for one in read_manifest(folder) if one.split == SPLIT]
    rng = random.Random(0)  # noqa: S311 - no secret
    some = strips(Judge(), examples, rng)
    pairs = [next(some) for _ in range(count)]
    long = parts.LONG
    for name, longest in (("as a whole", float("inf")), ("and in parts", long)):
        parts.LONG = longest
        judge = Judge()
        for kind, at in (("ordinary pictures", 0), ("one that is not allowed", 1)):
            found = Counter(judge.action(pair[at]) for pair in pairs)
            print(f"{name}, {count} strips with {kind}: {dict(found)}")
        print(f"{name}: median {statistics.median(judge.took_ms):.0f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else STRIPS)  # noqa: PLR2004
