"""Parameter sets of H.264: what a stream says of its pictures, apart from them.

References
----------
.. [1] ITU-T H.264, 7.3.2.1 (sequence) and 7.3.2.2 (picture parameter sets), 9.1 (Exp-Golomb codes).
"""

from dataclasses import dataclass
from functools import lru_cache

_WITH_CHROMA = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244})
_LISTS, _LISTS_444 = 8, 12
_SMALL_LISTS, _SMALL, _LARGE = 6, 16, 64  # of scaling: the first have fewer numbers
_MOST_CYCLE = 255
_MOST_ZEROS = 32  # before the first one of a code
_MOST_BYTES = 4096  # encoders write some thirty


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """A sequence parameter set.

    Attributes
    ----------
    number : int
        By which pictures name it.
    macroblocks : tuple of int
        Width and height of a stored picture, in macroblocks (in fields half of them).
    left, top : int
        How much is cut off there.
    """

    number: int
    macroblocks: tuple[int, int]
    left: int
    top: int


class _Bits:
    """Reads bit by bit; beyond the end raises IndexError."""

    def __init__(self, unit: bytes) -> None:
        content = unit[:_MOST_BYTES].replace(b"\x00\x00\x03", b"\x00\x00")
        self._bits = "".join(f"{byte:08b}" for byte in content)
        self._at = 0

    def fixed(self, size: int) -> int:
        """Read a number of so many bits."""
        self._at += size
        if self._at > len(self._bits):
            raise IndexError("the unit is cut off")
        return int(self._bits[self._at - size : self._at], 2)

    def number(self) -> int:
        """Read an unsigned Exp-Golomb code."""
        one = self._bits.find("1", self._at, self._at + _MOST_ZEROS + 1)
        if one < 0:
            raise IndexError("the unit is cut off")
        zeros, self._at = one - self._at, one
        return self.fixed(zeros + 1) - 1

    def signed(self) -> int:
        """Read a signed one."""
        code = self.number()
        return (code + 1) // 2 if code % 2 else -(code // 2)


@lru_cache(maxsize=64)
def read_sequence_set(unit: bytes) -> SequenceSet | None:
    """Read a sequence parameter set.

    Parameters
    ----------
    unit : bytes
        The NAL unit, its head included.

    Returns
    -------
    SequenceSet or None
        None where it is cut off.
    """
    try:
        return _read_sequence_set(_Bits(unit[1:]))
    except IndexError:
        return None


def _read_sequence_set(bits: _Bits) -> SequenceSet:
    profile, _, _ = bits.fixed(8), bits.fixed(8), bits.fixed(8)  # constraints, level
    number = bits.number()
    if profile in _WITH_CHROMA:
        _skip_chroma(bits)
    bits.number()  # how many frames are counted
    _skip_order(bits)
    bits.number(), bits.fixed(1)  # frames that are referred to; gaps among them
    macroblocks = (bits.number() + 1, bits.number() + 1)
    if not bits.fixed(1):  # fields
        bits.fixed(1)
    bits.fixed(1)
    left = top = 0
    if bits.fixed(1):
        left, _, top, _ = (bits.number() for _ in range(4))
    return SequenceSet(number, macroblocks, left, top)


def _skip_chroma(bits: _Bits) -> None:
    """Pass over the kind of chroma, the depths and the lists of scaling."""
    lists = _LISTS
    if bits.number() == 3:  # noqa: PLR2004 - 4:4:4
        lists = _LISTS_444
        bits.fixed(1)
    bits.number(), bits.number(), bits.fixed(1)
    if not bits.fixed(1):
        return
    for place in range(lists):
        if bits.fixed(1):
            _skip_list(bits, _SMALL if place < _SMALL_LISTS else _LARGE)


def _skip_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    """Pass over how the order of pictures is said."""
    kind = bits.number()
    if kind == 0:
        bits.number()
    elif kind == 1:
        bits.fixed(1), bits.signed(), bits.signed()
        for _ in range(min(bits.number(), _MOST_CYCLE)):
            bits.signed()


@lru_cache(maxsize=64)
def read_picture_set_number(unit: bytes) -> int | None:
    """Read by which number pictures name a picture parameter set; None where it is cut off."""
    try:
        return _Bits(unit[1:]).number()
    except IndexError:
        return None
