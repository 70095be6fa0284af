"""The ceilings on what is decoded."""

from dataclasses import dataclass

from worksafe.errors import (
    ImageBytesError,
    ImageFramesError,
    ImagePixelsError,
    ImageSideError,
)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image may have at most; all is checked before a pixel is decoded.

    Attributes
    ----------
    max_bytes : int
        Size of the file.
    max_pixels : int
        Width times height of one frame.
    max_side_px : int
        The longer side.
    max_frames : int
        Frames of an animation that are scored, spread evenly over it.
    max_animation_pixels : int
        Pixels of all frames together: finding a frame means decoding all before it.
    """

    max_bytes: int = 32 * 1024**2
    max_pixels: int = 50_000_000
    max_side_px: int = 16_384
    max_frames: int = 16
    max_animation_pixels: int = 300_000_000

    def check_bytes(self, size: int) -> None:
        """Refuse a file that is too large.

        Raises
        ------
        ImageBytesError
            If it is.
        """
        if size > self.max_bytes:
            msg = f"image has {size} bytes; the limit is {self.max_bytes}"
            raise ImageBytesError(msg)

    def check_size(self, width: int, height: int) -> None:
        """Refuse a frame that is too large.

        Raises
        ------
        ImageSideError
            If a side is longer than the ceiling.
        ImagePixelsError
            If there are more pixels than the ceiling.
        """
        if max(width, height) > self.max_side_px:
            msg = f"image is {width} x {height} px; the limit for a side is {self.max_side_px} px"
            raise ImageSideError(msg)
        if width * height > self.max_pixels:
            msg = (
                f"image has {width * height / 1e6:.1f} Mpx; "
                f"the limit is {self.max_pixels / 1e6:g} Mpx"
            )
            raise ImagePixelsError(msg)

    def check_animation(self, frames: int, pixels: int) -> None:
        """Refuse an animation that would take too long to look through.

        Parameters
        ----------
        frames : int
            How many.
        pixels : int
            Of all of them together.

        Raises
        ------
        ImageFramesError
            If they are more than the ceiling.
        """
        if frames > 1 and pixels > self.max_animation_pixels:
            msg = (
                f"{frames} frames have {pixels / 1e6:.0f} Mpx together; "
                f"the limit is {self.max_animation_pixels / 1e6:g} Mpx"
            )
            raise ImageFramesError(msg)
