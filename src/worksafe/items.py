"""One image of a set: taken from the caller, then decoded, scored and decided."""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from worksafe.engine.admission import Task
from worksafe.engine.detector import Look
from worksafe.engine.finder import Caller, Finder
from worksafe.errors import InputError, InternalError
from worksafe.images.deadline import Deadline
from worksafe.images.decode import decode_image
from worksafe.images.limits import ImageLimits
from worksafe.images.pictures import DecodedImage
from worksafe.images.source import (
    Source,
    Url,
    is_video,
    printable_path,
    read_head,
    read_source,
)
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy
from worksafe.results import ItemError, Moderation, Timing, elapsed_ms

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One image of a set.

    Attributes
    ----------
    source : Source, DecodedImage or InputError
        The image, also one that is decoded already; or why it could not even be received.
    id : str or None
        The caller's name for it.
    """

    source: Source | DecodedImage | InputError
    id: str | None = None


def refuse_no_set(items: Sequence[Item]) -> None:
    """Raise ValueError where a set is empty, TypeError where what is in it are no items."""
    if not items:
        raise ValueError("a set needs an image at least")
    if not all(isinstance(item, Item) for item in items):
        raise TypeError("a set is of items: wrap each image, Item(source)")


def count_videos(items: Sequence[Item]) -> int:
    """Count the items whose bytes are a video's; what a URL leads to is not known yet."""
    received = [item.source for item in items if isinstance(item.source, bytes)]
    return sum(is_video(read_head(data)) for data in received)


class ItemChecker:
    """Checks items; whatever goes wrong is that item's error and no other's.

    Parameters
    ----------
    finder : Finder
        Decodes and scores.
    limits : ImageLimits
        For what is decoded when it is taken.
    """

    def __init__(self, finder: Finder, limits: ImageLimits) -> None:
        self._finder = finder
        self._limits = limits

    def take(self, item: Item, side_px: int, deadline: Deadline) -> Item:
        """Read what may change before its turn comes.

        Files, PIL images and arrays are the caller's: a generator may seek one GIF, a buffer may
        be used again, and two threads in one image crash its decoder.

        Parameters
        ----------
        item : Item
            Of the caller.
        side_px : int
            The longest side that is wanted, in pixels.
        deadline : Deadline
            Of the set: when it is over, nothing more is read.

        Returns
        -------
        Item
            The same, nothing of it the caller's any more; in error where it could not be read.
        """
        source = item.source
        try:
            deadline.check()
            if isinstance(source, Image.Image | np.ndarray):
                return replace(item, source=decode_image(source, self._limits, side_px))
            if isinstance(source, InputError | DecodedImage | Url | str | bytes | os.PathLike):
                return item
            return replace(item, source=read_source(source, self._limits))
        except InputError as error:
            return replace(item, source=error)
        except Exception:  # noqa: BLE001 - a front door, as below
            _log.exception("an image could not be taken")
            fault = InternalError("the image could not be read; the log says why")
            return replace(item, source=fault)

    def check(
        self,
        index: int,
        item: Item,
        policy: Policy,
        look: Look,
        caller: Caller,
    ) -> Moderation:
        """Decode, score, decide.

        Parameters
        ----------
        index : int
            Position in the set.
        item : Item
            Taken.
        policy : Policy
            Decides.
        look : Look
            How closely.
        caller : Caller
            Who waits for it.

        Returns
        -------
        Moderation
        """
        try:
            return self._check(index, item, policy, look, caller)
        except InputError as error:
            return in_error(index, item.id, policy, error)
        except Exception:  # noqa: BLE001 - a front door: logged, and answered with a code
            _log.exception("image %d of %s could not be checked", index, caller.check_id)
            fault = InternalError("the image could not be checked; the server's log says why")
            return in_error(index, item.id, policy, fault)

    def _check(
        self,
        index: int,
        item: Item,
        policy: Policy,
        look: Look,
        caller: Caller,
    ) -> Moderation:
        if isinstance(item.source, InputError):
            raise item.source
        began = time.perf_counter()
        found, decode_ms = self._finder.find(item.source, caller, look)
        decision = decide(found.scored, policy)
        total_ms = elapsed_ms(began)
        return Moderation(
            index=index,
            id=item.id,
            decision=decision.action,
            suitability=decision.suitability,
            reasons=decision.reasons,
            scores=found.scored.scores,
            frames=found.scored.frames,
            image=found.image,
            timing=Timing(decode=decode_ms, inference=total_ms - decode_ms, total=total_ms),
        )


def in_error(index: int, name: str | None, policy: Policy, error: InputError) -> Moderation:
    """Make the result of an item that cannot be checked: the policy's ``on_error`` decides."""
    return Moderation(
        index=index,
        id=name,
        decision=policy.on_error,
        suitability=None,
        error=ItemError(error.code, str(error)),
    )


def outcome_of(task: Task[Moderation], index: int, name: str | None, policy: Policy) -> Moderation:
    """Return the result of an item's task, with what it waited; of one that never ran, an error."""
    try:
        moderation = task.result()
    except InputError as error:
        moderation = in_error(index, name, policy, error)
    waited_ms = task.waited_s * 1000
    timing = replace(moderation.timing, wait=waited_ms, total=moderation.timing.total + waited_ms)
    return replace(moderation, timing=timing)


def name_of(source: Source) -> str | None:
    """Name a path as people write it; nothing else has a name."""
    return printable_path(source) if isinstance(source, str | os.PathLike) else None
