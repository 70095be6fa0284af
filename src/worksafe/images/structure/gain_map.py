"""Gain maps of Ultra HDR JPEGs: a second picture that screens make the first one brighter by.

The decoder leaves it out, as an ordinary screen does; but a file can say that such a screen is to
apply it, too, and then the map is what is shown.

References
----------
.. [1] Android, "Ultra HDR Image Format v1.1": the XMP of `hdrgm`.
.. [2] ISO 21496-1:2025: the same in binary, after a name in an APP2 segment.
"""

import re
from collections.abc import Sequence

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.marks import places_of

_LONG_XMP = b"http://ns.adobe.com/xmp/extension/"  # in pieces, of which one may cut a name
_WIDE_NAMES = tuple(
    name.encode(coding)
    for name in ("BaseRenditionIsHDR", "HDRCapacityMin")
    for coding in ("utf-16-le", "utf-16-be")
)
_IS_HDR = re.compile(rb"(?<!/hdrgm:)BaseRenditionIsHDR(?P<value>.{8})", re.DOTALL)
_FROM = re.compile(rb"(?<!/hdrgm:)HDRCapacityMin(?P<value>.{16})", re.DOTALL)
_NOT = re.compile(rb'(="|>)False["<]')
_ZERO_OR_MORE = re.compile(rb'(="|>)\d[\d.]*["<]')

_BINARY = b"urn:iso:std:iso:ts:21496:-1\x00"
_VERSIONS = 4  # bytes: all that the first picture says
_FLAGS_AT, _NUMBERS_AT = 4, 5
_COMMON, _BACKWARD = 0x08, 0x04


def refuse_odd_gain_map(heads: Sequence[bytes]) -> None:
    """Refuse a file whose gain map an ordinary screen is to apply, or that does not say it plainly.

    Parameters
    ----------
    heads : sequence of bytes
        Of each JPEG in the file, in order, what stands before its pixels.

    Raises
    ------
    UndecodableImageError
        If the first picture is the one for HDR screens, the map is for less than white, or what
        the map says is not where it is looked for.
    """
    said = b"".join(heads)
    is_hidden = any(_LONG_XMP in head for head in heads[1:]) or any(
        name in said for name in _WIDE_NAMES
    )
    is_applied = (
        any(not _NOT.match(found["value"]) for found in _IS_HDR.finditer(said))
        or any(not _ZERO_OR_MORE.match(found["value"]) for found in _FROM.finditer(said))
        or _is_binary_applied(said)
    )
    if is_hidden or is_applied:
        raise UndecodableImageError("the jpeg has a gain map that is not for HDR screens alone")


def _is_binary_applied(data: bytes) -> bool:
    said = (_content(data, at) for at in places_of(_BINARY, data))
    return any(len(content) > _VERSIONS and _needs_headroom(content) for content in said)


def _content(data: bytes, at: int) -> bytes:
    """Return what comes after the name, to the end of its segment."""
    length = int.from_bytes(data[at - 2 : at], "big") - 2 - len(_BINARY)
    start = at + len(_BINARY)
    return data[start : start + max(0, length)]


def _needs_headroom(content: bytes) -> bool:
    """Return whether the first picture is for a screen that goes beyond white."""
    flags = content[_FLAGS_AT]
    numbers = [
        int.from_bytes(content[at : at + 4].ljust(4, b"\x00"), "big")
        for at in range(_NUMBERS_AT, _NUMBERS_AT + 16, 4)
    ]
    if flags & _COMMON:  # one denominator for all, and first
        below, base, alternate = numbers[:3]
        numbers = [base, below, alternate, below]
    base, *others = numbers  # of the picture; below it; of the other; below that
    return bool(flags & _BACKWARD or base or not all(others))
