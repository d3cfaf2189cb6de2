"""Why a call got no answer, in words: the texts of network errors hold URLs."""

from __future__ import annotations

import socket
import ssl
import typing as t

import requests
import urllib3

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# The first kind that is found anywhere in an error names the cause.
_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError),
        "the proxy of the environment can't be used",
    ),
    (
        (ssl.SSLCertVerificationError,),
        "the certificate of the host is not trusted",
    ),
    (
        (ssl.SSLError, requests.exceptions.SSLError, urllib3.exceptions.SSLError),
        "no secure connection could be made",
    ),
    (
        (socket.gaierror, urllib3.exceptions.NameResolutionError),
        "the name of the host is not known",
    ),
    ((ConnectionRefusedError,), "the connection was refused"),
    (
        (
            TimeoutError,
            requests.exceptions.Timeout,
            urllib3.exceptions.TimeoutError,
        ),
        "its time was over (`request_timeout`)",
    ),
    (
        (
            ConnectionError,
            urllib3.exceptions.ProtocolError,
            requests.exceptions.ChunkedEncodingError,
        ),
        "the connection was cut",
    ),
)
# Causes can be chained in a circle.
_MOST = 50


def words(error: BaseException) -> str:
    """Return why there was no answer, without URL and secret.

    Args:
        error: What the network library raised.
    """
    found, kind = [*_chain(error)], type(error).__name__
    for kinds, cause in _WORDS:
        if any(isinstance(each, kinds) for each in found):
            return f"no whole answer ({kind}, as {cause})"
    return f"no whole answer ({kind})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it comes from, as the libraries nest them."""
    waiting: list[object] = [error]
    for _ in range(_MOST):
        if not waiting:
            return
        each = waiting.pop(0)
        if isinstance(each, BaseException):
            yield each
            waiting += each.args
            waiting += (
                each.__cause__,
                each.__context__,
                getattr(each, "reason", None),
                getattr(each, "original_error", None),
            )
