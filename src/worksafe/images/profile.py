"""Colour profiles: what they make of a picture, as long as viewers agree on it.

Browsers read profiles by another library than the one here. Where one of the two takes a profile
for damaged, or finds the colours elsewhere in it, any picture can be stored as hardly any.

References
----------
.. [1] ICC.1:2022, "Image technology colour management": the header, the table of tags, ``cicp``.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageCms

from worksafe.errors import UndecodableImageError

_MAX_BYTES = 2 * 1024**2
_MODES_BY_SPACE = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_CLASS, _SPACE, _MARK = slice(12, 16), slice(16, 20), slice(36, 40)
_DISPLAY, _IS_PROFILE = b"mntr", b"acsp"
_COUNT_AT, _TAGS_AT, _TAG_BYTES = 128, 132, 12
_MOST_TAGS = 100  # the library here reads no more
_TABLE, _SECOND_TABLE, _FLOATS = b"A2B0", b"A2B1", b"D2B"  # of tags that give any colour any other
_CODE_POINTS, _TRANSFER_AT = b"cicp", 9


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """From a profile's colours to sRGB.

    Attributes
    ----------
    transform : PIL.ImageCms.ImageCmsTransform
        Of pictures of that mode.
    mode : str
        What the profile is for: ``RGB``, ``L`` or ``CMYK``.
    has_tables : bool
        Whether it may give any colour any other, not by curves and a matrix alone.
    """

    transform: ImageCms.ImageCmsTransform
    mode: str
    has_tables: bool

    def apply(self, picture: Image.Image) -> Image.Image:
        """Make a picture, of that mode or RGB, what a screen shows of it, RGB."""
        stored = picture.convert(self.mode)  # grey that was made RGB becomes grey again
        applied = ImageCms.applyTransform(stored, self.transform)
        assert applied is not None  # noqa: S101 - only None when converting in place
        return applied


def read_way(profile: bytes, is_cmyk: bool) -> Way | None:
    """Read a profile.

    Parameters
    ----------
    profile : bytes
        As the file has it.
    is_cmyk : bool
        Whether the picture is stored in CMYK.

    Returns
    -------
    Way or None
        None where the bytes are no profile, or one for pictures of another kind: no viewer goes
        by it.

    Raises
    ------
    UndecodableImageError
        If the profile is larger than any honest one, or viewers do not agree on what it says:
        colours of no usual kind, more tags than are read, tables of floats, damage.
    """
    if len(profile) > _MAX_BYTES:
        msg = f"the colour profile has more than {_MAX_BYTES // 1024**2} MiB"
        raise UndecodableImageError(msg)
    if profile[_MARK] != _IS_PROFILE:
        return None
    mode = _MODES_BY_SPACE.get(profile[_SPACE])
    if mode is None:
        raise UndecodableImageError("the colour profile is for colours of no usual kind")
    if (mode == "CMYK") != is_cmyk:
        return None
    way = _built(profile, mode)
    if way is None:
        raise UndecodableImageError("viewers do not agree on the colour profile")
    return way


def read_code_points(profile: bytes) -> Iterator[int]:
    """Find the transfer characteristics that a profile says, which browsers go by alone.

    Parameters
    ----------
    profile : bytes
        As the file has it.

    Yields
    ------
    int
        By ITU-T H.273.
    """
    for name, at in _tags(profile):
        if name == _CODE_POINTS and at + _TRANSFER_AT < len(profile):
            yield profile[at + _TRANSFER_AT]


def _tags(profile: bytes) -> Iterator[tuple[bytes, int]]:
    """Go through the names in the table of tags, and where each begins."""
    count = min(int.from_bytes(profile[_COUNT_AT:_TAGS_AT], "big"), _MOST_TAGS)
    for at in range(_TAGS_AT, _TAGS_AT + _TAG_BYTES * count, _TAG_BYTES):
        yield profile[at : at + 4], int.from_bytes(profile[at + 4 : at + 8], "big")


@lru_cache(maxsize=16)
def _built(profile: bytes, mode: str) -> Way | None:
    """Build the way to sRGB; browsers apply profiles of classes that the library refuses, too."""
    names = {name for name, _ in _tags(profile)}
    if any(name.startswith(_FLOATS) for name in names):
        return None  # read here, and by browsers not
    has_tables = any(name.startswith(_TABLE[:3]) for name in names)
    # By itself the library makes coarser tables of fine ones.
    flags = ImageCms.Flags.NOOPTIMIZE if has_tables else ImageCms.Flags.NONE
    # It looks for one table, browsers for the second where there is no first.
    is_second = _SECOND_TABLE in names and _TABLE not in names
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC if is_second else ImageCms.Intent.PERCEPTUAL
    srgb = ImageCms.createProfile("sRGB")
    for one in (profile, profile[: _CLASS.start] + _DISPLAY + profile[_CLASS.stop :]):
        try:
            read = ImageCms.ImageCmsProfile(io.BytesIO(one))
            transform = ImageCms.buildTransform(read, srgb, mode, "RGB", intent, flags)
        except Exception:  # noqa: BLE001, S112 - a damaged one
            continue
        return Way(transform, mode, has_tables)
    return None
