"""How a stored picture is to be turned, and whether all viewers turn it so."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, TiffTags

from worksafe.images.resize import RgbImage

_UPRIGHT = 1
_TURNS = {  # of the EXIF standard, table 4.6.4
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = frozenset({5, 6, 7, 8})
_OFTEN_IGNORED_IN = frozenset({"PNG", "WEBP"})
_EXIF_PREFIX = b"Exif\x00\x00"
_HEAD_BYTES = 8


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a picture is to be turned.

    Attributes
    ----------
    value : int
        1 to 8, as EXIF counts; 1 is upright as it is.
    is_sure : bool
        All viewers show it so; otherwise many show it as it is stored.
    """

    value: int = _UPRIGHT
    is_sure: bool = True

    @property
    def swaps_sides(self) -> bool:
        """Whether width becomes height."""
        return self.value in _SWAPS_SIDES

    def turn(self, image: Image.Image) -> RgbImage:
        """Turn a stored picture upright."""
        turn = _TURNS.get(self.value)
        return np.asarray(image if turn is None else image.transpose(turn))


def read_orientation(image: Image.Image) -> Orientation:
    """Read how a loaded image is still to be turned; damaged EXIF counts as not at all.

    Only from EXIF, as viewers do: Pillow's getexif() believes XMP too, which would let a picture
    be checked upside down. Only after loading: TIFF is turned by Pillow itself.

    Parameters
    ----------
    image : PIL.Image.Image
        With what its file says in ``info``.

    Returns
    -------
    Orientation
        Sure where the format is one whose EXIF every viewer reads, and the tag of the type that
        the standard asks for: browsers ignore it otherwise, other viewers do not.
    """
    once = (image.info.get("exif") or b"").removeprefix(_EXIF_PREFIX)
    exif = once.removeprefix(_EXIF_PREFIX)  # some write it twice, which few readers expect
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(exif[:_HEAD_BYTES])
        file = io.BytesIO(exif)
        file.seek(directory.next)
        directory.load(file)
        values = np.ravel(directory.get(ExifTags.Base.Orientation, _UPRIGHT))
        value = int(values[0])
    except Exception:  # noqa: BLE001 - the parser raises nearly every type there is
        return Orientation()
    if value not in _TURNS:
        return Orientation()
    is_one_short = (
        directory.tagtype[ExifTags.Base.Orientation] == TiffTags.SHORT and values.size == 1
    )
    is_sure = is_one_short and exif == once and image.format not in _OFTEN_IGNORED_IN
    return Orientation(value, is_sure)
