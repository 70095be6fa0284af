import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import UPRIGHT, corner_colours, encode, photo, quadrants
from worksafe.errors import (
    EmptyImageError,
    ImageBytesError,
    InputError,
    NotAnImageError,
    UndecodableImageError,
    UnreadableSourceError,
)
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage
from worksafe.images.source import Source


class BytesPath(os.PathLike[bytes]):
    """What a folder that is listed by bytes gives."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def __fspath__(self) -> bytes:
        return self._path


def decode(source: Source, **limits: int) -> DecodedImage:
    return decode_image(source, ImageLimits(**limits), 320)


def test_takes_paths_files_images_and_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(quadrants(), "PNG"))
    sources: list[Any] = [
        path,
        str(path),
        path.read_bytes(),
        bytearray(path.read_bytes()),
        io.BytesIO(path.read_bytes()),
        BytesPath(os.fsencode(path)),
        memoryview(path.read_bytes()),
        quadrants(),
        np.asarray(quadrants()),
    ]

    for source in sources:
        assert corner_colours(decode(source).views[0].pixels) == UPRIGHT


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("no/such/file.jpg", UnreadableSourceError),
        ("nul\x00byte", UnreadableSourceError),
        (".", UnreadableSourceError),
        (io.StringIO("text"), UnreadableSourceError),
        (42, UnreadableSourceError),
        (BytesPath(b"no/such/file.jpg"), UnreadableSourceError),
        (np.array(7).data, NotAnImageError),
        (np.zeros((20, 30), dtype=np.uint8).data, NotAnImageError),
        (np.zeros((4, 4), dtype=np.uint8), UndecodableImageError),
        (np.zeros((4, 4, 3), dtype=np.float32), UndecodableImageError),
        (np.zeros((0, 4, 3), dtype=np.uint8), EmptyImageError),
    ],
)
def test_sources_that_cannot_be_read(source: Any, error: type[InputError]) -> None:
    with pytest.raises(error):
        decode(source)


def test_a_picture_of_the_caller_stays_as_it_was() -> None:
    image = photo()

    decode(image)

    assert image.size == (512, 512)
    assert image.getpixel((5, 5)) == photo().getpixel((5, 5))


def test_a_lazily_opened_picture_of_the_caller_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(photo().resize((2000, 2000))))
    with Image.open(path) as image:
        decode(image)

        assert image.size == (2000, 2000)
        assert np.asarray(image).shape == (2000, 2000, 3)
    frames = [Image.new("L", (48, 32), level) for level in (0, 90, 180)]
    animation = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(animation)) as moving:
        moving.seek(1)

        assert len(decode(moving).views) == 3
        assert moving.tell() == 1


class Drip(io.BytesIO):
    """A raw stream that gives a few bytes at a time, and then may fail."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        super().__init__(data)
        self._error = error

    def read(self, size: int | None = -1) -> bytes:  # noqa: ARG002 - gives what it likes
        piece = super().read(700)
        if not piece and self._error:
            raise self._error
        return piece


def test_a_stream_is_read_to_its_end_and_its_faults_are_ours_to_name() -> None:
    data = encode(quadrants(), "BMP")

    assert corner_colours(decode(Drip(data)).views[0].pixels) == UPRIGHT
    with pytest.raises(UnreadableSourceError, match="gone"):
        decode(Drip(data, RuntimeError("gone")))
    with pytest.raises(ImageBytesError):
        decode(Drip(data), max_bytes=1500)
