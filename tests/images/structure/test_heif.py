"""AVIF and HEIC that say of themselves what viewers read in two ways."""

import struct
from collections.abc import Callable

import pytest

from pictures import encode, photo
from worksafe.doctor.making import iso_box
from worksafe.errors import UndecodableImageError
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.structure.heif import has_track, refuse_odd_avif, refuse_odd_heic

AVIF = encode(photo(), "AVIF")


def long_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


CUT = struct.pack(">8I", 8, 1, 8, 1, 0, 1, 0, 1)


@pytest.mark.parametrize(
    "said",
    [
        iso_box(b"clap", CUT),
        iso_box(b"clap", CUT + bytes(4)),
        long_box(b"clap", CUT),
        iso_box(b"grpl", iso_box(b"altr", struct.pack(">5I", 0, 10, 2, 2, 1))),
        iso_box(b"infe", bytes(8) + b"tmap\x00"),
        iso_box(b"tkhd", bytes(84)) * 2,
    ],
)
@pytest.mark.parametrize("inside", [iso_box, long_box])
def test_an_avif_of_which_browsers_show_something_else_is_refused(
    said: bytes, inside: Callable[[bytes, bytes], bytes]
) -> None:
    with pytest.raises(UndecodableImageError, match="the avif"):
        decode_image(AVIF + inside(b"meta", said), ImageLimits(), 320)


def test_pixels_that_spell_a_box_by_chance_are_no_box() -> None:
    data = AVIF + iso_box(b"mdat", b"clap altr tmap")

    assert decode_image(data, ImageLimits(), 320).views
    with pytest.raises(UndecodableImageError, match="the avif"):
        decode_image(data + b"\x00\x00\x00\x00free" + b"clap", ImageLimits(), 320)


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">I4s", 5, b"mdat"),
        struct.pack(">I4sQ", 1, b"mdat", 0),
        struct.pack(">I4sQ", 1, b"mdat", 15),
    ],
)
def test_what_has_the_size_of_no_box_is_not_passed_over_as_media(head: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="the avif"):
        refuse_odd_avif(AVIF + head + bytes(20) + b"clap")


def heic(primary: bytes, *thumbnail: bytes) -> bytes:
    links = b"".join(iso_box(b"thmb", one) for one in thumbnail)
    meta = iso_box(
        b"meta", bytes(4) + iso_box(b"pitm", primary) + iso_box(b"iref", bytes(4) + links)
    )
    return iso_box(b"ftyp", b"heic" + bytes(4) + b"mif1") + meta + iso_box(b"mdat", bytes(99))


@pytest.mark.parametrize(
    "data",
    [
        heic(struct.pack(">IH", 0, 1), struct.pack(">HHH", 1, 1, 2)),
        heic(struct.pack(">IH", 0, 1), struct.pack(">HHH", 3, 1, 2), struct.pack(">HHH", 1, 1, 2)),
        heic(struct.pack(">II", 1 << 24, 70_000), struct.pack(">IHI", 70_000, 1, 2)),
    ],
)
def test_a_heic_whose_main_picture_is_called_a_thumbnail_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImageError, match="thumbnail"):
        refuse_odd_heic(data)


def test_a_heic_with_a_thumbnail_as_phones_write_it_is_none_of_these() -> None:
    refuse_odd_heic(heic(struct.pack(">IH", 0, 49), struct.pack(">HHH", 50, 1, 49)))
    refuse_odd_heic(heic(struct.pack(">II", 1 << 24, 1), struct.pack(">IHI", 2, 1, 1)))


def belonging(*references: tuple[bytes, int, tuple[int, ...]], version: int = 0) -> bytes:
    form = ">HH{}H" if version == 0 else ">IH{}I"
    said = b"".join(
        iso_box(kind, struct.pack(form.format(len(targets)), source, len(targets), *targets))
        for kind, source, targets in references
    )
    return AVIF + iso_box(b"meta", bytes(4) + iso_box(b"iref", bytes([version, 0, 0, 0]) + said))


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    "references",
    [
        [(b"prem", 1, (2,))],
        [(b"auxl", 2, (1, 9))],
        [(b"auxl", 2, (1,)), (b"auxl", 2, (9,))],
        [(b"thmb", 2, (1,)), (b"auxl", 2, (9,))],
    ],
)
def test_an_avif_that_says_in_two_ways_whose_alpha_one_is_is_refused(
    references: list[tuple[bytes, int, tuple[int, ...]]], version: int
) -> None:
    with pytest.raises(UndecodableImageError, match="alpha"):
        refuse_odd_avif(belonging(*references, version=version))


