"""HTTP: sends a call and returns the status and the body of the answer."""

from __future__ import annotations

import socket
import ssl
import threading
import typing as t
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util.ssl_ import create_urllib3_context

from tap_zohocampaigns.api import causes, hosts
from tap_zohocampaigns.api.errors import FatalError, Transient, Unanswered
from tap_zohocampaigns.api.wire import envelope as wire

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TOKEN_PATH = "/oauth/v2/token"  # noqa: S105 (a path)
_PIECE = 1 << 20
_REDIRECT, _CLIENT_ERROR = 300, 400
# A connection was made, and no whole answer came in time.
_LATE = (requests.ReadTimeout, ReadTimeoutError, TimeoutError)
# Those that are decoded in bounded pieces everywhere; old packages for others are not.
_ENCODINGS = {"gzip", "x-gzip", "deflate"}


class Reply(t.NamedTuple):
    """What came back: the status of HTTP and the body."""

    status: int
    content: bytes


class _Deadline(t.NamedTuple):
    """The end of a call."""

    at: float
    clock: Callable[[], float]

    def remaining(self) -> float:
        """Return how much time is left (seconds).

        Raises:
            TimeoutError: There is none.
        """
        left = self.at - self.clock()
        if left <= 0:
            msg = "the time for the call is over"
            raise TimeoutError(msg)
        return left


# Each thread has one call underway.
_deadline: ContextVar[_Deadline] = ContextVar("deadline")


@contextmanager
def _until(deadline: _Deadline) -> Iterator[None]:
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


class _Socket(socket.socket):
    """Waits no longer than the call may last, however often something comes.

    A timeout of a socket is for each piece, and a trickle of them has no end.
    """

    def recv_into(self, *args: t.Any, **kwargs: t.Any) -> int:
        self.settimeout(_deadline.get().remaining())
        return super().recv_into(*args, **kwargs)

    def recv(self, *args: t.Any, **kwargs: t.Any) -> bytes:
        self.settimeout(_deadline.get().remaining())
        return super().recv(*args, **kwargs)

    def send(self, *args: t.Any, **kwargs: t.Any) -> int:
        self.settimeout(_deadline.get().remaining())
        return super().send(*args, **kwargs)

    def sendall(self, *args: t.Any, **kwargs: t.Any) -> None:
        self.settimeout(_deadline.get().remaining())
        super().sendall(*args, **kwargs)


