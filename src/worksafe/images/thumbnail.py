"""The preview inside a picture's EXIF, which galleries show and which may show something else."""

import io

from PIL import ExifTags, Image

from worksafe.images.formats import JPEG
from worksafe.images.resize import RgbImage
from worksafe.images.scenes import mean_change, sketch
from worksafe.images.structure.check import check_structure

_MAX_BYTES = 8 * 1024**2  # EXIF of a JPEG has 64 kB at most, that of others any
_SIDE_PX = 320
_ODD = 0.12  # previews are often cut differently, sharpened, or have bars
_MIDDLE = slice(4, 12)  # of a sketch: bars lie outside


def read_thumbnail(exif: bytes) -> Image.Image | None:
    """Find the preview in EXIF data.

    Parameters
    ----------
    exif : bytes
        From the byte order on.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None where there is none, or none that a viewer could show.
    """
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        tags = parsed.get_ifd(ExifTags.IFD.IFD1)
        start = int(tags[ExifTags.Base.JpegIFOffset])
        length = int(tags[ExifTags.Base.JpegIFByteCount])
        data = exif[start : start + length]
        check_structure(JPEG, data[:_MAX_BYTES])
        image = Image.open(io.BytesIO(data[:_MAX_BYTES]), formats=["JPEG"])
        image.draft("RGB", (_SIDE_PX, _SIDE_PX))
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
