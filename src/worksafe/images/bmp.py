"""A BMP's header: whether the decoder takes the same picture from it as browsers do."""

from worksafe.errors import UndecodableImageError

MAX_RUNS = 1_000_000

_HEADER_AT = 14
_NUMBERS_AT, _BITS_AT, _CODING_AT = (10, 18, 22), 28, 30  # place of the pixels, width, height
_COLOURS_AT, _ALPHA_AT = 46, 66  # how many are in the table, and the mask of alpha
_PLAIN, _BITFIELDS = 0, 3
_TABLED, _DEEP, _WIDE = frozenset({1, 4, 8}), 16, 32  # bits of a pixel
_PLAIN_HEADER = 40
_TWO = b"\x00\xff"  # black and white
_PIXELS_A_BYTE = {1: 1, 2: 2}  # by how runs are coded
_END, _DELTA, _LEAST_LITERAL = 1, 2, 3
_MASKED, _MASKED_IN_ALL = 56, 108  # bytes of the headers that have a mask, and of those that count


def refuse_odd_bmp(data: bytes) -> None:
    """Refuse a file that the decoder shows otherwise than browsers do.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    UndecodableImageError
        If runs leave pixels undrawn (browsers show the page through them), a table begins as that
        of all greys and has fewer (the decoder takes it for that), or alpha is said to be where the
        decoder does not look.
    """
    header, bits, coding, colours, alpha = (
        int.from_bytes(data[at : at + size], "little")
        for at, size in (
            (_HEADER_AT, 4), (_BITS_AT, 2), (_CODING_AT, 4), (_COLOURS_AT, 4), (_ALPHA_AT, 4)
        )
    )  # fmt: skip
    if header < _PLAIN_HEADER:
        return  # of OS/2: shorter, and of none of these
    if bits in _TABLED and colours not in {0, 1 << bits}:
        ramp = _TWO if colours == len(_TWO) else bytes(range(min(colours, 1 << bits)))
        table = data[_HEADER_AT + header :][: 4 * len(ramp)]
        if ramp == table[::4] == table[1::4] == table[2::4]:
            raise UndecodableImageError("the bmp has a table of some greys, not of all")
    if bits == _DEEP and coding == _BITFIELDS and header >= _MASKED and alpha:
        raise UndecodableImageError("the bmp has alpha in 16 bits, which decoders do not agree on")
    if bits == _WIDE and coding == _PLAIN and header >= _MASKED_IN_ALL and alpha:
        start, width, rows = (
            int.from_bytes(data[at : at + 4], "little", signed=True) for at in _NUMBERS_AT
        )
        if len({*data[start + 3 : start + 4 * width * abs(rows) : 4]}) > 1:
            raise UndecodableImageError("the bmp has alpha that decoders do not agree on")
    if coding in _PIXELS_A_BYTE:
        _walk_runs(data, coding)


def _walk_runs(data: bytes, coding: int) -> None:
    """Follow the runs to the end of the picture."""
    at, width, rows = (int.from_bytes(data[p : p + 4], "little") for p in _NUMBERS_AT)
    x = row = 0
    for _ in range(MAX_RUNS):
        count, value = data[at : at + 2].ljust(2, b"\x00")
        at += 2
        if count:
            x += count
        elif value >= _LEAST_LITERAL:
            x += value
            at += -(-value // _PIXELS_A_BYTE[coding]) + 1 & ~1
        elif value == _DELTA or 0 < x < width or (value == _END and row + (x > 0) < rows):
            raise UndecodableImageError("the bmp leaves pixels undrawn")
        elif value == _END:
            return
        else:
            x, row = 0, row + 1
    msg = f"the bmp has more than {MAX_RUNS} runs"
    raise UndecodableImageError(msg)
