"""Any of Pillow's pixel modes to RGB, such that nothing that a viewer could see stays hidden."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

# A second background is worth a second look only where it changes this share of the picture:
# less is too small for any detector to see.
_SEEN_SHARE = 0.005
_SEEN_LEVELS = 8  # of 255

_BAND_ROWS = 16
_PASSES = (8, 4, 2)
_LEAST_SEEN_PX = 16
_INNER_PERCENTILES = (1.0, 99.0)
_WIDE_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_WHITES_OF_16_BITS = (255.0, 65_535.0)
_HAS_WHITE = "PNG"  # the format that says what white is
_WHITES = {"I": (255.0, 65_535.0, 2.0**31 - 1), "F": (255.0, 1.0)}


def to_rgb(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """Convert to RGB, scaled down by a whole factor.

    A transparent picture is laid on white and, where that looks different, on black too: what is
    white on nothing would be invisible on the one, what is black on the other. What forgets that
    it is transparent, as many a thumbnailer does, shows what lies under the nothing: that comes
    last, where it looks different from both.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any mode, loaded.
    factor : int
        1 keeps the size; 2 gives a half, by the mean of each block.

    Yields
    ------
    PIL.Image.Image
        RGB; one picture, or up to three: on white, on black and opaque, or by what viewers take
        for black and white of more than eight bits.
    """
    if image.mode == "La":  # premultiplied grey, of which Pillow knows one way out
        image = image.convert("LA")
    if image.mode in _WIDE_MODES:  # Pillow would clip them on the way to an alpha channel
        yield from _stretches(image, factor)
    elif image.has_transparency_data:
        yield from _transparent(image, factor)
    else:
        yield _reduce(_narrow_rgb(image), factor)


def early_passes(image: Image.Image, *, whole_rows: bool) -> Iterator[Image.Image]:
    """Yield what an interlaced picture shows before all of it is there.

    Parameters
    ----------
    image : PIL.Image.Image
        As a whole.
    whole_rows : bool
        Rows come as a whole, as in GIF; in PNG pixel by pixel, too.

    Yields
    ------
    PIL.Image.Image
        Of the same mode: every eighth row, and of it every eighth pixel or all, which come first,
        then every fourth, then every second; none of which a person sees nothing.
    """
    for down in _PASSES:
        across = 1 if whole_rows else down
        width, height = -(-image.width // across), -(-image.height // down)
        if min(width, height) >= _LEAST_SEEN_PX:
            # To the upper left corner of each block: else it would take the pixel in its middle.
            first = (across, 0, 0.5 - across / 2, 0, down, 0.5 - down / 2)
            early = image.transform((width, height), Image.Transform.AFFINE, first)
            whole = (width, image.height if whole_rows else height)  # rows that are repeated
            yield early if early.size == whole else early.resize(whole, Image.Resampling.NEAREST)


def _reduce(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _transparent(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    on_black, nothing = _split(_reduced(image, factor, "RGBa"))
    yield Image.fromarray(on_black + nothing)
    if not _differ(nothing, np.zeros_like(nothing)):
        return
    yield Image.fromarray(on_black)
    opaque = _reduced(image, factor, "RGB")
    if _differ(opaque, on_black) and _differ(opaque, on_black + nothing):
        yield Image.fromarray(opaque)


def _split(rgba: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Split off colour that is already multiplied by alpha, and what alpha leaves of 255."""
    return np.ascontiguousarray(rgba[..., :3]), 255 - rgba[..., 3:]


def _reduced(image: Image.Image, factor: int, mode: str) -> NDArray[np.uint8]:
    """Scale down, with colour multiplied by alpha (RGBa) or without alpha (RGB).

    Band by band, for each step is a copy.
    """
    rows = factor * _BAND_ROWS
    height, width = -(-image.height // factor), -(-image.width // factor)
    reduced = np.empty((height, width, len(mode)), dtype=np.uint8)
    for row in range(0, height, _BAND_ROWS):
        top = row * factor
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        small = _reduce(band.convert("RGBA").convert(mode), factor)
        reduced[row : row + small.height] = np.asarray(small)
    return reduced


def _differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Return whether two pictures differ by enough to be seen."""
    seen = sum(
        np.count_nonzero(np.maximum(mine, its) - np.minimum(mine, its) > _SEEN_LEVELS)
        for mine, its in zip(one, other, strict=True)  # by rows, which are small
    )
    return bool(seen > _SEEN_SHARE * one.size)


def _narrow_rgb(image: Image.Image) -> Image.Image:
    """Convert modes of 8 bits, at most, for each channel."""
    if image.mode == "RGB":
        return image
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # noqa: S101 - only None when converting in place
        return converted
    return image.convert("RGB")


def _stretches(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """Spread 16-bit, 32-bit or float levels over 0 to 255, as some viewer or other does.

    From the least to the most; but a few extreme levels press all others into one, so also without
    the outermost hundredths, and from 0 to what some viewer takes for white: the most that fits,
    or, of conversions that know of no more, 255. The first is what a person would take for the
    picture: of a PNG what browsers show, whose white is the most that fits.
    """
    has_range = image.mode.startswith("I;16")
    levels = np.asarray(_reduce(image.convert("I") if has_range else image, factor))
    known = levels if has_range else levels[np.isfinite(levels)]
    if not known.size:
        yield Image.fromarray(np.zeros(levels.shape, dtype=np.uint8)).convert("RGB")
        return
    whole = float(known.min()), float(known.max())
    low, high = np.percentile(known, _INNER_PERCENTILES)
    ranges = [whole, (float(low), float(high))]
    if not has_range and high > low:
        ranges.reverse()
    if image.format == _HAS_WHITE:
        ranges.insert(0, (0.0, _WHITES_OF_16_BITS[-1]))
    ranges += [(0.0, top) for top in _WHITES.get(image.mode, _WHITES_OF_16_BITS)]
    white = np.full(levels.shape, 255, dtype=np.uint8)
    seen: list[NDArray[np.uint8]] = []
    for low, high in ranges:
        grey = _spread(levels, low, high)
        if not seen or all(_differ(grey, other) for other in (white, *seen)):
            seen.append(grey)
            yield Image.fromarray(grey).convert("RGB")


def _spread(levels: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Spread levels between two over 0 to 255; what is not a number is black."""
    grey = np.zeros(levels.shape, dtype=np.uint8)
    if high > low:
        for row in range(0, len(levels), _BAND_ROWS):  # on the way they have eight bytes
            band = slice(row, row + _BAND_ROWS)
            unit = (levels[band].astype(np.float64) - low) / (high - low)
            grey[band] = np.nan_to_num(np.clip(unit, 0.0, 1.0), nan=0.0) * 255.0
    return grey
