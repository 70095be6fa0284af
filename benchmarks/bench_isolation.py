"""What decoding in processes of its own costs: checks as they are, without it, and with all there.

Usage: python benchmarks/bench_isolation.py [ROUNDS]

Each round checks the same files through a Moderator in turns (A B A B): as it is, with everything
decoded in this process, and with everything decoded in others. The pictures are openly
licensed photographs (scikit-image, scikit-learn) at 2 megapixels.
"""

import io
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_images

from worksafe import Moderator, Settings
from worksafe.images.deadline import NO_DEADLINE, Deadline
from worksafe.images.decode import decode_image
from worksafe.images.formats import sniff_format
from worksafe.images.isolated.pool import DecoderPool
from worksafe.images.limits import ImageLimits
from worksafe.images.open import Opener, Read
from worksafe.images.pictures import Pictures

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF")
MEGAPIXELS = 2.0
REPEATS = 4
DEFAULT_ROUNDS = 5


class Here(Opener):
    """Decodes everything in this process."""

    @contextmanager
    def open(
        self,
        read: Read,
        side_px: int,
        deadline: Deadline = NO_DEADLINE,  # noqa: ARG002
    ) -> Iterator[Pictures]:
        """Decode what was read."""
        yield decode_image(read, self._limits, side_px)


class Elsewhere(Opener):
    """Decodes everything in processes of its own."""

    @contextmanager
    def open(
        self, read: Read, side_px: int, deadline: Deadline = NO_DEADLINE
    ) -> Iterator[Pictures]:
        """Decode what was read."""
        assert isinstance(read, bytes)  # noqa: S101 - all are
        known = sniff_format(read)
        with self._decoders.open(read, known, self._limits, side_px, deadline) as pictures:
            yield pictures


def make_files(image_format: str) -> list[bytes]:
    """Encode the photographs."""
    files = []
    for pixels in [data.astronaut(), data.coffee(), data.chelsea(), *load_sample_images().images]:
        image = Image.fromarray(pixels)
        scale = (MEGAPIXELS * 1e6 / (image.width * image.height)) ** 0.5
        file = io.BytesIO()
        image.resize((round(image.width * scale), round(image.height * scale))).save(
            file, image_format
        )
        files.append(file.getvalue())
    return files


def time_ms(moderator: Moderator, opener: Opener, files: list[bytes]) -> float:
    """Time checks of all files on all cores, in milliseconds for one."""
    moderator._finder._opener = opener
    began = time.perf_counter()
    results = list(moderator.check_many(files * REPEATS))
    assert all(result.status == "ok" for result in results)  # noqa: S101 - or nothing was timed
    return (time.perf_counter() - began) * 1000 / len(results)


def main(rounds: int) -> None:
    """Print a line for each format."""
    moderator = Moderator(Settings(cache_entries=0))
    moderator.warm_up()
    limits, decoders = ImageLimits(), DecoderPool(os.cpu_count() or 1)
    openers = [kind(limits, decoders) for kind in (Opener, Here, Elsewhere)]
    print(f"{os.cpu_count()} cores, {MEGAPIXELS:g} MP, ms for one file; median of {rounds} rounds")
    for image_format in FORMATS:
        files = make_files(image_format)
        for opener in openers:
            time_ms(moderator, opener, files)  # warm
        timed = [[time_ms(moderator, opener, files) for opener in openers] for _ in range(rounds)]
        as_is, here, elsewhere = (statistics.median(column) for column in zip(*timed, strict=True))
        costs = [statistics.median(row[index] / row[1] for row in timed) - 1 for index in (0, 2)]
        print(
            f"{image_format:>5}: as it is {as_is:6.1f} ({costs[0]:+.1%}), "
            f"all here {here:6.1f}, all elsewhere {elsewhere:6.1f} ({costs[1]:+.1%})"
        )
    moderator.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS)
