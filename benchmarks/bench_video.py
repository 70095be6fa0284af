"""How long films take, alone on an idle machine: what a request's deadline for videos allows.

Usage: python benchmarks/bench_video.py [ROUNDS]

Films of photographs that the camera wanders over, at 25 frames a second in H.264, cut every so many
seconds or never. Writes results/bench-video-<processor>.csv.
"""

import csv
import io
import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence

import av
import numpy as np
from av.video.stream import VideoStream
from load import processor, table_path
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from worksafe.items import Item
from worksafe.moderator import Moderator
from worksafe.settings import Settings

SIZES = ((640, 360), (1920, 1080))
CUTS_S = (None, 5)  # seconds between them
MINUTES = 1
FRAMES_PER_S = 25
DEFAULT_ROUNDS = 3
COLUMNS = ("width", "height", "cut every s", "frames checked", "seconds for a minute of film")

Rgb = NDArray[np.uint8]


def make_film(width: int, height: int, cut_s: int | None) -> bytes:
    """Film photographs, larger than the film, by a camera that wanders over them."""
    room = (width * 3 // 2, height * 3 // 2)
    samples = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]  # type: ignore[no-untyped-call]
    photographs = [np.asarray(Image.fromarray(sample).resize(room)) for sample in samples]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FRAMES_PER_S)
        assert isinstance(stream, VideoStream)  # noqa: S101
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "28"}
        for picture in _shots(photographs, width, height, cut_s):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    return file.getvalue()


def _shots(photographs: Sequence[Rgb], width: int, height: int, cut_s: int | None) -> Iterator[Rgb]:
    for index in range(MINUTES * 60 * FRAMES_PER_S):
        shown = 0 if cut_s is None else index // (cut_s * FRAMES_PER_S)
        left = round(width / 4 * (1 + np.sin(index / 120)))
        top = round(height / 4 * (1 + np.cos(index / 170)))
        whole = photographs[shown % len(photographs)]
        yield np.ascontiguousarray(whole[top : top + height, left : left + width])


def main(rounds: int) -> None:
    """Print a line for each kind of film and write the table."""
    moderator = Moderator(Settings(cache_entries=0))
    moderator.warm_up()
    print(processor())
    print(*COLUMNS, sep="  ")
    rows = []
    for (width, height), cut_s in itertools.product(SIZES, CUTS_S):
        film = make_film(width, height, cut_s)
        took_s = []
        for _ in range(rounds):
            began = time.perf_counter()
            (result,) = moderator.check_set([Item(film)]).results
            took_s.append(time.perf_counter() - began)
        assert result.image is not None  # noqa: S101 - what is in error would be fast
        median, checked = statistics.median(took_s) / MINUTES, result.image.frames_checked
        rows.append([width, height, cut_s or "never", checked, f"{median:.1f}"])
        print(*rows[-1], sep="  ", flush=True)
    with table_path("video").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS)
