import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import chunk_after_header, encode, interlaced, photo
from worksafe.doctor.making import jpeg_segment, png_chunk
from worksafe.errors import ImageFramesError, InputError, UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.formats import GIF, JPEG, WEBP
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage
from worksafe.images.source import Source
from worksafe.images.structure.check import is_dear, readings
from worksafe.images.structure.gif import refuse_odd_gif
from worksafe.images.structure.jpeg import MAX_EXIF, MAX_MARKERS, MAX_SCANS
from worksafe.images.structure.tiff import MAX_ENTRIES, MAX_PAGES

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
        pytest.param(b"\xff\xd8\xff" + b"\xff\xd9" * MAX_MARKERS, UndecodableImageError,
                     id="jpeg-many-markers"),
        pytest.param(gif_that_grows(60, 4000), UndecodableImageError, id="gif-grows"),
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
    said = b"".join(png_chunk(b"acTL", struct.pack(">2I", count, 0)) for count in announced)
    rest = data[at + 20 :]
    to = rest.index(b"fdAT") - 4 if late else 0
    return data[:at] + rest[:to] + said + rest[to:]


@pytest.mark.parametrize(
    "data",
    [animated([1]), animated([3]), animated([2, 2]), animated([1, 2]), animated([2], late=True)],
)
def test_an_animation_is_what_it_announces(data: bytes) -> None:
    """Players differ in which count they believe, and one that believes less shows less."""
    check(animated([2]))

    with pytest.raises(UndecodableImageError, match="announces"):
        check(data)


def test_a_jpeg_says_that_it_is_several_before_its_pixels_and_nowhere_else() -> None:
    alone = encode(photo(), "JPEG")
    two = encode(photo(), "MPO", save_all=True, append_images=[photo("cat")])
    padded = two[:2] + b"\xff\xd8\xff\xff\x00" + two[2:]
    endless = b"\xff\xd8" + b"\xff\xe1\x00\x02" * 5000 + two[2:]

    assert not is_dear(JPEG, alone)
    assert not is_dear(JPEG, alone + b"MPF\x00")
    assert all(is_dear(JPEG, data) for data in (two, padded, endless))


