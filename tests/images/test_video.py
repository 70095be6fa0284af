import io
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from films import film, quiet_film_with, scene, with_cover
from pictures import Rgb
from worksafe.errors import ImageSideError, InputError, UndecodableImageError
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import Summary, View
from worksafe.images.video import Video, _Track


def watch(data: bytes, **limits: int) -> tuple[list[View], Summary]:
    video = Video(io.BytesIO(data), ImageLimits(**limits), 320)
    return [view for view in video.views() if view is not None], video.info


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska", "webm", "avi"])
def test_every_container_gives_a_frame_for_each_second_at_its_time(container: str) -> None:
    views, info = watch(quiet_film_with({}, frames=100, container=container))

    assert (info.width, info.height, info.frames) == (160, 120, 100)
    assert info.duration_s == pytest.approx(99 / 25, abs=0.1)
    assert [view.time_s for view in views] == pytest.approx([0, 1, 2, 3], abs=0.1)
    assert info.unseen < 0.1


@pytest.mark.parametrize("flash", [1, 60, 137, 249])
def test_one_flashed_frame_is_looked_at_at_its_time(flash: int) -> None:
    views, _ = watch(quiet_film_with({flash: scene("astronaut")}))

    found = [view for view in views if view.frame == flash]
    assert len(found) == 1
    assert found[0].time_s == pytest.approx(flash / 25, abs=0.02)
    assert np.abs(found[0].pixels.astype(int) - scene("astronaut")).mean() < 25


def test_frames_just_before_and_after_come_for_a_second_look() -> None:
    views, _ = watch(quiet_film_with({}))

    middle = views[5]
    before, following, after = middle.around
    assert following.frame == middle.frame + 1
    assert 0.1 < middle.time_s - before.time_s < 0.35
    assert 0.1 < after.time_s - middle.time_s < 0.35


def test_a_flood_of_scenes_is_held_to_a_rate_and_told() -> None:
    rng = np.random.default_rng(5)
    scenes = [
        np.kron(rng.integers(0, 256, size=(3, 4, 3)), np.ones((40, 40, 1))).astype(np.uint8)
        for _ in range(250)
    ]

    views, info = watch(film(250, lambda index: scenes[index]))

    assert len(views) < 50
    assert info.unseen > 0.15


def test_the_spacing_grows_on_a_long_film() -> None:
    views, _ = watch(quiet_film_with({}, frames=300, fps=5), video_frames=10)

    times = [view.time_s for view in views]
    assert times[-1] > 40
    assert len(times) < 30


def test_frames_are_scaled_down_and_keep_their_shape() -> None:
    wide = scene("china", 1920, 1080)

    views, info = watch(film(3, lambda _: wide))

    assert (info.width, info.height) == (1920, 1080)
    assert views[0].pixels.shape == (360, 640, 3)


def test_a_video_larger_than_the_ceiling_is_refused() -> None:
    with pytest.raises(ImageSideError):
        watch(film(3, lambda _: scene()), max_side_px=159)


