"""A BMP's header: whether the decoder takes the same picture from it as browsers do."""

from worksafe.errors import UndecodableImageError

MAX_RUNS = 1_000_000

_HEADER_AT = 14
_NUMBERS_AT, _BITS_AT, _CODING_AT = (10, 18, 22), 28, 30  # place of the pixels, width, height
_COLOURS_AT, _ALPHA_AT = 46, 66  # how many are in the table, and the mask of alpha
_PLAIN, _BITFIELDS = 0, 3
_TABLED, _DEEP, _WIDE = frozenset({1, 4, 8}), 16, 32  # bits of a pixel
_PLAIN_HEADER = 40
_CORE_HEADER, _CORE_BITS_AT = 12, 24  # the first one, whose sides have two bytes each
_TWO = b"\x00\xff"  # black and white
_PIXELS_A_BYTE = {1: 1, 2: 2}  # by how runs are coded
_END, _LEAST_LITERAL = 1, 3  # between them: further on, with pixels undrawn
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
        If runs leave pixels undrawn (browsers show the page through them) or go beyond the edges,
        pixels begin where the decoder does not look, a table begins as that of all greys and has
        fewer (the decoder takes it for that), or alpha is said to be where the decoder does not
        look.
    """
    header, bits, coding, colours, alpha = (
        int.from_bytes(data[at : at + size], "little")
        for at, size in (
            (_HEADER_AT, 4), (_BITS_AT, 2), (_CODING_AT, 4), (_COLOURS_AT, 4), (_ALPHA_AT, 4)
        )
    )  # fmt: skip
    _refuse_early_pixels(data, header, bits, colours)
    if header < _PLAIN_HEADER:
        return  # of OS/2: shorter, and of none of these
    if bits in _TABLED and colours not in {0, 1 << bits}:
        ramp = _TWO if colours == len(_TWO) else bytes(range(min(colours, 1 << bits)))
        table = data[_HEADER_AT + header : _HEADER_AT + header + 4 * len(ramp)]
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


def _refuse_early_pixels(data: bytes, header: int, bits: int, colours: int) -> None:
    """Refuse pixels that are said to begin before the table ends: the decoder moves them."""
    is_short = header < _PLAIN_HEADER
    if header == _CORE_HEADER:
        bits = int.from_bytes(data[_CORE_BITS_AT : _CORE_BITS_AT + 2], "little")
    entries = 1 << bits if is_short or not colours else colours
    table = (3 if is_short else 4) * entries if bits in _TABLED else 0
    start = int.from_bytes(data[_NUMBERS_AT[0] : _NUMBERS_AT[0] + 4], "little")
    if start < _HEADER_AT + header + table:
        raise UndecodableImageError("the bmp says that its pixels begin in its header or table")


def has_runs(data: bytes) -> bool:
    """Return whether a BMP is of runs, whose decoder takes its time.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    bool
    """
    return int.from_bytes(data[_CODING_AT : _CODING_AT + 4], "little") in _PIXELS_A_BYTE


def _walk_runs(data: bytes, coding: int) -> None:
    """Follow the runs to the end of the picture."""
    at, width, rows = (int.from_bytes(data[p : p + 4], "little") for p in _NUMBERS_AT)
    if at % 2:
        raise UndecodableImageError("the bmp's runs begin at an odd place, to which some pad them")
    x = row = 0
    for _ in range(MAX_RUNS):
        count, value = data[at : at + 2].ljust(2, b"\x00")
        at += 2
        if count:
            x = min(x + count, width)  # all cut off what is too much, and some encoders write it
        elif value >= _LEAST_LITERAL:
            x += value
            at += -(-value // _PIXELS_A_BYTE[coding]) + 1 & ~1
        elif value == _END and row + (x > 0) >= rows and x in {0, width}:
            return
        elif value or (x < width and row < rows):
            raise UndecodableImageError("the bmp leaves pixels undrawn")
        else:
            x, row = 0, row + 1
        if x > width or (x and row >= rows):
            raise UndecodableImageError("the bmp draws beyond its edges")
    msg = f"the bmp has more than {MAX_RUNS} runs"
    raise UndecodableImageError(msg)
