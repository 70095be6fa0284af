"""Colours as viewers show them: a profile or gamma that changes a picture much is applied."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image, ImageCms

from worksafe.errors import UndecodableImageError

_SEEN_LEVELS = 10  # of 255, in the mean: less does not change what a detector sees
_DISPLAY_GAMMA = 2.2
_PATCH_SIDE = 6  # of a picture of 216 colours
_MAX_PROFILE_BYTES = 2 * 1024**2
_MODE_BY_SPACE = {b"RGB ": "RGB", b"GRAY": "L"}
_SPACE = slice(16, 20)  # of a profile, as the ICC's specification has it


def as_shown(picture: Image.Image, info: Mapping[Any, Any]) -> Iterator[Image.Image]:
    """Apply what a file says about its colours, where that makes a difference.

    There the picture is given as it is stored, too: what ignores profiles and gamma, as many a
    thumbnailer does, shows that one.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB.
    info : mapping
        What the file says: ``icc_profile``, ``gamma`` and ``srgb``, as Pillow names them.

    Yields
    ------
    PIL.Image.Image
        RGB; the same picture alone where nothing has to change, or nothing that is said makes
        sense.

    Raises
    ------
    UndecodableImageError
        If the profile is larger than any honest one.
    """
    profile, gamma = info.get("icc_profile"), info.get("gamma")
    way = _way(profile) if isinstance(profile, bytes) else None
    if way is not None:
        if _changes_much(way):
            yield way.apply(picture)
    elif isinstance(gamma, float) and "srgb" not in info and gamma > 0:
        table = _gamma_table(gamma)
        if table is not None:
            yield picture.point(list(table) * 3)
    yield picture


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """From a profile's colours to sRGB."""

    transform: ImageCms.ImageCmsTransform
    mode: str

    def apply(self, picture: Image.Image) -> Image.Image:
        stored = picture.convert(self.mode)  # grey that was made RGB becomes grey again
        applied = ImageCms.applyTransform(stored, self.transform)
        assert applied is not None  # noqa: S101 - only None when converting in place
        return applied


def _way(profile: bytes) -> _Way | None:
    """Read a profile; None where it is damaged, or for pictures of another kind."""
    mode = _MODE_BY_SPACE.get(profile[_SPACE])
    if mode is None:
        return None
    if len(profile) > _MAX_PROFILE_BYTES:
        msg = f"the colour profile has more than {_MAX_PROFILE_BYTES // 1024**2} MiB"
        raise UndecodableImageError(msg)
    return _built(profile, mode)


@lru_cache(maxsize=16)
def _built(profile: bytes, mode: str) -> _Way | None:
    try:
        read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(read, ImageCms.createProfile("sRGB"), mode, "RGB")
        return _Way(transform, mode)
    except Exception:  # noqa: BLE001 - a damaged one
        return None


@lru_cache(maxsize=16)
def _changes_much(way: _Way) -> bool:
    patch = _patch().convert(way.mode).convert("RGB")
    levels = zip(patch.tobytes(), way.apply(patch).tobytes(), strict=True)
    differences = [abs(before - after) for before, after in levels]
    return sum(differences) / len(differences) > _SEEN_LEVELS


def _patch() -> Image.Image:
    levels = [255 * i // (_PATCH_SIDE - 1) for i in range(_PATCH_SIDE)]
    colours = bytes(part for r in levels for g in levels for b in levels for part in (r, g, b))
    return Image.frombytes("RGB", (_PATCH_SIDE**2, _PATCH_SIDE), colours)


@lru_cache(maxsize=64)
def _gamma_table(gamma: float) -> tuple[int, ...] | None:
    """Levels for a display, as the PNG specification has it; None where they change little."""
    exponent = 1 / (gamma * _DISPLAY_GAMMA)
    table = tuple(round(255 * (level / 255) ** exponent) for level in range(256))
    change = sum(abs(level - shown) for level, shown in enumerate(table)) / len(table)
    return table if change > _SEEN_LEVELS else None
