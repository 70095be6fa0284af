"""Whatever the bytes are: a decoded image or an InputError, never anything else."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pictures import encode, photo, quadrants
from worksafe.errors import InputError
from worksafe.images.decode import decode_image
from worksafe.images.formats import FORMATS
from worksafe.images.limits import ImageLimits

LIMITS = ImageLimits(max_pixels=4_000_000, max_animation_pixels=8_000_000)
SEEDS = {
    "jpeg": encode(photo("cat"), "JPEG"),
    "png": encode(quadrants(), "PNG"),
    "gif": encode(quadrants(), "GIF", save_all=True, append_images=[photo().resize((96, 64))]),
    "webp": encode(photo("cat"), "WEBP"),
    "bmp": encode(quadrants(), "BMP"),
    "tiff": encode(quadrants(), "TIFF", compression="tiff_lzw"),
    "avif": encode(quadrants(), "AVIF"),
}
MAGIC = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\x00\x01\x00\x00WEBPVP8 ",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x00\x18ftypavif",
    b"\x00\x00\x00\x18ftypheic",
]


def decodes_or_refuses(data: bytes) -> None:
    try:
        decoded = decode_image(data, LIMITS, 320)
    except InputError:
        return
    assert decoded.format in {known.name for known in FORMATS}
    for view in decoded.views:
        assert view.pixels.dtype == np.uint8
        assert view.pixels.ndim == 3
        assert view.pixels.size


@given(st.sampled_from(MAGIC), st.binary(max_size=400))
@settings(deadline=None, max_examples=300)
def test_magic_bytes_and_then_anything(magic: bytes, rest: bytes) -> None:
    decodes_or_refuses(magic + rest)


@given(st.sampled_from(sorted(SEEDS)), st.data())
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files(name: str, data: st.DataObject) -> None:
    damaged = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(1, len(damaged)))

    decodes_or_refuses(bytes(damaged[:end]))


@pytest.mark.parametrize("name", SEEDS)
def test_every_seed_is_a_good_file(name: str) -> None:
    assert decode_image(SEEDS[name], LIMITS, 320).format == name
