"""Any of Pillow's pixel modes to RGB, such that nothing that a viewer could see stays hidden."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# A second background is worth a second look only where it changes this share of the picture:
# less is too small for any detector to see.
_SEEN_SHARE = 0.005
_SEEN_LEVELS = 8  # of 255

_WIDE_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


def to_rgb(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """Convert to RGB, scaled down by a whole factor.

    A see-through picture is laid on white and, where that looks different, on black too: what is
    white on nothing would be invisible on the one, what is black on the other.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any mode, loaded.
    factor : int
        1 keeps the size; 2 gives a half, by the mean of each block.

    Yields
    ------
    PIL.Image.Image
        RGB; one picture, or two (on white, on black).
    """
    if _is_see_through(image):
        yield from _on_backgrounds(_reduce(image.convert("RGBA").convert("RGBa"), factor))
    else:
        yield _reduce(_opaque_rgb(image), factor)


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _is_see_through(image: Image.Image) -> bool:
    return image.has_transparency_data


def _on_backgrounds(image: Image.Image) -> Iterator[Image.Image]:
    """Lay a picture with premultiplied alpha on white, and on black."""
    rgba = np.asarray(image)  # (h, w, 4), colour already multiplied by alpha
    on_black, nothing = rgba[..., :3], 255 - rgba[..., 3:]
    yield Image.fromarray(on_black + nothing)
    if np.mean(nothing > _SEEN_LEVELS) > _SEEN_SHARE:
        yield Image.fromarray(np.ascontiguousarray(on_black))


def _opaque_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode in _WIDE_MODES:
        return Image.fromarray(_stretch(np.asarray(image))).convert("RGB")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # noqa: S101 - only None when converting in place
        return converted
    return image.convert("RGB")


def _stretch(levels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Spread 16-bit, 32-bit or float levels over 0 to 255: Pillow itself would clip them."""
    wide = np.nan_to_num(levels.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = wide.min(), wide.max()
    if high <= low:
        return np.zeros(wide.shape, dtype=np.uint8)
    spread: NDArray[np.uint8] = ((wide - low) * (255.0 / (high - low))).astype(np.uint8)
    return spread
