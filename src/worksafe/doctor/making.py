"""Small tools that odd files are made with."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms


def scene(width: int = 160, height: int = 120, seed: int = 0) -> Image.Image:
    """Paint a picture of soft, coloured spots: harmless, and unlike that of another seed."""
    rng = np.random.default_rng(seed)
    spots = rng.integers(30, 226, size=(6, 8, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:  # noqa: ANN401
    """Encode a picture."""
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def moving(image_format: str, frames: int, odd: int | None = None, **options: Any) -> bytes:  # noqa: ANN401
    """Encode an animation that hardly changes, but for one frame."""
    still = scene()
    pictures = [
        scene(seed=99) if index == odd else still.rotate(index % 3) for index in range(frames)
    ]
    return encoded(pictures[0], image_format, save_all=True, append_images=pictures[1:], **options)


def long_gif(
    frames: int,
    odd: int | None = None,
    *,
    duration_cs: int = 2,
    disposal: int = 1,
    shows: Image.Image | None = None,
) -> bytes:
    """Put a GIF together from few pictures, however many frames it has.

    Parameters
    ----------
    frames : int
        How many.
    odd : int or None
        The frame that shows something else.
    duration_cs : int
        Of each frame, in hundredths of a second.
    disposal : int
        What becomes of a frame before the next: 1 stays, 2 nothing, 3 the one before.
    shows : PIL.Image.Image or None
        What the odd frame shows, 64 x 48 px.

    Returns
    -------
    bytes
        64 x 48 px.
    """
    still = scene(64, 48)
    usual = [_gif_frame(still.rotate(angle)) for angle in range(3)]
    other = _gif_frame(shows or scene(64, 48, seed=99))
    control = b"\x21\xf9\x04" + struct.pack("<BHB", disposal << 2, duration_cs, 0) + b"\x00"
    shown = (other if index == odd else usual[index % 3] for index in range(frames))
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 48, 0, 0, 0)
    return head + b"".join(control + frame for frame in shown) + b";"


def _gif_frame(picture: Image.Image) -> bytes:
    """Encode a picture as a frame with a colour table of its own."""
    data = encoded(picture.quantize(32), "GIF")
    table_end = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    start = data.index(b",", table_end)
    flags = bytes([data[10] & 0x87])
    return data[start : start + 9] + flags + data[13:table_end] + data[start + 10 : -1]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Make a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png(width: int, height: int, *chunks: bytes, depth: int = 8, kind: int = 2) -> bytes:
    """Make a PNG of given chunks, whatever they hold."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + b"".join(chunks)
        + png_chunk(b"IEND", b"")
    )


def zeros(count: int) -> bytes:
    """Compress zeros, with little memory: what decompression bombs are made of."""
    packer = zlib.compressobj(9)
    block = bytes(1024**2)
    pieces = [packer.compress(block) for _ in range(count // len(block))]
    return b"".join([*pieces, packer.compress(bytes(count % len(block))), packer.flush()])


def tiff(*entries: tuple[int, int, int, int], after: bytes = b"", following: int = 0) -> bytes:
    """Make a TIFF of one directory: tag, type, count and value of each entry."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)
    return b"II*\x00\x08\x00\x00\x00" + directory + after


def exif(*entries: tuple[int, int, int, int], thumbnail: bytes = b"") -> bytes:
    """Make EXIF data: a directory, and a preview in a second one."""
    if not thumbnail:
        return b"Exif\x00\x00" + tiff(*entries)
    first_end = 8 + 2 + 12 * len(entries) + 4
    preview_at = first_end + 2 + 3 * 12 + 4
    second = [(0x0103, 3, 1, 6), (0x0201, 4, 1, preview_at), (0x0202, 4, 1, len(thumbnail))]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in second)
    directory = struct.pack("<H", len(second)) + packed + struct.pack("<I", 0)
    return b"Exif\x00\x00" + tiff(*entries, after=directory + thumbnail, following=first_end)


def iso_box(kind: bytes, body: bytes) -> bytes:
    """Make a box of an ISO base media file."""
    return struct.pack(">I", 8 + len(body)) + kind + body


def jpeg_segment(number: int, content: bytes) -> bytes:
    """Make a JPEG's segment for applications, APP0 to APP15."""
    return bytes([0xFF, 0xE0 + number]) + struct.pack(">H", len(content) + 2) + content


def srgb_profile() -> bytes:
    """Make the usual colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def bmp_of_runs(
    width: int, height: int, runs: bytes, table: bytes = bytes(1024), start: int | None = None
) -> bytes:
    """Make a run-length encoded BMP of 256 colours.

    Parameters
    ----------
    width, height : int
        In pixels, from bottom to top.
    runs, table : bytes
        The commands, and the colours.
    start : int or None
        Where it says that the runs begin; None for where they do.

    Returns
    -------
    bytes
    """
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    offset = 14 + len(head) + len(table)
    first = struct.pack("<2sIHHI", b"BM", offset + len(runs), 0, 0, start or offset)
    return first + head + table + runs
