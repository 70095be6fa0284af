import struct

import pytest
from PIL import Image, TiffImagePlugin

from pictures import UPRIGHT, corner_colours, encode, quadrants
from worksafe.doctor.making import jpeg_segment
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage


def decode(data: bytes) -> DecodedImage:
    return decode_image(data, ImageLimits(), 320)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_turns_pictures_upright_by_their_exif(orientation: int, image_format: str) -> None:
    turn_back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = quadrants()
    if orientation in turn_back:
        stored = stored.transpose(turn_back[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(stored, image_format, exif=exif)

    decoded = decode(data)

    assert corner_colours(decoded.views[0].pixels) == UPRIGHT
    assert (decoded.width, decoded.height) == (96, 64)


def turned_by(tag_type: int, image_format: str, prefixes: int = 1) -> bytes:
    """A picture stored upright that its EXIF wants turned by half."""
    value = struct.pack("<I", 3) if tag_type == 4 else struct.pack("<HH", 3, 0)
    entry = struct.pack("<HHI", 0x0112, tag_type, 1) + value
    directory = b"II*\x00" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return encode(quadrants(), image_format, exif=b"Exif\x00\x00" * prefixes + directory)


@pytest.mark.parametrize(
    ("tag_type", "image_format", "prefixes"),
    [(4, "JPEG", 1), (3, "JPEG", 2), (3, "PNG", 1), (3, "WEBP", 1), (4, "WEBP", 1)],
)
def test_where_viewers_differ_in_turning_both_ways_are_looked_at(
    tag_type: int, image_format: str, prefixes: int
) -> None:
    decoded = decode(turned_by(tag_type, image_format, prefixes))

    turned, stored = decoded.views
    assert corner_colours(turned.pixels) == UPRIGHT[::-1]
    assert corner_colours(stored.pixels) == UPRIGHT
    assert stored.is_preview
    assert decoded.odd_thumbnail


def exif_of(*entries: tuple[int, int], beside: bool = False) -> bytes:
    """Orientations, each of a type; in a directory beside the first if wanted."""
    directory = struct.pack("<H", len(entries))
    for tag_type, value in entries:
        directory += struct.pack("<HHIHH", 0x0112, tag_type, 1, value, 0)
    directory += bytes(4)
    if beside:
        directory = struct.pack("<HHHII4x", 1, 0x8769, 4, 1, 26) + directory
    return b"II*\x00" + struct.pack("<I", 8) + directory


def with_segments(*segments: bytes) -> bytes:
    """A JPEG stored upright with application segments of one kind, whatever is in them."""
    data = encode(quadrants(), "JPEG")
    inserted = b"".join(b"\xff\xe1" + struct.pack(">H", len(one) + 2) + one for one in segments)
    return data[:2] + inserted + data[2:]


SHORT, LONG = 3, 4
EXIF = b"Exif\x00\x00"


@pytest.mark.parametrize(
    "segments",
    [
        [b"Exif\x00\x01" + exif_of((SHORT, 3))],
        [EXIF + exif_of((SHORT, 3), (SHORT, 1))],
        [EXIF + exif_of((SHORT, 1), (SHORT, 3))],
        [EXIF + exif_of((SHORT, 0), (SHORT, 3))],
        [EXIF + exif_of((LONG, 1), (SHORT, 3))],
        [EXIF + exif_of((SHORT, 3), beside=True)],
        [EXIF, EXIF + exif_of((SHORT, 3))],
        [EXIF + b"junk and more of it", EXIF + exif_of((SHORT, 3))],
        [EXIF + exif_of((SHORT, 1)), EXIF + exif_of((SHORT, 3))],
        [EXIF + exif_of((SHORT, 3)).replace(b"*", b"+", 1)],
    ],
)
def test_where_readers_find_other_orientations_all_are_looked_at(segments: list[bytes]) -> None:
    decoded = decode(with_segments(*segments))

    assert [corner_colours(view.pixels) for view in decoded.views] == [UPRIGHT[::-1], UPRIGHT]


@pytest.mark.parametrize(
    "segments",
    [[EXIF + exif_of((SHORT, 1))], [EXIF + exif_of()], [EXIF + exif_of((SHORT, 1), (SHORT, 1))]],
)
def test_orientations_that_turn_nothing_cost_nothing(segments: list[bytes]) -> None:
    assert len(decode(with_segments(*segments)).views) == 1


def test_a_picture_with_two_orientations_is_seen_stored_and_by_each() -> None:
    entries = b"".join(struct.pack("<HHIHH", 0x0112, 3, 1, value, 0) for value in (3, 6))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    data = encode(quadrants(), "JPEG")
    data = data[:2] + jpeg_segment(1, b"Exif\0\0" + block) + data[2:]

    shapes = [view.pixels.shape[:2] for view in decode_image(data, ImageLimits(), 320).views]

    assert shapes == [(64, 96), (96, 64), (64, 96)]


def test_more_exif_than_any_honest_file_has_is_an_error() -> None:
    segments = [EXIF + exif_of((SHORT, 1 + number % 8)) for number in range(9)]

    with pytest.raises(UndecodableImageError, match="EXIF"):
        decode(with_segments(*segments))
    with pytest.raises(UndecodableImageError, match="EXIF"):
        decode(with_segments(EXIF + exif_of(*[(SHORT, 1)] * 513)))


def test_xmp_does_not_turn_a_tiff() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700], tags.tagtype[700] = xmp, 1

    decoded = decode(encode(quadrants(), "TIFF", tiffinfo=tags))

    assert corner_colours(decoded.views[0].pixels) == UPRIGHT


def test_only_exif_turns_a_picture() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'

    assert corner_colours(decode(encode(quadrants(), "JPEG", xmp=xmp)).views[0].pixels) == UPRIGHT


def test_a_photo_that_all_viewers_turn_is_looked_at_once() -> None:
    decoded = decode(turned_by(3, "JPEG"))

    assert len(decoded.views) == 1
    assert not decoded.odd_thumbnail


def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = encode(quadrants(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")

    assert corner_colours(decode(data).views[0].pixels) == UPRIGHT