def test_honest_files_pass() -> None:
    pages = [Image.new("L", (8, 8), level) for level in range(60)]
    trailer = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()

    check(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    check(encode(pages[0], "GIF", save_all=True, append_images=pages[1:]))
    check(tiff(50, TIFF_TAGS))
    check(encode(photo(), "JPEG", progressive=True))
    check(encode(photo().convert("CMYK"), "JPEG", progressive=True))
    check(encode(photo(), "JPEG", restart_marker_rows=1))
    check(encode(photo(), "JPEG") + trailer)  # phones append films to pictures
    check(encode(photo(), "MPO", save_all=True, append_images=[photo("cat")]))


def test_a_jpeg_whose_scan_paints_over_another_is_refused() -> None:
    """A slow connection shows the first for as long as what lies between them takes."""
    first, *_, last = (encode(photo(name), "JPEG", progressive=True) for name in ("cat", "coffee"))
    at = first.index(b"\xff\xda")
    scan = first[at : first.index(b"\xff\xc4", at)]
    begins = last.index(b"\xff\xda")

    for again in (last[:begins] + scan + last[begins:], progressive(1)):
        with pytest.raises(UndecodableImageError, match="draws over"):
            check(again)


def test_a_jpeg_has_a_few_exif_blocks_before_any_decoder_joins_them() -> None:
    plain = encode(photo(), "JPEG")
    block = jpeg_segment(1, b"Exif\0\0" + b"MM\0*\0\0\0\x08" + bytes(6))

    check(plain[:2] + block * MAX_EXIF + plain[2:])
    with pytest.raises(UndecodableImageError, match="EXIF"):
        check(plain[:2] + block * (MAX_EXIF + 1) + plain[2:])


@pytest.mark.parametrize("colours", [2, 16, 128])
def test_a_gif_with_a_table_of_some_greys_is_refused(colours: int) -> None:
    """The decoder takes it for all of them; browsers show black for what is beyond it."""
    picture = Image.frombytes("P", (4, 4), bytes([0, 1] * 8))
    picture.putpalette([level for level in range(colours) for _ in "rgb"])
    other = picture.copy()
    other.putpalette([level % 3 for level in range(3 * colours)])
    data = encode(other, "GIF")
    flags = 0x80 | colours.bit_length() - 2
    greys = bytes(level for level in range(colours) for _ in "rgb")
    frame = data[data.index(b",") :]
    with_local = frame[:9] + bytes([flags]) + greys + frame[10:]

    for table, rest in ((greys, frame), (b"", with_local)):
        head = data[:10] + bytes([flags if table else 0, 0, 0]) + table
        with pytest.raises(UndecodableImageError, match="greys"):
            check(head + rest)


def test_what_an_interlaced_png_shows_at_first_is_seen() -> None:
    picture = np.array(photo("coffee").resize((320, 240)))
    honest = decode_image(interlaced(picture), ImageLimits(), 320)
    picture[::8, ::8] = np.asarray(photo("astronaut").resize((40, 30)))
    odd = decode_image(interlaced(picture), ImageLimits(), 320)

    assert len(honest.views) == 1
    assert [view.is_preview for view in odd.views] == [True] * (len(odd.views) - 1) + [False]
    assert odd.odd_thumbnail
    assert np.array_equal(odd.views[0].pixels, picture[::8, ::8])


def test_what_it_shows_at_first_is_seen_as_its_gamma_has_it() -> None:
    """Stored levels are all bright; shown they are a picture first, and white at last."""
    exponent = 28
    picture = np.full((480, 480, 3), 235, dtype=np.uint8)
    picture[::8, ::8] = np.asarray(photo("astronaut").resize((60, 60)))
    stored = np.round(255 * ((picture + 1.0) / 256) ** (1 / exponent)).astype(np.uint8)
    gamma = struct.pack(">I", round(100_000 / (2.2 * exponent)))

    odd = decode_image(chunk_after_header(interlaced(stored), b"gAMA", gamma), ImageLimits(), 480)

    shown = [view.pixels.astype(int) for view in odd.views if view.is_preview]
    assert min(np.abs(one - picture[::8, ::8]).mean() for one in shown if len(one) == 60) < 8


def test_what_an_interlaced_gif_shows_at_first_is_seen() -> None:
    picture = np.array(photo("coffee").convert("L").resize((320, 240)))
    honest = encode(Image.fromarray(picture), "GIF", interlace=1)
    picture[::8] = np.asarray(photo("astronaut").convert("L").resize((320, 30)))
    odd, whole = (encode(Image.fromarray(picture), "GIF", interlace=way) for way in (1, 0))

    assert [len(decode_image(data, ImageLimits(), 320).views) for data in (honest, whole)] == [1, 1]
    decoded = decode_image(odd, ImageLimits(), 320)
    assert decoded.odd_thumbnail
    assert [view.is_preview for view in decoded.views] == [True] * (len(decoded.views) - 1) + [
        False
    ]
    first = decoded.views[0].pixels[..., 0].astype(int)
    assert np.abs(first - np.repeat(picture[::8], 8, axis=0)).mean() < 1


@pytest.mark.parametrize("entry", [(50706, 1, 4, 1), (262, 3, 1, 32803), (262, 3, 1, 34892)])
def test_a_cameras_raw_file_is_not_taken_for_its_preview(entry: tuple[int, int, int, int]) -> None:
    tags = [one for one in TIFF_TAGS if one[0] != entry[0]]

    with pytest.raises(UndecodableImageError, match="raw"):
        check(tiff(1, [*tags, entry]))


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"quality": 60}, {"exif": b"II*\0\x08\0\0\0"}]
)
def test_a_webp_is_dear_where_it_moves_or_is_large(options: dict[str, Any]) -> None:
    small, large = (
        encode(Image.new("RGB", (side, side + 1)), "WEBP", method=0, **options)
        for side in (300, 3000)
    )

    assert not is_dear(WEBP, small)
    assert is_dear(WEBP, large)
    two = {"save_all": True, "append_images": [photo().rotate(9)]}
    assert is_dear(WEBP, encode(photo(), "WEBP", **two))
    assert not any(is_dear(WEBP, small[:cut]) for cut in range(40))


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
        [(WHOLE, TO_NOTHING), (WHOLE, KEEP | CLEAR)],
        [(WHOLE, KEEP), ((6, 6, 4, 4), KEEP)],
    ],
)
def test_a_gif_that_browsers_draw_otherwise_is_an_error(
    frames: list[tuple[tuple[int, int, int, int], int]],
) -> None:
    with pytest.raises(UndecodableImageError, match="do not agree"):
        decode_image(gif_of(frames), ImageLimits(), 320)


@pytest.mark.parametrize(
    "frames",
    [
        [(PART, KEEP)],
        [(WHOLE, KEEP), (PART, TO_BEFORE), (PART, TO_NOTHING), (WHOLE, KEEP)],
        [(WHOLE, TO_NOTHING), (WHOLE, TO_NOTHING)],
        [(PART, TO_NOTHING | CLEAR), (PART, KEEP | CLEAR)],
        [(PART, KEEP | CLEAR), (WHOLE, KEEP)],
    ],
)
def test_usual_gifs_are_decoded(frames: list[tuple[tuple[int, int, int, int], int]]) -> None:
    assert decode_image(gif_of(frames), ImageLimits(), 320).frames == len(frames)


@pytest.mark.parametrize("disposal", [4, 5, 6, 7])
def test_a_disposal_that_is_none_is_an_error_where_a_frame_follows(disposal: int) -> None:
    one, two = ([(WHOLE, disposal << 2)] * frames for frames in (1, 2))

    assert decode_image(gif_of(one), ImageLimits(), 320).frames == 1
    with pytest.raises(UndecodableImageError, match="do not agree"):
        decode_image(gif_of(two), ImageLimits(), 320)


