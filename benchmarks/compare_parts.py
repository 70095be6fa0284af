"""What is found in joined pictures by looking at their parts, what is missed without, the cost.

Usage: python benchmarks/compare_parts.py DATA [EACH]

DATA is a folder of labelled pictures with a manifest.csv. Neutral ones of the split ``val`` are
joined, a hundred times (EACH) in every shape: seven one below the other, 400 px wide, and two,
four, six and nine of them as a JPEG of 640 px, side by side or with borders of 6 px between them;
and once more with one replaced by one that shows violence or drugs and that the default policy does
not allow by itself. Ordinary pictures are looked at, too, each by itself at 640 px.
"""

import io
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageOps

from worksafe.engine import scoring
from worksafe.engine.idle import IdlePlaces
from worksafe.evaluation.datasets import NEUTRAL, Example, read_manifest, read_pixels
from worksafe.images.parts import cut_into_parts
from worksafe.images.pictures import DecodedImage, View
from worksafe.images.resize import RgbImage
from worksafe.moderator import Moderator
from worksafe.policy.decide import decide
from worksafe.results import Action
from worksafe.settings import Settings

SPLIT = "val"
STRIP_OF = 7
WIDTH_PX = 400
GRIDS = {"two": (1, 2), "four": (2, 2), "six": (2, 3), "nine": (3, 3)}  # rows and columns
GRID_PX = 640
BORDERS_PX = (0, 6)
QUALITY = 85
EACH = 100
WAYS = {"as a whole": lambda *_: [], "and in parts": cut_into_parts}

Join = Callable[[Sequence[RgbImage]], RgbImage]


def load(example: Example) -> RgbImage:
    """Read a picture, in the width of a strip."""
    image = Image.fromarray(read_pixels(example, WIDTH_PX))
    height = max(1, round(image.height * WIDTH_PX / image.width))
    return np.asarray(image.resize((WIDTH_PX, height)))


def enlarged(picture: RgbImage) -> RgbImage:
    """Scale a picture to the size of a grid."""
    return np.asarray(ImageOps.contain(Image.fromarray(picture), (GRID_PX, GRID_PX)))


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
            scored = scoring.score_image(pictures, self._moderator._detectors, self._idle)
        self.took_ms.append((time.perf_counter() - began) * 1000)
        return decide(scored, self._moderator.policy()).action


def strip(pictures: Sequence[RgbImage]) -> RgbImage:
    """Join pictures one below the other."""
    return np.vstack(pictures)


def grid(pictures: Sequence[RgbImage], rows: int, columns: int, border_px: int) -> RgbImage:
    """Join pictures in rows, of each as much of its middle as fits, and compress them."""
    whole = Image.new("RGB", (GRID_PX, GRID_PX), "white")
    across, down = GRID_PX // columns, GRID_PX // rows
    size = across - border_px, down - border_px
    for place, picture in enumerate(pictures):
        fitted = ImageOps.fit(Image.fromarray(picture), size)
        whole.paste(fitted, (place % columns * across, place // columns * down))
    file = io.BytesIO()
    whole.save(file, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(file))


def pairs(
    judge: Judge, examples: Sequence[Example], count: int, join: Join, rng: random.Random
) -> Iterator[tuple[RgbImage, RgbImage]]:
    """Join ordinary pictures, and the same with one that is not allowed in place of one."""
    neutral = [one for one in examples if one.category == NEUTRAL]
    shown = [one for one in examples if one.category != NEUTRAL]
    while True:
        joined = [load(one) for one in rng.sample(neutral, count)]
        other = load(rng.choice(shown))
        if judge.action(other) is not Action.ALLOW:
            at = rng.randrange(count)
            yield join(joined), join([*joined[:at], other, *joined[at + 1 :]])


def report(way: str, kind: str, pictures: Iterable[RgbImage]) -> None:
    """Print what is decided about some pictures."""
    judge = Judge()
    with patch.object(scoring, "cut_into_parts", WAYS[way]):
        found = Counter(judge.action(picture).value for picture in pictures)
    print(f"{way} | {kind} | {dict(found)} | {statistics.median(judge.took_ms):.0f} ms", flush=True)


def main(folder: Path, each: int) -> None:
    """Print what is decided about whole pictures, and about their parts."""
    examples = [one for one in read_manifest(folder) if one.split == SPLIT]
    shapes: dict[str, tuple[int, Join]] = {f"strips of {STRIP_OF}": (STRIP_OF, strip)}
    for name, (rows, columns) in GRIDS.items():
        for border_px in BORDERS_PX:
            as_grid = partial(grid, rows=rows, columns=columns, border_px=border_px)
            shapes[f"{name}, borders of {border_px} px"] = rows * columns, as_grid
    ordinary = [one for one in examples if one.category == NEUTRAL]
    for way in WAYS:
        report(way, "each by itself", (enlarged(load(one)) for one in ordinary))
    for name, (count, join) in shapes.items():
        rng = random.Random(0)  # noqa: S311 - no secret
        some = list(islice(pairs(Judge(), examples, count, join, rng), each))
        for way in WAYS:
            report(way, f"{name}, ordinary", (pair[0] for pair in some))
            report(way, f"{name}, one not allowed", (pair[1] for pair in some))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else EACH)  # noqa: PLR2004
