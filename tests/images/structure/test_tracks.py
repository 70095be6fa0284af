"""Films that players show otherwise than a decoder does which goes through them."""

import io
import struct

import numpy as np
import pytest

from films import film, scene
from worksafe.doctor.making import iso_box
from worksafe.errors import UndecodableImageError
from worksafe.images.limits import ImageLimits
from worksafe.images.structure.tracks import refuse_odd_tracks, refuse_several_additions
from worksafe.images.video import Video

MP4, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"


def refuse(data: bytes, container: str) -> None:
    file = io.BytesIO(data)
    file.seek(3)
    refuse_odd_tracks(file, container)
    assert file.tell() == 3


def mvhd(*matrix: int) -> bytes:
    return iso_box(b"mvhd", bytes(36) + struct.pack(">9I", *matrix) + bytes(28))


def stsd(count: int, width: int = 1000, cut: int | None = None, name: bytes = b"") -> bytes:
    said = struct.pack(">8I", width - (cut or 0), 1, 500, 1, 0, 1, 0, 1)
    entry = bytes(24) + struct.pack(">2H", width, 500) + name.ljust(50, b"\0")
    entry += iso_box(b"clap", said) if cut is not None else b""
    return iso_box(b"stsd", struct.pack(">2I", 0, count) + iso_box(b"avc1", entry))


def movie(*tables: bytes, head: bytes = b"") -> bytes:
    inner = b"".join(tables)
    for kind in (b"stbl", b"minf", b"mdia", b"trak"):
        inner = iso_box(kind, inner)
    return iso_box(b"ftyp", b"isom") + iso_box(b"moov", head + inner)


def edits(*starts: int, version: int = 0, twice: bool = False) -> bytes:
    """A film and from where its parts are played, one after the other; -1 is a pause."""
    parts = b"".join(struct.pack(">QqI" if version else ">IiI", 9, at, 1 << 16) for at in starts)
    said = iso_box(b"elst", bytes([version, 0, 0, 0]) + struct.pack(">I", len(starts)) + parts)
    return iso_box(b"moov", iso_box(b"trak", iso_box(b"edts", said * (1 + twice))))


def long_moov(content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, b"moov", 16 + len(content)) + content


UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (movie(iso_box(b"stco", bytes(8)), iso_box(b"co64", bytes(8))), "stbl twice"),
        (movie(iso_box(b"stts", bytes(8)), iso_box(b"stts", bytes(8))), "stbl twice"),
        (movie() + movie(), "several heads"),
        (movie().replace(b"moov", b"hoov"), "several heads, a huge one or none"),
        (movie() + iso_box(b"hoov", b""), "several heads"),
        (iso_box(b"ftyp", b"isom") + iso_box(b"mdat", bytes(9)), "several heads"),
        (edits(0).replace(b"edts", b"tref"), "none belongs"),
        (edits(0).replace(b"trak", b"udta"), "none belongs"),
        (edits(0).replace(b"trak", b"mdia"), "none belongs"),
        (movie(iso_box(b"elst", bytes(8))), "none belongs"),
        (movie(iso_box(b"free", bytes(4) + b"elst")), None),
        (movie(iso_box(b"meta", bytes(4) + iso_box(b"hdlr", b"") + iso_box(b"elst", b""))), "none"),
        (movie(iso_box(b"meta", iso_box(b"hdlr", b"") + iso_box(b"elst", b""))), "none belongs"),
        (iso_box(b"moov", iso_box(b"udta", iso_box(b"elst", bytes(8)))), "none belongs"),
        (iso_box(b"moov", iso_box(b"udta", struct.pack(">I", 0x20202020) + b"elst    ")), "none b"),
        (iso_box(b"moov", iso_box(b"udta", b"from Michelstadt to Elstree, elsterly")), None),
        (edits(0, version=2), "no known version"),
        (edits(0, twice=True), "edts twice"),
        (movie(stsd(1, cut=500, name=b"clap" + struct.pack(">4I", 1000, 1, 500, 1))), "a part"),
        (movie(stsd(1, name=b"a name that ends in a clap")), None),
        (iso_box(b"ftyp", b"isom") + long_moov(mvhd(*[9] * 9)), "64 bits"),
        (movie(head=mvhd(0xFFFF0000, 0, 0, 0, 0xFFFF0000, 0, 0, 0, 1 << 30)), "turned as a whole"),
        (movie(stsd(2)), "several kinds"),
        (edits(0, 4000), "several parts"),
        (edits(-1, 0, 4000, version=1), "several parts"),
        (edits(-1, 2000), None),
        (edits(2000, version=1), None),
        (movie(stsd(1, cut=60)), "cut to a part"),
        (iso_box(b"moov", iso_box(b"trak", b"") * 2)[:-1], None),
        (movie(stsd(1, cut=16), iso_box(b"stts", bytes(8)), head=mvhd(*UPRIGHT)), None),
        (movie(head=mvhd(*[0] * 9)), None),
        (movie(iso_box(b"stsd", b"")), "cut off"),
    ],
)
def test_heads_of_mp4_that_are_read_in_two_ways(data: bytes, match: str | None) -> None:
    if match is None:
        refuse(data, MP4)
        return
    with pytest.raises(UndecodableImageError, match=match):
        refuse(data, MP4)


