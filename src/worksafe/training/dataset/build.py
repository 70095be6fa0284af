"""Folders into a data set, in order: read, compare, split, write; the manifest comes last."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from worksafe.errors import DatasetError, InputError
from worksafe.evaluation.datasets import MANIFEST, NEUTRAL, Example
from worksafe.images.decode import decode_image
from worksafe.images.digest import digest
from worksafe.images.limits import ImageLimits
from worksafe.images.resize import RgbImage, resize_image
from worksafe.training.dataset.collect import Found, collect
from worksafe.training.dataset.duplicates import (
    Duplicates,
    Hashes,
    find_duplicates,
    hash_pixels,
)
from worksafe.training.dataset.splits import SplitPlan, assign_splits, check_leakage
from worksafe.training.dataset.video import spaced_frames
from worksafe.training.files import write_whole

COLUMNS = (
    *("path", "split", "category", "label", "sublabel"),
    *("weak", "source", "group", "original_path"),
)
_CONFLICT_COLUMNS = ("path", "label", "near_path", "near_label", "group")
_PICTURES = "pictures"
_WEBP_QUALITY = 90
_NAME_BYTES = 12

Track = Callable[[Sequence[Found]], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class DatasetOptions:
    """How a data set is made.

    Attributes
    ----------
    longest_px : int
        Larger pictures are scaled down to this longer side.
    every_s : float
        Between two frames of a video, in seconds.
    near : int
        The most bits of 256 in which near duplicates differ.
    plan : SplitPlan
        What trains and what tests.
    """

    longest_px: int = 288
    every_s: float = 2.0
    near: int = 32
    plan: SplitPlan = field(default_factory=SplitPlan)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as it was written.

    Attributes
    ----------
    found : Found
        The file it comes from.
    time_s : float or None
        Of a frame in its video.
    path : str
        Where it was written, below the data set's folder.
    area_px : int
        Of the original, in pixels.
    hashed : ndarray of uint64, shape (4,)
        For the comparison with others.
    """

    found: Found
    time_s: float | None
    path: str
    area_px: int
    hashed: Hashes

    @property
    def original(self) -> str:
        """Name the file, and the moment of a video."""
        return self.found.original + ("" if self.time_s is None else f"#t={self.time_s:.2f}")

    @property
    def label(self) -> str:
        """Name category and label as examples do; empty for neutral pictures."""
        return f"{self.found.category}.{self.found.label}" if self.found.label else ""

    @property
    def place(self) -> tuple[str, float]:
        """Order pictures as they were read."""
        return self.found.original, self.time_s or 0.0

    @property
    def group(self) -> str:
        """Name the file it comes from: frames of one clip belong together."""
        return f"{self.found.source}:{self.found.original.partition('/')[2]}"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that could not be read (to its end), or a picture that goes, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes
    ----------
    examples : tuple of Example
        As the manifest lists them.
    unreadable, duplicates : tuple of Rejected
        As ``rejected.csv`` lists them.
    conflicts : int
        Pairs in ``conflicts.csv``.
    """

    examples: tuple[Example, ...]
    unreadable: tuple[Rejected, ...]
    duplicates: tuple[Rejected, ...]
    conflicts: int


def build_dataset(folder: Path, to: Path, options: DatasetOptions, track: Track) -> Built:
    """Make a data set from a tree of pictures and videos.

    Parameters
    ----------
    folder : Path
        The tree, as `collect` wants it.
    to : Path
        Gets ``pictures/``, ``rejected.csv``, ``conflicts.csv`` and, last, ``manifest.csv``.
    options : DatasetOptions
        How.
    track : callable
        Hands on the files that it is given; a place for a progress bar.

    Returns
    -------
    Built

    Raises
    ------
    DatasetError
        If the tree or an option is wrong, `to` has a manifest already or is inside the tree, or
        no file can be read.
    """
    _check(folder, to, options)
    found = collect(folder)
    options.plan.check({file.source for file in found})
    read, unreadable = _read_files(track(found), to, options)
    if not read:
        first = unreadable[0]
        msg = f"none of {len(found)} files can be read; {first.path}: {first.reason}"
        raise DatasetError(msg)
    pictures = sorted(read, key=lambda picture: -picture.area_px)
    hashes = np.stack([picture.hashed for picture in pictures])
    near = find_duplicates(
        hashes, [p.label for p in pictures], [p.group for p in pictures], options.near
    )
    splits = assign_splits(near.groups, [p.found.source for p in pictures], options.plan)
    kept = [index for index in range(len(pictures)) if index not in near.kept_for]
    kept.sort(key=lambda index: pictures[index].place)
    examples = tuple(_example(to, pictures[i], splits[i], near.groups[i]) for i in kept)
    check_leakage(examples, hashes[kept], options.near)
    duplicates = tuple(
        Rejected(pictures[gone].original, f"near duplicate of {pictures[stays].original}")
        for gone, stays in near.kept_for.items()
    )
    _remove(to, {p.path for p in pictures} - {pictures[i].path for i in kept})
    _write_csv(to / "rejected.csv", ("path", "reason"), map(astuple, unreadable + duplicates))
    _write_csv(to / "conflicts.csv", _CONFLICT_COLUMNS, _conflict_rows(pictures, near))
    _write_csv(
        to / MANIFEST, COLUMNS, (_row(pictures[i], e) for i, e in zip(kept, examples, strict=True))
    )
    return Built(examples, unreadable, duplicates, len(near.conflicts))


def _check(folder: Path, to: Path, options: DatasetOptions) -> None:
    """Refuse what would else be noticed after hours of reading, or never."""
    if (to / MANIFEST).exists():
        msg = f"{to / MANIFEST} exists; a data set is made in a folder of its own"
        raise DatasetError(msg)
    if (to / _PICTURES).resolve().is_relative_to(folder.resolve()):
        msg = f"{to} is inside {folder}, and would be read as a source the next time"
        raise DatasetError(msg)
    if options.longest_px < 1 or options.every_s <= 0:
        msg = f"{options.longest_px} px every {options.every_s:g} s: both must be more than 0"
        raise DatasetError(msg)


def _read_files(
    files: Iterable[Found], to: Path, options: DatasetOptions
) -> tuple[list[Picture], tuple[Rejected, ...]]:
    """Write every picture, scaled down, and keep in memory only what tells them apart."""
    pictures: list[Picture] = []
    unreadable: list[Rejected] = []
    for found in files:
        try:
            for time_s, area_px, pixels in _read(found, options):
                small = _shrink(pixels, options.longest_px)
                path = _write_picture(to, found.source, small)
                pictures.append(Picture(found, time_s, path, area_px, hash_pixels(small)))
        except InputError as error:  # a damaged video gives the frames before the damage
            unreadable.append(Rejected(found.original, str(error)))
    return pictures, tuple(unreadable)


def _read(found: Found, options: DatasetOptions) -> Iterator[tuple[float | None, int, RgbImage]]:
    """Yield the moment, the original's area and the pixels of each picture of a file."""
    if found.is_video:
        for frame in spaced_frames(found.path, options.every_s):
            yield frame.time_s, frame.pixels.size // 3, frame.pixels
    else:
        image = decode_image(found.path, ImageLimits(), options.longest_px)
        yield None, image.width * image.height, image.picture


