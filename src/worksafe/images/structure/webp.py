"""A WebP's head: whether it moves, and how large it is.

References
----------
.. [1] RFC 9649, "WebP Image Format".
"""

_KIND, _FLAGS_AT, _MOVES = slice(12, 16), 20, 0x02
_EXTENDED_AT, _LOSSLESS_AT, _LOSSY_AT = 24, 21, 26  # where the sizes are
_SIDE_BITS = 14


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


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
