import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, TiffImagePlugin

from pictures import (
    BROKEN,
    chunk_after_header,
    corner_colours,
    encode,
    photo,
    photographs,
    quadrants,
    with_thumbnail,
)
from worksafe.doctor.making import jpeg_segment
from worksafe.errors import (
    EmptyImageError,
    ImageBytesError,
    ImageFramesError,
    ImagePixelsError,
    ImageSideError,
    InputError,
    UndecodableImageError,
    UnreadableSourceError,
)
from worksafe.images.decode import decode_image
from worksafe.images.frames import FrameWalk
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage
from worksafe.images.source import Source
from worksafe.images.thumbnail import shows_something_else

SIDE_PX = 320
UPRIGHT = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def decode(source: Source, **limits: int) -> DecodedImage:
    return decode_image(source, ImageLimits(**limits), SIDE_PX)


def heic(image: Image.Image) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90)
    return file.getvalue()


ENCODED = {
    "jpeg": lambda image: encode(image, "JPEG", quality=95),
    "png": lambda image: encode(image, "PNG"),
    "gif": lambda image: encode(image, "GIF"),
    "webp": lambda image: encode(image, "WEBP", quality=95),
    "bmp": lambda image: encode(image, "BMP"),
    "tiff": lambda image: encode(image, "TIFF"),
    "avif": lambda image: encode(image, "AVIF", quality=90),
    "heic": heic,
}


@pytest.mark.parametrize("name", ENCODED)
def test_decodes_every_accepted_format_and_names_it_by_its_bytes(name: str) -> None:
    decoded = decode(ENCODED[name](photo("cat")))

    assert decoded.format == name
    assert (decoded.width, decoded.height) == (451, 300)
    original = photographs()["cat"]
    difference = np.abs(decoded.views[0].pixels.astype(int) - original.astype(int))
    assert difference.mean() < 12


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


def test_more_exif_than_any_honest_file_has_is_an_error() -> None:
    segments = [EXIF + exif_of((SHORT, 1 + number % 8)) for number in range(9)]

    with pytest.raises(UndecodableImageError, match="EXIF"):
        decode(with_segments(*segments))


def test_xmp_does_not_turn_a_tiff() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700], tags.tagtype[700] = xmp, 1

    decoded = decode(encode(quadrants(), "TIFF", tiffinfo=tags))

    assert corner_colours(decoded.views[0].pixels) == UPRIGHT


def test_a_photo_that_all_viewers_turn_is_looked_at_once() -> None:
    decoded = decode(turned_by(3, "JPEG"))

    assert len(decoded.views) == 1
    assert not decoded.odd_thumbnail


def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = encode(quadrants(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")

    assert corner_colours(decode(data).views[0].pixels) == UPRIGHT


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_every_pixel_mode_keeps_light_and_dark_apart(mode: str) -> None:
    ramp = np.tile(np.linspace(0, 255, 64), (64, 1))
    grey = Image.fromarray(ramp.astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray((ramp * 257).astype(np.uint16))
    elif mode in {"I", "F"}:
        image = Image.fromarray((ramp * 1000).astype(np.int32 if mode == "I" else np.float32))
    elif mode == "LAB":
        image = Image.merge("LAB", [grey, *[Image.new("L", grey.size, 128)] * 2])
    else:
        image = (grey if mode in {"L", "1", "P"} else grey.convert("RGB")).convert(mode)

    pixels = decode(encode(image, "TIFF")).views[0].pixels

    assert pixels.shape == (64, 64, 3)
    assert pixels[:, :8].mean() < 40
    assert pixels[:, -8:].mean() > 215


@pytest.mark.parametrize(("ink", "name"), [(255, "white"), (0, "black")])
def test_nothing_hides_on_a_white_or_a_black_background(ink: int, name: str) -> None:
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[..., :3] = ink
    pixels[16:48, 16:48, 3] = 255  # a square of ink on nothing
    data = encode(Image.fromarray(pixels), "PNG")

    views = decode(data).views

    assert len(views) == 2, name
    assert {view.frame for view in views} == {0}
    assert max(np.ptp(view.pixels) for view in views) == 255


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "BMP", "TIFF"])
def test_what_lies_under_nothing_is_seen_too(image_format: str) -> None:
    """Whatever forgets alpha shows it: a converter to JPEG, a thumbnailer."""
    hidden = photo("cat").convert("RGBA")
    hidden.putalpha(0)
    lossless = {"exact": True, "lossless": True} if image_format == "WEBP" else {}
    if image_format == "BMP":
        data = _bmp_with_alpha(hidden)
    else:
        data = encode(hidden, image_format, **lossless)

    last = decode(data).views[-1].pixels

    assert np.abs(last.astype(int) - np.asarray(photo("cat")).astype(int)).mean() < 1


def _bmp_with_alpha(image: Image.Image) -> bytes:
    """Write 32 bits for each pixel with a mask for alpha, as a BITMAPV4HEADER has it."""
    rows = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, *image.size, 1, 32, 3, len(rows), 0, 0, 0, 0)
    head = (head + masks).ljust(108, b"\x00")
    return struct.pack("<2sIHHI", b"BM", 14 + 108 + len(rows), 0, 0, 14 + 108) + head + rows