@pytest.mark.parametrize("version", [0, 1])
def test_an_avif_with_one_alpha_and_a_thumbnail_or_a_grid_is_none_of_these(version: int) -> None:
    refuse_odd_avif(
        belonging((b"auxl", 2, (1,)), (b"thmb", 3, (1,)), (b"dimg", 1, (4, 5, 6)), version=version)
    )
    refuse_odd_avif(encode(photo().convert("RGBA"), "AVIF"))


def test_a_sequence_with_alpha_has_one_film() -> None:
    alpha = photo().resize((64, 64)).convert("RGBA")
    alpha.putalpha(99)
    data = encode(alpha, "AVIF", save_all=True, append_images=[alpha.rotate(90)], duration=100)

    assert data.count(b"tkhd") == 2
    refuse_odd_avif(data)


@pytest.mark.parametrize("kind", [b"hoov", b"udta", b"dinf", b"edts"])
def test_a_film_whose_head_is_hidden_is_a_film(kind: bytes) -> None:
    head = iso_box(b"moov", iso_box(b"mvhd", bytes(100)) + iso_box(b"trak", bytes(8)))
    hidden = iso_box(kind, head[8:] if kind == b"hoov" else head)

    assert has_track(AVIF + hidden)
    assert not has_track(AVIF)
    with pytest.raises(UndecodableImageError):
        decode_image(AVIF + hidden, ImageLimits(), 320)


@pytest.mark.parametrize("words", [b"premium abstrakt, Firefox", b"moov and trak"])
def test_words_are_no_boxes(words: bytes) -> None:
    text = iso_box(b"free", words)

    refuse_odd_avif(AVIF + text)
    assert not has_track(AVIF + text)


def test_the_film_of_a_motion_photo_is_no_film_of_a_heic() -> None:
    film = iso_box(b"moov", iso_box(b"mvhd", bytes(100)) + iso_box(b"trak", bytes(8)))

    assert not has_track(AVIF + iso_box(b"mpvd", film))


@pytest.mark.parametrize(("handler", "is_refused"), [(b"soun", False), (b"vide", True)])
def test_a_sound_is_no_second_film(handler: bytes, is_refused: bool) -> None:
    said = b"".join(
        iso_box(
            b"trak",
            iso_box(b"tkhd", bytes(84))
            + iso_box(b"mdia", iso_box(b"hdlr", bytes(8) + kind + bytes(12))),
        )
        for kind in (b"pict", handler)
    )
    # What stands where nobody looks for the kind of a film is none.
    data = AVIF + iso_box(b"free", b"hdlr" + bytes(8) + b"soun") + iso_box(b"moov", said)
    if not is_refused:
        refuse_odd_avif(data)
        return
    with pytest.raises(UndecodableImageError, match="several films"):
        refuse_odd_avif(data)


@pytest.mark.parametrize("kind", [b"meta", b"iref", b"prem"])
def test_a_list_whose_size_is_in_64_bits_hides_nothing(kind: bytes) -> None:
    multiplied = struct.pack(">HHH", 1, 1, 2)

    def box(of: bytes, content: bytes) -> bytes:
        return (long_box if of == kind else iso_box)(of, content)

    references = box(b"iref", bytes(4) + box(b"prem", multiplied))

    with pytest.raises(UndecodableImageError, match="64 bits"):
        refuse_odd_avif(AVIF + box(b"meta", bytes(4) + references))


def test_lists_in_lists_take_no_time() -> None:
    one = iso_box(b"xxxx", b"") + struct.pack(">I", 0x7FFFFFFF) + b"iref" + bytes(4)

    refuse_odd_avif(AVIF + iso_box(b"meta", bytes(4) + one * 200_000))
