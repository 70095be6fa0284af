"""What an image may come as, and its bytes."""

import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worksafe.errors import InputError, UnreadableSourceError, UrlNotSupportedError
from worksafe.images.limits import ImageLimits

Source = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any]
)

_URL_SCHEMES = ("http://", "https://")


def read_source(source: Source, limits: ImageLimits) -> bytes | Image.Image | NDArray[Any]:
    """Get an image's bytes, unless it is decoded already.

    Parameters
    ----------
    source : str, PathLike, bytes-like, binary file object, PIL image or ndarray
        The image. A path is opened and read; a file object is read from where it stands.
    limits : ImageLimits
        Nothing beyond its ceiling on bytes is read into memory.

    Returns
    -------
    bytes, PIL.Image.Image or ndarray
        PIL images and arrays come back as they are.

    Raises
    ------
    ImageBytesError
        If there are more bytes than the ceiling.
    UnreadableSourceError
        If the path or the file object cannot be read, or the source is of no known kind.
    UrlNotSupportedError
        If the source is a URL.
    """
    match source:
        case Image.Image() | np.ndarray():
            return source
        case bytes() | bytearray() | memoryview():
            limits.check_bytes(memoryview(source).nbytes)
            return bytes(source)
        case str() if source.lower().startswith(_URL_SCHEMES):
            raise UrlNotSupportedError("images are not fetched from URLs in this version")
        case str() | os.PathLike():
            return _read_path(Path(source), limits)
        case _ if hasattr(source, "read"):
            return _read_file(source, limits)
    msg = f"an image cannot be read from {type(source).__name__}"
    raise UnreadableSourceError(msg)


def printable_path(path: str | os.PathLike[str]) -> str:
    """Spell a path in valid Unicode: file names may be any bytes, documents may not."""
    return os.fsencode(path).decode("utf-8", "replace")


def _read_path(path: Path, limits: ImageLimits) -> bytes:
    try:
        with path.open("rb") as file:
            limits.check_bytes(os.fstat(file.fileno()).st_size)
            return _read_file(file, limits)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"cannot read {printable_path(path)}: {reason}"
        raise UnreadableSourceError(msg) from error


def _read_file(file: IO[bytes], limits: ImageLimits) -> bytes:
    """Read to the end: a raw stream may give less at a time than it is asked for."""
    data = bytearray()
    try:
        while piece := file.read(limits.max_bytes + 1 - len(data)):
            data += piece
            limits.check_bytes(len(data))
    except InputError:
        raise
    except TypeError as error:
        msg = "the file object gives no bytes; open it in binary mode"
        raise UnreadableSourceError(msg) from error
    except Exception as error:
        msg = f"cannot read the file object: {error}"
        raise UnreadableSourceError(msg) from error
    return bytes(data)
