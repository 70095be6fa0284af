"""What only a player that seeks would come to: films whose tables point into what is passed over.

Chromium shows what is hidden here, in an MP4 and in a WebM, once somebody moves its slider.
"""

import struct
from collections.abc import Iterator
from io import BytesIO

import pytest

from films import film, scene
from worksafe.errors import UndecodableImageError
from worksafe.images.limits import ImageLimits
from worksafe.images.video import Video

_FPS = 25  # of `film`
_FRAMES, _HIDDEN = 150, 50
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_SECOND = _FPS * 512  # of the index's clock

Box = tuple[bytes, bytes]  # kind, and all of it


def watch(data: bytes) -> int:
    video = Video(BytesIO(data), ImageLimits(), 320)
    for _ in video.views():
        pass
    return video.info.frames


def shots(container: str, options: dict[str, str] | None = None) -> bytes:
    """A film whose last seconds show something else."""
    before, after = scene("coffee"), scene("astronaut")
    shown = _FRAMES - _HIDDEN
    return film(
        _FRAMES, lambda index: before if index < shown else after, container, options=options
    )


def boxes(data: bytes) -> Iterator[Box]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def parts(data: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The head of a fragmented film, its fragments, and the table at its end."""
    head, fragments, table = b"", list[bytes](), b""
    for kind, whole in boxes(data):
        if kind == b"moof":
            fragments.append(whole)
        elif kind == b"mdat":
            fragments[-1] += whole
        elif kind == b"mfra":
            table = whole
        else:
            head += whole
    return head, fragments, table


def index_of(sizes: list[int], *, is_long: bool = False) -> bytes:
    first = struct.pack(">QQ" if is_long else ">II", 0, 0)
    entries = b"".join(struct.pack(">III", size, 2 * _SECOND, 0x9000_0000) for size in sizes)
    head = struct.pack(">III", is_long << 24, 1, _SECOND)
    return box(b"sidx", head + first + struct.pack(">HH", 0, len(sizes)) + entries)


def passed_over(size: int, claims: int | None = None) -> bytes:
    """The head of a box that nobody looks into."""
    return struct.pack(">I4s", (size if claims is None else claims) + 8, b"free")


@pytest.mark.parametrize("is_long", [False, True])
def test_a_film_whose_index_names_all_of_its_fragments_is_watched(is_long: bool) -> None:
    head, fragments, _ = parts(shots("mp4", _FRAGMENTS))
    index = index_of([len(one) for one in fragments], is_long=is_long)

    assert watch(head + index + b"".join(fragments)) == _FRAMES


@pytest.mark.parametrize("claims", [None, 2**31 - 9], ids=["wrapped", "beyond the end"])
@pytest.mark.parametrize("inside", [b"", b"moov"], ids=["outermost", "in another box"])
def test_fragments_that_only_an_index_leads_to_are_an_error(
    claims: int | None, inside: bytes
) -> None:
    head, fragments, _ = parts(shots("mp4", _FRAGMENTS))
    *shown, hidden = fragments
    wrap = passed_over(len(hidden), claims)
    index = index_of([len(one) for one in shown[:-1]] + [len(shown[-1] + wrap), len(hidden)])
    if inside:
        *others, (_, moov) = boxes(head)
        head = b"".join(whole for _, whole in others) + box(b"moov", moov[8:] + index)
        index = b""
    data = head + index + b"".join(shown) + wrap + hidden

    with pytest.raises(UndecodableImageError, match="index names a part"):
        watch(data)


def test_fragments_that_only_the_table_at_the_end_leads_to_are_an_error() -> None:
    data = shots("mp4", _FRAGMENTS)
    head, fragments, table = parts(data)
    *shown, hidden = fragments
    place = data.index(hidden)
    moved = table.replace(struct.pack(">Q", place), struct.pack(">Q", place + 8))

    assert watch(data) == _FRAMES
    assert moved != table
    with pytest.raises(UndecodableImageError, match="index names a part"):
        watch(head + b"".join(shown) + passed_over(len(hidden)) + hidden + moved)


def test_a_film_of_fragments_that_is_cut_off_is_watched_as_far_as_it_goes() -> None:
    head, fragments, _ = parts(shots("mp4", _FRAGMENTS))
    index = index_of([len(one) for one in fragments])

    assert 0 < watch(head + index + b"".join(fragments[:-1])) < _FRAMES


def test_a_film_with_much_of_nothing_behind_it_is_watched() -> None:
    assert watch(shots("mp4") + bytes(8 * 1024**2)) == _FRAMES


def number(data: bytes, at: int) -> tuple[int, int]:
    """An element's identity or size, its leading bit with it, and its bytes."""
    length = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + length], "big"), length


def elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Identity, where it begins, where its content begins, where it ends."""
    while at < end:
        kind, kind_bytes = number(data, at)
        size, size_bytes = number(data, at + kind_bytes)
        body = at + kind_bytes + size_bytes
        stop = body + size - (1 << 7 * size_bytes)
        yield kind, at, body, stop
        at = stop


SEGMENT, CLUSTER, VOID = 0x18538067, 0x1F43B675, 0xEC
TABLES, PLACES = {0x114D9B74, 0x4DBB, 0x1C53BB6B, 0xBB, 0xB7}, {0x53AC, 0xF1}


def places(data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the tables of a Matroska name places."""
    for kind, _, body, stop in elements(data, at, end):
        if kind in PLACES:
            yield body, stop
        elif kind in TABLES:
            yield from places(data, body, stop)


def hide_last_cluster(data: bytes) -> bytes:
    """Put the last cluster into an element that is passed over; the tables still name it."""
    _, (_, at, body, end) = elements(data, 0, len(data))
    *_, last = [one for one in elements(data, body, end) if one[0] == CLUSTER]
    void = b"\xec" + struct.pack(">Q", 1 << 56 | last[3] - last[1])
    changed = bytearray(data)
    for start, stop in places(data, body, end):
        place = int.from_bytes(data[start:stop], "big")
        if body + place >= last[1]:
            changed[start:stop] = (place + len(void)).to_bytes(stop - start, "big")
    size = body - 8
    changed[size:body] = struct.pack(">Q", 1 << 56 | end - body + len(void))
    assert at < size
    return bytes(changed[: last[1]] + void + changed[last[1] :])


@pytest.mark.parametrize("container", ["webm", "matroska"])
def test_a_cluster_that_only_cues_lead_to_is_an_error(container: str) -> None:
    data = shots(container, {"cluster_time_limit": "2000"})

    assert watch(data) == _FRAMES
    with pytest.raises(UndecodableImageError, match="index names a part"):
        watch(hide_last_cluster(data))


def test_clusters_of_a_live_film_have_no_size_and_are_watched() -> None:
    data = shots("webm", {"live": "1"})
    (_, _, body, end), *_ = [one for one in elements(data, 0, len(data)) if one[0] == SEGMENT]

    assert end - body >= (1 << 56) - 1
    assert watch(data) == _FRAMES


def hide_last_chunks(data: bytes) -> bytes:
    """Put frames that the index knows into a chunk that is passed over, others in their place."""
    movi, index = data.index(b"movi"), data.index(b"idx1")
    count = int.from_bytes(data[index + 4 : index + 8], "little") // 16
    chunks = [
        struct.unpack_from("<4sIII", data, index + 8 + 16 * number) for number in range(count)
    ]
    _, _, place, size = chunks[1]
    decoy = data[movi + place : movi + place + 8 + size + size % 2]
    start = movi + chunks[-_HIDDEN][2]
    added = decoy * _HIDDEN + struct.pack("<4sI", b"JUNK", index - start)
    entries = b"".join(
        struct.pack("<4sIII", kind, flags, place + len(added) * (at >= count - _HIDDEN), size)
        for at, (kind, flags, place, size) in enumerate(chunks)
    )
    changed = bytearray(data[:start] + added + data[start : index + 8] + entries)
    for field in (4, movi - 4):  # sizes of the file and of the list of frames
        (size,) = struct.unpack_from("<I", changed, field)
        struct.pack_into("<I", changed, field, size + len(added))
    return bytes(changed)


def test_frames_that_only_the_index_of_an_avi_leads_to_are_an_error() -> None:
    data = shots("avi")

    assert watch(data) == _FRAMES
    with pytest.raises(UndecodableImageError, match="cannot be read"):
        watch(hide_last_chunks(data))
