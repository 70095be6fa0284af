import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pictures import encode, photo
from worksafe.errors import ImageFramesError, InputError, UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.structure import MAX_ENTRIES, MAX_PAGES, MAX_SCANS

TIFF_TAGS = [
    (256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
    (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, 1), (279, 4, 1, 1),
]  # fmt: skip


def tiff(pages: int, entries: list[tuple[int, int, int, int]]) -> bytes:
    """Pages of one pixel, each with these directory entries."""
    size = 2 + 12 * len(entries) + 4
    body = bytearray(b"II*\x00" + struct.pack("<I", 16) + b"\x00" * 8)
    for page in range(pages):
        body += struct.pack("<H", len(entries))
        body += b"".join(struct.pack("<HHII", *entry) for entry in entries)
        body += struct.pack("<I", 0 if page == pages - 1 else 16 + size * (page + 1))
    return bytes(body)


def progressive(extra_scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encode(photo().resize((64, 64)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * extra_scans + data[-2:]


def gif_that_grows(frames: int, side_px: int) -> bytes:
    """A screen of one pixel, then frames that are larger than it."""
    small = encode(Image.new("P", (1, 1)), "GIF")
    large = encode(Image.new("P", (side_px, side_px)), "GIF")
    return small[:-1] + large[large.index(b",") : -1] * frames + b";"


def check(data: bytes) -> None:
    decode_image(data, ImageLimits(), 320)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(tiff(1, [*TIFF_TAGS, *[(700, 1, 1, 0)] * MAX_ENTRIES]), UndecodableImageError,
                     id="tiff-huge-directory"),
        pytest.param(tiff(MAX_PAGES + 1, TIFF_TAGS), ImageFramesError, id="tiff-many-pages"),
        pytest.param(tiff(30, [*TIFF_TAGS, *[(700, 1, 2000, 16)] * 400]), UndecodableImageError,
                     id="tiff-same-bytes-again"),
        pytest.param(progressive(MAX_SCANS), UndecodableImageError, id="jpeg-many-scans"),
        pytest.param(b"\xff\xd8\xff\xe0" * 60, UndecodableImageError, id="jpeg-many-starts"),
        pytest.param(gif_that_grows(60, 4000), ImageFramesError, id="gif-grows"),
    ],
)  # fmt: skip
def test_small_files_that_ask_for_much_work_are_refused(
    data: bytes, error: type[InputError]
) -> None:
    assert len(data) < 6_000_000

    with pytest.raises(error):
        check(data)


@pytest.mark.parametrize("junk", [b"", b"\x01"])
def test_junk_between_the_blocks_of_a_gif_hides_no_frames(junk: bytes) -> None:
    small = encode(Image.new("P", (1, 1)), "GIF")
    at = small.index(b",")

    with pytest.raises(ImageFramesError):
        check(small[:at] + (junk + small[at:-1]) * 30_000 + b";")


def animated(announced: list[int], *, late: bool = False) -> bytes:
    """An animated PNG of two frames that announces others."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "PNG", save_all=True, append_images=frames[1:])
    at = data.index(b"acTL") - 4
    said = b"".join(_png_chunk(b"acTL", struct.pack(">2I", count, 0)) for count in announced)
    rest = data[at + 20 :]
    to = rest.index(b"fdAT") - 4 if late else 0
    return data[:at] + rest[:to] + said + rest[to:]


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize(
    "data",
    [animated([1]), animated([3]), animated([2, 2]), animated([1, 2]), animated([2], late=True)],
)
def test_an_animation_is_what_it_announces(data: bytes) -> None:
    """Players differ in which count they believe, and one that believes less shows less."""
    check(animated([2]))

    with pytest.raises(UndecodableImageError, match="announces"):
        check(data)


def test_honest_files_pass() -> None:
    pages = [Image.new("L", (8, 8), level) for level in range(60)]
    trailer = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()

    check(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    check(encode(pages[0], "GIF", save_all=True, append_images=pages[1:]))
    check(tiff(50, TIFF_TAGS))
    check(progressive(5))
    check(encode(photo(), "JPEG") + trailer)  # phones append films to pictures
    check(encode(photo(), "MPO", save_all=True, append_images=[photo("cat")]))


def gif_of(frames: list[tuple[tuple[int, int, int, int], int]]) -> bytes:
    """A screen of 8 by 8, and frames: left, top, width, height, and the flags of each."""
    data = b"GIF89a" + struct.pack("<HH3B", 8, 8, 0x80, 0, 0) + bytes(6)
    for box, flags in frames:
        data += b"\x21\xf9\x04" + struct.pack("<BHBB", flags, 5, 1, 0)
        data += b"\x2c" + struct.pack("<4HB", *box, 0)
        data += encode(Image.new("P", box[2:]), "GIF").split(b"\x2c", 1)[1][9:-1]
    return data + b"\x3b"


WHOLE, PART = (0, 0, 8, 8), (2, 2, 4, 4)
CLEAR, KEEP, TO_NOTHING, TO_BEFORE = 1, 1 << 2, 2 << 2, 3 << 2


@pytest.mark.parametrize(
    "frames",
    [
        [(PART, KEEP), (PART, KEEP)],
        [(WHOLE, TO_NOTHING), (PART, KEEP)],
        [(WHOLE, TO_BEFORE), (PART, KEEP)],
        [(PART, KEEP | CLEAR), (WHOLE, KEEP)],
    ],
)
def test_a_gif_that_leaves_a_part_undrawn_is_an_error(
    frames: list[tuple[tuple[int, int, int, int], int]],
) -> None:
    with pytest.raises(UndecodableImageError, match="undrawn"):
        decode_image(gif_of(frames), ImageLimits(), 320)


@pytest.mark.parametrize(
    "frames",
    [
        [(PART, KEEP)],
        [(WHOLE, KEEP), (PART, TO_BEFORE), (PART, TO_NOTHING), (WHOLE, KEEP)],
        [(WHOLE, TO_NOTHING), (WHOLE, TO_NOTHING)],
        [(PART, TO_NOTHING | CLEAR), (PART, KEEP | CLEAR)],
    ],
)
def test_usual_gifs_are_decoded(frames: list[tuple[tuple[int, int, int, int], int]]) -> None:
    assert decode_image(gif_of(frames), ImageLimits(), 320).frames == len(frames)


@pytest.mark.parametrize(("disposal", "is_refused"), [([2, 2, 0], True), ([2, 0, 2], False)])
def test_an_animated_png_that_undoes_two_frames_in_a_row_is_an_error(
    disposal: list[int], is_refused: bool
) -> None:
    first, *others = [photo(name).resize((40, 40)) for name in ("cat", "coffee", "rocket")]
    data = encode(first, "PNG", save_all=True, append_images=others, disposal=disposal)

    if is_refused:
        with pytest.raises(UndecodableImageError, match="in a row"):
            decode_image(data, ImageLimits(), 320)
    else:
        assert decode_image(data, ImageLimits(), 320).frames == 3