@pytest.mark.parametrize("length", [3, 5])
def test_a_gif_with_a_control_block_of_an_odd_length_is_an_error(length: int) -> None:
    data = gif_of([(WHOLE, KEEP), (WHOLE, KEEP)])
    control = data[data.index(b"\x21\xf9") :][:8]
    odd = control[:2] + bytes([length]) + control[3:-1].ljust(length, b"\0")[:length] + b"\0"

    with pytest.raises(UndecodableImageError, match="odd length"):
        decode_image(data.replace(control, odd, 1), ImageLimits(), 320)


def test_junk_in_a_gif_is_counted_where_nothing_follows_it() -> None:
    with pytest.raises(ImageFramesError, match="blocks"):
        refuse_odd_gif(gif_of([(WHOLE, KEEP)])[:-1] + b"\x01" * 1_000_001)


def test_a_gif_of_two_control_blocks_before_a_frame_is_an_error() -> None:
    data = gif_of([(WHOLE, KEEP), (WHOLE, KEEP)])
    control = data[data.index(b"\x21\xf9") :][:8]

    with pytest.raises(UndecodableImageError, match="do not agree"):
        decode_image(data.replace(control, control * 2, 1), ImageLimits(), 320)


def test_no_disposal_means_that_a_frame_stays_as_in_browsers() -> None:
    data = gif_of([(WHOLE, KEEP), (WHOLE, TO_NOTHING | CLEAR), (WHOLE, CLEAR), (WHOLE, KEEP)])

    (read,) = readings(GIF, data)

    flags = [read[at + 3] for at in range(len(read)) if read.startswith(b"\x21\xf9\x04", at)]
    assert flags == [KEEP, TO_NOTHING | CLEAR, KEEP | CLEAR, KEEP]


NONE, PREVIOUS, SOURCE, OVER = 0, 2, 0, 1


def apng_of(frames: list[tuple[RgbImage, int, int]], default: RgbImage | None = None) -> bytes:
    """An animation of pictures with alpha, each with what becomes of it, and how it is drawn."""
    height, width = frames[0][0].shape[:2]

    def packed(pixels: RgbImage) -> bytes:
        return zlib.compress(b"".join(b"\x00" + row.tobytes() for row in pixels))

    data = b"\x89PNG\r\n\x1a\n"
    data += png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    data += png_chunk(b"acTL", struct.pack(">II", len(frames), 0))
    data += png_chunk(b"IDAT", packed(default)) if default is not None else b""
    number = 0
    for pixels, disposal, blend in frames:
        place = struct.pack(">5I2H2B", number, width, height, 0, 0, 1, 10, disposal, blend)
        data += png_chunk(b"fcTL", place)
        is_first = default is None and number == 0
        body = packed(pixels) if is_first else struct.pack(">I", number + 1) + packed(pixels)
        data += png_chunk(b"IDAT" if is_first else b"fdAT", body)
        number += 1 if is_first else 2
    return data + png_chunk(b"IEND", b"")


def painted(colour: tuple[int, int, int, int], rows: slice = slice(None)) -> RgbImage:
    pixels = np.zeros((32, 32, 4), dtype=np.uint8)
    pixels[rows] = colour
    return pixels


RED, BLUE, BLACK = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 255)


def opened(data: bytes) -> Image.Image:
    """A caller's own image of a file."""
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("given", [bytes, opened])
def test_a_frame_of_an_animated_png_is_undone_though_it_was_blended(
    given: Callable[[bytes], Source],
) -> None:
    data = apng_of(
        [
            (painted(RED), NONE, SOURCE),
            (painted(BLACK), PREVIOUS, OVER),
            (painted(BLUE, slice(0, 16)), NONE, OVER),
            (painted(BLACK), PREVIOUS, OVER),
            (painted(BLACK), PREVIOUS, OVER),
        ]
    )

    views = decode_image(given(data), ImageLimits(), 320).views

    assert any((view.pixels[0, 0] == RED[:3]).all() for view in views)
    blended = [view.pixels for view in views if (view.pixels[0, 0] == BLUE[:3]).all()]
    assert [pixels[31, 0].tolist() for pixels in blended] == [list(RED[:3])]


@pytest.mark.parametrize("given", [bytes, opened])
def test_the_default_picture_is_not_under_an_animation_without_it(
    given: Callable[[bytes], Source],
) -> None:
    data = apng_of(
        [(painted(RED, slice(0, 16)), NONE, OVER), (painted(RED), NONE, OVER)],
        default=painted(BLACK),
    )

    views = decode_image(given(data), ImageLimits(), 320).views

    of_first = [view.pixels[31, 0].tolist() for view in views if view.frame == 1]
    assert [255, 255, 255] in of_first  # the page shows through