class _TlsSocket(_Socket, ssl.SSLSocket):
    """The same through TLS."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002
        self.settimeout(_deadline.get().remaining())
        super().do_handshake(block)


def _tls() -> ssl.SSLContext:
    context = create_urllib3_context()
    context.sslsocket_class = _TlsSocket
    return context


_Address = tuple[t.Any, ...]
_lookups: dict[tuple[str, int], Future[list[_Address]]] = {}
_looking_up = threading.Lock()


def _look_up(host: str, port: int) -> list[_Address]:
    """Return the addresses of a host.

    The system's look-up can't be told how long to take. So a thread waits for it, one
    for each host.
    """
    place = (host, port)
    with _looking_up:
        future = _lookups.get(place)
        if future is None:
            future = _lookups[place] = Future()
            threading.Thread(target=_ask, args=(place, future), daemon=True).start()
    return future.result(_deadline.get().remaining())


def _ask(place: tuple[str, int], future: Future[list[_Address]]) -> None:
    try:
        found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        future.set_exception(error)
    else:
        future.set_result([*found])
    finally:
        with _looking_up:
            del _lookups[place]


class _Connection(HTTPConnection):
    """A connection that is made before the end of the call, or not at all."""

    def _new_conn(self) -> socket.socket:
        try:
            host = self._dns_host.strip("[]")
            return _connect(_look_up(host, self.port or 0))
        except (socket.gaierror, UnicodeError) as error:
            reason = socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, reason) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error


class _TlsConnection(HTTPSConnection, _Connection):
    """The same through TLS."""

    def connect(self) -> None:
        self.ssl_context = _tls()
        super().connect()


def _connect(addresses: list[_Address]) -> socket.socket:
    """Connect to the first address that answers; none of them may take all the time."""
    refused: OSError = OSError("the host has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        made = _Socket(family, kind, protocol)
        try:
            for option in HTTPConnection.default_socket_options:
                made.setsockopt(*option)
            made.settimeout(_deadline.get().remaining() / (len(addresses) - number))
            made.connect(address)
        except OSError as error:
            made.close()
            refused = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise refused


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """Makes connections of our own, directly and through proxies."""

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:  # noqa: ANN401
        if not proxy.lower().startswith("socks"):
            kwargs["proxy_ssl_context"] = _tls()
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class Transport:
    """The connections that all calls share."""

    def __init__(
        self,
        whose: hosts.Hosts,
        timeout: float,
        connections: int,
        clock: Callable[[], float],
    ) -> None:
        """Prepare a session; nothing is opened yet.

        Args:
            whose: The hosts that calls go to.
            timeout: Seconds for a whole call, from the look-up of the host's address
                to the last byte.
            connections: How many calls are underway at once.
            clock: Seconds on a clock that never steps.
        """
        self._timeout = timeout
        self._clock = clock
        self._adapter = _Adapter(pool_maxsize=connections)
        self._session = requests.Session()
        # What the environment says of proxies and certificates, asked once, not for
        # each call; and no credentials from a ~/.netrc.
        self._routes = {host: self._route(host) for host in whose}
        self._session.trust_env = False
        self._session.headers["User-Agent"] = f"tap-zohocampaigns/{_version()}"
        self._session.headers["Accept-Encoding"] = "gzip, deflate"

    def _route(self, host: str) -> dict[str, t.Any]:
        found = self._session.merge_environment_settings(host, {}, None, None, None)
        # What stays on this machine, credentials too, is no business of a proxy.
        proxies = {} if hosts.is_local(host) else found["proxies"]
        return {"verify": found["verify"], "cert": found["cert"], "proxies": proxies}

    def send(
        self,
        method: str,
        host: str,
        path: str,
        form: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a call once and return the answer, whatever its status.

        Raises:
            Transient: There was no whole answer in time; `Unanswered` if the call may
                have been obeyed all the same.
            FatalError: The certificates can't be read, or Zoho redirects.
        """
        setting = "`accounts_url`" if path == TOKEN_PATH else "`api_url`"
        check = f"check the network, and `data_center` or {setting}"
        request = self._session.prepare_request(
            requests.Request(
                method,
                host + path,
                params=form if method == "GET" else None,
                data=None if method == "GET" else form,
                headers=headers,
            )
        )
        deadline = _Deadline(self._clock() + self._timeout, self._clock)
        try:
            with _until(deadline):
                reply = self._exchange(request, self._routes[host])
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            TimeoutError,
        ) as error:
            # The error's own text has the URL in it.
            msg = f"{causes.words(error)}: {check}"
            kind = Unanswered if isinstance(error, _LATE) else Transient
            raise kind(msg) from None
        except OSError as error:
            msg = (
                "The certificates that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE of the "
                f"environment names can't be read ({type(error).__name__})."
            )
            raise FatalError(msg) from None
        if _REDIRECT <= reply.status < _CLIENT_ERROR:
            msg = (
                "Zoho redirects to another address, which is never followed with "
                f"credentials: {check}."
            )
            raise FatalError(msg)
        return reply

    def _exchange(
        self, request: requests.PreparedRequest, route: dict[str, t.Any]
    ) -> Reply:
        content = bytearray()
        # Not by the session, which reads the whole body of a redirect.
        with self._adapter.send(
            request, stream=True, timeout=self._timeout, **route
        ) as response:
            encodings = response.headers.get("Content-Encoding", "").lower().split(",")
            decodes = {encoding.strip() for encoding in encodings} <= _ENCODINGS
            while piece := response.raw.read1(_PIECE, decode_content=decodes):
                content += piece
                _deadline.get().remaining()
                if len(content) > wire.MAX_BYTES:
                    break
            return Reply(response.status_code, bytes(content))


def _version() -> str:
    try:
        return version("tap-zohocampaigns")
    except PackageNotFoundError:
        return "0"
