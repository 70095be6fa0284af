import numpy as np
import pytest
from PIL import Image

from pictures import encode, photo, photographs, with_thumbnail
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage
from worksafe.images.scenes import SceneChooser, change, largest_change, sketch


def grey(level: int) -> RgbImage:
    return np.full((32, 48, 3), level, dtype=np.uint8)


def choose(frames: list[RgbImage], most: int) -> tuple[set[int], float]:
    chooser = SceneChooser(most)
    kept: set[int] = set()
    for number, frame in enumerate(frames):
        kept.add(number)
        dropped = chooser.offer(number, [frame])
        kept -= {dropped}
    return kept, chooser.unseen


@pytest.mark.parametrize("flash", [0, 1, 137, 498, 499])
def test_one_frame_unlike_all_others_is_always_chosen(flash: int) -> None:
    rng = np.random.default_rng(flash)
    frames = [grey(int(level)) for level in rng.integers(60, 120, size=500)]
    frames[flash] = photographs()["astronaut"]

    kept, unseen = choose(frames, most=4)

    assert flash in kept
    assert len(kept) == 4
    assert unseen < 0.1


def test_a_small_thing_that_appears_once_is_chosen() -> None:
    frames = [photographs()["coffee"].copy() for _ in range(200)]
    height, width, _ = frames[77].shape
    frames[77][: height // 4, : width // 4] = 255 - frames[77][: height // 4, : width // 4]

    kept, _ = choose(frames, most=16)

    assert kept == {0, 77}


def test_frames_that_are_nearly_the_same_are_looked_at_once() -> None:
    noise = np.random.default_rng(1).integers(-6, 7, size=(40, 300, 451, 3))
    frames = [
        np.clip(photographs()["cat"].astype(int) + some, 0, 255).astype(np.uint8) for some in noise
    ]

    kept, unseen = choose(frames, most=16)

    assert kept == {0}
    assert unseen == 0


def test_more_scenes_than_may_be_looked_at_are_told() -> None:
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 256, size=(4, 4, 3), dtype=np.uint8) for _ in range(40)]

    kept, unseen = choose(frames, most=16)

    assert len(kept) == 16
    assert unseen > 0.15


def test_movement_is_not_taken_for_scenes_that_were_missed() -> None:
    wide = np.asarray(photo("china"))
    frames = [np.ascontiguousarray(wide[:, 4 * i : 4 * i + 300]) for i in range(60)]

    kept, unseen = choose(frames, most=16)

    assert len(kept) <= 16
    assert unseen < 0.1


def test_a_frame_that_differs_only_where_it_is_transparent_is_chosen() -> None:
    hidden = np.zeros((64, 64, 4), dtype=np.uint8)
    hidden[..., :3] = 255
    hidden[16:48, 16:48, 3] = 255  # white on nothing: seen on black alone
    blank = np.zeros((64, 64, 4), dtype=np.uint8)
    frames = [Image.fromarray(blank), Image.fromarray(hidden)]
    data = encode(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=40)

    decoded = decode_image(data, ImageLimits(), 320)

    assert {view.frame for view in decoded.views} == {0, 1}


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_one_flashed_frame_of_a_real_animation_is_found_at_its_time(image_format: str) -> None:
    scene = photo("coffee").resize((96, 64))
    frames = [scene.rotate(index % 5) for index in range(60)]
    frames[41] = photo("astronaut").resize((96, 64))
    data = encode(
        frames[0], image_format, save_all=True, append_images=frames[1:], duration=40, loop=0
    )

    decoded = decode_image(data, ImageLimits(max_frames=8), 320)

    found = {view.frame: view.time_s for view in decoded.views}
    assert decoded.frames == 60
    assert 41 in found
    if image_format != "TIFF":  # whose pages have no times
        assert found[41] == pytest.approx(41 * 0.04, abs=0.01)


def test_the_picture_that_old_viewers_show_of_an_animated_png_is_checked() -> None:
    frames = [photo("coffee").resize((96, 64)) for _ in range(3)]
    default = photo("astronaut").resize((96, 64))
    data = encode(
        default, "PNG", save_all=True, default_image=True, append_images=frames, duration=40
    )

    decoded = decode_image(data, ImageLimits(), 320)

    difference = np.abs(decoded.views[0].pixels.astype(int) - np.asarray(default))
    assert difference.mean() < 2
    assert len(decoded.views) == 2


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "PNG"])
def test_a_preview_that_shows_something_else_is_checked(image_format: str) -> None:
    preview = encode(photo("astronaut").resize((160, 120)))

    decoded = decode_image(
        with_thumbnail(photo("coffee"), preview, image_format), ImageLimits(), 320
    )

    assert decoded.odd_thumbnail
    assert [view.pixels.shape for view in decoded.views] == [(120, 160, 3), (400, 600, 3)]


