"""Which file types are accepted, told by their first bytes and never by their name."""

from dataclasses import dataclass

from worksafe.errors import EmptyImageError, NotAnImageError, UndecodableImageError
from worksafe.images.structure.containers import read_brands


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """A file type.

    Attributes
    ----------
    name : str
        What results call it.
    plugin : str or None
        Pillow's name of the one decoder that may open it; None for videos.
    is_isolated : bool
        Decoded in a process of its own: its decoder is large, or a small file can ask it for much.
    """

    name: str
    plugin: str | None
    is_isolated: bool = False

    @property
    def is_video(self) -> bool:
        """A film rather than a picture."""
        return self.plugin is None


JPEG = ImageFormat("jpeg", "JPEG")
PNG = ImageFormat("png", "PNG")
GIF = ImageFormat("gif", "GIF", is_isolated=True)
WEBP = ImageFormat("webp", "WEBP")
BMP = ImageFormat("bmp", "BMP")
TIFF = ImageFormat("tiff", "TIFF", is_isolated=True)
AVIF = ImageFormat("avif", "AVIF", is_isolated=True)
HEIC = ImageFormat("heic", "HEIF", is_isolated=True)
MP4 = ImageFormat("mp4", None, is_isolated=True)
MATROSKA = ImageFormat("matroska", None, is_isolated=True)  # WebM too
AVI = ImageFormat("avi", None, is_isolated=True)

FORMATS = (JPEG, PNG, GIF, WEBP, BMP, TIFF, AVIF, HEIC, MP4, MATROSKA, AVI)

_PREFIXES: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"\x1a\x45\xdf\xa3", MATROSKA),
)
_RIFF_FORMATS = {b"WEBP": WEBP, b"AVI ": AVI}
_MP4_BRANDS = (b"iso", b"mp4", b"avc", b"qt", b"M4V", b"MSNV", b"3gp", b"3g2", b"dash", b"f4v")
_QUICKTIME_ATOMS = frozenset({b"moov", b"mdat", b"wide"})  # files older than the brands
# What players take for a film's first box, whatever the bytes before it say: those of four letters.
_FILMS_BEGIN = _QUICKTIME_ATOMS | {
    b"ftyp", b"udta", b"pnot", b"free", b"skip", b"uuid", b"junk", b"pict", b"hoov", b"cmov",
}  # fmt: skip
_ICONS = frozenset({b"\x00\x00\x01\x00", b"\x00\x00\x02\x00"})  # to browsers; also a box's size
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_ANY_PICTURE = frozenset({b"mif1", b"msf1", b"miaf"})
_HEIC_CODINGS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIC_BRANDS = _HEIC_CODINGS | {b"mif1", b"msf1"}
_PICTURES = _HEIC_BRANDS | _AVIF_BRANDS
_AS_PEOPLE_SAY = {"mp4": "mp4, mov", "matroska": "webm, mkv"}  # whose files are of these, too


def sniff_format(data: bytes) -> ImageFormat:
    """Return an image's format, by its magic bytes.

    Parameters
    ----------
    data : bytes
        The whole file, or its first 512 bytes at least.

    Returns
    -------
    ImageFormat

    Raises
    ------
    EmptyImageError
        If there are no bytes.
    NotAnImageError
        If they begin like no accepted format.
    UndecodableImageError
        If they say that they are of two formats that viewers show otherwise.
    """
    if not data:
        msg = "the image has no bytes"
        raise EmptyImageError(msg)
    marked = _by_mark(data)
    if data[4:8] in _FILMS_BEGIN and (marked or data[:4] in _ICONS):
        raise _two_formats()
    if marked:
        return marked
    if data[4:8] == b"ftyp":
        return _iso_format(data)
    if data[4:8] in _QUICKTIME_ATOMS:
        return MP4
    raise _not_an_image()


def _by_mark(data: bytes) -> ImageFormat | None:
    """Return a format that begins by a mark of its own."""
    if data.startswith(b"RIFF"):
        return _RIFF_FORMATS.get(data[8:12])
    return next((known for prefix, known in _PREFIXES if data.startswith(prefix)), None)


def _iso_format(data: bytes) -> ImageFormat:
    """Tell AVIF from HEIC from MP4: the major brand decides, unless it is for any picture."""
    brands = read_brands(data)
    if brands is None:
        raise _not_an_image()
    major, others = brands.major, brands.others
    _refuse_two_formats(major, others)
    if major in _AVIF_BRANDS or (major in _ANY_PICTURE and _AVIF_BRANDS & others):
        return AVIF
    if major in _HEIC_BRANDS:
        return HEIC
    if major.startswith(_MP4_BRANDS):
        return MP4
    for known, their in ((AVIF, _AVIF_BRANDS), (HEIC, _HEIC_BRANDS)):
        if their & others:
            return known
    if any(brand.startswith(_MP4_BRANDS) for brand in others):
        return MP4
    raise _not_an_image()


def _refuse_two_formats(major: bytes, others: frozenset[bytes]) -> None:
    """Refuse what viewers show as the one or the other: an ``<img>`` is AVIF by any brand."""
    is_two = major.startswith(_MP4_BRANDS) and others & _PICTURES
    if is_two or (major in _HEIC_CODINGS and others & _AVIF_BRANDS):
        raise _two_formats()


def _two_formats() -> UndecodableImageError:
    return UndecodableImageError("the file says that it is of two formats")


def _not_an_image() -> NotAnImageError:
    accepted = ", ".join(_AS_PEOPLE_SAY.get(known.name, known.name) for known in FORMATS)
    return NotAnImageError(f"the bytes are none of the accepted formats: {accepted}")
