"""EXIF blocks of an open image, as one viewer or another finds them, and what they say.

References
----------
.. [1] CIPA DC-008, "Exchangeable image file format for digital still cameras: Exif".
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from worksafe.errors import UndecodableImageError
from worksafe.images.structure.jpeg import MAX_EXIF
from worksafe.images.structure.tiff import ENTRY_BYTES, MAX_ENTRIES, whole_entries

_PREFIX = b"Exif\x00\x00"
# Some write it twice; and some readers do not mind its last byte.
_PREFIXES = re.compile(rb"(?:Exif\x00[\x00-\xff])*", re.DOTALL)
_MAX_DIRECTORIES = 8  # of one block that are read; honest ones have two
_SUB_DIRECTORY = 0x8769
_SHORT, _LONG = 3, 4
_MARKS = (b"*\x00", b"\x00*")  # after the order of bytes, and in it


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes
    ----------
    data : bytes
        From the byte order on, without what comes before it.
    is_usual : bool
        All readers find it: it is the first, and what comes before it and its mark are as they
        should be.
    """

    data: bytes
    is_usual: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A number in a block.

    Attributes
    ----------
    value : int
        As it is stored.
    is_usual : bool
        All readers find it: it is one short number, in the first directory.
    """

    value: int
    is_usual: bool


def read_blocks(image: Image.Image) -> list[Block]:
    """Find the blocks of an open image.

    Parameters
    ----------
    image : PIL.Image.Image
        With what its file says in ``info``.

    Returns
    -------
    list of Block
        Of a JPEG each by itself, and all of them as one, as Pillow has it.

    Raises
    ------
    UndecodableImageError
        If there are more than any honest file has.
    """
    found = [image.info.get("exif") or b""]
    if isinstance(image, JpegImageFile) and image.tell() == 0:
        segments = [data for name, data in image.applist if name == "APP1"]
        own = [data for data in segments if data.startswith(_PREFIX[:-1])]
        found = list(dict.fromkeys([*own, *found]))
    if len(found) > MAX_EXIF:
        msg = f"the file has more than {MAX_EXIF} EXIF blocks"
        raise UndecodableImageError(msg)
    blocks = [(data, data[_prefix_bytes(data) :]) for data in found if data]
    return [
        Block(block, number == 0 and data in {_PREFIX + block, block} and block[2:4] in _MARKS)
        for number, (data, block) in enumerate(blocks)
    ]


def _prefix_bytes(data: bytes) -> int:
    found = _PREFIXES.match(data)
    return found.end() if found else 0


def read_entries(block: Block, tag: int) -> Iterator[Entry]:
    """Find all entries of a tag that some reader may believe, each once.

    Parameters
    ----------
    block : Block
        Which may be damaged.
    tag : int
        Of one number.

    Yields
    ------
    Entry
        In the first directory or in the one beside it; not those of the preview.

    Raises
    ------
    UndecodableImageError
        If there are more directories beside it, or entries in one, than any honest block has.
    """
    order = {b"II": "<", b"MM": ">"}.get(block.data[:2])
    if order is None or len(block.data) < 8:  # noqa: PLR2004 - order, mark, place of the directory
        return
    (start,) = struct.unpack_from(f"{order}I", block.data, 4)
    starts = [start]
    for number, at in enumerate(starts):
        for kind, form, count, value in _directory(block.data, order, at):
            if kind == tag:
                is_usual = block.is_usual and number == 0 and form == _SHORT and count == 1
                yield Entry(
                    _short(order, value) if form == _SHORT else _long(order, value), is_usual
                )
            elif kind == _SUB_DIRECTORY and number == 0:
                beside = _long(order, value)
                if beside not in starts:
                    starts.append(beside)
                if len(starts) > _MAX_DIRECTORIES:
                    msg = f"an EXIF block has more than {_MAX_DIRECTORIES} directories"
                    raise UndecodableImageError(msg)


def _directory(data: bytes, order: str, at: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Read a directory's entries: tag, type, count, and where the value is or begins."""
    (count,) = struct.unpack(f"{order}H", data[at : at + 2].ljust(2, b"\x00"))
    if count > MAX_ENTRIES and len(data) > at + 2 + ENTRY_BYTES * MAX_ENTRIES:
        msg = f"an EXIF block has a directory of more than {MAX_ENTRIES} entries"
        raise UndecodableImageError(msg)
    return whole_entries(order, data[at + 2 : at + 2 + ENTRY_BYTES * count])


def _short(order: str, value: bytes) -> int:
    return int(struct.unpack_from(f"{order}H", value)[0])


def _long(order: str, value: bytes) -> int:
    return int(struct.unpack(f"{order}I", value)[0])