def test_an_opaque_alpha_channel_costs_no_second_view() -> None:
    assert len(decode(encode(photo().convert("RGBA"), "PNG")).views) == 1


def test_see_through_palettes_give_two_views() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.info["transparency"] = 0

    assert len(decode(encode(image, "GIF", transparency=0)).views) == 2


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_large_pictures_are_scaled_down_but_not_below_what_detectors_want(
    image_format: str,
) -> None:
    large = photo("coffee").resize((2400, 1600))

    decoded = decode(encode(large, image_format))

    assert (decoded.width, decoded.height) == (2400, 1600)
    height, width = decoded.views[0].pixels.shape[:2]
    assert SIDE_PX <= width < 1200
    assert width / height == pytest.approx(1.5, abs=0.02)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_input_errors_with_a_code(name: str) -> None:
    data, code = BROKEN[name]

    with pytest.raises(InputError) as caught:
        decode(data)

    assert caught.value.code == code


def test_the_bytes_decide_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(photo(), "PNG"))

    assert decode(path).format == "png"


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"max_bytes": 1000}, ImageBytesError),
        ({"max_side_px": 511}, ImageSideError),
        ({"max_pixels": 512 * 512 - 1}, ImagePixelsError),
    ],
)
def test_ceilings_are_refused(limits: dict[str, int], error: type[InputError]) -> None:
    with pytest.raises(error):
        decode(encode(photo(), "PNG"), **limits)


def test_a_picture_at_the_ceiling_is_decoded() -> None:
    data = encode(photo(), "PNG")

    decoded = decode(data, max_bytes=len(data), max_side_px=512, max_pixels=512 * 512)

    assert decoded.width == 512


def animation(colours: list[int], image_format: str) -> bytes:
    frames = [Image.new("RGB", (48, 32), (colour, colour, colour)) for colour in colours]
    return encode(
        frames[0],
        image_format,
        save_all=True,
        append_images=frames[1:],
        duration=40,
        **({"lossless": True} if image_format == "WEBP" else {}),
    )


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_are_spread_over_an_animation(image_format: str) -> None:
    colours = [5 * index for index in range(50)]

    decoded = decode(animation(colours, image_format), max_frames=4)

    frames = [view.frame for view in decoded.views]
    assert decoded.frames == 50
    assert len(frames) == 4
    assert frames == sorted(frames)
    assert all(min(abs(frame - other) for other in frames) <= 17 for frame in range(50))
    for view in decoded.views:
        assert view.pixels.mean() == pytest.approx(colours[view.frame], abs=3)


def test_an_animation_too_long_to_look_through_is_refused() -> None:
    with pytest.raises(ImageFramesError):
        decode(animation([0, 90, 180], "GIF"), max_animation_pixels=48 * 32 * 3 - 1)


def test_a_larger_later_page_of_a_tiff_is_refused() -> None:
    pages = encode(
        Image.new("RGB", (20, 20)),
        "TIFF",
        save_all=True,
        append_images=[Image.new("RGB", (400, 20))],
    )

    with pytest.raises(ImageSideError):
        decode(pages, max_side_px=300)


def test_takes_paths_files_images_and_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(quadrants(), "PNG"))
    sources: list[Source] = [
        path,
        str(path),
        path.read_bytes(),
        bytearray(path.read_bytes()),
        io.BytesIO(path.read_bytes()),
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
        (np.zeros((4, 4), dtype=np.uint8), UndecodableImageError),
        (np.zeros((4, 4, 3), dtype=np.float32), UndecodableImageError),
        (np.zeros((0, 4, 3), dtype=np.uint8), EmptyImageError),
    ],
)
def test_sources_that_cannot_be_read(source: Source, error: type[InputError]) -> None:
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
    with Image.open(io.BytesIO(animation([0, 90, 180], "GIF"))) as moving:
        moving.seek(1)

        assert len(decode(moving).views) == 3
        assert moving.tell() == 1


