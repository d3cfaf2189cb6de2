"""Names the causes of network errors, whose own texts contain URLs."""

from __future__ import annotations

import socket
import ssl
import typing as t

import urllib3

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# The first line counts that has a type of any error in the chain.
_CAUSES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (urllib3.exceptions.ProxyError,),
        "the proxy of the environment can't be used",
    ),
    (
        (ssl.SSLCertVerificationError,),
        "the certificate of the host is not trusted",
    ),
    (
        (ssl.SSLError, urllib3.exceptions.SSLError),
        "no secure connection could be made",
    ),
    (
        (socket.gaierror, urllib3.exceptions.NameResolutionError),
        "the name of the host is not known",
    ),
    ((ConnectionRefusedError,), "the connection was refused"),
    (
        (TimeoutError, urllib3.exceptions.TimeoutError),
        "its time was over (`request_timeout`)",
    ),
    (
        (ConnectionError, urllib3.exceptions.ProtocolError),
        "the connection was cut",
    ),
)
# Chains of causes can be circular.
_MOST = 50


def cause_of(error: BaseException) -> str:
    """Return why there was no answer, without URLs and secrets.

    Args:
        error: From the network library.
    """
    chain, name = [*_chain(error)], type(error).__name__
    for types, cause in _CAUSES:
        if any(isinstance(link, types) for link in chain):
            return f"no whole answer ({name}, as {cause})"
    return f"no whole answer ({name})"


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
