"""Colours as viewers show them: a profile or gamma that changes a picture much is applied."""

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from PIL import Image, ImageCms

_SEEN_LEVELS = 10  # of 255, in the mean: less does not change what a detector sees
_DISPLAY_GAMMA = 2.2
_PATCH_SIDE = 6  # of a picture of 216 colours
_MAX_PROFILE_BYTES = 1024**2


def as_shown(picture: Image.Image, info: Mapping[Any, Any]) -> Image.Image:
    """Apply what a file says about its colours, where that makes a difference.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB.
    info : mapping
        What the file says: ``icc_profile``, ``gamma`` and ``srgb``, as Pillow names them.

    Returns
    -------
    PIL.Image.Image
        RGB; the same picture where nothing has to change, or nothing that is said makes sense.
    """
    profile, gamma = info.get("icc_profile"), info.get("gamma")
    if isinstance(profile, bytes) and 0 < len(profile) <= _MAX_PROFILE_BYTES:
        transform = _transform(profile)
        return picture if transform is None else _applied(transform, picture)
    if isinstance(gamma, float) and "srgb" not in info and gamma > 0:
        table = _gamma_table(gamma)
        return picture if table is None else picture.point(list(table) * 3)
    return picture


@lru_cache(maxsize=64)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Build a profile's way to sRGB; None where it changes little, or is damaged."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            "RGB",
            "RGB",
        )
        patch = _patch()
        changed = _applied(transform, patch)
    except Exception:  # noqa: BLE001 - of a profile for other modes, or a damaged one
        return None
    levels = zip(patch.tobytes(), changed.tobytes(), strict=True)
    differences = [abs(before - after) for before, after in levels]
    return transform if sum(differences) / len(differences) > _SEEN_LEVELS else None


def _applied(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    applied = ImageCms.applyTransform(picture, transform)
    assert applied is not None  # noqa: S101 - only None when converting in place
    return applied


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
