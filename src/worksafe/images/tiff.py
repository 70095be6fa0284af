"""Pages of a TIFF of which the decoder makes another picture than viewers do, by their tags."""

from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SAMPLEFORMAT,
    YCBCRSUBSAMPLING,
    TiffImageFile,
)

from worksafe.errors import UndecodableImageError

_BYTE, _WORD = 8, 32  # bits of a level
_PLAIN = 1  # compression: none
_WHITE_IS_ZERO, _YCBCR = 0, 6
_PLANES = 2  # one after the other, instead of pixel by pixel
_UNSIGNED = 1


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
        negative), in planes without compression (it takes half of each level for a level), or as
        unsigned numbers of 32 bits (it takes the light half for less than black); or if its
        colours are stored for several pixels together without compression (it takes them for
        pixels).
    """
    bits = max(_numbers(page, BITSPERSAMPLE, 1))
    is_plain = _PLAIN in _numbers(page, COMPRESSION, _PLAIN)
    photometric = _numbers(page, PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO)
    if bits > _BYTE and _WHITE_IS_ZERO in photometric:
        raise _misread("white as zero in more than eight bits")
    if bits > _BYTE and is_plain and _PLANES in _numbers(page, PLANAR_CONFIGURATION, 1):
        raise _misread("planes of more than eight bits")
    if bits == _WORD and _UNSIGNED in _numbers(page, SAMPLEFORMAT, _UNSIGNED):
        raise _misread("unsigned levels of 32 bits")
    if is_plain and _YCBCR in photometric and {*_numbers(page, YCBCRSUBSAMPLING, 2)} != {1}:
        raise _misread("colours for several pixels together")


def _numbers(page: TiffImageFile, tag: int, default: int) -> tuple[float, ...]:
    value = page.tag_v2.get(tag, default)
    return value if isinstance(value, tuple) else (value,)


def _misread(what: str) -> UndecodableImageError:
    return UndecodableImageError(f"the tiff has {what}, which decoders do not agree on")