def element(kind: int, body: bytes) -> bytes:
    number = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    return number + (1 << 56 | len(body)).to_bytes(8, "big") + body


def number(kind: int, value: int) -> bytes:
    return element(kind, value.to_bytes(2, "big"))


def matroska(*said: bytes) -> bytes:
    video = element(0xE0, number(0xB0, 640) + number(0xBA, 360) + b"".join(said))
    return element(0x18538067, element(0x1654AE6B, element(0xAE, video)))


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ([number(0x54CC, 20), number(0x54DD, 20)], "cut to a part"),
        ([number(0x54BB, 60)], "cut to a part"),
        ([number(0x54B2, 4), number(0x54B0, 640), number(0x54BA, 640)], "no known unit"),
        ([element(0x7670, element(0x7675, struct.pack(">f", 180)))], "projection"),
        ([number(0x54CC, 8), number(0x54B0, 640), number(0x54B2, 0)], None),
        ([number(0x54B2, 4)], None),
        ([element(0x7670, element(0x7675, struct.pack(">f", 0)))], None),
    ],
)
def test_tracks_of_matroska_that_are_shown_in_two_ways(
    said: list[bytes], match: str | None
) -> None:
    if match is None:
        refuse(matroska(*said), MATROSKA)
        return
    with pytest.raises(UndecodableImageError, match=match):
        refuse(matroska(*said), MATROSKA)


def addition(one: int, *more: bytes) -> bytes:
    return element(0xA6, number(0xEE, one) + element(0xA5, b"x") + b"".join(more))


def block(*beside: bytes) -> bytes:
    return element(0xA0, element(0xA1, b"\x81\x00\x00\x00") + b"".join(beside))


def beside(*additions: bytes) -> bytes:
    return element(0x75A1, b"".join(additions))


VOID = element(0xEC, b"  ")


@pytest.mark.parametrize(
    ("blocks", "is_refused"),
    [
        ([block(), block(beside(addition(4))), VOID, block(beside(addition(4)))], False),
        ([block(beside(addition(4))), block(beside(addition(1), addition(4)))], True),
        ([block(beside(addition(1), VOID, addition(4)))], True),
        ([block(beside(addition(1)), beside(addition(4)))], True),
        ([block(beside(addition(1, number(0xEE, 4))))], True),
        ([block(beside(addition(1, element(0xA5, b"y"))))], True),
        ([block(beside(addition(4))), bytes(3), block(beside(addition(4)))], True),
    ],
)
def test_of_several_things_beside_a_block_none_is_taken_for_the_only_one(
    blocks: list[bytes], is_refused: bool
) -> None:
    cluster = element(0x1F43B675, number(0xE7, 0) + b"".join(blocks))
    film = io.BytesIO(element(0x1A45DFA3, b"") + element(0x18538067, cluster))

    if not is_refused:
        refuse_several_additions(film)
        return
    with pytest.raises(UndecodableImageError, match="beside a block"):
        refuse_several_additions(film)


def test_what_a_list_of_edits_leaves_out_is_looked_at() -> None:
    """Firefox shows all of such a film."""
    dark, other = np.zeros((120, 160, 3), dtype=np.uint8), scene()
    whole = film(75, lambda index: other if 25 <= index < 50 else dark)
    at = whole.index(b"elst") + 12  # after version and count: for how long, and from where
    cut = whole[:at] + struct.pack(">I", 1000) + whole[at + 4 :]

    views = [view for view in Video(io.BytesIO(cut), ImageLimits(), 320).views() if view]

    assert max(view.pixels.std() for view in views) > 30
