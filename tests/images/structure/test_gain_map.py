"""Ultra HDR JPEGs, whose second picture an ordinary screen leaves out."""

import struct

import pytest

from pictures import encode, photo
from worksafe.doctor.making import jpeg_segment
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.structure.gain_map import refuse_odd_gain_map

BINARY = b"urn:iso:std:iso:ts:21496:-1\x00"


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    plain = encode(photo(), "JPEG")
    parts = (jpeg_segment(number, content) for number, content in segments)
    return plain[:2] + b"".join(parts) + plain[2:]


def xmp(attributes: str, coding: str = "utf-8") -> tuple[int, bytes]:
    packet = (
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
        "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
        'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
        f"{attributes}/></rdf:RDF></x:xmpmeta>"
    )
    return 1, b"http://ns.adobe.com/xap/1.0/\x00" + packet.encode(coding)


def elements(said: str) -> tuple[int, bytes]:
    kind, content = xmp("")
    return kind, content.replace(b"/></rdf:RDF>", f">{said}</rdf:Description></rdf:RDF>".encode())


def binary(flags: int, *numbers: int) -> tuple[int, bytes]:
    return 2, BINARY + struct.pack(">HHB", 0, 0, flags) + struct.pack(f">{len(numbers)}I", *numbers)


def ultra_hdr(*of_the_map: tuple[int, bytes]) -> bytes:
    return jpeg(xmp(""), (2, BINARY + bytes(4))) + jpeg(*of_the_map)


PLAIN = 'hdrgm:GainMapMax="2.1" hdrgm:HDRCapacityMax="2.1" hdrgm:HDRCapacityMin="{}" '


@pytest.mark.parametrize(
    "of_the_map",
    [
        xmp(PLAIN.format("0") + 'hdrgm:BaseRenditionIsHDR="True"'),
        xmp(PLAIN.format("0") + "hdrgm:BaseRenditionIsHDR='False'"),  # not as encoders write it
        xmp(PLAIN.format("-1")),
        xmp(PLAIN.format("nan")),
        xmp('hdrgm:BaseRenditionIsHDR="False" hdrgm:BaseRenditionIsHDR="True"'),
        elements("<hdrgm:BaseRenditionIsHDR>True</hdrgm:BaseRenditionIsHDR>"),
        xmp('hdrgm:BaseRenditionIsHDR="True"', "utf-16-le"),
        xmp('hdrgm:BaseRenditionIsHDR="True"', "utf-16-be"),
        (1, b"http://ns.adobe.com/xmp/extension/\x00" + bytes(40)),
        binary(0, 2, 1, 0, 1),
        binary(8, 1, 2, 0),
        binary(4, 0, 1, 2, 1),
        binary(0),
        binary(0, 0, 1, 0, 1),
        binary(0, 0, 0, 2, 1),
        binary(8, 1, 0, 0),
        binary(8, 0, 0, 2),
    ],
)
def test_a_gain_map_that_an_ordinary_screen_may_apply_is_refused(
    of_the_map: tuple[int, bytes],
) -> None:
    with pytest.raises(UndecodableImageError, match="gain map"):
        decode_image(ultra_hdr(of_the_map), ImageLimits(), 320)


@pytest.mark.parametrize(
    "of_the_map",
    [
        xmp(PLAIN.format("0")),
        xmp(PLAIN.format("0.5") + 'hdrgm:BaseRenditionIsHDR="False"'),
        elements("<hdrgm:BaseRenditionIsHDR>False</hdrgm:BaseRenditionIsHDR>"),
        elements("<hdrgm:HDRCapacityMin>0</hdrgm:HDRCapacityMin>"),
        binary(0x40, 0, 1, 2, 1),
        binary(0x48, 1, 0, 2),
    ],
)
def test_those_that_phones_write_are_read(of_the_map: tuple[int, bytes]) -> None:
    assert decode_image(ultra_hdr(of_the_map), ImageLimits(), 320).views


def test_many_marks_take_no_time() -> None:
    """Were what follows each copied, sixteen megabytes would take minutes."""
    refuse_odd_gain_map([b"\x00\x1e" + BINARY, (b"\x00\x1e" + BINARY) * 550_000])
