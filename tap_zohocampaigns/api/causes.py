"""Names the causes of network errors, whose own texts contain URLs."""

from __future__ import annotations

import enum
import socket
import ssl
import typing as t

import urllib3

if t.TYPE_CHECKING:
    from collections.abc import Iterator


class Cause(enum.Enum):
    """Why there was no answer, in words."""

    PROXY = "the proxy of the environment can't be used"
    CERTIFICATE = "the certificate of the host is not trusted"
    TLS = "no secure connection could be made"
    DNS = "the name of the host is not known"
    REFUSED = "the connection was refused"
    TIMEOUT = "its time was over (`request_timeout`)"
    CUT = "the connection was cut"


# The first line counts that has a type of any error in the chain.
_CAUSES: tuple[tuple[tuple[type[BaseException], ...], Cause], ...] = (
    ((urllib3.exceptions.ProxyError,), Cause.PROXY),
    ((ssl.SSLCertVerificationError,), Cause.CERTIFICATE),
    ((ssl.SSLError, urllib3.exceptions.SSLError), Cause.TLS),
    ((socket.gaierror, urllib3.exceptions.NameResolutionError), Cause.DNS),
    ((ConnectionRefusedError,), Cause.REFUSED),
    ((TimeoutError, urllib3.exceptions.TimeoutError), Cause.TIMEOUT),
    ((ConnectionError, urllib3.exceptions.ProtocolError), Cause.CUT),
)
# Chains of causes can be circular.
_MOST = 50


def find_cause(error: BaseException) -> Cause | None:
    """Return why there was no answer; None if that is not known.

    Args:
        error: From the network library.
    """
    chain = [*_chain(error)]
    for types, cause in _CAUSES:
        if any(isinstance(link, types) for link in chain):
            return cause
    return None


def cause_of(error: BaseException) -> str:
    """Return a text that says why there was no answer, without URLs and secrets.

    Args:
        error: From the network library.
    """
    cause, name = find_cause(error), type(error).__name__
    return (
        f"no whole answer ({name}, as {cause.value})"
        if cause
        else (f"no whole answer ({name})")
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, as the libraries nest them."""
    waiting: list[object] = [error]
    for _ in range(_MOST):
        if not waiting:
            return
        link = waiting.pop(0)
        if isinstance(link, BaseException):
            yield link
            waiting += link.args
            waiting += (
                link.__cause__,
                link.__context__,
                getattr(link, "reason", None),
                getattr(link, "original_error", None),
            )