@pytest.mark.parametrize(("second", "views"), [("coffee", 1), ("cat", 2)])
def test_another_picture_in_an_mpo_is_checked_and_scaled(second: str, views: int) -> None:
    large = photo("coffee").resize((2400, 1600))
    data = encode(large, "MPO", save_all=True, append_images=[photo(second).resize((2400, 1600))])

    decoded = decode(data)

    assert (decoded.format, decoded.frames, len(decoded.views)) == ("jpeg", 2, views)
    assert all(max(view.pixels.shape) < 1200 for view in decoded.views)


def test_a_million_tiny_frames_are_refused_without_walking_through_them() -> None:
    start, frame, end = tiny_gif_parts()

    with pytest.raises(ImageFramesError, match="more than 20000 frames"):
        decode(start + frame * 1_000_000 + end)


def test_a_chain_of_tiff_pages_that_runs_in_a_circle_ends() -> None:
    page = bytearray(encode(Image.new("L", (4, 4)), "TIFF"))
    first = int.from_bytes(page[4:8], "little")
    entries = int.from_bytes(page[first : first + 2], "little")
    link = first + 2 + 12 * entries
    page[link : link + 4] = page[4:8]

    try:
        decoded = decode(bytes(page))
    except InputError:
        return
    assert decoded.frames < 3


def tiny_gif_parts() -> tuple[bytes, bytes, bytes]:
    whole = encode(Image.new("P", (1, 1)), "GIF")
    start = whole.index(b",")
    return whole[:start], whole[start:-1], whole[-1:]


@pytest.mark.parametrize("key", [b"\x00\x01", b"\x00\x01\x00\x01\x00\x01"])
def test_a_transparent_level_that_the_decoder_takes_for_another_is_an_error(key: bytes) -> None:
    ramp = (np.tile(np.linspace(0, 255, 64), (64, 1)) * 257).astype(np.uint16)
    plain = encode(Image.fromarray(ramp), "PNG")
    deep = plain[:24] + bytes([16]) + plain[25:]  # as it is already: sixteen bits for a level
    marked = chunk_after_header(deep, b"tRNS", key)

    assert decode(plain).views
    with pytest.raises(UndecodableImageError, match="transparent"):
        decode(marked)


@pytest.mark.parametrize("bits", [2, 4])
def test_so_it_is_of_few_levels_of_grey(bits: int) -> None:
    few = Image.fromarray(np.tile(np.arange(2**bits, dtype=np.uint8), (8, 4)))
    few.putpalette([level for index in range(256) for level in [index % 256] * 3])
    plain = encode(few, "PNG", bits=bits)
    grey = bytearray(plain)
    grey[25] = 0  # levels instead of a palette
    header = bytes(grey[12:29])
    grey[29:33] = zlib.crc32(header).to_bytes(4, "big")
    at, end = grey.index(b"PLTE") - 4, grey.index(b"IDAT") - 4
    del grey[at:end]

    assert decode(bytes(grey)).views
    with pytest.raises(UndecodableImageError, match="transparent"):
        decode(chunk_after_header(bytes(grey), b"tRNS", b"\x00\x01"))


def hidden_levels(kind: str, low: float, high: float, extreme: float) -> Image.Image:
    """A photograph in a narrow range of levels, and a few rows far outside of it."""
    grey = np.asarray(photo("cat").convert("L").resize((128, 128))) / 255
    levels = low + grey * (high - low)
    levels[:5] = extreme  # 3.9 %
    return Image.fromarray(levels.astype(kind))


