"""What an image may come as, and its bytes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worksafe.errors import InputError, UnreadableSourceError
from worksafe.images.formats import sniff_format
from worksafe.images.limits import ImageLimits
from worksafe.images.structure.containers import MOST_BRAND_BYTES

_URL_SCHEMES = ("http://", "https://")
_HEAD_BYTES = MOST_BRAND_BYTES  # tell a format
_PIECE_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Url:
    """An image that is to be fetched."""

    url: str


Source = (
    str
    | os.PathLike[str]
    | Url
    | bytes
    | bytearray
    | memoryview
    | IO[bytes]
    | Image.Image
    | NDArray[Any]
)


def as_url(source: Source) -> Source:
    """Take text that begins like a URL for one; anything else comes back as it is."""
    is_url = isinstance(source, str) and source.lower().startswith(_URL_SCHEMES)
    return Url(source) if is_url and isinstance(source, str) else source


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
    """
    match source:
        case Image.Image() | np.ndarray():
            return source
        case bytes() | bytearray() | memoryview():
            limits.check_any_bytes(memoryview(source).nbytes)  # before they are copied
            data = bytes(source)
            limits.check_bytes(len(data), is_video=is_video(read_head(data)))
            return data
        case str() | os.PathLike():
            return _read_path(_as_path(source), limits)
        case _ if not isinstance(source, Url) and hasattr(source, "read"):
            return _read_file(source, limits)
    msg = f"an image cannot be read from {type(source).__name__}"
    raise UnreadableSourceError(msg)


def is_video(head: bytes | bytearray | memoryview) -> bool:
    """Return whether a file is a video, by its first bytes."""
    try:
        return sniff_format(bytes(head)).is_video
    except InputError:
        return False


def film_path(source: Source) -> Path | None:
    """Return the path of a source that is a video's: such a file need not be read as a whole."""
    if not isinstance(source, str | os.PathLike):
        return None
    try:
        path = _as_path(source)
        if not path.is_file():  # a pipe can be read only once
            return None
        return path if is_video(read_head(path)) else None
    except (OSError, ValueError):  # whoever reads it finds the words for it
        return None


def read_head(data: bytes | Path) -> bytes:
    """Read as much as tells a file's format."""
    if isinstance(data, bytes):
        return data[:_HEAD_BYTES]
    with data.open("rb") as file:
        return file.read(_HEAD_BYTES)


class PieceReader:
    """Collects a file that comes in pieces, and stops it at the ceiling of its kind.

    Parameters
    ----------
    limits : ImageLimits
        The ceilings; which applies is told from the first bytes.
    """

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits
        self._data = bytearray()

    def take(self, piece: bytes) -> None:
        """Add a piece.

        Raises
        ------
        ImageBytesError
            If there are more bytes than the ceiling.
        """
        self._data += piece
        self._limits.check_bytes(len(self._data), is_video=is_video(self._data[:_HEAD_BYTES]))

    def whole(self) -> bytes:
        """Return all pieces as one."""
        return bytes(self._data)


def printable_path(path: str | os.PathLike[str]) -> str:
    """Spell a path in valid Unicode: file names may be any bytes, documents may not."""
    try:
        return os.fsencode(path).decode("utf-8", "replace")
    except UnicodeEncodeError:  # text that no file name can be: half of a character
        return os.fsdecode(path).encode("utf-8", "replace").decode()


def _as_path(source: str | os.PathLike[str]) -> Path:
    return Path(os.fsdecode(source))  # a directory that was listed by bytes gives bytes


def _read_path(path: Path, limits: ImageLimits) -> bytes:
    try:
        with path.open("rb") as file:
            return _read_file(file, limits)
    except IsADirectoryError as error:
        msg = f"{printable_path(path)} is a folder: name the files in it"
        raise UnreadableSourceError(msg) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"cannot read {printable_path(path)}: {reason}"
        raise UnreadableSourceError(msg) from error


def _read_file(file: IO[bytes], limits: ImageLimits) -> bytes:
    """Read to the end: a raw stream may give less at a time than it is asked for."""
    reader = PieceReader(limits)
    try:
        while piece := file.read(_PIECE_BYTES):
            reader.take(piece)
    except InputError:
        raise
    except TypeError as error:
        msg = "the file object gives no bytes; open it in binary mode"
        raise UnreadableSourceError(msg) from error
    except Exception as error:
        msg = f"cannot read the file object: {error}"
        raise UnreadableSourceError(msg) from error
    return reader.whole()
