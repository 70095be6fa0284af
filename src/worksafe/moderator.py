"""Moderator: decode, score, decide, in this order. The library's front door."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from typing import Self

from ulid import ULID

from worksafe.choices import Thorough
from worksafe.engine.admission import Admission, Place
from worksafe.engine.cache import MemoryCache, Recall, ResultCache
from worksafe.engine.cores import count_cores
from worksafe.engine.detector import Detector, Look, load_detectors
from worksafe.engine.finder import Caller, Finder
from worksafe.engine.idle import IdlePlaces
from worksafe.engine.redis_cache import RedisCache
from worksafe.engine.runtime import choose_runtime, look_at_machine
from worksafe.images.deadline import Deadline
from worksafe.images.isolated.pool import DecoderPool
from worksafe.images.open import Opener, load_fetcher
from worksafe.images.pictures import Pictures, View
from worksafe.images.source import Source
from worksafe.items import Item, ItemChecker, name_of, outcome_of, refuse_no_set
from worksafe.models.registry import DETECTORS
from worksafe.models.spec import Label
from worksafe.policy.document import Policy
from worksafe.policy.reading import choose_policy
from worksafe.policy.shadow import Shadow
from worksafe.policy.shelf import PolicyShelf
from worksafe.redaction.redactor import Redacted, Redaction, Redactor
from worksafe.results import Check, ModelInfo, Moderation, Timing, elapsed_ms
from worksafe.settings import Settings

OnFrame = Callable[[str | None, float], None]


class Moderator:
    """Checks images: how suitable they are for work, and why.

    Loading the detectors takes about a second; make one and keep it. It may be used from several
    threads at once.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment where not given.
    detectors : sequence of Detector, optional
        Loaded ones, run as they are, in place of all registered; rules about others do nothing.
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
    SettingsError
        If they ask for a runtime or device that is not there, or the cache's URL is malformed.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        detectors: Sequence[Detector] | None = None,
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        self.settings = settings or Settings.load()
        shadow = self.settings.shadow_policy
        self.shelf = PolicyShelf(self.settings.policy_dir, self.settings.needed_policies, policies)
        self.shadow = Shadow(lambda: self.policy(shadow)) if shadow else None
        running = self.settings.running_places
        cores = min(running, count_cores())
        machine = look_at_machine()
        self.runtime = choose_runtime(self.settings.runtime, self.settings.device, machine)
        if detectors is None:
            detectors = load_detectors(DETECTORS, self.runtime, cores)
        self._detectors = tuple(detectors)
        self.admission = Admission(running, self.settings.waiting)
        self._decoders = DecoderPool(cores)
        fetch_urls, hosts = self.settings.fetch_urls, self.settings.fetch_hosts
        fetcher = load_fetcher(hosts, self.settings.fetch_s) if fetch_urls else None
        self._opener = Opener(self.settings.limits, self._decoders, fetcher)
        self._recall = Recall(self._cache(), self._detectors, self.settings.limits)
        self._finder = Finder(self._opener, self._detectors, self._recall, IdlePlaces(running))
        self._checker = ItemChecker(self._finder, self.settings.limits)
        self._redactor = Redactor(self._opener, self._finder, self.settings.limits, self.labels)
        self.is_ready = False  # warm, and not closed

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Those there are now, by name: an operator's folder is followed."""
        return self.shelf.policies

    def policy(self, policy: str | Policy | None = None) -> Policy:
        """Find a policy, the settings' where none is given; raises UnknownPolicyError."""
        if isinstance(policy, Policy):
            return policy
        return choose_policy(self.policies, self.settings.policy if policy is None else policy)

    def look(self, thorough: Thorough | None = None, *, maps: bool = False) -> Look:
        """Return how closely to look: as the settings say, where nothing else is given."""
        return Look(thorough or self.settings.thorough, maps)

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is reported."""
        return tuple(label for detector in self._detectors for label in detector.spec.labels)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """What scores."""
        return tuple(detector.spec.info for detector in self._detectors)

    def check(
        self, source: Source, policy: str | Policy | None = None, look: Look | None = None
    ) -> Moderation:
        """Check one image.

        Parameters
        ----------
        source : str, PathLike, bytes-like, binary file object, PIL image or ndarray
            The image; an array is RGB, shape (h, w, 3), uint8.
        policy : str or Policy, optional
            A policy, or the name of one, in place of the settings'.
        look : Look, optional
            How closely to look, in place of what the settings say; from `look`, for example.

        Returns
        -------
        Moderation
            An image that cannot be checked gives one whose ``status`` is ``error``.

        Raises
        ------
        UnknownPolicyError
            If there is no such policy.
        ClosedError
            If it is closed.
        TypeError
            If there are several.
        """
        if isinstance(source, list | tuple | set):
            raise TypeError("check takes one image; check_many takes several")
        return next(self.check_many([source], policy, look))

    def check_many(
        self,
        sources: Iterable[Source],
        policy: str | Policy | None = None,
        look: Look | None = None,
    ) -> Iterator[Moderation]:
        """Check images, two for each core at once, and give each result as soon as it is there.

        Parameters
        ----------
        sources : iterable
            Images, as in `check`; it may be endless, and is read no faster than the work goes.
        policy : str or Policy, optional
            As in `check`.
        look : Look, optional
            As in `check`.

        Returns
        -------
        iterator of Moderation
            In the order of `sources`. The id of a path is the path.

        Raises
        ------
        UnknownPolicyError
            If there is no such policy.
        ClosedError
            If it is closed.
        TypeError
            If it is text or bytes, whose letters are no images.
        """
        if isinstance(sources, str | bytes | bytearray):
            raise TypeError("check_many takes several images; check takes one")
        chosen = self.policy(policy)
        items = (Item(source, name_of(source)) for source in sources)
        return self._moderate(items, chosen, look or self.look(), Deadline(None))

    def check_set(
        self,
        items: Sequence[Item],
        policy: str | Policy | None = None,
        *,
        look: Look | None = None,
        deadline_s: float | None = None,
        on_result: Callable[[Moderation], None] | None = None,
        on_frame: OnFrame | None = None,
    ) -> Check:
        """Check a set as one request: admitted or refused as a whole, with a deadline.

        Parameters
        ----------
        items : sequence of Item
            The images.
        policy : str or Policy, optional
            As in `check`.
        look : Look, optional
            As in `check`.
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
        TypeError
            If one of them is no `Item`.
        OverloadedError
            If as many requests wait as are allowed.
        UnknownPolicyError
            If there is no such policy.
        ClosedError
            If it is closed.
        """
        refuse_no_set(items)
        began = time.perf_counter()
        chosen, look, check_id = self.policy(policy), look or self.look(), f"chk_{ULID()}"
        with self.admission.admit() as place:
            results = []
            deadline = Deadline(deadline_s)
            checked = self._moderate(
                items, chosen, look, deadline, check_id=check_id, place=place, on_frame=on_frame
            )
            with closing(checked):
                for result in checked:
                    results.append(result)
                    if on_result:
                        on_result(result)
        return Check(
            id=check_id,
            policy=chosen.info,
            models=self.models,
            results=tuple(results),
            timing=Timing.of_set([result.timing for result in results], elapsed_ms(began)),
        )

    def redact(
        self,
        source: Source,
        redaction: Redaction | None = None,
        policy: str | Policy | None = None,
        *,
        look: Look | None = None,
        deadline_s: float | None = None,
    ) -> Redacted:
        """Cover up what a policy does not allow in a picture, until it passes.

        Parameters
        ----------
        source : str, PathLike, bytes-like, binary file object, PIL image or ndarray
            A still picture.
        redaction : Redaction, optional
            What else to cover, and how.
        policy : str or Policy, optional
            As in `check`.
        look : Look, optional
            As in `check`.
        deadline_s : float, optional
            Seconds for all of it.

        Returns
        -------
        Redacted
            With the new file. Nothing of it is kept here.

        Raises
        ------
        InputError
            One of its subclasses, where the picture cannot be redacted.
        ValueError
            If a label is to be covered that nothing reports.
        OverloadedError
            If as many requests wait as are allowed.
        UnknownPolicyError
            If there is no such policy.
        ClosedError
            If it is closed.
        """
        chosen, look, deadline = self.policy(policy), look or self.look(), Deadline(deadline_s)
        redaction = redaction or Redaction()
        self._redactor.refuse_unknown(redaction)
        taken = self._redactor.take(source)

        def work(one: Source) -> Redacted:
            return self._redactor.redact(one, redaction, chosen, look, Caller(deadline))

        with self.admission.admit() as place:
            return next(self.admission.map(work, [taken], deadline, place)).result()

    def open(self, source: Source, side_px: int) -> AbstractContextManager[Pictures]:
        """Decode an image without scoring it, to show what was checked.

        Parameters
        ----------
        source : Source
            As in `check`.
        side_px : int
            The longest side that is wanted, in pixels; pictures may be up to twice as large.

        Returns
        -------
        context manager of Pictures

        Raises
        ------
        InputError
            One of its subclasses, where the image is not one that can be checked.
        """
        return self._opener.open(self._opener.read(source), side_px)

    def describe_cache(self) -> str:
        """Say where results are kept, and whether that works, for people."""
        return self._recall.describe()

    def warm_up(self) -> None:
        """Run all that runs once, so that the first picture is not the slowest."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(Detector.warm_up, self._detectors))
        self._decoders.warm_up()
        self.is_ready = True

    def __enter__(self) -> Self:
        """Enter a ``with`` block, which closes it at its end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Finish what runs and take nothing more: whoever asks then gets ClosedError."""
        self.is_ready = False
        self.admission.close()
        self._finder.close()
        self._decoders.close()
        self._recall.close()

    def _cache(self) -> ResultCache:
        url, entries = self.settings.cache_url, self.settings.cache_entries
        return RedisCache(url, self.labels) if url and entries else MemoryCache(entries)

    def _moderate(
        self,
        items: Iterable[Item],
        policy: Policy,
        look: Look,
        deadline: Deadline,
        *,
        check_id: str = "-",
        place: Place | None = None,
        on_frame: OnFrame | None = None,
    ) -> Generator[Moderation, None, None]:
        def work(indexed: tuple[int, Item]) -> Moderation:
            index, item = indexed

            def tell(view: View) -> None:
                if on_frame:
                    on_frame(item.id, view.time_s)

            return self._checker.check(index, item, policy, look, Caller(deadline, tell, check_id))

        names: deque[str | None] = deque()
        taken = self._taking(items, names, look, deadline)
        try:
            for index, task in enumerate(self.admission.map(work, taken, deadline, place)):
                result = outcome_of(task, index, names.popleft(), policy)
                if self.shadow:
                    self.shadow.see(policy, result, check_id)
                yield result
        finally:  # where nobody asks for the rest, what has begun ends early
            deadline.give_up()

    def _taking(
        self, items: Iterable[Item], names: deque[str | None], look: Look, deadline: Deadline
    ) -> Iterator[tuple[int, Item]]:
        """Take and number items as they are handed over, on the caller's thread; note names."""
        side_px = self._finder.side_px(look)
        for index, item in enumerate(items):
            names.append(item.id)
            yield index, self._checker.take(item, side_px, deadline)
