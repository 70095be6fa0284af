"""A WebP's chunks: whether it moves, how large it is, and whether it is see-through.

References
----------
.. [1] RFC 9649, "WebP Image Format".
"""

from collections.abc import Iterator

from worksafe.errors import ImageFramesError

_KIND, _FLAGS_AT, _MOVES = slice(12, 16), 20, 0x02
_EXTENDED_AT, _LOSSLESS_AT, _LOSSY_AT = 24, 21, 26  # where the sizes are
_SIDE_BITS = 14
_CHUNKS_AT, _CHUNK_HEAD_BYTES, _FRAME_HEAD_BYTES = 12, 8, 16
_MAX_CHUNKS = 100_000  # a frame is three or four
_ALPHA = 0x10  # in the flags of the file, and in the last byte of a lossless picture's head
_ALPHA_AT = 4  # of that head


def has_several_frames(data: bytes) -> bool:
    """Tell whether a file says that it moves.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bool
    """
    return data[_KIND] == b"VP8X" and bool(_number(data, _FLAGS_AT, 1) & _MOVES)


def count_pixels(data: bytes) -> int:
    """Read the size.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    int
        Width times height; next to nothing where the head is none.
    """
    kind, mask = data[_KIND], (1 << _SIDE_BITS) - 1
    if kind == b"VP8X":
        width, height = (_number(data, at, 3) + 1 for at in (_EXTENDED_AT, _EXTENDED_AT + 3))
    elif kind == b"VP8L":
        both = _number(data, _LOSSLESS_AT, 4)
        width, height = (both & mask) + 1, (both >> _SIDE_BITS & mask) + 1
    else:
        width, height = (_number(data, at, 2) & mask for at in (_LOSSY_AT, _LOSSY_AT + 2))
    return width * height


def as_browsers_see_through(data: bytes) -> bytes:
    """Write down that a picture may be see-through, where the decoder believes that it is not.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bytes
        The same file but for two flags. Lossless pixels always have alpha, and what moves may
        leave parts undrawn: browsers show both whatever the flags say.
    """
    denied = [at for at in _lossless(data) if not data[at] & _ALPHA]
    if (denied and data[_KIND] == b"VP8X") or has_several_frames(data):
        denied.append(_FLAGS_AT)
    changed = bytearray(data)
    for at in denied:
        changed[at] |= _ALPHA
    return bytes(changed) if denied else data


def _lossless(data: bytes) -> Iterator[int]:
    """Find the byte of each lossless picture that has its flag of alpha."""
    at, end = _CHUNKS_AT, min(len(data), _CHUNK_HEAD_BYTES + _number(data, 4, 4))
    for _ in range(_MAX_CHUNKS):
        kind, size = data[at : at + 4], _number(data, at + 4, 4)
        at += _CHUNK_HEAD_BYTES
        if at + _ALPHA_AT >= end:
            return
        if kind == b"ANMF":  # a frame, which holds chunks of its own
            at += _FRAME_HEAD_BYTES
            continue
        if kind == b"VP8L":
            yield at + _ALPHA_AT
        at += size + size % 2
    msg = f"the webp has more than {_MAX_CHUNKS} chunks"
    raise ImageFramesError(msg)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
