"""Which file types are accepted, told by their first bytes and never by their name."""

from dataclasses import dataclass

from worksafe.errors import EmptyImageError, NotAnImageError

_ISO_BRANDS_END = 64  # compatible brands beyond the first few never decide


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """A file type.

    Attributes
    ----------
    name : str
        What results call it.
    plugin : str
        Pillow's name of the one decoder that may open it.
    """

    name: str
    plugin: str


JPEG = ImageFormat("jpeg", "JPEG")
PNG = ImageFormat("png", "PNG")
GIF = ImageFormat("gif", "GIF")
WEBP = ImageFormat("webp", "WEBP")
BMP = ImageFormat("bmp", "BMP")
TIFF = ImageFormat("tiff", "TIFF")
AVIF = ImageFormat("avif", "AVIF")
HEIC = ImageFormat("heic", "HEIF")

FORMATS = (JPEG, PNG, GIF, WEBP, BMP, TIFF, AVIF, HEIC)

_PREFIXES: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)


def sniff_format(data: bytes) -> ImageFormat:
    """Tell an image's format by its magic bytes.

    Parameters
    ----------
    data : bytes
        The whole file, or its first 64 bytes at least.

    Returns
    -------
    ImageFormat

    Raises
    ------
    EmptyImageError
        If there are no bytes.
    NotAnImageError
        If they begin like no accepted format.
    """
    if not data:
        msg = "the image has no bytes"
        raise EmptyImageError(msg)
    for prefix, image_format in _PREFIXES:
        if data.startswith(prefix):
            return image_format
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        return _iso_format(data)
    raise _not_an_image()


def _iso_format(data: bytes) -> ImageFormat:
    """Tell AVIF from HEIC: the major brand decides, then the compatible ones."""
    end = min(int.from_bytes(data[:4], "big"), _ISO_BRANDS_END)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return AVIF
    for brand in brands:
        if brand in _HEIC_BRANDS:
            return HEIC
    raise _not_an_image()


def _not_an_image() -> NotAnImageError:
    accepted = ", ".join(image_format.name for image_format in FORMATS)
    return NotAnImageError(f"the bytes are none of the accepted formats: {accepted}")
