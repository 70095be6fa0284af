"""The preview inside a picture's EXIF, which galleries show and which may show something else."""

import io

from PIL import ExifTags, Image

from worksafe.images.formats import JPEG
from worksafe.images.structure.check import check_structure

_MAX_BYTES = 8 * 1024**2  # EXIF of a JPEG has 64 kB at most, that of others any
_END = b"\xff\xd9"
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
        RGB; None where there is none, or it is no JPEG of an ordinary structure.
    """
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        tags = parsed.get_ifd(ExifTags.IFD.IFD1)
        start = int(tags[ExifTags.Base.JpegIFOffset])
        length = int(tags[ExifTags.Base.JpegIFByteCount])
        data = exif[start : start + min(length, _MAX_BYTES)]
        if not data.endswith(_END):  # viewers show what there is of one that is cut off
            data += _END
        check_structure(JPEG, data)
        image = Image.open(io.BytesIO(data), formats=["JPEG"])
        image.draft("RGB", (_SIDE_PX, _SIDE_PX))
        return image.convert("RGB")
    except Exception:  # noqa: BLE001 - damaged EXIF raises nearly every type there is
        return None