@pytest.mark.parametrize("prefix", [b"Exif\x00\x00" * 2, b"Exif\x00\x01"])
def test_a_preview_behind_an_odd_mark_is_checked(prefix: bytes) -> None:
    data = with_thumbnail(photo("coffee"), encode(photo("astronaut").resize((160, 120))))
    at = data.index(b"Exif\x00\x00")
    size = int.from_bytes(data[at - 2 : at], "big") + len(prefix) - 6
    odd = data[: at - 2] + size.to_bytes(2, "big") + prefix + data[at + 6 :]

    assert decode_image(odd, ImageLimits(), 320).odd_thumbnail


@pytest.mark.parametrize("bars", [0, 7])
def test_a_preview_of_the_same_picture_costs_nothing(bars: int) -> None:
    """Squeezed, or as cameras show a picture of 3 by 2."""
    small = Image.new("RGB", (160, 120))
    small.paste(photo("coffee").resize((160, 120 - 2 * bars)), (0, bars))

    decoded = decode_image(with_thumbnail(photo("coffee"), encode(small)), ImageLimits(), 320)

    assert not decoded.odd_thumbnail
    assert len(decoded.views) == 1


@pytest.mark.parametrize("preview", [b"", b"\xff\xd8\xff", b"GIF89a" + bytes(60)])
def test_a_preview_that_no_viewer_could_show_does_not_cost_the_picture(preview: bytes) -> None:
    decoded = decode_image(with_thumbnail(photo("coffee"), preview), ImageLimits(), 320)

    assert len(decoded.views) == 1


@pytest.mark.parametrize("cells", [8, 16, 32])
def test_a_mosaic_is_not_taken_for_the_picture_that_it_was_made_of(cells: int) -> None:
    sharp = photo("astronaut")
    mosaic = sharp.resize((cells, cells), Image.Resampling.BOX).resize(
        sharp.size, Image.Resampling.NEAREST
    )

    kept, _ = choose([np.asarray(mosaic), np.asarray(sharp)], most=16)

    assert kept == {0, 1}


def test_a_film_inside_an_avif_is_looked_at_whatever_its_brand_says() -> None:
    frames = [photo(name).resize((96, 64)) for name in ("coffee", "cat", "astronaut")]
    data = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=40)
    assert data[8:12] == b"avis"

    decoded = decode_image(data[:8] + b"avif" + data[12:], ImageLimits(), 320)

    assert len(decoded.views) == 3


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
def test_a_frame_that_differs_on_a_dark_page_alone_is_chosen(format_name: str) -> None:
    cat = np.asarray(photo("cat").convert("L").resize((320, 320)))

    def white(alpha: RgbImage) -> Image.Image:
        pixels = np.full((320, 320, 4), 255, dtype=np.uint8)
        pixels[..., 3] = alpha
        pixels[:32, :64] = 0  # black under nothing: without transparency it is another picture
        return Image.fromarray(pixels)

    data = encode(
        white(np.full_like(cat, 128)),
        format_name,
        save_all=True,
        append_images=[white(cat)],
        **({"lossless": True, "exact": True} if format_name == "WEBP" else {}),
    )

    decoded = decode_image(data, ImageLimits(), 320)

    assert {view.frame for view in decoded.views} == {0, 1}


def test_frames_of_one_picture_and_of_several_are_compared() -> None:
    chooser = SceneChooser(3)

    dropped = [chooser.offer(0, [grey(100)]), chooser.offer(1, [grey(100), grey(200)]),
               chooser.offer(2, [grey(100), grey(100)]), chooser.offer(3, [grey(100)])]  # fmt: skip

    assert dropped == [None, None, 2, 3]


def test_a_change_in_a_part_counts_more_than_its_share() -> None:
    plain = np.full((64, 64, 3), 100, dtype=np.uint8)
    part = plain.copy()
    part[:16, :16] = 255

    changed = float(change(sketch([plain]), sketch([part])))
    one = largest_change(sketch([plain]), sketch([part]))
    both = largest_change(sketch([plain, plain]), sketch([plain, part]))

    assert changed > 2 / 16 * 155 / 255
    assert float(both) == float(one)  # of several views of a frame the one that changed most
