"""Any source to its pictures: which way it goes is decided here."""

import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PIL import Image

from worksafe.errors import UnreadableSourceError, UrlsOffError, VideoNotSupportedError
from worksafe.images.deadline import NO_DEADLINE, Deadline
from worksafe.images.decode import decode_image
from worksafe.images.formats import ImageFormat, sniff_format
from worksafe.images.isolated.pool import DecoderPool
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import Pictures
from worksafe.images.source import Source, Url, as_url, film_path, read_head, read_source
from worksafe.images.structure.check import is_dear
from worksafe.wording import how_to_install

if TYPE_CHECKING:
    from worksafe.images.fetch import Fetcher


Read = bytes | Path | Image.Image | NDArray[Any]


def has_video() -> bool:
    """Return whether PyAV, which decodes videos, is installed."""
    return importlib.util.find_spec("av") is not None


def load_fetcher(hosts: frozenset[str], seconds: float) -> "Fetcher":
    """Make what fetches from URLs; arguments as those of `Fetcher`, whose import takes 0.1 s."""
    from worksafe.images.fetch import Fetcher  # noqa: PLC0415 - few need it

    return Fetcher(hosts, seconds)


class Opener:
    """Opens images, animations and videos, wherever they are: here, or in a process of its own.

    Parameters
    ----------
    limits : ImageLimits
        Ceilings.
    decoders : DecoderPool
        Where risky formats are decoded.
    fetcher : Fetcher or None
        What fetches from URLs; None refuses them.
    """

    def __init__(
        self, limits: ImageLimits, decoders: DecoderPool, fetcher: "Fetcher | None" = None
    ) -> None:
        self._limits = limits
        self._decoders = decoders
        self._fetcher = fetcher

    def read(self, source: Source, deadline: Deadline = NO_DEADLINE) -> Read:
        """Get a source's bytes, by reading or fetching.

        Parameters
        ----------
        source : str, PathLike, Url, bytes-like, binary file object, PIL image or ndarray
            Where the image is.
        deadline : Deadline, optional
            Nothing is fetched beyond it.

        Returns
        -------
        bytes, Path, PIL.Image.Image or ndarray
            The path of a video, which is not read into memory; images and arrays as they are.

        Raises
        ------
        InputError
            One of its subclasses, whatever the source is; never anything else.
        """
        source = as_url(source)
        if isinstance(source, Url):
            source = self._fetch(source.url, deadline)
        return film_path(source) or read_source(source, self._limits)

    @contextmanager
    def open(
        self, read: Read, side_px: int, deadline: Deadline = NO_DEADLINE
    ) -> Iterator[Pictures]:
        """Decode what was read.

        Parameters
        ----------
        read : bytes, Path, PIL.Image.Image or ndarray
            From `read`.
        side_px : int
            The longest side that is wanted: larger pictures are scaled down while they are
            decoded.
        deadline : Deadline, optional
            Nothing is decoded beyond it, where that is in a process of its own.

        Yields
        ------
        Pictures
            A video's views come while they are gone through, inside the ``with`` block only.

        Raises
        ------
        InputError
            One of its subclasses, whatever the bytes are; never anything else.
        """
        if isinstance(read, bytes | Path):
            known = _sniff(read)
            if known.is_isolated or (isinstance(read, bytes) and is_dear(known, read)):
                with self._open_isolated(read, known, side_px, deadline) as pictures:
                    yield pictures
                return
        yield decode_image(read, self._limits, side_px)

    def _open_isolated(
        self, read: bytes | Path, known: ImageFormat, side_px: int, deadline: Deadline
    ) -> AbstractContextManager[Pictures]:
        if known.is_video and not has_video():
            msg = f"videos need PyAV: {how_to_install('video')}"
            raise VideoNotSupportedError(msg)
        return self._decoders.open(read, known, self._limits, side_px, deadline)

    def _fetch(self, url: str, deadline: Deadline) -> bytes:
        if self._fetcher is None:
            raise UrlsOffError(
                "fetching from URLs is switched off here; whoever runs worksafe can allow it "
                "(WORKSAFE_FETCH_URLS=true, Settings(fetch_urls=True))"
            )
        return self._fetcher.fetch(url, self._limits, deadline)


def _sniff(read: bytes | Path) -> ImageFormat:
    try:
        return sniff_format(read_head(read))
    except OSError as error:  # the path of a film that is gone meanwhile
        msg = f"cannot read the file: {error.strerror}"
        raise UnreadableSourceError(msg) from error
