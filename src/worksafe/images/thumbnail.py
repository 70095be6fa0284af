"""The preview inside a picture's EXIF, which galleries show and which may show something else."""

import io

from PIL import ExifTags, Image

from worksafe.images.resize import RgbImage
from worksafe.images.scenes import mean_change, sketch

_PREFIX = b"Exif\x00\x00"
_JPEG = b"\xff\xd8\xff"
_MAX_PX = 1_000_000  # a preview is some 160 pixels wide
_ODD = 0.12  # previews are often cut differently, sharpened, or have bars
_MIDDLE = slice(4, 12)  # of a sketch: bars lie outside


def read_thumbnail(exif: bytes | None) -> Image.Image | None:
    """Find the preview in EXIF data.

    Parameters
    ----------
    exif : bytes or None
        As the file has it.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None where there is none, or none that a viewer could show.
    """
    try:
        parsed = Image.Exif()
        parsed.load(exif or b"")
        tags = parsed.get_ifd(ExifTags.IFD.IFD1)
        start = int(tags[ExifTags.Base.JpegIFOffset])
        length = int(tags[ExifTags.Base.JpegIFByteCount])
        data = (exif or b"").removeprefix(_PREFIX)[start : start + length]
        image = Image.open(io.BytesIO(data), formats=["JPEG"])
        if image.width * image.height > _MAX_PX:
            return None
        return image.convert("RGB")
    except Exception:  # noqa: BLE001 - damaged EXIF raises nearly every type there is
        return None


def shows_something_else(thumbnail: RgbImage, picture: RgbImage) -> bool:
    """Tell whether a preview is of another picture, by the middle of both.

    Parameters
    ----------
    thumbnail, picture : ndarray of uint8, shape (h, w, 3)
        Turned the same way.

    Returns
    -------
    bool
    """
    first, second = (sketch([image])[:, _MIDDLE, _MIDDLE] for image in (thumbnail, picture))
    return float(mean_change(first, second)) > _ODD
