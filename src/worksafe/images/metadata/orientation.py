"""How a stored picture is to be turned, and how else some viewers turn it."""

from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

from worksafe.images.metadata.exif import read_blocks, read_entries
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


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a picture is to be turned.

    Attributes
    ----------
    value : int
        1 to 8, as EXIF counts; 1 is upright as it is.
    others : tuple of int
        How other viewers turn it, by the same count.
    """

    value: int = _UPRIGHT
    others: tuple[int, ...] = ()

    @property
    def swaps_sides(self) -> bool:
        """Whether width becomes height."""
        return self.value in _SWAPS_SIDES

    def turn(self, image: Image.Image) -> RgbImage:
        """Turn a stored picture upright."""
        return _turned(image, self.value)

    def turn_otherwise(self, image: Image.Image) -> list[RgbImage]:
        """Turn a stored picture as other viewers do."""
        return [_turned(image, value) for value in self.others]


def _turned(image: Image.Image, value: int) -> RgbImage:
    turn = _TURNS.get(value)
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
        By the first entry that is any turn. There are others where the format is one whose EXIF
        many do not read, and where readers differ in what they find: blocks or entries beyond the
        first, a type that is not the standard's.
    """
    entries = [
        entry
        for block in read_blocks(image)
        for entry in read_entries(block, ExifTags.Base.Orientation)
    ]
    turns = dict.fromkeys(entry.value for entry in entries if entry.value in _TURNS)
    if not turns:
        return Orientation()
    first, *others = turns
    is_sure = len({entry.value for entry in entries}) == 1 and entries[0].is_usual
    if is_sure and image.format not in _OFTEN_IGNORED_IN:
        return Orientation(first)
    return Orientation(first, (*others, _UPRIGHT))
