"""Code points that say how a picture's levels become light, and what that looks like on a screen.

Browsers go by them; what only decodes a file shows the levels as they are stored.

References
----------
.. [1] ITU-T H.273, "Coding-independent code points", table 3: transfer characteristics.
.. [2] PNG, third edition: ``cICP``; ISO/IEC 23008-12: ``colr`` of kind ``nclx`` (AVIF, HEIC).
.. [3] ITU-R BT.2408: the light of diffuse white in PQ and HLG.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from worksafe.images.formats import AVIF, HEIC, PNG, ImageFormat
from worksafe.images.structure.marks import places_of

XYZ_PRIMARIES = 10


class CodePoints(NamedTuple):
    """What is said of colours, and of how levels become light; both by [1]_."""

    primaries: int
    transfer: int


_PNG_CHUNK = b"\x00\x00\x00\x04cICP"  # its length comes before its name
_NCLX = b"colrnclx"
_WHITE_NITS = 203.0
_PQ_NITS, _HLG_NITS = 10_000.0, 1_000.0


def read_code_points(image_format: ImageFormat, data: bytes) -> frozenset[CodePoints]:
    """Find what a file says of its colours and levels.

    Parameters
    ----------
    image_format : ImageFormat
        By its bytes.
    data : bytes
        The whole file.

    Returns
    -------
    frozenset of CodePoints
        Several where a file says several.
    """
    if image_format is PNG:
        said = (data[at + 8 : at + 10] for at in places_of(_PNG_CHUNK, data))
    elif image_format in {AVIF, HEIC}:
        said = (data[at + 9 : at + 12 : 2] for at in places_of(_NCLX, data))  # two bytes for each
    else:
        return frozenset()
    return frozenset(CodePoints(*two) for two in said if len(two) == len(CodePoints._fields))


@lru_cache(maxsize=64)
def level_table(transfer: int) -> tuple[int, ...] | None:
    """Return what a screen shows for each of 256 stored levels.

    Parameters
    ----------
    transfer : int
        By [1]_.

    Returns
    -------
    tuple of int or None
        256 levels; None where they are shown as they are stored, near enough.
    """
    to_light = _TO_LIGHT.get(transfer)
    if to_light is None:
        return None
    return tuple(round(255 * _to_screen(to_light(level / 255))) for level in range(256))


def _to_screen(light: float) -> float:
    """Encode light as sRGB does, white as 1; more than white is cut off."""
    light = min(1.0, max(0.0, light))
    is_dark = light <= 0.0031308  # noqa: PLR2004 - as in the standard, IEC 61966-2-1
    return 12.92 * light if is_dark else float(1.055 * light ** (1 / 2.4) - 0.055)


def _from_pq(value: float) -> float:
    root = value ** (32 / 2523)
    inner = max(0.0, root - 107 / 128) / (2413 / 128 - root * 2392 / 128)
    return _PQ_NITS / _WHITE_NITS * float(inner ** (16384 / 2610))


def _from_hlg(value: float) -> float:
    is_dark = value <= 0.5  # noqa: PLR2004 - as in the standard, BT.2100
    scene = value**2 / 3
    if not is_dark:
        scene = (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return _HLG_NITS / _WHITE_NITS * float(scene**1.2)


_TO_LIGHT: dict[int, Callable[[float], float]] = {
    5: lambda value: float(value**2.8),
    8: lambda value: value,
    9: lambda value: float(10 ** (2 * (value - 1))),
    10: lambda value: float(10 ** (2.5 * (value - 1))),
    16: _from_pq,
    17: lambda value: float(52.37 / 48 * value**2.6),
    18: _from_hlg,
}
"""Those that sRGB differs from; the others are near enough to it."""
