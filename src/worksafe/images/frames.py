"""How many frames an image has, the way from one to the next, and how each is drawn."""

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import Blend, PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from worksafe.errors import ImageFramesError, UndecodableImageError
from worksafe.images.limits import MAX_FRAMES, ImageLimits
from worksafe.images.tiff import refuse_misread

_BLENDED_MODES = frozenset({"RGBA", "LA"})


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


def load_frame(image: Image.Image) -> None:
    """Load the frame that an image stands at; an animated PNG's as its standard has it.

    Pillow draws a frame that is blended over the ones before it onto what it keeps of these, so
    that it cannot be undone, and with an alpha that never adds up; and it leaves a default image
    under an animation that is without it.

    Parameters
    ----------
    image : PIL.Image.Image
        Gone to that frame.

    Raises
    ------
    UndecodableImageError
        If Pillow would read a page of a TIFF as another picture than viewers do, or a PNG has
        colours that are not in its palette.
    """
    if isinstance(image, TiffImageFile):
        refuse_misread(image)
    if not isinstance(image, PngImageFile) or getattr(image, "_prev_im", None) is None:
        image.load()
        _refuse_unknown_colours(image)
        return
    if image.default_image and image.tell() == 1:
        nothing = 0 if image.im.bands == 1 else (0,) * image.im.bands
        image.im.paste(nothing, (0, 0, *image.size))
        image._prev_im = image.im.copy()
    before = image._prev_im.copy()  # type: ignore[union-attr]
    is_over = image.blend_op == Blend.OP_OVER and image.mode in _BLENDED_MODES
    if is_over:
        image.blend_op = Blend.OP_SOURCE
    image.load()
    image._prev_im = before
    if is_over:
        image.blend_op = Blend.OP_OVER
        extent = image.dispose_extent
        below, drawn = (image._new(one.crop(extent)) for one in (before, image.im))
        image.im.paste(Image.alpha_composite(below, drawn).im, extent)
    _refuse_unknown_colours(image)


def _refuse_unknown_colours(image: Image.Image) -> None:
    """Refuse pixels beyond the palette: black to some decoders, white to browsers."""
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
                self._image.seek(position)
            width, height = self._image.size
            self._limits.check_size(width, height)
            self._pixels += width * height
            self._passed += 1
            self._limits.check_animation(self._passed, self._pixels)
