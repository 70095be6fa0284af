import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from films import quiet_film_with
from pictures import encode, photo, quadrants
from worksafe.errors import ImageBytesError, NotAnImageError, UnreadableSourceError, UrlsOffError
from worksafe.images.deadline import NO_DEADLINE, Deadline
from worksafe.images.formats import ImageFormat
from worksafe.images.isolated.pool import DecoderPool
from worksafe.images.limits import ImageLimits
from worksafe.images.open import Opener
from worksafe.images.pictures import Pictures
from worksafe.images.source import Source, Url

MOVES = {"save_all": True, "append_images": [photo("cat").resize((96, 64))], "duration": 40}


class RecordingPool(DecoderPool):
    """The real one; notes what it is given."""

    def __init__(self) -> None:
        super().__init__(1)
        self.isolated: list[str] = []

    @contextmanager
    def open(
        self,
        source: bytes | Path,
        known: ImageFormat,
        limits: ImageLimits,
        side_px: int,
        deadline: Deadline = NO_DEADLINE,
    ) -> Iterator[Pictures]:
        self.isolated.append(known.name)
        with super().open(source, known, limits, side_px, deadline) as pictures:
            yield pictures


@pytest.fixture(scope="module")
def pool() -> Iterator[RecordingPool]:
    made = RecordingPool()
    yield made
    made.close()


def isolated(source: Source, pool: RecordingPool, limits: ImageLimits | None = None) -> bool:
    """Open a source, look at all its pictures, and tell whether a process of its own decoded it."""
    before = len(pool.isolated)
    opener = Opener(limits or ImageLimits(), pool)
    with opener.open(opener.read(source), 320) as pictures:
        assert list(pictures.views)
    return len(pool.isolated) > before


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_everyday_pictures_are_decoded_here(image_format: str, pool: RecordingPool) -> None:
    assert not isolated(encode(quadrants(), image_format), pool)


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "AVIF"])
def test_risky_formats_are_isolated(image_format: str, pool: RecordingPool) -> None:
    assert isolated(encode(quadrants(), image_format), pool)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "MPO"])
def test_so_do_several_pictures_in_one_file(image_format: str, pool: RecordingPool) -> None:
    assert isolated(encode(quadrants(), image_format, **MOVES), pool)


def test_a_film_is_isolated_by_path_by_bytes_and_as_a_file(
    pool: RecordingPool, tmp_path: Path
) -> None:
    data = quiet_film_with({}, frames=30)
    path = tmp_path / "film"  # its name says nothing
    path.write_bytes(data)

    for source in (data, path, str(path), io.BytesIO(data)):
        assert isolated(source, pool)


def test_what_is_decoded_already_stays_here(pool: RecordingPool) -> None:
    with Image.open(io.BytesIO(encode(quadrants(), "GIF"))) as image:
        assert not isolated(image, pool)
    assert not isolated(np.asarray(quadrants()), pool)


def test_films_have_a_ceiling_on_bytes_of_their_own_and_none_by_path(
    pool: RecordingPool, tmp_path: Path
) -> None:
    data = quiet_film_with({}, frames=30)
    path = tmp_path / "film.mp4"
    path.write_bytes(data)
    limits = ImageLimits(max_bytes=100, max_video_bytes=len(data))

    assert isolated(data, pool, limits)
    assert isolated(path, pool, ImageLimits(max_video_bytes=100))
    with pytest.raises(ImageBytesError, match="video"):
        isolated(data, pool, ImageLimits(max_video_bytes=len(data) - 1))
    with pytest.raises(ImageBytesError, match="image"):
        isolated(encode(quadrants()), pool, limits)


def test_a_film_that_is_gone_before_it_is_opened_cannot_be_read(
    pool: RecordingPool, tmp_path: Path
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(quiet_film_with({}, frames=2))
    opener = Opener(ImageLimits(), pool)
    read = opener.read(path)
    path.unlink()

    with pytest.raises(UnreadableSourceError), opener.open(read, 320):
        pass


@pytest.mark.parametrize("source", ["https://example.com/a.jpg", Url("/etc/passwd"), Url("")])
def test_urls_are_not_fetched_unless_somebody_asked_for_it(
    source: Source, pool: RecordingPool
) -> None:
    with pytest.raises(UrlsOffError):
        isolated(source, pool)


def test_a_url_is_never_taken_for_a_path(pool: RecordingPool) -> None:
    class Reading:
        def fetch(self, url: str, limits: ImageLimits, deadline: Deadline) -> bytes:  # noqa: ARG002
            return url.encode()

    opener = Opener(ImageLimits(), pool, Reading())  # type: ignore[arg-type]
    with pytest.raises(NotAnImageError), opener.open(opener.read(Url(__file__)), 320):
        pass
