"""Images from URLs, without becoming a door into the network that the server stands in.

Every connection, that of each redirect too, goes to the very address that was checked: a name that
resolves to something else a moment later changes nothing.
"""

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from worksafe.errors import InputError, UrlFailedError, UrlRefusedError
from worksafe.images.deadline import NO_DEADLINE, Deadline
from worksafe.images.limits import ImageLimits
from worksafe.images.source import PieceReader

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

_SCHEMES = frozenset({"http", "https"})
_PORTS = frozenset({80, 443})
_LARGEST_PORT = 65_535
_HOST = re.compile(rb"[\w.:-]+")  # names as they are looked up, and addresses of both kinds
_MAX_REDIRECTS = 5
_MAX_URL = 4096
_PIECE_BYTES = 65_536
_HEADERS = {"User-Agent": "worksafe", "Accept": "image/*,video/*", "Accept-Encoding": "identity"}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# Special purposes that the standard library's own list lacks, or has in some versions only.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in [
        *("192.0.0.0/24", "192.88.99.0/24"),
        *("64:ff9b:1::/48", "2001::/23", "3fff::/20", "fec0::/10"),
    ]
)


def resolve_name(host: str, port: int) -> list[str]:
    """Ask the system for a host's addresses, once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def is_public(address: Address) -> bool:
    """Return whether an address is one of the open internet, whatever it is wrapped in.

    Parameters
    ----------
    address : IPv4Address or IPv6Address
        IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4) is judged by the IPv4 address; Teredo,
        which says nothing certain, is not public.

    Returns
    -------
    bool
    """
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and (address in _NAT64 or address in _IPV4_COMPATIBLE):
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


class Fetcher:
    """Fetches images.

    Parameters
    ----------
    hosts : collection of str
        An operator's own: they may have private addresses, and any port.
    seconds : float
        For one URL, redirects included.
    resolve : callable, optional
        A host and a port to addresses.
    backend : httpcore.NetworkBackend, optional
        What connects.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        seconds: float = 8.0,
        resolve: Resolve = resolve_name,
        backend: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._seconds = seconds
        self._resolve = resolve
        self._backend = backend or httpcore.SyncBackend()

    @cached_property
    def _tls(self) -> SSLContext:
        """All certificates that are trusted: reading them takes 30 ms, once."""
        return httpx.create_ssl_context()

    def fetch(self, url: str, limits: ImageLimits, deadline: Deadline = NO_DEADLINE) -> bytes:
        """Fetch a URL.

        Parameters
        ----------
        url : str
            Of http or https.
        limits : ImageLimits
            No more bytes are taken in than it allows.
        deadline : Deadline, optional
            Until when somebody waits for it.

        Returns
        -------
        bytes
            The body.

        Raises
        ------
        UrlRefusedError
            If the URL, a redirect, or the address of either is not allowed.
        DeadlineExceededError
            If the time is over.
        UrlFailedError
            If there is no answer in time, or one with a status other than 200.
        ImageBytesError
            If there are too many bytes.
        """
        if len(url) > _MAX_URL:
            msg = f"the URL is longer than {_MAX_URL} characters"
            raise UrlRefusedError(msg)
        deadline.check()
        seconds = deadline.cut(self._seconds)
        guard = _Guard(self._hosts, self._resolve, self._backend, seconds)
        try:
            with httpx.Client(
                transport=_Transport(guard, self._tls),
                headers=_HEADERS,
                timeout=seconds,
                trust_env=False,
            ) as client:
                return _follow(client, url, limits, guard)
        except UrlFailedError:
            deadline.check()
            raise
        except InputError:
            raise
        # The second is what httpx calls a redirect to a malformed URL, and nothing else.
        except (httpx.InvalidURL, httpx.RemoteProtocolError, UnicodeError) as error:
            raise UrlRefusedError("the URL is malformed, or neither http nor https") from error
        except Exception as error:
            deadline.check()
            msg = f"the URL could not be fetched: {type(error).__name__}"
            raise UrlFailedError(msg) from error


