"""From a tree of pictures and videos to a data set, on photographs and generated videos."""

import csv
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from typer.testing import CliRunner

from pictures import corner_colours, encode, photo, photographs, quadrants

pytest.importorskip("av", reason="PyAV is not installed: make test-train installs it")
pytest.importorskip("pdqhash", reason="pdqhash is not installed: make test-train installs it")

import av

from worksafe.cli.main import app
from worksafe.errors import DatasetError, InputError
from worksafe.evaluation.datasets import Example, read_manifest
from worksafe.training.dataset.build import Built, DatasetOptions, build_dataset
from worksafe.training.dataset.collect import Found, collect
from worksafe.training.dataset.duplicates import find_duplicates, hash_examples, hash_pixels
from worksafe.training.dataset.splits import SplitPlan, assign_splits, check_leakage
from worksafe.training.dataset.video import spaced_frames

pytestmark = pytest.mark.train

FPS = 10


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def film(
    path: Path,
    frames: Sequence[Image.Image],
    rotation: int = 0,
    pixel_shape: Fraction = Fraction(1),
) -> Path:
    """Write a video of 10 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height = frames[0].size
        stream.bit_rate = 4_000_000
        stream.codec_context.sample_aspect_ratio = pixel_shape
        stream.set_display_rotation(rotation)
        for frame in frames:
            pixels = np.asarray(frame)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def greys(count: int) -> list[Image.Image]:
    """Frames whose brightness tells their number."""
    return [Image.new("RGB", (64, 48), (n * 4, n * 4, n * 4)) for n in range(count)]


def noise(seed: int) -> Image.Image:
    """Blotches: a different picture for each seed, with enough structure for a hash."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def shrunk(name: str) -> bytes:
    image = photo(name)
    return encode(image.resize((image.width // 2, image.height // 2)), quality=60)


def build(tree: Path, to: Path, plan: SplitPlan = SplitPlan()) -> Built:  # noqa: B008 - frozen
    return build_dataset(tree, to, DatasetOptions(plan=plan), iter)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two sources with both classes, a clip, a copy and a broken file."""
    tree = tmp_path / "tree"
    put(tree / "web/violence/firearm/toy/rocket.png", encode(photo("rocket"), "PNG"))
    put(tree / "web/violence/firearm/toy/copy.jpg", shrunk("rocket"))
    put(tree / "web/neutral/food/coffee.jpg", encode(photo("coffee")))
    put(tree / "web/neutral/cat.jpg", encode(photo("cat")))
    put(tree / "web/neutral/broken.jpg", encode(photo("cat"))[:9000])
    put(tree / "phone/neutral/china.webp", encode(photo("china"), "WEBP"))
    put(tree / "phone/neutral/.DS_Store", b"x")
    film(tree / "phone/drugs/cannabis/clip.mp4", [noise(n // (2 * FPS)) for n in range(6 * FPS)])
    return tree


def test_the_folders_names_are_the_labels(tree: Path, tmp_path: Path) -> None:
    build(tree, tmp_path / "out")

    examples = {row["original_path"]: row for row in rows(tmp_path / "out/manifest.csv")}
    rocket = examples["web/violence/firearm/toy/rocket.png"]
    assert (rocket["source"], rocket["category"]) == ("web", "violence")
    assert (rocket["label"], rocket["sublabel"]) == ("firearm", "toy")
    for path, kind in (("food/coffee.jpg", "food"), ("cat.jpg", "")):
        row = examples[f"web/neutral/{path}"]
        assert (row["category"], row["label"], row["sublabel"]) == ("neutral", "", kind)


def test_a_built_data_set_is_what_training_and_evaluation_read(tree: Path, tmp_path: Path) -> None:
    built = build(tree, tmp_path / "out")

    assert tuple(read_manifest(tmp_path / "out")) == built.examples
    assert {e.label for e in built.examples} == {"violence.firearm", "drugs.cannabis", ""}
    assert {e.path for e in built.examples} == set((tmp_path / "out").rglob("*.webp"))


def test_pictures_are_small_upright_and_without_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a quarter turn clockwise
    exif[ExifTags.Base.Artist] = "someone"
    put(tmp_path / "tree/web/neutral/a.jpg", encode(quadrants(600, 400), exif=exif))
    put(tmp_path / "tree/web/neutral/small.png", encode(noise(1), "PNG"))

    turned, small = build(tmp_path / "tree", tmp_path / "out").examples

    with Image.open(turned.path) as image:
        assert image.size == (192, 288)
        assert corner_colours(np.asarray(image))[0] == (0, 0, 255)
        assert not {"exif", "xmp", "icc_profile"} & set(image.info)
    with Image.open(small.path) as image:
        assert image.size == (160, 120)


def test_a_file_that_cannot_be_decoded_is_listed_and_stops_nothing(
    tree: Path, tmp_path: Path
) -> None:
    put(tree / "phone/drugs/cannabis/torn.mp4", b"no video")
    build(tree, tmp_path / "out")

    reasons = {row["path"]: row["reason"] for row in rows(tmp_path / "out/rejected.csv")}
    assert "damaged" in reasons["web/neutral/broken.jpg"]
    assert "damaged" in reasons["phone/drugs/cannabis/torn.mp4"]
    assert len(reasons) == 3  # and the copy


@pytest.mark.parametrize(
    "path",
    ["a.jpg", "web/a.jpg", "web/violence/a.jpg", "web/weapons/gun/a.jpg", "violence/gun/a.jpg"],
)
def test_a_tree_of_another_shape_is_refused(path: str, tmp_path: Path) -> None:
    put(tmp_path / path, encode(noise(1)))

    with pytest.raises(DatasetError, match=rf"{path} is in the wrong place.*source/category/label"):
        collect(tmp_path)


def test_a_tree_without_readable_files_or_with_linked_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no files"):
        collect(tmp_path)
    put(tmp_path / "tree/web/neutral/a.jpg", b"text")
    with pytest.raises(DatasetError, match=r"none of 1 files.*a\.jpg"):
        build(tmp_path / "tree", tmp_path / "out")
    (tmp_path / "tree/linked").symlink_to(tmp_path / "tree/web", target_is_directory=True)
    with pytest.raises(DatasetError, match="linked is a link"):
        collect(tmp_path / "tree")
    (tmp_path / "tree/linked").unlink()
    os.mkfifo(tmp_path / "tree/web/neutral/pipe.jpg")
    with pytest.raises(DatasetError, match=r"pipe\.jpg is not a file"):
        collect(tmp_path / "tree")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi"])
def test_frames_are_evenly_spaced_from_half_an_interval_on(suffix: str, tmp_path: Path) -> None:
    path = film(tmp_path / f"clip.{suffix}", greys(60))

    frames = list(spaced_frames(path, 2.0))

    assert [frame.time_s for frame in frames] == pytest.approx([1, 3, 5], abs=0.1)
    shown = [float(frame.pixels.mean()) / 4 / FPS for frame in frames]
    assert shown == pytest.approx([1, 3, 5], abs=0.2)
    assert len(list(spaced_frames(path, 20.0))) == 1  # shorter than half an interval


def test_a_clip_of_wide_pixels_is_taken_as_players_show_it(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mp4", [quadrants()] * FPS, pixel_shape=Fraction(4, 3))

    (frame,) = spaced_frames(path, 1.0)

    assert frame.pixels.shape == (64, 128, 3)


def test_a_clip_filmed_lying_down_is_turned(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mp4", [quadrants()] * FPS, rotation=-90)

    (frame,) = spaced_frames(path, 1.0)

    assert frame.pixels.shape == (96, 64, 3)
    assert corner_colours(frame.pixels)[0] == (0, 0, 255)  # lower left has come up


def test_a_damaged_video_gives_the_frames_before_the_damage(tmp_path: Path) -> None:
    whole = film(tmp_path / "tree/cam/violence/fighting/a.avi", [noise(n // 5) for n in range(90)])
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    built = build(tmp_path / "tree", tmp_path / "out")

    assert 1 <= len(built.examples) <= 3


def test_a_list_of_files_named_as_a_video_opens_none_of_them(tmp_path: Path) -> None:
    film(tmp_path / "secret.mp4", greys(30))
    path = put(tmp_path / "list.mp4", b"ffconcat version 1.0\nfile secret.mp4\n")

    with pytest.raises(InputError, match="no accepted format"):
        list(spaced_frames(path, 1.0))


def test_frames_of_a_clip_share_its_group_and_name_their_moment(tree: Path, tmp_path: Path) -> None:
    build(tree, tmp_path / "out")

    frames = [r for r in rows(tmp_path / "out/manifest.csv") if r["label"] == "cannabis"]
    times = [row["original_path"].partition("clip.mp4#t=")[2] for row in frames]
    assert [float(time) for time in times] == pytest.approx([1, 3, 5], abs=0.1)
    assert len({(row["group"], row["split"]) for row in frames}) == 1


def test_a_still_clip_gives_one_picture(tmp_path: Path) -> None:
    film(tmp_path / "tree/cam/violence/fighting/a.mp4", [noise(1)] * 80)

    built = build(tmp_path / "tree", tmp_path / "out")

    assert len(built.examples) == 1
    assert len(built.duplicates) == 3
    assert all("a.mp4#t=1.00" in gone.reason for gone in built.duplicates)


def test_a_compressed_smaller_copy_is_found_and_the_largest_stays(
    tree: Path, tmp_path: Path
) -> None:
    built = build(tree, tmp_path / "out")

    (gone,) = built.duplicates
    assert gone.path == "web/violence/firearm/toy/copy.jpg"
    assert gone.reason == "near duplicate of web/violence/firearm/toy/rocket.png"


def test_different_photographs_are_no_duplicates() -> None:
    hashes = np.stack([hash_pixels(pixels) for pixels in photographs().values()])
    names = list(photographs())

    found = find_duplicates(hashes, [""] * len(names), names, near=32)

    assert not found.kept_for
    assert found.groups == tuple(names)


def test_flat_pictures_are_near_only_their_own_likes() -> None:
    black, white = (np.full((80, 90, 3), value, dtype=np.uint8) for value in (0, 255))
    hashes = np.stack([hash_pixels(pixels) for pixels in (black, white, black.copy())])

    found = find_duplicates(hashes, [""] * 3, ["a", "b", "c"], near=32)

    assert found.kept_for == {2: 0}


def flipped(bits: NDArray[np.uint8], *places: range) -> NDArray[np.uint64]:
    changed = bits.copy()
    for place in places:
        changed[place] ^= 1
    return np.packbits(changed).view(np.uint64)


def test_a_chain_of_near_pictures_is_one_group_but_its_ends_both_stay() -> None:
    bits, far = np.random.default_rng(0).integers(0, 2, (2, 256), dtype=np.uint8)
    chain = [flipped(bits), flipped(bits, range(20)), flipped(bits, range(40)), flipped(far)]

    found = find_duplicates(np.stack(chain), ["x"] * 4, ["d", "c", "b", "a"], near=32)

    assert found.kept_for == {1: 0}
    assert found.groups == ("b", "b", "b", "a")


def test_comparing_many_pictures_misses_none() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**63, (1000, 4)).astype(np.uint64)
    hashes[[300, 700, 999]] = hashes[[10, 299, 998]] ^ np.uint64(0xFF)

    found = find_duplicates(hashes, [""] * 1000, [str(n) for n in range(1000)], near=32)

    assert found.kept_for == {300: 10, 700: 299, 999: 998}


def test_near_pictures_of_different_labels_stay_together_and_are_listed(tmp_path: Path) -> None:
    put(tmp_path / "tree/a/violence/firearm/1.png", encode(photo("rocket"), "PNG"))
    put(tmp_path / "tree/b/neutral/2.jpg", shrunk("rocket"))

    built = build(tmp_path / "tree", tmp_path / "out")

    assert {e.label for e in built.examples} == {"violence.firearm", ""}
    assert len({e.group for e in built.examples}) == 1
    (row,) = rows(tmp_path / "out/conflicts.csv")
    assert (row["path"], row["label"]) == ("a/violence/firearm/1.png", "violence.firearm")
    assert (row["near_path"], row["near_label"]) == ("b/neutral/2.jpg", "neutral")


def test_a_test_source_goes_to_test_with_all_that_is_near_it(tree: Path, tmp_path: Path) -> None:
    put(tree / "web/neutral/china-copy.jpg", shrunk("china"))
    plan = SplitPlan(("phone",), val_share=0, test_share=0)

    built = build(tree, tmp_path / "out", plan)

    assert {(e.source, e.split) for e in built.examples} == {("phone", "test"), ("web", "train")}
    splits = assign_splits(["g", "g", "h"], ["web", "phone", "web"], plan)
    assert splits == ["test", "test", "train"]


def test_groups_are_shared_out_as_asked_and_stay_where_they_are_when_others_come() -> None:
    few = [f"web:{n}" for n in range(0, 3000, 3)]
    many = [f"web:{n}" for n in range(3000)]
    plan = SplitPlan((), val_share=0.2, test_share=0.1)

    before = dict(zip(few, assign_splits(few, ["web"] * 1000, plan), strict=True))
    after = dict(zip(many, assign_splits(many, ["web"] * 3000, plan), strict=True))

    assert before.items() <= after.items()
    shares = [list(after.values()).count(split) / 3000 for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (SplitPlan(("moon",)), "no source is called moon; there are phone, web"),
        (SplitPlan((), 0.5, 0.5), "leave none for train"),
        (SplitPlan((), math.nan, 0.1), "leave none for train"),
        (SplitPlan((), 0.1, math.nan), "leave none for train"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(
    plan: SplitPlan, message: str, tree: Path, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=message):
        build(tree, tmp_path / "out", plan)
    assert not (tmp_path / "out").exists()


def test_near_pictures_on_both_sides_of_a_split_are_refused(tmp_path: Path) -> None:
    cat = put(tmp_path / "1.png", encode(photo("cat"), "PNG"))
    one = Example(cat, "train", "neutral", "", "", False, "s", "1")
    two = replace(one, path=put(tmp_path / "2.jpg", shrunk("cat")), split="test", group="2")
    other = replace(one, path=put(tmp_path / "3.png", encode(photo())), split="val", group="3")
    hashes = hash_examples([other, one, two])

    with pytest.raises(DatasetError, match=r"1\.png in train and .*2\.jpg in test"):
        check_leakage([other, one, two], hashes, near=32)
    check_leakage([other, one, replace(two, split="train")], hashes, near=32)


def test_a_second_run_makes_the_same_data_set(tree: Path, tmp_path: Path) -> None:
    build(tree, tmp_path / "once")
    build(tree, tmp_path / "twice")

    once, twice = (
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*.*")}
        for out in (tmp_path / "once", tmp_path / "twice")
    )
    assert once == twice
    assert set(once) >= {Path("manifest.csv"), Path("rejected.csv"), Path("conflicts.csv")}


def test_an_interrupted_run_leaves_no_manifest_and_can_be_repeated(
    tree: Path, tmp_path: Path
) -> None:
    def interrupted(files: Sequence[Found]) -> Iterable[Found]:
        yield from files[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_dataset(tree, tmp_path / "out", DatasetOptions(), interrupted)

    assert not (tmp_path / "out/manifest.csv").exists()
    assert build(tree, tmp_path / "out").examples


def test_neither_a_finished_data_set_nor_the_tree_is_written_to(tree: Path, tmp_path: Path) -> None:
    build(tree, tmp_path / "out")

    with pytest.raises(DatasetError, match="exists"):
        build(tree, tmp_path / "out")
    with pytest.raises(DatasetError, match="inside"):
        build(tree, tree / "out")


def test_the_command_makes_a_data_set_and_counts_it(tree: Path, tmp_path: Path) -> None:
    arguments = ["dataset", str(tree), "--to", str(tmp_path / "out"), "--every", "1.0"]
    result = CliRunner().invoke(app, [*arguments, "--test-source", "phone", "--longest", "96"])

    assert result.exit_code == 0, result.output
    table = [line.split() for line in result.stdout.splitlines()]
    assert ["drugs.cannabis", "0", "0", "3"] in table
    assert "not to the end: 1; near duplicates: 4 (rejected.csv)" in result.output
    assert "different labels: 0 (conflicts.csv)" in result.output
    for example in read_manifest(tmp_path / "out"):
        with Image.open(example.path) as image:
            assert max(image.size) <= 96


def test_without_the_extra_the_command_says_what_to_install(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    result = CliRunner().invoke(app, ["dataset", str(tree), "--to", str(tmp_path / "out")])

    assert isinstance(result.exception, DatasetError)
    assert "pip install '.[train]'" in str(result.exception)
