"""Colour profiles: what they make of a picture, as long as viewers agree on it.

Browsers read profiles by another library than the one here. Where one of the two takes a profile
for damaged, or finds the colours elsewhere in it, any picture can be stored as hardly any.

References
----------
.. [1] ICC.1:2022, "Image technology colour management": the header, the table of tags, ``cicp``.
"""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from worksafe.errors import UndecodableImageError
from worksafe.images.colour.cicp import CodePoints

_MAX_BYTES = 2 * 1024**2
_MODES_BY_SPACE = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_VERSION, _CLASS, _SPACE = slice(8, 12), slice(12, 16), slice(16, 20)
_BETWEEN, _MARK = slice(20, 24), slice(36, 40)
_SECOND, _DISPLAY, _XYZ, _IS_PROFILE = b"\x02\x10\x00\x00", b"mntr", b"XYZ ", b"acsp"
_COUNT_AT, _TAGS_AT, _TAG_BYTES = 128, 132, 12
_MOST_TAGS = 100  # the library here reads no more
_TABLE, _SECOND_TABLE, _FLOATS = b"A2B0", b"A2B1", b"D2B"  # of tags that give any colour any other
_CODE_POINTS, _PRIMARIES_AT = b"cicp", 8

# Of neighbouring levels: those of wide gamuts are 25 apart where a colour leaves the screen's.
STEEPEST, GENTLE = 32, 4
_MOST_DETOURS = 48  # levels that a ramp may go back in all; of honest ones 12
_BASES = {"L": (), "RGB": (0, 128, 255), "CMYK": (0, 255)}  # of the channels beside a ramp


@dataclass(frozen=True, slots=True, eq=False)
class ProfileTransform:
    """From a profile's colours to sRGB.

    Attributes
    ----------
    transform : PIL.ImageCms.ImageCmsTransform
        Of pictures of that mode.
    mode : str
        What the profile is for: ``RGB``, ``L`` or ``CMYK``.
    has_tables : bool
        Whether it may give any colour any other, not by curves and a matrix alone.
    is_gentle : bool
        Whether greys that are neighbours stay near each other: then what changes little in the
        mean changes little everywhere.
    """

    transform: ImageCms.ImageCmsTransform
    mode: str
    has_tables: bool
    is_gentle: bool = True

    def apply(self, picture: Image.Image) -> Image.Image:
        """Make a picture, of that mode or RGB, what a screen shows of it, RGB."""
        stored = picture.convert(self.mode)  # grey that was made RGB becomes grey again
        applied = ImageCms.applyTransform(stored, self.transform)
        assert applied is not None  # noqa: S101 - only None when converting in place
        return applied


def read_transform(profile: bytes, is_cmyk: bool) -> ProfileTransform | None:
    """Read a profile.

    Parameters
    ----------
    profile : bytes
        As the file has it.
    is_cmyk : bool
        Whether the picture is stored in CMYK.

    Returns
    -------
    ProfileTransform or None
        None where the bytes are no profile, or one for pictures of another kind: no viewer goes
        by it.

    Raises
    ------
    UndecodableImageError
        If the profile is larger than any honest one, or viewers do not agree on what it says:
        colours of no usual kind, more tags than are read, tables of floats or to XYZ, damage. And
        if it tears neighbouring levels apart, or leads them up and down: what is hidden in such
        levels is lost when a picture is made smaller.
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
    transform = _built(profile, mode)
    if transform is None:
        raise UndecodableImageError("viewers do not agree on the colour profile")
    return transform


def read_code_points(profile: bytes) -> Iterator[CodePoints]:
    """Find the code points that a profile says, which browsers go by alone.

    Parameters
    ----------
    profile : bytes
        As the file has it.

    Yields
    ------
    CodePoints
    """
    for name, at in _tags(profile):
        said = profile[at + _PRIMARIES_AT : at + _PRIMARIES_AT + 2]
        if name == _CODE_POINTS and len(said) == len(CodePoints._fields):
            yield CodePoints(*said)


def _tags(profile: bytes) -> Iterator[tuple[bytes, int]]:
    """Go through the names in the table of tags, and where each begins."""
    count = min(int.from_bytes(profile[_COUNT_AT:_TAGS_AT], "big"), _MOST_TAGS)
    for at in range(_TAGS_AT, _TAGS_AT + _TAG_BYTES * count, _TAG_BYTES):
        yield profile[at : at + 4], int.from_bytes(profile[at + 4 : at + 8], "big")


@lru_cache(maxsize=16)
def _built(profile: bytes, mode: str) -> ProfileTransform | None:
    """Build one to sRGB; browsers apply profiles of classes that the library refuses, too."""
    names = {name for name, _ in _tags(profile)}
    if any(name.startswith(_FLOATS) for name in names):
        return None  # read here, and by browsers not
    has_tables = any(name.startswith(_TABLE[:3]) for name in names)
    if has_tables and profile[_BETWEEN] == _XYZ:
        return None  # of which 1 is half for the one, and all for the other
    # It looks for one table, browsers for the second where there is no first.
    is_second = _SECOND_TABLE in names and _TABLE not in names
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC if is_second else ImageCms.Intent.PERCEPTUAL
    for one in (profile, profile[: _CLASS.start] + _DISPLAY + profile[_CLASS.stop :]):
        try:
            read = ImageCms.ImageCmsProfile(io.BytesIO(one))
            transform = ImageCms.buildTransform(
                # By itself the library makes coarser tables of fine ones, and its matrix overflows.
                read, _screen(), mode, "RGB", intent, ImageCms.Flags.NOOPTIMIZE
            )  # fmt: skip
        except Exception:  # noqa: BLE001, S112 - a damaged one
            continue
        return _checked(ProfileTransform(transform, mode, has_tables))
    return None


@cache
def _screen() -> ImageCms.ImageCmsProfile:
    """Make sRGB's profile, of the second version: the fourth would move black to where it is."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    second = srgb[: _VERSION.start] + _SECOND + srgb[_VERSION.stop :]
    return ImageCms.ImageCmsProfile(io.BytesIO(second))


def _checked(transform: ProfileTransform) -> ProfileTransform | None:
    """Refuse one that is not smooth; note whether it is gentle."""
    steps = np.diff(_shown(transform, _ramps(transform.mode)), axis=1)
    detours = np.abs(steps).sum(axis=1) - np.abs(steps.sum(axis=1))
    if np.abs(steps).max() > STEEPEST or detours.max() > _MOST_DETOURS:
        return None
    greys = np.diff(_shown(transform, np.arange(256, dtype=np.uint8)[None]), axis=1)
    return replace(transform, is_gentle=bool(np.abs(greys).max() <= GENTLE))


def _shown(transform: ProfileTransform, levels: NDArray[np.uint8]) -> NDArray[np.int16]:
    mode = "L" if levels.ndim == 2 else transform.mode  # noqa: PLR2004 - rows and columns
    return np.asarray(transform.apply(Image.fromarray(levels, mode)), dtype=np.int16)


@cache
def _ramps(mode: str) -> NDArray[np.uint8]:
    """Paint each channel from 0 to 255 beside some levels of the others, (ramps, 256, channels)."""
    channels = len(mode)
    ramps = []
    for channel in range(channels):
        for beside in itertools.product(_BASES[mode], repeat=channels - 1):
            ramp = np.empty((256, channels), dtype=np.uint8)
            ramp[:, np.arange(channels) != channel] = beside
            ramp[:, channel] = np.arange(256)
            ramps.append(ramp)
    return np.stack(ramps) if channels > 1 else np.stack(ramps)[..., 0]
