"""Pages of a TIFF of which the decoder makes another picture than viewers do, by their tags."""

import math

from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COLORMAP,
    COMPRESSION,
    EXTRASAMPLES,
    FILLORDER,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    ROWSPERSTRIP,
    SAMPLEFORMAT,
    SAMPLESPERPIXEL,
    STRIPOFFSETS,
    TILELENGTH,
    TILEOFFSETS,
    TILEWIDTH,
    YCBCRSUBSAMPLING,
    TiffImageFile,
)

from worksafe.errors import UndecodableImageError

_BYTE, _WORD = 8, 32  # bits of a level
_PLAIN = 1  # compression: none
_WHITE_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 2, 3, 6
_PLANES = 2  # one after the other, instead of pixel by pixel
_REVERSED = 2  # bits of a byte, the last first
_UNSIGNED = 1
_UNSAID = 0  # what a further sample is
_FINE = 256  # a palette's levels have sixteen bits


def refuse_misread(page: TiffImageFile) -> None:
    """Refuse a page that Pillow 13 does not say it cannot read, and reads as another picture.

    Parameters
    ----------
    page : TiffImageFile
        Gone to that page.

    Raises
    ------
    UndecodableImageError
        If its levels of more than eight bits are stored with white as zero (Pillow shows the
        negative), in planes without compression (it takes half of each level for a level), as
        unsigned numbers of 32 bits (it takes the light half for less than black), or compressed,
        signed and the highest byte first (it takes the lowest for that); if its colours are stored
        for several pixels together without compression (it takes them for pixels); if it has more
        strips or tiles than fill it, or both (it draws the last over the others); if a palette has
        levels of eight bits (it takes them for black), or a fourth sample is not said to be
        anything (some take it for alpha).
    """
    bits = max(_numbers(page, BITSPERSAMPLE, 1))
    is_plain = _PLAIN in _numbers(page, COMPRESSION, _PLAIN)
    is_wide, is_planar = bits > _BYTE, _PLANES in _numbers(page, PLANAR_CONFIGURATION, 1)
    photometric = _numbers(page, PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO)
    formats = _numbers(page, SAMPLEFORMAT, _UNSIGNED)
    is_odd = {
        "white as zero in more than eight bits": is_wide and _WHITE_IS_ZERO in photometric,
        "planes that are read otherwise": is_plain and is_planar and (
            is_wide
            or _WHITE_IS_ZERO in photometric
            or _REVERSED in _numbers(page, FILLORDER, 1)
        ),
        "unsigned levels of 32 bits": bits == _WORD and _UNSIGNED in formats,
        "signed levels with the highest byte first": is_wide and not is_plain
        and page.tag_v2.prefix == b"MM" and {*formats} != {_UNSIGNED},
        "colours for several pixels together": is_plain and _YCBCR in photometric
        and {*_numbers(page, YCBCRSUBSAMPLING, 2)} != {1},
        "more pixels than fill it": _has_too_many_parts(page, is_planar=is_planar),
        "a palette of eight bits": _PALETTE in photometric
        and 0 < max(_numbers(page, COLORMAP, 0)) < _FINE,
        "a fourth sample that is nothing": _RGB in photometric
        and _UNSAID in _numbers(page, EXTRASAMPLES, 1),
    }  # fmt: skip
    for what, applies in is_odd.items():
        if applies:
            msg = f"the tiff has {what}, which decoders do not agree on"
            raise UndecodableImageError(msg)


def _has_too_many_parts(page: TiffImageFile, *, is_planar: bool) -> bool:
    """Tell whether there are more strips or tiles than the picture has room for, or both."""
    tags = page.tag_v2
    if STRIPOFFSETS in tags and TILEOFFSETS in tags:
        return True
    (width, *_), (height, *_) = _numbers(page, IMAGEWIDTH, 1), _numbers(page, IMAGELENGTH, 1)
    (across, *_), (down, *_) = _numbers(page, TILEWIDTH, width), _numbers(page, TILELENGTH, height)
    (rows, *_) = _numbers(page, ROWSPERSTRIP, height)
    down = down if TILEOFFSETS in tags else rows
    layers = max(_numbers(page, SAMPLESPERPIXEL, 1)) if is_planar else 1
    room = layers * math.ceil(width / max(1, across)) * math.ceil(height / max(1, down))
    return len(_numbers(page, TILEOFFSETS if TILEOFFSETS in tags else STRIPOFFSETS, 0)) > room


def _numbers(page: TiffImageFile, tag: int, default: float) -> tuple[float, ...]:
    value = page.tag_v2.get(tag, default)
    return value if isinstance(value, tuple) else (value,)
