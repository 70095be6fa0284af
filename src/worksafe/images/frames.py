"""How many frames an image has, found in bounded time, and which of them are looked at."""

from PIL import Image

from worksafe.errors import ImageFramesError

MAX_FRAMES = 20_000

# Between two frames of a GIF a block ends (0) and an image begins (,): counting the pair never
# counts too few, takes a millisecond, and spares Pillow's walk, a minute long for 32 MB of frames
# of one pixel. Compressed data holds the pair by chance once in 65,536 bytes.
_GIF_FRAME = b"\x00,"
_CHANCE_BYTES = 65_536


def count_frames(image: Image.Image, data: bytes = b"") -> int:
    """Count the frames of an image that is open but not decoded.

    Parameters
    ----------
    image : PIL.Image.Image
        At its first frame.
    data : bytes
        The file's content, where it is at hand.

    Returns
    -------
    int
        1 for a still picture.

    Raises
    ------
    ImageFramesError
        If there are more than 20,000.
    """
    if image.format == "GIF":
        _refuse_beyond(data.count(_GIF_FRAME) - 4 * len(data) // _CHANCE_BYTES)
    if image.format == "TIFF":
        return _count_pages(image)
    frames = int(getattr(image, "n_frames", 1))  # in the header, or a GIF that was looked at
    _refuse_beyond(frames)
    return frames


def spread_frames(frames: int, most: int) -> list[int]:
    """Choose frames evenly, the first and the last among them.

    Parameters
    ----------
    frames : int
        How many there are.
    most : int
        How many to choose at most.

    Returns
    -------
    list of int
        Rising, from 0 to `frames` - 1.
    """
    if most == 1:
        return [0]
    chosen = min(frames, most)
    return sorted({round(i * (frames - 1) / max(1, chosen - 1)) for i in range(chosen)})


def _count_pages(image: Image.Image) -> int:
    """Follow a TIFF's chain of pages, which may be long or run in a circle."""
    pages = 1
    try:
        while True:
            image.seek(pages)
            pages += 1
            _refuse_beyond(pages)
    except EOFError:
        image.seek(0)
        return pages


def _refuse_beyond(frames: int) -> None:
    if frames > MAX_FRAMES:
        msg = f"image has {frames} frames; the limit is {MAX_FRAMES}"
        raise ImageFramesError(msg)
