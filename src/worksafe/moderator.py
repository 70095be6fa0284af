"""Moderator: decode, score, decide, in this order. The library's front door."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from ulid import ULID

from worksafe.engine.admission import Admission, Deadline, Place, Task
from worksafe.engine.cache import MemoryCache, Recall, RedisCache, ResultCache
from worksafe.engine.cores import count_cores
from worksafe.engine.finder import Finder
from worksafe.engine.scoring import Detector, load_detectors
from worksafe.errors import InputError, InternalError
from worksafe.images.decode import decode_image
from worksafe.images.open import Opener
from worksafe.images.pictures import DecodedImage, View
from worksafe.images.source import Source, Url, printable_path, read_source
from worksafe.images.wall import Wall
from worksafe.models.registry import DETECTORS
from worksafe.models.spec import Label
from worksafe.policy.decide import decide
from worksafe.policy.document import Policy, choose_policy, read_policies
from worksafe.results import (
    Check,
    ItemError,
    ModelInfo,
    Moderation,
    Timing,
    strictest,
)
from worksafe.settings import Settings

if TYPE_CHECKING:
    from worksafe.images.fetch import Fetcher

OnFrame = Callable[[str | None, float], None]

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


class Moderator:
    """Checks images: how suitable they are for work, and why.

    Loading the detectors takes about a second; make one and keep it. It may be used from several
    threads at once.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment where not given.
    detectors : sequence of Detector, optional
        Loaded ones, in place of all registered.
    policies : mapping of str to Policy, optional
        In place of the shipped ones and those of the settings' folder.

    Raises
    ------
    WeightsError
        If a detector's weights are absent or not the expected ones.
    PolicyError
        If a policy file is malformed.
    UnknownPolicyError
        If the settings name a policy that does not exist.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        detectors: Sequence[Detector] | None = None,
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.policies = policies or read_policies(self.settings.policy_dir)
        choose_policy(self.policies, self.settings.policy)
        self._detectors = load_detectors(DETECTORS) if detectors is None else tuple(detectors)
        self._side_px = max(detector.spec.side_px for detector in self._detectors)
        running = self.settings.running or count_cores()
        self._admission = Admission(running, self.settings.waiting)
        self._wall = Wall(running)
        opener = Opener(self.settings.limits, self._side_px, self._wall, self._fetcher())
        self._recall = Recall(self._cache(), self.models, self.settings.limits)
        self._finder = Finder(opener, self._detectors, self._recall)
        self.is_ready = False  # warm, and not closed

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is reported."""
        return tuple(label for detector in self._detectors for label in detector.spec.labels)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """What scores."""
        return tuple(detector.spec.info for detector in self._detectors)

    def check(self, source: Source, policy: str | None = None) -> Moderation:
        """Check one image.

        Parameters
        ----------
        source : str, PathLike, bytes-like, binary file object, PIL image or ndarray
            The image; an array is RGB, shape (h, w, 3), uint8.
        policy : str, optional
            Name of a policy, in place of the settings'.

        Returns
        -------
        Moderation
            An image that cannot be checked gives one whose ``status`` is ``error``.

        Raises
        ------
        UnknownPolicyError
            If there is no such policy.
        """
        return next(self.check_many([source], policy))

    def check_many(
        self, sources: Iterable[Source], policy: str | None = None
    ) -> Iterator[Moderation]:
        """Check images, one for each core at once, and give each result as soon as it is there.

        Parameters
        ----------
        sources : iterable
            Images, as in `check`; it may be endless, and is read no faster than the work goes.
        policy : str, optional
            Name of a policy, in place of the settings'.

        Returns
        -------
        iterator of Moderation
            In the order of `sources`. The id of a path is the path.

        Raises
        ------
        UnknownPolicyError
            If there is no such policy.
        """
        chosen = self._policy(policy)
        items = (Item(source, _name(source)) for source in sources)
        return self._moderate(items, chosen, Deadline(None))

    def check_set(
        self,
        items: Sequence[Item],
        policy: str | None = None,
        *,
        deadline_s: float | None = None,
        on_result: Callable[[Moderation], None] | None = None,
        on_frame: OnFrame | None = None,
    ) -> Check:
        """Check a set as one request: admitted or refused as a whole, with a deadline.

        Parameters
        ----------
        items : sequence of Item
            The images.
        policy : str, optional
            Name of a policy, in place of the settings'.
        deadline_s : float, optional
            Seconds for the whole set; what is not done by then is an item in error.
        on_result : callable, optional
            Called with each result as soon as it is there, to show progress.
        on_frame : callable, optional
            Called with the item's id and the seconds that were checked, as a video goes on;
            from several threads.

        Returns
        -------
        Check

        Raises
        ------
        ValueError
            If the set is empty.
        OverloadedError
            If as many requests wait as are allowed.
        UnknownPolicyError
            If there is no such policy.
        """
        if not items:
            raise ValueError("a set needs an image at least")
        began = time.perf_counter()
        chosen = self._policy(policy)
        with self._admission.admit() as place:
            results = []
            for result in self._moderate(items, chosen, Deadline(deadline_s), place, on_frame):
                results.append(result)
                if on_result:
                    on_result(result)
        suitabilities = [r.suitability for r in results if r.suitability is not None]
        return Check(
            id=f"chk_{ULID()}",
            suitability=min(suitabilities, default=None),
            decision=strictest([result.decision for result in results]),
            policy=chosen.info,
            models=self.models,
            results=tuple(results),
            timing=Timing(
                decode=sum(result.timing.decode for result in results),
                wait=sum(result.timing.wait for result in results),
                inference=sum(result.timing.inference for result in results),
                total=_elapsed_ms(began),
            ),
        )

    def warm_up(self) -> None:
        """Score a grey picture, so that the first real one is not the slowest."""
        grey = np.full((self._side_px, self._side_px, 3), 128, dtype=np.uint8)
        self._wall.warm_up()
        for detector in self._detectors:
            detector.score(grey)
        self.is_ready = True

    def close(self) -> None:
        """Finish what runs and take nothing more."""
        self.is_ready = False
        self._admission.close()
        self._wall.close()

    def _fetcher(self) -> "Fetcher | None":
        if not self.settings.fetch_urls:
            return None
        from worksafe.images.fetch import Fetcher  # noqa: PLC0415 - 0.1 s that few need

        return Fetcher(self.settings.fetch_hosts, self.settings.fetch_s)

    def _cache(self) -> ResultCache:
        url = self.settings.cache_url
        return RedisCache(url) if url else MemoryCache(self.settings.cache_entries)

    def _policy(self, name: str | None) -> Policy:
        return choose_policy(self.policies, self.settings.policy if name is None else name)

    def _moderate(
        self,
        items: Iterable[Item],
        policy: Policy,
        deadline: Deadline,
        place: Place | None = None,
        on_frame: OnFrame | None = None,
    ) -> Iterator[Moderation]:
        def work(indexed: tuple[int, Item]) -> Moderation:
            index, item = indexed

            def before_each(view: View) -> None:
                deadline.check()
                if on_frame:
                    on_frame(item.id, view.time_s)

            return self._moderate_one(index, item, policy, before_each)

        names: deque[str | None] = deque()
        for index, task in enumerate(
            self._admission.map(work, self._taking(items, names), deadline, place)
        ):
            yield _outcome(task, index, names.popleft(), policy)

    def _taking(
        self, items: Iterable[Item], names: deque[str | None]
    ) -> Iterator[tuple[int, Item]]:
        """Give items numbers as they are handed over; note names, for results that never come.

        Runs on the caller's thread. Files, PIL images and arrays are the caller's and may change
        before their turn comes (a generator that seeks one GIF, a reused buffer), or crash the
        decoder when two threads use one: so they are read here, at once.
        """
        for index, item in enumerate(items):
            names.append(item.id)
            yield index, replace(item, source=self._take(item.source))

    def _take(
        self, source: Source | DecodedImage | InputError
    ) -> Source | DecodedImage | InputError:
        try:
            if isinstance(source, InputError | DecodedImage | Url | str | bytes | os.PathLike):
                return source
            if isinstance(source, Image.Image | np.ndarray):
                return decode_image(source, self.settings.limits, self._side_px)
            return read_source(source, self.settings.limits)
        except InputError as error:
            return error
        except Exception:  # noqa: BLE001 - a front door, as below
            _log.exception("an image could not be taken")
            return InternalError("the image could not be read; the log says why")

    def _moderate_one(
        self, index: int, item: Item, policy: Policy, before_each: Callable[[View], None]
    ) -> Moderation:
        """Decode, score, decide; whatever goes wrong is this item's error and no other's."""
        try:
            return self._pass_through(index, item, policy, before_each)
        except InputError as error:
            return _in_error(index, item.id, policy, error)
        except Exception:  # noqa: BLE001 - a front door: logged, and answered with a code
            _log.exception("image %d could not be checked", index)
            fault = InternalError("the image could not be checked; the server's log says why")
            return _in_error(index, item.id, policy, fault)

    def _pass_through(
        self, index: int, item: Item, policy: Policy, before_each: Callable[[View], None]
    ) -> Moderation:
        """Decode, score, decide."""
        began = time.perf_counter()
        if isinstance(item.source, InputError):
            raise item.source
        found, decode_ms = self._finder.find(item.source, before_each)
        decision = decide(found.scores, policy)
        total_ms = _elapsed_ms(began)
        return Moderation(
            index=index,
            id=item.id,
            decision=decision.action,
            suitability=decision.suitability,
            reasons=decision.reasons,
            scores=found.scores.scores,
            frames=found.scores.frames,
            image=found.image,
            timing=Timing(decode=decode_ms, inference=total_ms - decode_ms, total=total_ms),
        )


def _outcome(task: Task[Moderation], index: int, name: str | None, policy: Policy) -> Moderation:
    try:
        waited_s, moderation = task.result()
    except InputError as error:
        return _in_error(index, name, policy, error)
    waited_ms = waited_s * 1000
    timing = replace(moderation.timing, wait=waited_ms, total=moderation.timing.total + waited_ms)
    return replace(moderation, timing=timing)


def _in_error(index: int, name: str | None, policy: Policy, error: InputError) -> Moderation:
    return Moderation(
        index=index,
        id=name,
        decision=policy.on_error,
        suitability=None,
        error=ItemError(error.code, str(error)),
    )


def _name(source: Source) -> str | None:
    return printable_path(source) if isinstance(source, str | os.PathLike) else None


def _elapsed_ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
