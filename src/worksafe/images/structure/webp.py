"""A WebP's chunks: whether it moves, how large it is, and whether it is transparent.

References
----------
.. [1] RFC 9649, "WebP Image Format".
"""

from collections.abc import Iterator

from worksafe.errors import ImageFramesError, UndecodableImageError

_KIND, _FLAGS_AT, _MOVES = slice(12, 16), 20, 0x02
_EXTENDED_AT, _LOSSLESS_AT, _LOSSY_AT = 24, 21, 26  # where the sizes are
_SIDE_BITS = 14
_SIDE = (1 << _SIDE_BITS) - 1
_CHUNKS_AT, _CHUNK_HEAD_BYTES, _FRAME_HEAD_BYTES = 12, 8, 16
_MAX_CHUNKS = 100_000  # a frame is three or four
_ALPHA = 0x10  # in the flags of the file, and in the last byte of a lossless picture's head
_ALPHA_AT = 4  # of that head
_PICTURES = frozenset({b"VP8L", b"VP8 ", b"ALPH"})


def has_several_frames(data: bytes) -> bool:
    """Return whether a file says that it moves.

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
    kind = data[_KIND]
    if kind == b"VP8X":
        width, height = _canvas(data)
    elif kind == b"VP8L":
        width, height = _lossless_size(data, _LOSSLESS_AT)
    else:
        width, height = (_number(data, at, 2) & _SIDE for at in (_LOSSY_AT, _LOSSY_AT + 2))
    return width * height


def _canvas(data: bytes) -> tuple[int, int]:
    return _number(data, _EXTENDED_AT, 3) + 1, _number(data, _EXTENDED_AT + 3, 3) + 1


def _lossless_size(data: bytes, at: int) -> tuple[int, int]:
    both = _number(data, at, 4)
    return (both & _SIDE) + 1, (both >> _SIDE_BITS & _SIDE) + 1


def refuse_odd_webp(data: bytes) -> None:
    """Refuse an animation whose frames are transparent where the file says that none is.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    ImageFramesError
        If it has too many chunks.
    UndecodableImageError
        If it is one: browsers add colours to what is below, the decoder leaves them out.
    """
    if has_several_frames(data) and not _number(data, _FLAGS_AT, 1) & _ALPHA:
        for kind, at in _pictures(data):
            if kind == b"ALPH" or (kind == b"VP8L" and data[at + _ALPHA_AT] & _ALPHA):
                raise UndecodableImageError("the webp denies that its frames are transparent")


def frames_said_to_be_opaque(data: bytes) -> Iterator[bytes]:
    """Yield the lossless frames of an animation that say they have no alpha, though all have.

    Browsers draw such a frame over the one before, alpha and all; the decoder blends it.

    Parameters
    ----------
    data : bytes
        The whole file.

    Yields
    ------
    bytes
        A file of each, which says that it may be transparent.

    Raises
    ------
    ImageFramesError
        If it has too many chunks.
    UndecodableImageError
        If one is larger than the file says that it is.
    """
    if not has_several_frames(data):
        return
    canvas_width, canvas_height = _canvas(data)
    for kind, at in _pictures(data):
        if kind == b"VP8L" and not data[at + _ALPHA_AT] & _ALPHA:
            width, height = _lossless_size(data, at + 1)
            if width > canvas_width or height > canvas_height:
                raise UndecodableImageError("a frame of the webp is larger than the webp")
            size = _number(data, at - 4, 4)
            frame = bytearray(data[at - _CHUNK_HEAD_BYTES : at + size + size % 2])
            frame[_CHUNK_HEAD_BYTES + _ALPHA_AT] |= _ALPHA
            yield b"RIFF" + (len(frame) + 4).to_bytes(4, "little") + b"WEBP" + frame


def as_browsers_show_it(data: bytes) -> bytes:
    """Write down that a picture may be transparent, where the decoder believes that it is not.

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
    flags = [at + _ALPHA_AT for kind, at in _pictures(data) if kind == b"VP8L"]
    denied = [at for at in flags if not data[at] & _ALPHA]
    if (denied and data[_KIND] == b"VP8X") or has_several_frames(data):
        denied.append(_FLAGS_AT)
    changed = bytearray(data)
    for at in denied:
        changed[at] |= _ALPHA
    return bytes(changed) if denied else data


def _pictures(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Find each picture and each alpha beside one: its kind, and where what it holds begins."""
    at, end = _CHUNKS_AT, min(len(data), _CHUNK_HEAD_BYTES + _number(data, 4, 4))
    for _ in range(_MAX_CHUNKS):
        kind, size = data[at : at + 4], _number(data, at + 4, 4)
        at += _CHUNK_HEAD_BYTES
        if at + _ALPHA_AT >= end:
            return
        if kind == b"ANMF":  # a frame, which holds chunks of its own
            at += _FRAME_HEAD_BYTES
            continue
        if kind in _PICTURES:
            if size <= _ALPHA_AT:
                raise UndecodableImageError("a picture of the webp is cut off")
            yield kind, at
        at += size + size % 2
    msg = f"the webp has more than {_MAX_CHUNKS} chunks"
    raise ImageFramesError(msg)


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
