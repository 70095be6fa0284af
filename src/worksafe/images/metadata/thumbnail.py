"""The preview inside a picture's EXIF, which galleries show and which may show something else."""

import io

from PIL import ExifTags, Image

from worksafe.errors import InputError, UndecodableImageError
from worksafe.images.damage import damaged
from worksafe.images.formats import JPEG
from worksafe.images.structure.check import check_structure

_MAX_BYTES = 8 * 1024**2  # EXIF of a JPEG has 64 kB at most, that of others any
_MAX_PIXELS = 4_000_000  # cameras' previews have a tenth of a million
_START, _SCAN, _END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
_SIDE_PX = 320


def read_thumbnail(exif: bytes) -> Image.Image | None:
    """Find the preview in EXIF data.

    Parameters
    ----------
    exif : bytes
        From the byte order on.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None where there is no JPEG, or it ends before its pixels begin.

    Raises
    ------
    InputError
        One of its subclasses, if there is one that cannot be decoded: others may show it.
    """
    data = _find_jpeg(exif)
    if not data.startswith(_START) or _SCAN not in data:
        return None
    if not data.endswith(_END):  # viewers show what there is of one that is cut off
        data += _END
    check_structure(JPEG, data)
    try:
        return _decode(data)
    except InputError:
        raise
    except Exception as error:
        raise damaged("the preview in the EXIF is damaged", error) from error


def _find_jpeg(exif: bytes) -> bytes:
    """Find where the second directory points to; empty where there is no such place."""
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        tags = parsed.get_ifd(ExifTags.IFD.IFD1)
        start = int(tags[ExifTags.Base.JpegIFOffset])
        length = int(tags[ExifTags.Base.JpegIFByteCount])
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - damaged EXIF raises nearly every type there is
        return b""
    return exif[start : start + min(length, _MAX_BYTES)]


def _decode(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=[JPEG.plugin or ""])
    if image.width * image.height > _MAX_PIXELS:
        msg = f"the preview in the EXIF has more than {_MAX_PIXELS / 1e6:g} Mpx"
        raise UndecodableImageError(msg)
    image.draft("RGB", (_SIDE_PX, _SIDE_PX))
    return image.convert("RGB")