@pytest.mark.parametrize(
    ("format_name", "picture"),
    [
        ("PNG", hidden_levels("uint16", 0, 255, 65535)),
        ("TIFF", hidden_levels("uint16", 0, 255, 65535)),
        ("TIFF", hidden_levels("int32", 0, 255, 2**31 - 1)),
        ("TIFF", hidden_levels("float32", 0, 1, 1e6)),
        ("TIFF", hidden_levels("float32", 0, 255, 1e6)),
        ("TIFF", hidden_levels("float32", 1000, 1001, np.nan)),
    ],
)
def test_levels_that_extreme_ones_press_into_one_are_seen(
    format_name: str, picture: Image.Image
) -> None:
    expected = np.asarray(photo("cat").convert("L").resize((128, 128)))[5:].ravel()

    views = decode(encode(picture, format_name)).views

    likeness = [
        np.corrcoef(view.pixels[5:, :, 0].ravel(), expected)[0, 1] if np.ptp(view.pixels[5:]) else 0
        for view in views
    ]
    assert max(likeness) > 0.99
    assert len(views) <= 4


@pytest.mark.parametrize("extreme", [1e9, -1e9, 1e30, np.inf, np.nan])
def test_one_extreme_level_does_not_blank_a_float_picture(extreme: float) -> None:
    ramp = np.tile(np.linspace(0, 255, 64), (64, 1)).astype(np.float32)
    ramp[0, 0] = extreme

    pixels = decode(encode(Image.fromarray(ramp), "TIFF")).views[0].pixels

    assert pixels[:, :8].mean() < 40
    assert pixels[:, -8:].mean() > 215


def test_only_exif_turns_a_picture() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'

    assert corner_colours(decode(encode(quadrants(), "JPEG", xmp=xmp)).views[0].pixels) == UPRIGHT


def test_premultiplied_grey_is_decoded() -> None:
    grey = Image.merge("LA", [Image.linear_gradient("L"), Image.new("L", (256, 256), 128)])

    assert len(decode(grey.convert("La")).views) == 3


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


def test_the_picture_beside_the_film_of_an_avif_is_seen_too() -> None:
    """By its brand a viewer shows the one or the other."""
    frames = [Image.new("RGB", (128, 128), (level, 180, level)) for level in (100, 160, 220)]
    film = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=100)
    still = photo("cat").resize((128, 128))
    data = _with_still(film, encode(still, "AVIF"))

    for brand in (b"avif", b"avis"):
        decoded = decode(data[:8] + brand + data[12:])

        assert decoded.odd_thumbnail
        assert decoded.frames == 3
        differences = [
            np.abs(view.pixels.astype(int) - np.asarray(still).astype(int)).mean()
            for view in decoded.views
        ]
        assert min(differences) < 10


def _with_still(film: bytes, still: bytes) -> bytes:
    """Let an AVIF's item be another file's: it comes last, and the item points there."""
    (place, _, _), (_, start, length) = _item(film), _item(still)
    payload = still[start : start + length]
    pointer = struct.pack(">2I", len(film) + 8, length)
    moved = film[:place] + pointer + film[place + 8 :]
    return moved + struct.pack(">I4s", 8 + length, b"mdat") + payload


def _item(data: bytes) -> tuple[int, int, int]:
    """Find where the place of an AVIF's first item stands, and what it says: start and length."""
    place = data.index(b"iloc") + 18  # version, sizes, count, number and reference come before
    return (place, *struct.unpack_from(">2I", data, place))


def test_the_picture_of_a_heic_is_the_one_that_it_names() -> None:
    file = io.BytesIO()
    several = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for colour, size in (((250, 0, 0), (64, 48)), ((0, 0, 250), (200, 100))):
        several.add_from_pillow(Image.new("RGB", size, colour))
    several.save(file, primary_index=1)

    decoded = decode(file.getvalue())

    assert (decoded.width, decoded.height) == (200, 100)
    assert decoded.picture.shape == (100, 200, 3)
    assert {view.pixels.shape for view in decoded.views} == {(100, 200, 3), (48, 64, 3)}


@pytest.mark.parametrize(
    ("coding", "runs"),
    [
        (1, b"\x02\x05\x00\x02\x03\x00" + b"\x04\x05\x00\x00" * 3 + b"\x00\x01"),  # a jump
        (1, b"\x04\x05\x00\x00" * 3 + b"\x00\x01"),  # a row too few
        (1, b"\x03\x05\x00\x00" * 4 + b"\x00\x01"),  # a pixel of each row too few
        (2, b"\x02\x55\x00\x00" * 4 + b"\x00\x01"),
    ],
)
def test_a_bmp_that_leaves_pixels_undrawn_is_an_error(coding: int, runs: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="undrawn"):
        decode(bmp_of_runs(coding, runs))


