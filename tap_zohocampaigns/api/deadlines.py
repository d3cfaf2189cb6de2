"""Connections with one deadline for a whole call, from the look-up to the last byte.

`requests` has timeouts only for connecting and for each read, so an answer that comes
in small pieces could take forever. These sockets share the deadline of their call.
"""

from __future__ import annotations

import socket
import ssl
import threading
import typing as t
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.ssl_ import create_urllib3_context

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Deadline(t.NamedTuple):
    """The end of a call."""

    at: float
    """Seconds of `clock`."""
    clock: Callable[[], float]

    def remaining(self) -> float:
        """Return how much time is left (seconds).

        Raises:
            TimeoutError: No time is left.
        """
        seconds = self.at - self.clock()
        if seconds <= 0:
            msg = "the time for the call is over"
            raise TimeoutError(msg)
        return seconds


# Each thread has one call underway.
_deadline: ContextVar[Deadline] = ContextVar("deadline")


def remaining() -> float:
    """Return how much time is left for the call of this thread (seconds).

    Raises:
        TimeoutError: No time is left.
    """
    return _deadline.get().remaining()


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Limit the call of this thread."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


class _Socket(socket.socket):
    """Ends with the call, however slowly data arrives.

    The timeout of an ordinary socket starts again with each piece of data.
    """

    def recv_into(self, *args: t.Any, **kwargs: t.Any) -> int:
        self.settimeout(remaining())
        return super().recv_into(*args, **kwargs)

    def recv(self, *args: t.Any, **kwargs: t.Any) -> bytes:
        self.settimeout(remaining())
        return super().recv(*args, **kwargs)

    def send(self, *args: t.Any, **kwargs: t.Any) -> int:
        self.settimeout(remaining())
        return super().send(*args, **kwargs)

    def sendall(self, *args: t.Any, **kwargs: t.Any) -> None:
        self.settimeout(remaining())
        super().sendall(*args, **kwargs)


class _TlsSocket(_Socket, ssl.SSLSocket):
    """The same with TLS."""

    def do_handshake(self, *args: t.Any, **kwargs: t.Any) -> None:
        self.settimeout(remaining())
        super().do_handshake(*args, **kwargs)


def tls_context() -> ssl.SSLContext:
    """Return a TLS context whose sockets end with the call."""
    context = create_urllib3_context()
    context.sslsocket_class = _TlsSocket
    return context


_Address = tuple[t.Any, ...]
_lookups: dict[tuple[str, int], Future[list[_Address]]] = {}
_looking_up = threading.Lock()


def _look_up(host: str, port: int) -> list[_Address]:
    """Return the addresses of a host.

    The system's look-up has no timeout, so it runs in a thread, one per host.
    """
    host_and_port = (host, port)
    with _looking_up:
        future = _lookups.get(host_and_port)
        if future is None:
            future = _lookups[host_and_port] = Future()
            threading.Thread(
                target=_resolve, args=(host_and_port, future), daemon=True
            ).start()
    return future.result(remaining())


def _resolve(host_and_port: tuple[str, int], future: Future[list[_Address]]) -> None:
    try:
        addresses = socket.getaddrinfo(*host_and_port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        future.set_exception(error)
    else:
        future.set_result([*addresses])
    finally:
        with _looking_up:
            del _lookups[host_and_port]


class _Connection(HTTPConnection):
    """A connection that is opened before the end of the call, or not at all."""

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
    """The same with TLS."""

    def connect(self) -> None:
        self.ssl_context = tls_context()
        super().connect()


def _connect(addresses: list[_Address]) -> socket.socket:
    """Connect to the first address that answers.

    The time that is left is shared out evenly among the addresses.
    """
    refused: OSError = OSError("the host has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        opened = _Socket(family, kind, protocol)
        try:
            for option in HTTPConnection.default_socket_options:
                opened.setsockopt(*option)
            opened.settimeout(remaining() / (len(addresses) - number))
            opened.connect(address)
        except OSError as error:
            opened.close()
            refused = error
        except BaseException:
            opened.close()
            raise
        else:
            return opened
    raise refused


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _Pool, "https": _TlsPool}
"""Connection pools by scheme, for urllib3."""