def _shrink(pixels: RgbImage, longest_px: int) -> RgbImage:
    height, width = pixels.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    return resize_image(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _write_picture(to: Path, source: str, pixels: RgbImage) -> str:
    """Write a picture under a name that its content makes, so that a second run agrees."""
    path = f"{_PICTURES}/{source}/{digest(pixels, _NAME_BYTES).hex()}.webp"
    (to / path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(to / path, "WEBP", quality=_WEBP_QUALITY)
    return path


def _remove(to: Path, paths: Iterable[str]) -> None:
    for path in paths:
        (to / path).unlink()


def _example(to: Path, picture: Picture, split: str, group: str) -> Example:
    found = picture.found
    return Example(
        path=to / picture.path,
        split=split,
        category=found.category,
        label=picture.label,
        kind=found.sublabel,
        weak=False,
        source=found.source,
        group=group,
    )


def _row(picture: Picture, example: Example) -> tuple[str, ...]:
    found = picture.found
    return (
        *(picture.path, example.split, found.category, found.label, found.sublabel),
        *("0", found.source, example.group, picture.original),
    )


def _conflict_rows(pictures: Sequence[Picture], near: Duplicates) -> Iterator[tuple[str, ...]]:
    for first, second in near.conflicts:
        a, b = pictures[first], pictures[second]
        yield (
            *(a.original, a.label or NEUTRAL, b.original, b.label or NEUTRAL),
            near.groups[first],
        )


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a whole table or none: an interrupted run leaves no half of one."""
    with write_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
