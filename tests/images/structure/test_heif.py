"""AVIF and HEIC that say of themselves what viewers read in two ways."""

import struct
from collections.abc import Callable

import pytest

from pictures import encode, photo
from worksafe.doctor.making import iso_box
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.structure.heif import refuse_odd_avif, refuse_odd_heic

AVIF = encode(photo(), "AVIF")


def long_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


CUT = struct.pack(">8I", 8, 1, 8, 1, 0, 1, 0, 1)


@pytest.mark.parametrize(
    "said",
    [
        iso_box(b"clap", CUT),
        iso_box(b"clap", CUT + bytes(4)),
        long_box(b"clap", CUT),
        iso_box(b"grpl", iso_box(b"altr", struct.pack(">5I", 0, 10, 2, 2, 1))),
        iso_box(b"infe", bytes(8) + b"tmap\x00"),
    ],
)
@pytest.mark.parametrize("inside", [iso_box, long_box])
def test_an_avif_of_which_browsers_show_something_else_is_refused(
    said: bytes, inside: Callable[[bytes, bytes], bytes]
) -> None:
    with pytest.raises(UndecodableImageError, match="the avif"):
        decode_image(AVIF + inside(b"meta", said), ImageLimits(), 320)


def test_pixels_that_spell_a_box_by_chance_are_no_box() -> None:
    data = AVIF + iso_box(b"mdat", b"clap altr tmap")

    assert decode_image(data, ImageLimits(), 320).views
    with pytest.raises(UndecodableImageError, match="the avif"):
        decode_image(data + b"\x00\x00\x00\x00free" + b"clap", ImageLimits(), 320)


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">I4s", 5, b"mdat"),
        struct.pack(">I4sQ", 1, b"mdat", 0),
        struct.pack(">I4sQ", 1, b"mdat", 15),
    ],
)
def test_what_has_the_size_of_no_box_is_not_passed_over_as_media(head: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="the avif"):
        refuse_odd_avif(AVIF + head + bytes(20) + b"clap")


def heic(primary: bytes, *thumbnail: bytes) -> bytes:
    links = b"".join(iso_box(b"thmb", one) for one in thumbnail)
    meta = iso_box(
        b"meta", bytes(4) + iso_box(b"pitm", primary) + iso_box(b"iref", bytes(4) + links)
    )
    return iso_box(b"ftyp", b"heic" + bytes(4) + b"mif1") + meta + iso_box(b"mdat", bytes(99))


@pytest.mark.parametrize(
    "data",
    [
        heic(struct.pack(">IH", 0, 1), struct.pack(">HHH", 1, 1, 2)),
        heic(struct.pack(">IH", 0, 1), struct.pack(">HHH", 3, 1, 2), struct.pack(">HHH", 1, 1, 2)),
        heic(struct.pack(">II", 1 << 24, 70_000), struct.pack(">IHI", 70_000, 1, 2)),
    ],
)
def test_a_heic_whose_main_picture_is_called_a_thumbnail_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="thumbnail"):
        refuse_odd_heic(data)


def test_a_heic_with_a_thumbnail_as_phones_write_it_is_none_of_these() -> None:
    refuse_odd_heic(heic(struct.pack(">IH", 0, 49), struct.pack(">HHH", 50, 1, 49)))