def _follow(client: httpx.Client, url: str, limits: ImageLimits, guard: "_Guard") -> bytes:
    """Go from redirect to redirect; what the redirects themselves say is not read."""
    request = client.build_request("GET", url)
    for _ in range(_MAX_REDIRECTS + 1):
        response = client.send(request, stream=True)
        with closing(response):
            if response.next_request is None:
                return _read(response, limits, guard)
            request = response.next_request
    msg = f"the URL redirects more than {_MAX_REDIRECTS} times"
    raise UrlFailedError(msg)


def _read(response: httpx.Response, limits: ImageLimits, guard: "_Guard") -> bytes:
    if response.status_code != httpx.codes.OK:
        msg = f"the URL answers with status {response.status_code}"
        raise UrlFailedError(msg)
    reader = PieceReader(limits)
    stated = response.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit():
        limits.check_any_bytes(int(stated))  # the head is not here yet
    for piece in response.iter_raw(_PIECE_BYTES):
        guard.remaining_s()
        reader.take(piece)
    return reader.whole()


class _Guard(httpcore.NetworkBackend):
    """Connects to allowed addresses only, and to no others than it checked; keeps the time."""

    def __init__(
        self,
        hosts: frozenset[str],
        resolve: Resolve,
        backend: httpcore.NetworkBackend,
        seconds: float,
    ) -> None:
        self._hosts = hosts
        self._resolve = resolve
        self._backend = backend
        self._until = time.monotonic() + seconds

    def remaining_s(self) -> float:
        """Seconds left for all; raises where there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise UrlFailedError("fetching the URL took too long")
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - ours is what is left of the whole
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        def connect(address: str, share: int) -> httpcore.NetworkStream:
            seconds = self.remaining_s() / share
            stream = self._backend.connect_tcp(
                address, port, seconds, local_address, socket_options
            )
            return _TimedStream(stream, self)

        *others, last = self._checked(host, port)
        for number, address in enumerate(others):
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return connect(address, len(others) + 1 - number)
        return connect(last, 1)

    def _checked(self, host: str, port: int) -> list[str]:
        is_own = host.lower() in self._hosts
        if port > _LARGEST_PORT:
            msg = f"there is no port {port}"
            raise UrlRefusedError(msg)
        if port not in _PORTS and not is_own:
            msg = f"URLs may use the ports 80 and 443, not {port}"
            raise UrlRefusedError(msg)
        try:
            addresses = self._addresses(host, port)
        except TimeoutError as error:
            raise UrlFailedError("the URL's host was not found in time") from error
        except OSError as error:
            raise UrlFailedError("the URL's host could not be resolved") from error
        # One that is not allowed is enough: which of them others use is left to chance.
        if not is_own and not all(is_public(ipaddress.ip_address(one)) for one in addresses):
            raise UrlRefusedError("the URL leads to an address that is not public")
        return addresses

    def _addresses(self, host: str, port: int) -> list[str]:
        """Look a name up, no longer than there is time: the system's own call knows no limit."""
        found: Future[list[str]] = Future()

        def look_up() -> None:
            try:
                found.set_result(self._resolve(host, port))
            except Exception as error:  # noqa: BLE001 - raised again where it is waited for
                found.set_exception(error)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        return found.result(self.remaining_s())


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every read and write ends with the time for the whole."""

    def __init__(self, stream: httpcore.NetworkStream, guard: _Guard) -> None:
        self._stream = stream
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._guard.remaining_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._guard.remaining_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,  # noqa: ANN401 - as the library has it
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._guard.remaining_s())
        return _TimedStream(secured, self._guard)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as the library has it
        return self._stream.get_extra_info(info)


class _Transport(httpx.BaseTransport):
    """httpx over connections of the guard; one for each URL, kept for nobody else."""

    def __init__(self, guard: _Guard, tls: SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, network_backend=guard, max_connections=1
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in _SCHEMES or not request.url.host or request.url.userinfo:
            raise UrlRefusedError("the URL must be http or https, with a host and no user")
        if not _HOST.fullmatch(request.url.raw_host):
            raise UrlRefusedError("the URL's host is malformed")
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), request=request
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with closing(self._answer):
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
