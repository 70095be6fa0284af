"""Draw heat maps over labelled pictures, to count by eye how often they point at the thing.

Usage: python benchmarks/draw_heat_sheet.py DATA FILE [SPLIT]

DATA is a folder of labelled pictures with a manifest.csv; FILE the picture that is written. Fifteen
of each label, drawn at random from those that the label's own score finds at all (0.4 or more);
a ring marks the hottest place. The sheet shows pictures that may not be redistributed.
"""

import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from worksafe.evaluation.datasets import Example, read_manifest
from worksafe.explain.heat import colour
from worksafe.images.heat import spread
from worksafe.moderator import Moderator
from worksafe.settings import Settings

LABELS = ("violence.firearm", "violence.blade", "drugs.cannabis", "drugs.tobacco")
SHOWN = 15
COLUMNS = 10
LEAST_SCORE = 0.4
CELL_PX = 240
RING_PX = 9


def draw(moderator: Moderator, example: Example) -> Image.Image | None:
    """Draw one picture with its map; None where its label was not found."""
    scores = moderator.check(example.path, look=moderator.look(maps=True)).scores
    if scores is None or scores.labels[example.label] < LEAST_SCORE:
        return None
    picture = Image.open(example.path).convert("RGB")
    picture.thumbnail((CELL_PX, CELL_PX))
    heat = spread(scores.maps[example.label], *picture.size)
    hot = colour(heat)
    picture.paste(hot, (0, 0), hot)
    y, x = np.unravel_index(int(heat.argmax()), heat.shape)
    ring = (x - RING_PX, y - RING_PX, x + RING_PX, y + RING_PX)
    ImageDraw.Draw(picture).ellipse(tuple(float(side) for side in ring), outline="cyan", width=3)
    return picture


def main(folder: Path, to: Path, split: str = "val") -> None:
    """Write the sheet."""
    moderator = Moderator(Settings(cache_entries=0))
    rng = random.Random(0)  # noqa: S311 - no secret
    examples = [one for one in read_manifest(folder) if one.split == split and not one.weak]
    pictures: list[Image.Image] = []
    for label in LABELS:
        candidates = [one for one in examples if one.label == label]
        rng.shuffle(candidates)
        drawn = (picture for one in candidates if (picture := draw(moderator, one)))
        pictures += [picture for picture, _ in zip(drawn, range(SHOWN), strict=False)]
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL_PX, rows * CELL_PX), "white")
    for place, picture in enumerate(pictures):
        row, column = divmod(place, COLUMNS)
        sheet.paste(picture, (column * CELL_PX, row * CELL_PX))
        ImageDraw.Draw(sheet).text(
            (column * CELL_PX + 4, row * CELL_PX + 4), str(place + 1), "white", stroke_width=2,
            stroke_fill="black", font_size=20,
        )  # fmt: skip
    sheet.save(to)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
