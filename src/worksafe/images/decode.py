"""Bytes to upright RGB pixels, once per image for all detectors. Hostile input stops here."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pi_heif
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from worksafe.errors import (
    EmptyImageError,
    ImagePixelsError,
    InputError,
    NotAnImageError,
    UndecodableImageError,
)
from worksafe.images.colour.appearance import as_shown, read_bmp_profile, refuse_torn_profile
from worksafe.images.colour.cicp import CodePoints, read_code_points
from worksafe.images.colour.modes import early_passes, to_rgb
from worksafe.images.damage import damaged
from worksafe.images.formats import BMP, GIF, PNG, WEBP, ImageFormat, sniff_format
from worksafe.images.frames import FrameWalk, count_frames, seek_frame
from worksafe.images.likeness import shows_something_else, shows_what_is_hidden
from worksafe.images.limits import ImageLimits
from worksafe.images.metadata.exif import read_blocks
from worksafe.images.metadata.orientation import Orientation, read_orientation
from worksafe.images.metadata.thumbnail import read_thumbnail
from worksafe.images.parts import side_for_parts
from worksafe.images.pictures import DecodedImage, View
from worksafe.images.resize import RgbImage
from worksafe.images.scenes import SceneChooser
from worksafe.images.source import Source, read_source
from worksafe.images.structure.check import check_structure, readings
from worksafe.images.structure.gif import is_interlaced
from worksafe.images.structure.heif import has_item
from worksafe.images.structure.png import refuse_short_frames
from worksafe.images.structure.webp import frames_said_to_be_opaque

pi_heif.register_heif_opener(thumbnails=False)
# Pillow warns of large pictures, odd EXIF and broken text; our ceilings and errors decide. Once
# for all: changing filters around each call would not be safe between threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_ARRAY_NAME = "array"
# Of one frame: what is transparent, has a profile and is said to lie on its side has a dozen.
_MOST_VIEWS = 24
_PILLOWS_MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)


def decode_image(source: Source, limits: ImageLimits, side_px: int) -> DecodedImage:
    """Decode an image to upright RGB pixels.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file object, PIL image or ndarray
        The image; arrays are RGB, shape (h, w, 3), uint8.
    limits : ImageLimits
        Ceilings, checked on the header before any pixel is decoded.
    side_px : int
        The longest side that a detector wants. Larger pictures are scaled down while they are
        decoded, to a longest side of this at least; of long ones to a shorter side of it.

    Returns
    -------
    DecodedImage

    Raises
    ------
    InputError
        One of its subclasses, whatever the bytes are; never anything else.
    """
    data = read_source(source, limits)
    if isinstance(data, np.ndarray):
        return _from_array(data, limits, side_px)
    if isinstance(data, Image.Image):
        return _from_image(data, limits, side_px)
    image_format = sniff_format(data)
    if image_format.plugin is None:
        msg = f"the bytes are a video ({image_format.name}), not a picture"
        raise NotAnImageError(msg)
    check_structure(image_format, data)
    first, *others = readings(image_format, data)
    decoded = _decode_file(first, image_format, limits, side_px)
    for other in others:
        try:
            beside = _decode_file(other, image_format, limits, side_px)
        except UndecodableImageError:
            if has_item(data):  # which browsers may be able to show
                raise
            continue
        decoded = _beside(decoded, beside)
    if decoded.frames > 1:  # and all of them are within the ceilings
        _refuse_odd_frames(image_format, data)
    return decoded


def _refuse_odd_frames(image_format: ImageFormat, data: bytes) -> None:
    """Refuse a PNG of which a frame ends early, and a WebP of which one denies its transparency."""
    if image_format is PNG:
        refuse_short_frames(data)
    elif image_format is WEBP and any(map(_is_transparent, frames_said_to_be_opaque(data))):
        raise UndecodableImageError("a frame of the webp denies that it is transparent")


def _is_transparent(webp: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(webp), formats=[WEBP.plugin or ""]) as image:
            return bool(image.convert("RGBA").getchannel("A").tobytes().strip(b"\xff"))
    except Exception as error:
        raise _undecodable(WEBP.name, error) from error


def _decode_file(
    data: bytes, image_format: ImageFormat, limits: ImageLimits, side_px: int
) -> DecodedImage:
    name = image_format.name
    try:
        image = Image.open(io.BytesIO(data), formats=[image_format.plugin or ""])
    except Image.DecompressionBombError as error:
        most = min(limits.max_pixels, _PILLOWS_MOST_PIXELS)
        msg = f"image has more pixels than the limit of {most / 1e6:g} Mpx"
        raise ImagePixelsError(msg) from error
    except Exception as error:
        raise _undecodable(name, error) from error
    code_points = read_code_points(image_format, data)
    profile = read_bmp_profile(data) if image_format is BMP else None
    if profile:  # Pillow leaves it
        image.info["icc_profile"] = profile
    with image:
        return _Decoding(
            image,
            name,
            limits,
            side_px,
            is_ours=True,
            code_points=code_points,
            has_rows_between=image_format is GIF and is_interlaced(data),
        ).run()


def _beside(decoded: DecodedImage, other: DecodedImage) -> DecodedImage:
    """Add what the same file shows to others, as a preview, if it is not its first picture."""
    added = tuple(
        replace(view, frame=0, is_preview=True)
        for view in other.views
        if not np.array_equal(view.pixels, decoded.picture)
    )
    is_odd = any(shows_something_else(view.pixels, decoded.picture) for view in added)
    return replace(
        decoded, views=(*added, *decoded.views), odd_thumbnail=decoded.odd_thumbnail or is_odd
    )


def _undecodable(name: str, error: Exception) -> InputError:
    return damaged(f"the {name} data is damaged, cut off, or of a kind that is not read", error)


@dataclass(frozen=True, slots=True, eq=False)
class _Decoding:
    """One open image on its way to pixels; a caller's own is not to be changed."""

    image: Image.Image
    name: str
    limits: ImageLimits
    side_px: int
    is_ours: bool = False
    code_points: frozenset[CodePoints] = frozenset()
    has_rows_between: bool = False  # a GIF that comes as every eighth row, then those between

    def run(self) -> DecodedImage:
        try:
            return self._decode()
        except InputError:
            raise
        except Exception as error:
            raise _undecodable(self.name, error) from error

    def _decode(self) -> DecodedImage:
        width, height = self.image.size
        if not (width and height):
            raise EmptyImageError("the image has no pixels")
        self.limits.check_size(width, height)
        frames = count_frames(self.image)
        self.limits.check_animation(frames, frames * width * height)
        shown = self.image.tell() if self.is_ours else 0  # of a HEIC by its own choice
        walk = FrameWalk(self.image, self.limits)
        chooser = SceneChooser(self.limits.max_frames)
        chosen: dict[int, list[View]] = {}
        time_s, is_turned, previews = 0.0, False, list[RgbImage]()
        for frame in range(frames):
            walk.go_to(frame)
            drawn, orientation = self._load(walk)
            views = self._views(drawn, frame, time_s, orientation)
            if frame == shown:
                is_turned = orientation.swaps_sides
                previews = self._odd_thumbnails(views[0].pixels, orientation)
                previews += self._odd_passes(drawn, views, orientation)
            chosen[frame] = views
            time_s += _duration_s(self.image)
            pictures = [view.pixels for view in views if not view.is_preview]
            dropped = chooser.offer(frame, pictures) if frames > 1 else None
            if dropped is not None and dropped != shown:
                del chosen[dropped]
        if is_turned:
            width, height = height, width
        all_views = [View(shown, pixels, is_preview=True) for pixels in previews]
        all_views += chosen.pop(shown)
        all_views += [view for some in chosen.values() for view in some]
        is_odd = any(view.is_preview for view in all_views)
        return DecodedImage(
            self.name, width, height, frames, tuple(all_views), chooser.unseen, is_odd
        )

    def _load(self, walk: FrameWalk) -> tuple[Image.Image, Orientation]:
        refuse_torn_profile(self.image)
        if self.is_ours:
            if isinstance(self.image, JpegImageFile):
                self._scale_in_decoder(self.image)
            self.image.info.pop("xmp", None)  # Pillow would turn a TIFF by it
        drawn = walk.load()
        return drawn, read_orientation(self.image)

    def _views(
        self, image: Image.Image, frame: int, time_s: float, orientation: Orientation
    ) -> list[View]:
        """Make the views of a frame as it is drawn, the first of them upright on white."""
        views = []
        factor = self._factor(image)
        inks = image.reduce(factor) if image.mode == "CMYK" else None
        for picture in to_rgb(image, factor):
            for stored in as_shown(picture, self.image.info, self.code_points, inks):
                views.append(View(frame, orientation.turn(stored), time_s))
                for pixels in orientation.turn_otherwise(stored):
                    views.append(View(frame, pixels, time_s, is_preview=True))
                if len(views) > _MOST_VIEWS:
                    msg = f"the file may be seen in more than {_MOST_VIEWS} ways"
                    raise UndecodableImageError(msg)
        return views

    def _odd_thumbnails(self, picture: RgbImage, orientation: Orientation) -> list[RgbImage]:
        """Read the previews in the file's EXIF that show something else than the picture."""
        thumbnails = [read_thumbnail(block.data) for block in read_blocks(self.image)]
        turned = [orientation.turn(one) for one in thumbnails if one is not None]
        return [pixels for pixels in turned if shows_what_is_hidden(pixels, picture)]

    def _odd_passes(
        self, drawn: Image.Image, views: Sequence[View], orientation: Orientation
    ) -> list[RgbImage]:
        """Find what an interlaced picture shows while it comes, where no view shows the same."""
        whole_rows = self.has_rows_between
        if not (whole_rows or self.image.info.get("interlace")):
            return []
        return [
            early.pixels
            for one in early_passes(drawn, whole_rows=whole_rows)
            for early in self._views(one, 0, 0.0, orientation)
            if all(shows_something_else(early.pixels, view.pixels) for view in views)
        ]

    def _factor(self, image: Image.Image) -> int:
        """Return by how much a picture may be reduced, so that twice what is wanted is left."""
        return max(1, max(image.size) // (2 * side_for_parts(*image.size, self.side_px)))

    def _scale_in_decoder(self, image: JpegImageFile) -> None:
        """Let the JPEG decoder halve as long as both sides stay at least as long as wanted."""
        width, height = image.size
        scale = side_for_parts(width, height, self.side_px) / max(width, height)
        image.decoderconfig = ()  # of an MPO Pillow would keep the scale of the frame before
        image.draft(None, (max(1, round(width * scale)), max(1, round(height * scale))))


def _duration_s(image: Image.Image) -> float:
    """Read how long the frame that is loaded is shown; 0 where the file does not say."""
    duration_ms = image.info.get("duration", 0)
    return max(0.0, duration_ms / 1000) if isinstance(duration_ms, int | float) else 0.0


def _from_array(array: NDArray[Any], limits: ImageLimits, side_px: int) -> DecodedImage:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:  # noqa: PLR2004
        msg = f"an array must be RGB, uint8, (h, w, 3), not {array.dtype} {array.shape}"
        raise UndecodableImageError(msg)
    if not array.size:
        raise EmptyImageError("the image has no pixels")
    height, width = array.shape[:2]
    limits.check_size(width, height)
    image = Image.fromarray(np.ascontiguousarray(array))
    return _Decoding(image, _ARRAY_NAME, limits, side_px).run()


def _from_image(image: Image.Image, limits: ImageLimits, side_px: int) -> DecodedImage:
    """Decode a caller's image, all its frames, and leave it at the frame where it stood."""
    position = image.tell()
    try:
        return _Decoding(image, (image.format or "pil").lower(), limits, side_px).run()
    finally:
        if image.tell() != position:
            seek_frame(image, position)
