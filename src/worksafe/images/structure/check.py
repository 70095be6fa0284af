"""What a file's structure tells before any decoder opens it: its cost, and where decoders differ.

A small file can ask for hours of work: a TIFF whose pages share one huge directory, a JPEG that
repeats its scans, a GIF of a million frames. Each walk here takes bounded time itself, goes no
further than its budget, and leaves it to the decoder to say that a file is damaged.
"""

from collections.abc import Callable

from worksafe.errors import UndecodableImageError
from worksafe.images.formats import AVIF, BMP, GIF, HEIC, JPEG, PNG, TIFF, WEBP, ImageFormat
from worksafe.images.structure.bmp import has_runs, refuse_odd_bmp
from worksafe.images.structure.gif import as_browsers_dispose, refuse_odd_gif
from worksafe.images.structure.heif import has_track, refuse_odd_avif, refuse_odd_heic
from worksafe.images.structure.jpeg import claims_pictures, refuse_odd_jpeg
from worksafe.images.structure.png import refuse_odd_png
from worksafe.images.structure.tiff import refuse_odd_tiff
from worksafe.images.structure.webp import (
    as_browsers_show_it,
    count_pixels,
    has_several_frames,
    refuse_odd_webp,
)

_WEBP_CHEAP_PIXELS = 8_000_000  # the decoder keeps several canvases, 16 bytes a pixel


def check_structure(image_format: ImageFormat, data: bytes) -> None:
    """Refuse a file whose structure asks for more work than any honest one, or is read in two ways.

    Parameters
    ----------
    image_format : ImageFormat
        By its bytes.
    data : bytes
        The whole file.

    Raises
    ------
    ImageFramesError
        If it has too many frames or pages.
    UndecodableImageError
        If it has too many scans or directory entries, or decoders do not agree on what it shows.
    """
    walk = _WALKS.get(image_format)
    if walk is not None:
        walk(data)


def is_dear(image_format: ImageFormat, data: bytes) -> bool:
    """Return whether a picture of a cheap format may be dear.

    So are several in one, a BMP of runs, and a large WebP.

    Parameters
    ----------
    image_format : ImageFormat
        By its bytes.
    data : bytes
        The whole file.

    Returns
    -------
    bool
        False for other formats, which are not told apart here.
    """
    if image_format is JPEG:
        return claims_pictures(data)
    if image_format is BMP:
        return has_runs(data)
    if image_format is PNG:
        return b"acTL" in data  # wherever it stands: decoders differ in where they look
    return image_format is WEBP and (
        has_several_frames(data) or count_pixels(data) > _WEBP_CHEAP_PIXELS
    )


def readings(image_format: ImageFormat, data: bytes) -> list[bytes]:
    """Return a file as viewers read it: of an AVIF with a film inside, film and picture.

    Parameters
    ----------
    image_format : ImageFormat
        By its bytes.
    data : bytes
        The whole file.

    Returns
    -------
    list of bytes
        The file; or the file with the brand of a film, and with that of a picture, which another
        decoder may not find in it.

    Raises
    ------
    UndecodableImageError
        If a HEIC has a track, which its decoder does not look at.
    """
    if image_format is GIF:
        return [as_browsers_dispose(data)]
    if image_format is WEBP:
        return [as_browsers_show_it(data)]
    if image_format not in {AVIF, HEIC} or not has_track(data):
        return [data]
    if image_format is HEIC:
        raise UndecodableImageError("the heic is a sequence, which cannot be looked through")
    return [data[:8] + brand + data[12:] for brand in (b"avis", b"avif")]


_WALKS: dict[ImageFormat, Callable[[bytes], None]] = {
    AVIF: refuse_odd_avif,
    BMP: refuse_odd_bmp,
    HEIC: refuse_odd_heic,
    JPEG: refuse_odd_jpeg,
    PNG: refuse_odd_png,
    TIFF: refuse_odd_tiff,
    GIF: refuse_odd_gif,
    WEBP: refuse_odd_webp,
}
