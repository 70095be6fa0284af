"""Colour profiles made by their tags."""

import struct
from collections.abc import Sequence

from worksafe.doctor.making import srgb_profile

Tags = Sequence[tuple[bytes, bytes]]

SRGB = srgb_profile()


def tags_of(profile: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents, in order."""
    (count,) = struct.unpack_from(">I", profile, 128)
    places = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count))
    return [(name, profile[at : at + size]) for name, at, size in places]


def profile_of(tags: Tags, head: bytes = SRGB[:128]) -> bytes:
    """Put a profile together."""
    table, body = struct.pack(">I", len(tags)), b""
    for name, tag in tags:
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(tag))
        body += tag.ljust(-(-len(tag) // 4) * 4, b"\x00")
    whole = head + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def linear(**head: bytes) -> bytes:
    """sRGB's colours with straight curves: viewers show such a file much lighter."""
    return with_curve(b"curv" + bytes(4) + struct.pack(">I", 0), **head)


def with_curve(curve: bytes, *, kind: bytes = b"mntr") -> bytes:
    """sRGB's profile with another curve, and perhaps another class."""
    tags = [(name, curve if name.endswith(b"TRC") else tag) for name, tag in tags_of(SRGB)]
    return profile_of(tags, SRGB[:12] + kind + SRGB[16:128])


def inverting_table() -> bytes:
    """A table that shows light as dark and dark as light, to Lab."""
    levels = [1 - (red + green + blue) / 3 for red in (0, 1) for green in (0, 1) for blue in (0, 1)]
    grid = b"".join(struct.pack(">3H", int(65280 * one), 32768, 32768) for one in levels)
    unity = struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    straight = struct.pack(">2H", 0, 65535) * 3
    head = b"mft2" + bytes(4) + bytes([3, 3, 2, 0]) + unity + struct.pack(">2H", 2, 2)
    return head + straight + grid + straight
