"""The ceilings on what is decoded."""

from dataclasses import dataclass

from worksafe.errors import (
    ImageBytesError,
    ImageFramesError,
    ImagePixelsError,
    ImageSideError,
)

MAX_FRAMES = 20_000  # of anything that moves and is not a video


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image may have at most; checked before its pixels are decoded, or as its frames are.

    Attributes
    ----------
    max_bytes : int
        Size of the file.
    max_pixels : int
        Width times height of one frame.
    max_side_px : int
        The longer side.
    max_frames : int
        Frames of an animation that are scored: those least like each other.
    max_animation_pixels : int
        Pixels of all frames together: all are decoded to find those.
    max_video_bytes : int
        Size of a video that is given by its bytes; one given by path may have any.
    video_frames : int
        Frames of a video that are scored, one for each second; beyond them one for every two
        seconds, after so many more for every four, and so on.
    decode_s : float
        Seconds for a picture that has a decoding process of its own, and between a video's frames.
    decoder_bytes : int
        Memory that a decoding process may take for one file.
    """

    max_bytes: int = 32 * 1024**2
    max_pixels: int = 50_000_000
    max_side_px: int = 16_384
    max_frames: int = 16
    max_animation_pixels: int = 300_000_000
    max_video_bytes: int = 128 * 1024**2
    video_frames: int = 1800
    decode_s: float = 8.0
    decoder_bytes: int = 640 * 1024**2

    def check_bytes(self, size: int, *, is_video: bool) -> None:
        """Refuse a file that is too large.

        Raises
        ------
        ImageBytesError
            If it is.
        """
        most = self.max_video_bytes if is_video else self.max_bytes
        if size > most:
            msg = f"the {'video' if is_video else 'image'} has more bytes than the limit of {most}"
            raise ImageBytesError(msg)

    def check_any_bytes(self, size: int) -> None:
        """Refuse a file that is too large, whatever it turns out to be; raises as the above."""
        self.check_bytes(size, is_video=self.max_video_bytes > self.max_bytes)

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
