"""How many frames an image has, the way from one to the next, and how each is drawn."""

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import Blend, Disposal, PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from worksafe.errors import ImageFramesError, UndecodableImageError
from worksafe.images.limits import MAX_FRAMES, ImageLimits
from worksafe.images.structure.tiff import refuse_misread

_BLENDED_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})  # of eight bits at most


def count_frames(image: Image.Image) -> int:
    """Count the frames of an image that is open but not decoded.

    Parameters
    ----------
    image : PIL.Image.Image
        Any; the file of one that we opened has passed `structure.check_structure`.

    Returns
    -------
    int
        1 for a still picture.

    Raises
    ------
    ImageFramesError
        If there are more than 20,000.
    """
    frames = int(getattr(image, "n_frames", 1))
    if frames > MAX_FRAMES:
        msg = f"image has {frames} frames; the limit is {MAX_FRAMES}"
        raise ImageFramesError(msg)
    return frames


def seek_frame(image: Image.Image, frame: int) -> None:
    """Go to a frame, also back: of a PNG Pillow keeps what it has read ahead.

    Parameters
    ----------
    image : PIL.Image.Image
        Open.
    frame : int
        Which.
    """
    if isinstance(image, PngImageFile) and image.png is not None and frame < image.tell():
        image.png.queue = []
    image.seek(frame)


def _refuse_unknown_colours(image: Image.Image) -> None:
    """Refuse a PNG's pixels beyond its palette: black to some decoders, white to browsers."""
    if isinstance(image, PngImageFile) and image.mode == "P" and image.palette is not None:
        colours = len(image.palette.palette) // len(image.palette.mode)
        if np.asarray(image).max() >= colours:
            raise UndecodableImageError("the png has colours that are not in its palette")


class FrameWalk:
    """Goes through an image frame by frame, checking the size of each that is passed.

    A later frame may be larger than the first: GIF frames grow the picture, pages of a TIFF have
    sizes of their own, and a decoder decodes what it passes.

    Parameters
    ----------
    image : PIL.Image.Image
        Open.
    limits : ImageLimits
        Ceilings on each frame, and on all that are passed together.
    """

    def __init__(self, image: Image.Image, limits: ImageLimits) -> None:
        self._image = image
        self._limits = limits
        self._canvas: _Canvas | None = None
        self._pixels = 0
        self._passed = 0

    def go_to(self, frame: int) -> None:
        """Seek a frame, at or beyond the one before.

        Raises
        ------
        ImageSideError, ImagePixelsError
            If one that is passed is too large.
        ImageFramesError
            If all that are passed are, together.
        """
        for position in range(self._passed, frame + 1):
            if self._image.tell() != position:
                seek_frame(self._image, position)
            width, height = self._image.size
            self._limits.check_size(width, height)
            self._pixels += width * height
            self._passed += 1
            self._limits.check_animation(self._passed, self._pixels)

    def load(self) -> Image.Image:
        """Load the frame that it has gone to, each once and in order.

        Returns
        -------
        PIL.Image.Image
            The image itself; of an animated PNG what its standard makes of this frame and those
            before it, RGBA, until the next.

        Raises
        ------
        UndecodableImageError
            If Pillow would read a page of a TIFF as another picture than viewers do, or a PNG has
            colours that are not in its palette.
        """
        image = self._image
        if isinstance(image, TiffImageFile):
            refuse_misread(image)
        if isinstance(image, PngImageFile) and image.is_animated:
            return self._draw(image)
        image.load()
        _refuse_unknown_colours(image)
        return image

    def _draw(self, image: PngImageFile) -> Image.Image:
        blending = image.blend_op
        image.decoderconfig = ()  # where it is interlaced Pillow adds to that of the frame before
        image.blend_op = Blend.OP_SOURCE  # the blending is ours
        image.load()
        image.blend_op = blending
        _refuse_unknown_colours(image)
        is_beside = image.default_image and image.tell() == 0
        if is_beside:
            return image
        if image.mode not in _BLENDED_MODES:
            raise UndecodableImageError("an animated png of 16 bits of grey is drawn in two ways")
        self._canvas = self._canvas or _Canvas(image.size)
        return self._canvas.draw(image)


class _Canvas:
    """What an animated PNG has drawn so far, on nothing.

    Pillow draws on what its mode has: without alpha nothing is black, or the first colour, and an
    alpha that is in a palette, in one level, or little, never adds up.

    Parameters
    ----------
    size : tuple of int
        Width and height of the picture, in pixels.

    References
    ----------
    .. [1] W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", 2025, 11.3.6.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._picture = Image.new("RGBA", size)
        self._left: tuple[Image.Image, tuple[int, int]] | None = None  # by the frame before

    def draw(self, image: PngImageFile) -> Image.Image:
        """Draw a frame that is loaded, and not yet blended."""
        if self._left is not None:
            self._picture.paste(*self._left)
        left, top, right, bottom = map(int, image.dispose_extent)
        extent, place = (left, top, right, bottom), (left, top)
        drawn, below = image.crop(extent).convert("RGBA"), self._picture.crop(extent)
        is_over = image.blend_op == Blend.OP_OVER
        self._picture.paste(Image.alpha_composite(below, drawn) if is_over else drawn, place)
        if image.dispose_op == Disposal.OP_BACKGROUND:
            self._left = Image.new("RGBA", below.size), place
        else:
            self._left = (below, place) if image.dispose_op == Disposal.OP_PREVIOUS else None
        return self._picture
