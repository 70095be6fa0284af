import struct

import pytest

from worksafe.errors import EmptyImageError, NotAnImageError, UndecodableImageError
from worksafe.images.formats import AVIF, HEIC, sniff_format


def iso(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + b"\x00\x00\x00\x00" + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body


def test_tells_avif_from_heic_by_major_and_compatible_brands() -> None:
    assert sniff_format(iso(b"avif")) is AVIF
    assert sniff_format(iso(b"mif1", b"miaf", b"avif")) is AVIF
    assert sniff_format(iso(b"heic", b"mif1")) is HEIC
    assert sniff_format(iso(b"mif1", b"heic")) is HEIC


@pytest.mark.parametrize(
    "data",
    [
        iso(b"M4A ", b"crx "),
        b"RIFF\x00\x00\x00\x00WAVE",
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF",
        b"SIMPLE  =                    T",
        b"8BPS\x00\x01",
        b"\x00" * 64,
        b"\xff\xd8",
    ],
)
def test_other_types_are_refused_though_a_decoder_might_open_them(data: bytes) -> None:
    with pytest.raises(NotAnImageError, match="jpeg, png"):
        sniff_format(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (iso(b"isom", b"mp42"), "mp4"),
        (iso(b"qt  "), "mp4"),
        (b"\x00\x00\x00\x08wide\x00\x00", "mp4"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
    ],
)
def test_videos_are_told_by_their_bytes_too(data: bytes, name: str) -> None:
    known = sniff_format(data)

    assert (known.name, known.is_video) == (name, True)


def test_no_bytes_are_an_error_of_their_own() -> None:
    with pytest.raises(EmptyImageError):
        sniff_format(b"")


@pytest.mark.parametrize(
    "brands",
    [
        (b"isom", b"iso2", b"avif"),
        (b"isom", *[b"iso2"] * 30, b"avif"),
        (b"qt  ", b"heic"),
        (b"mp42", b"mif1"),
        (b"heic", b"mif1", b"avif"),
    ],
)
def test_what_says_that_it_is_of_two_formats_is_refused(brands: tuple[bytes, ...]) -> None:
    with pytest.raises(UndecodableImageError, match="two formats"):
        sniff_format(iso(*brands))


@pytest.mark.parametrize("size", [0, 1, 15, 4096])
def test_brands_that_nobody_writes_are_no_picture(size: int) -> None:
    head = struct.pack(">I", size) + b"ftypisom" + bytes(4) + b"avif" * 1020

    with pytest.raises(NotAnImageError):
        sniff_format(head)


@pytest.mark.parametrize("kind", [b"moov", b"udta", b"ftyp", b"hoov"])
@pytest.mark.parametrize("head", [b"\xff\xd8\xff\xe0", b"BM\x10\x00", b"RIFF", b"II*\x00"])
def test_a_picture_that_players_take_for_a_film_is_refused(head: bytes, kind: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="two formats"):
        sniff_format(head + kind + b"WEBP" + bytes(500))


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("brand", [b"avif", b"heic", b"isom"])
def test_what_browsers_take_for_an_icon_is_refused(brand: bytes, size: int) -> None:
    with pytest.raises(UndecodableImageError, match="two formats"):
        sniff_format(iso(brand, *[brand] * ((size - 16) // 4)))
    with pytest.raises(UndecodableImageError, match="two formats"):
        sniff_format(size.to_bytes(4, "big") + b"moov" + bytes(500))