@pytest.mark.parametrize("container", ["mp4", "matroska", "webm", "avi"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_film_cut_off_gives_pictures_or_an_error_of_ours(container: str, share: float) -> None:
    data = quiet_film_with({}, frames=50, container=container)

    try:
        views, _ = watch(data[: int(share * len(data))])
    except InputError as error:
        assert error.code == "undecodable_image"  # noqa: PT017 - both ends are allowed
    else:
        assert views


@pytest.mark.parametrize("container", ["matroska", "webm", "avi"])  # of MP4 the index comes last
def test_a_film_that_is_damaged_after_some_frames_is_an_error(container: str) -> None:
    """What was seen before is no reason to take the rest for harmless."""
    data = quiet_film_with({}, frames=50, container=container)
    late = 0

    for seed in range(20):
        rng, damaged = np.random.default_rng(seed), bytearray(data)
        for at in rng.integers(len(data) // 3, len(data), 60):
            damaged[at] ^= 1 << int(rng.integers(8))
        try:
            watch(bytes(damaged))
        except UndecodableImageError as error:
            late += bool(re.search(r"after (?!0\.0)[0-9.]+ s$", str(error)))

    assert late >= 8


@pytest.mark.parametrize("data", [b"", b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x14ftypisom" + bytes(8)])
def test_a_head_without_a_film_is_an_error(data: bytes) -> None:
    with pytest.raises(UndecodableImageError):
        watch(data)


def test_a_film_whose_index_says_more_than_can_be_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    film(50, lambda _: scene(), path=path, options={"movflags": "faststart"})
    data = path.read_bytes()

    assert watch(data)[0]
    with pytest.raises(UndecodableImageError, match="cut off"):
        watch(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_a_film_is_stretched_as_players_do(container: str) -> None:
    narrow = scene(width=80)

    shape = Fraction(2)
    views, info = watch(film(30, lambda _: narrow, container, pixel_shape=shape))

    assert (info.width, info.height) == (160, 120)
    assert views[0].pixels.shape == (120, 160, 3)


@pytest.mark.parametrize("shape", [Fraction(8), Fraction(1, 8)])
def test_a_film_of_pixels_of_no_honest_shape_is_an_error(shape: Fraction) -> None:
    with pytest.raises(UndecodableImageError, match="as wide as high"):
        watch(film(5, lambda _: scene(), pixel_shape=shape))


@pytest.mark.parametrize(
    ("transfer", "is_refused"), [(8, True), (9, True), (16, False), (18, False)]
)
def test_a_film_of_levels_that_no_film_has_is_an_error(transfer: int, is_refused: bool) -> None:
    data = film(5, lambda _: scene(), transfer=transfer)

    if is_refused:
        with pytest.raises(UndecodableImageError, match=r"H\.273"):
            watch(data)
    else:
        assert watch(data)[0]


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((1, 0, 0, 1), lambda pixels: pixels),
        ((1, 0, 0, -1), np.flipud),
        ((-1, 0, 0, 1), np.fliplr),
        ((-1, 0, 0, -1), lambda pixels: np.rot90(pixels, 2)),
        ((0, 1, 1, 0), lambda pixels: np.swapaxes(pixels, 0, 1)),
    ],
)
def test_a_film_is_turned_and_mirrored_by_its_matrix(
    matrix: tuple[int, int, int, int], turn: Callable[[Rgb], Rgb]
) -> None:
    picture = scene()
    data = bytearray(film(3, lambda _: picture))
    at = data.index(b"tkhd") + 44
    a, b, c, d = (one << 16 for one in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)

    views, _ = watch(bytes(data))

    assert np.abs(views[0].pixels.astype(int) - turn(picture)).mean() < 12


@pytest.mark.parametrize(
    "matrix",
    [(0, 0, 0, 0), (1, 1, 0, 1), (32768, 56756, -56756, 32768), (-32768, 56756, -56756, -32768)],
    ids=["nothing", "shear", "60 degrees", "120 degrees"],
)
def test_a_film_that_is_turned_by_other_than_quarters_is_refused(
    matrix: tuple[int, int, int, int],
) -> None:
    data = bytearray(film(3, lambda _: scene()))
    at = data.index(b"tkhd") + 44
    a, b, c, d = matrix
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)

    with pytest.raises(UndecodableImageError, match="quarters"):
        watch(bytes(data))


def filtered(data: bytes, container: str, how: str) -> bytes:
    """The same film, with what its stream says changed."""
    file = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as given, av.open(file, "w", container) as output:
        (stream,) = given.streams.video
        beside = output.add_stream_from_template(stream)
        change = BitStreamFilterContext(how, stream, beside)
        for packet in given.demux(stream):
            for changed in change.filter(packet if packet.size else None):
                changed.stream = beside
                output.mux(changed)
    return file.getvalue()


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_a_film_that_its_stream_turns_is_refused(container: str) -> None:
    plain = film(5, lambda _: scene(), transfer=6)

    with pytest.raises(UndecodableImageError, match="by its stream"):
        watch(filtered(plain, container, "h264_metadata=display_orientation=insert:rotate=180"))
    assert watch(filtered(plain, container, "null"))[0]


@pytest.mark.parametrize(
    ("container", "codec", "pixel_format"),
    [("mov", "png", "rgba"), ("webm", "libvpx-vp9", "yuva420p")],
)
def test_a_film_that_is_transparent_is_an_error(
    container: str, codec: str, pixel_format: str
) -> None:
    file = io.BytesIO()
    clear = np.dstack([scene(), np.full((120, 160), 128, dtype=np.uint8)])
    with av.open(file, "w", container) as output:
        stream = output.add_stream(codec, rate=5)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, pixel_format
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(clear, format="rgba")))
        output.mux(stream.encode(None))

    with pytest.raises(UndecodableImageError, match="transparent"):
        watch(file.getvalue())


def test_a_cover_picture_is_looked_at_too_as_a_still() -> None:
    views, _ = watch(with_cover(scene(), scene("cat")))

    (cover,) = (view for view in views if view.is_still)
    assert np.abs(cover.pixels.astype(int) - scene("cat")).mean() < 25


def test_only_what_is_shown_for_as_long_as_a_slide_is_a_still() -> None:
    def stills(fps: int) -> list[int]:
        names = ["coffee", "cat", "coffee", "coffee", "coffee"]
        views, _ = watch(film(5, lambda index: scene(names[index]), fps=fps))
        return [view.frame for view in views if view.is_still]

    assert stills(1) == stills(5) == [0, 1]
    assert stills(25) == []


def test_one_wild_time_does_not_stop_the_clock() -> None:
    track = _Track(100, 640, 1.0)
    times = [0.0, 3600.0, *(index / 25 for index in range(2, 250))]
    picture = scene()

    chosen = 0
    for number, time_s in enumerate(times):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
        chosen += len(list(track.offer(number, frame)))

    assert chosen >= 9


def test_a_film_of_an_unknown_codec_is_an_error_that_says_so() -> None:
    data = film(5, lambda _: scene(), "webm").replace(b"V_VP8", b"V_XX8")

    with pytest.raises(UndecodableImageError, match="coded in a way"):
        list(Video(io.BytesIO(data), ImageLimits(), 320).views())