@pytest.mark.parametrize(
    "runs",
    [
        b"\x04\x05\x00\x00" * 4 + b"\x00\x01",
        b"\x00\x04\x05\x06\x07\x08\x00\x00" * 4 + b"\x00\x01",
        b"\x00\x03\x05\x06\x07\x00\x01\x08\x00\x00" * 4 + b"\x00\x01",
    ],
)
def test_a_usual_bmp_of_runs_is_decoded(runs: bytes) -> None:
    assert decode(bmp_of_runs(1, runs)).views[0].pixels.shape == (4, 4, 3)


def bmp_of_runs(coding: int, runs: bytes) -> bytes:
    """Four by four pixels, of a palette of greys."""
    colours = 256 if coding == 1 else 16
    palette = b"".join(bytes([level % 256] * 3 + [0]) for level in range(colours))
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 8 // coding, coding, len(runs), 0, 0, 0, 0)
    start = 14 + len(header) + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start)
    return head + header + palette + runs


@pytest.mark.parametrize(
    ("error", "code", "is_told"),
    [
        (OSError("truncated"), "undecodable_image", False),
        (AttributeError("no such member"), "undecodable_image", True),
        (MemoryError(), "decoder_crashed", False),
    ],
)
def test_a_decoder_that_fails_by_the_code_is_told_of(
    error: Exception,
    code: str,
    is_told: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(FrameWalk, "load", fail)

    with pytest.raises(InputError) as caught:
        decode_image(encode(photo()), ImageLimits(), 320)

    assert caught.value.code == code
    assert ("AttributeError" in caplog.text) == is_told


def test_all_pages_count_towards_what_is_looked_through() -> None:
    pages = [Image.new("L", (300, 300))] * 4
    data = encode(Image.new("L", (10, 10)), "TIFF", save_all=True, append_images=pages)

    with pytest.raises(ImageFramesError):
        decode_image(data, ImageLimits(max_animation_pixels=300_000), 32)


def test_a_see_through_picture_of_odd_sides_is_reduced_as_a_whole() -> None:
    picture = photo("coffee").convert("RGBA").resize((1301, 997))
    picture.putalpha(128)

    views = decode_image(encode(picture, "PNG"), ImageLimits(), 320).views

    assert len(views) > 1
    assert views[0].pixels.shape == (499, 651, 3)


@pytest.mark.parametrize(
    ("share", "alpha", "count"), [(0.02, 0, 2), (0.002, 0, 1), (0.5, 225, 2), (0, 0, 1)]
)
def test_what_shows_through_counts_where_it_can_be_seen(
    share: float, alpha: int, count: int
) -> None:
    pixels = np.full((1000, 100, 4), 255, dtype=np.uint8)
    pixels[: int(1000 * share), :, 3] = alpha

    assert (
        len(decode_image(encode(Image.fromarray(pixels), "PNG"), ImageLimits(), 320).views) == count
    )


def test_of_sixteen_bits_the_whole_range_comes_first() -> None:
    ramp = np.tile(np.linspace(0, 1000, 64), (64, 1))
    ramp[0, 0] = 60_000
    data = encode(Image.fromarray(ramp.astype(np.uint16)), "PNG")

    first, *_ = decode_image(data, ImageLimits(), 320).views

    assert first.pixels[1:].max() < 10


def test_a_picture_with_two_orientations_is_seen_stored_and_by_each() -> None:
    entries = b"".join(struct.pack("<HHIHH", 0x0112, 3, 1, value, 0) for value in (3, 6))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    data = encode(quadrants(), "JPEG")
    data = data[:2] + jpeg_segment(1, b"Exif\0\0" + block) + data[2:]

    shapes = [view.pixels.shape[:2] for view in decode_image(data, ImageLimits(), 320).views]

    assert shapes == [(64, 96), (96, 64), (64, 96)]


def test_a_large_preview_in_a_png_is_seen_too() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (640, 640, 3), dtype=np.uint8)
    preview = encode(Image.fromarray(noise), "JPEG", quality=95)
    data = with_thumbnail(Image.new("RGB", (640, 640), "white"), preview, "PNG")

    assert len(preview) > 300_000  # more than EXIF of a JPEG can hold
    assert decode_image(data, ImageLimits(), 320).odd_thumbnail


def test_how_far_a_preview_must_differ_to_show_something_else() -> None:
    shown, near, far = (np.full((64, 64, 3), level, dtype=np.uint8) for level in (100, 125, 150))

    assert shows_something_else(shown, far)
    assert not shows_something_else(shown, near)
