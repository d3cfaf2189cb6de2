"""Kinds of faults: of the connection, answers, the service, and this machine."""

from __future__ import annotations

import errno
import io
import time
import typing as t
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tests.support.zoho import Answer, error

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.zoho import Request

    Right: t.TypeAlias = Callable[[Request], Answer]
    Wrong: t.TypeAlias = Callable[[Request, Right], Answer | None]

TIMEOUT = 1
"""The setting `request_timeout` (seconds)."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        answer: Gives the answer to a call that meets the fault; None drops the
            connection.
        only: The endpoints that meet it; empty: all.
        account: What the account answers wrongly: a method of the account.
        settings: Settings of the run that meets it; `{folder}` is a folder of the run.
        stdout: The error of stdout after some bytes.
        skew: How far the clock of the tap steps in the run.
        dies: The access token dies at the call.
    """

    answer: Wrong | None = None
    only: tuple[str, ...] = ()
    account: str = ""
    settings: Mapping[str, t.Any] = field(default_factory=dict)
    stdout: int = 0
    skew: timedelta = timedelta()
    dies: bool = False


class FailingStdout(io.RawIOBase):
    """A stdout that fails after some bytes; what came before is kept."""

    def __init__(self, error: int, after: int) -> None:
        self.content = bytearray()
        self._error = error
        self._after = after

    def writable(self) -> bool:
        return True

    def write(self, content: t.Any) -> int:
        rest = self._after - len(self.content)
        if self._error and rest <= 0:
            raise OSError(self._error, "stdout fails")
        piece = bytes(content)[: rest if self._error else None]
        self.content += piece
        return len(piece)


def given(answer: Answer | None) -> Kind:
    """Give the same answer whatever is asked for."""
    return Kind(lambda *_: answer)


def changed(change: Callable[[Answer], Answer | None]) -> Kind:
    """Change the right answer."""
    return Kind(lambda request, right: change(right(request)))


def _slowly(body: bytes) -> Iterator[bytes]:
    for position in range(len(body)):
        time.sleep(TIMEOUT / 8)
        yield body[position : position + 1]


def _never(_: bytes) -> Iterator[bytes]:
    time.sleep(TIMEOUT * 1.5)
    yield b""


def _other_format(request: Request, right: Right) -> Answer:
    """Answer in XML where JSON is asked for, and the other way round."""
    other = {"json": "xml", "xml": "json", "JSON": "XML", "XML": "JSON"}
    form = {k: other.get(v, v) for k, v in request.params.items()}
    return right(replace(request, target=request.path, form=form))


def _page_at(distance: int) -> Wrong:
    """Answer with a page before or behind the one that is asked for."""

    def answer(request: Request, right: Right) -> Answer:
        params = request.params
        if not {"fromindex", "range"} <= params.keys():
            return right(request)
        first = int(params["fromindex"]) + distance * int(params["range"])
        form = {**params, "fromindex": str(max(1, first))}
        return right(replace(request, target=request.path, form=form))

    return answer


_ROWS = ("getsegmentcontacts", "getlistsubscribers", "getcampaignrecipientsdata")
_CAMPAIGN = ("getcampaignrecipientsdata", "getcampaigndetails", "campaignreports")
_PAGE = b"<html><body>Bad gateway</body></html>"

KINDS: dict[str, Kind] = {
    "HTTP 500": given(Answer(b"", 500)),
    "HTTP 500 with a web page": given(Answer(_PAGE, 500)),
    "HTTP 502": given(Answer(_PAGE, 502)),
    "HTTP 503": given(Answer(b"", 503, {"Retry-After": "30"})),
    "HTTP 504": given(Answer(b"", 504)),
    "HTTP 429": given(Answer(b"", 429)),
    "HTTP 404": given(Answer(_PAGE, 404)),
    "redirect": given(Answer(b"", 302, {"Location": "http://127.0.0.1:9/"})),
    "web page with HTTP 200": given(Answer(_PAGE)),
    "empty body": given(Answer(b"")),
    "unknown code": given(Answer(error("4711", "It is odd."))),
    "code 500": given(Answer(error("500", "Internal error"))),
    "reset": given(None),
    "half-open connection": changed(
        lambda right: Answer(b"", headers=right.headers, pieces=_never(right.body))
    ),
    "slow trickle": changed(
        lambda right: Answer(b"", headers=right.headers, pieces=_slowly(right.body))
    ),
    "cut body": changed(
        lambda right: replace(
            right, body=right.body[: len(right.body) // 2], missing=len(right.body)
        )
    ),
    "wrong length": changed(lambda right: replace(right, missing=-20)),
    "garbage as gzip": changed(
        lambda right: replace(right, headers={"Content-Encoding": "gzip"})
    ),
    "unknown encoding": changed(
        lambda right: replace(right, headers={"Content-Encoding": "br"})
    ),
    "UTF-16": changed(
        lambda right: replace(right, body=right.body.decode().encode("utf-16"))
    ),
    "the other format": Kind(_other_format),
    "duplicate page": Kind(_page_at(-1), _ROWS),
    "missing page": Kind(_page_at(1), _ROWS),
    "reordered rows": Kind(account="reorder"),
    "stale counters": Kind(account="report"),
    "list deleted for a while": Kind(
        lambda *_: Answer(error("2501", "This list does not exist")),
        ("getlistsubscribers", "getlistadvanceddetails", "getsegmentcontacts"),
    ),
    "campaign recalled for a while": Kind(
        lambda *_: Answer(error("6002", "Campaign does not exist")), _CAMPAIGN
    ),
    "token dies": Kind(dies=True),
    "lock": Kind(lambda *_: Answer(error("Z101", "Too many requests"))),
    "lock, and the run stops": Kind(
        lambda *_: Answer(error("Z101", "Too many requests")),
        settings={"rate_limit_on_lock": "stop"},
    ),
    "clock five hours ahead": Kind(skew=5 * HOUR),
    "clock three hours back": Kind(skew=-3 * HOUR),
    "disk full": Kind(stdout=errno.ENOSPC),
    "loader gone": Kind(stdout=errno.EPIPE),
    "ledger that can't be written": Kind(
        settings={"rate_limit_ledger": "/proc/ledger/sqlite3"}
    ),
    "ledger of garbage": Kind(settings={"rate_limit_ledger": "{folder}/garbage"}),
    "Redis gone": Kind(settings={"rate_limit_ledger": "redis://127.0.0.1:9/0"}),
    "quota of another program": Kind(
        settings={"rate_limit_calls": 20, "rate_limit_ledger": "{folder}/shared"}
    ),
}


class WrongAccount:
    """An account that answers wrongly from a call on, until the run ends.

    Attributes:
        wrong: What is wrong: `reorder` or `report`; empty: nothing.
        places: Of the two rows that are swapped: 0 is the first, 1 behind the last.
    """

    def __init__(self, account: t.Any) -> None:
        self.wrong = ""
        self._account = account
        self.places = (0.0, 0.0)

    def __getattr__(self, name: str) -> t.Any:
        method = getattr(self._account, name)
        if self.wrong == "reorder" and name in {"members", "contacts", "recipients"}:
            return lambda *args: self._swapped([*method(*args)])
        if self.wrong == "report" and name == "report":
            return lambda key: {n: v // 2 for n, v in method(key).items()}
        return method

    def _swapped(self, rows: list[t.Any]) -> list[t.Any]:
        """Return the rows with two of them swapped."""
        if len(rows) > 1:
            one, other = (int(place * len(rows)) for place in self.places)
            rows[one], rows[other] = rows[other], rows[one]
        return rows
