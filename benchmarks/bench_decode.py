"""Our decoding against OpenCV's, which comes with the `nudenet` package, and pyvips' where it is.

Usage: python benchmarks/bench_decode.py [ROUNDS]

From a file's bytes to a picture of 320 pixels, one thread, in turns (A B C A B C): milliseconds,
medians. OpenCV reads a JPEG at a half, a quarter or an eighth; it neither checks sizes first nor
applies colour profiles, so what it saves is not all for nothing.
"""

import importlib
import io
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from load import processor
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_images

from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import resize_image

SIDE_PX = 320
FORMATS = ("JPEG", "PNG", "WEBP")
MEGAPIXELS = (12.0, 2.0, 0.5)
DEFAULT_ROUNDS = 5

Decoder = Callable[[bytes], object]


def ours(file: bytes) -> object:
    """Decode as serving does."""
    image = decode_image(file, ImageLimits(), SIDE_PX).views[0].pixels
    scale = SIDE_PX / max(image.shape[:2])
    return resize_image(image, round(image.shape[1] * scale), round(image.shape[0] * scale))


def opencv(file: bytes) -> object:
    """Decode with OpenCV, scaled in its decoder where it can."""
    reduced = [cv2.IMREAD_REDUCED_COLOR_8, cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_COLOR_2]
    with Image.open(io.BytesIO(file)) as header:
        factor = max(header.size) // SIDE_PX
    flag = next((f for f, by in zip(reduced, (8, 4, 2), strict=True) if factor >= by), None)
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR if flag is None else flag)
    assert image is not None  # noqa: S101 - or nothing was timed
    scale = SIDE_PX / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def pyvips() -> Decoder | None:
    """Decode with libvips, where pyvips is installed."""
    try:
        library: Any = importlib.import_module("pyvips")
    except ImportError:
        return None
    return lambda file: library.Image.thumbnail_buffer(file, SIDE_PX).numpy()


def make_files(image_format: str, megapixels: float) -> list[bytes]:
    """Encode the photographs."""
    files = []
    for pixels in [data.astronaut(), data.coffee(), data.chelsea(), *load_sample_images().images]:
        image = Image.fromarray(pixels)
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        file = io.BytesIO()
        size = round(image.width * scale), round(image.height * scale)
        image.resize(size).save(file, image_format)
        files.append(file.getvalue())
    return files


def main(rounds: int) -> None:
    """Print a line for each format and size."""
    others = {"opencv": opencv, "pyvips": pyvips()}
    decoders = {"ours": ours, **{name: one for name, one in others.items() if one}}
    print(processor())
    for image_format in FORMATS:
        for megapixels in MEGAPIXELS:
            files = make_files(image_format, megapixels)
            times: dict[str, list[float]] = {name: [] for name in decoders}
            for _ in range(rounds):
                for name, decode in decoders.items():
                    began = time.perf_counter()
                    for file in files:
                        decode(file)
                    times[name].append((time.perf_counter() - began) * 1000 / len(files))
            cells = (f"{name} {statistics.median(some):.1f}" for name, some in times.items())
            print(image_format, f"{megapixels:g} MP", *cells, sep="  ", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_ROUNDS)
