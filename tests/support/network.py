"""A network and a clock of this process, so that lives need neither."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tap_zohocampaigns.api.errors import Transient
from tap_zohocampaigns.api.transport import Reply as Answer
from tap_zohocampaigns.sandbox.server.http import Request

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.transport import Transport
    from tap_zohocampaigns.sandbox import Reply

SHOWN = "%d %b %Y, %I:%M %p"
MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The process is no more: nothing is saved."""


class Clock:
    """Seconds of the sandbox, so that it never runs out of tokens."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Line:
    """Takes the place of the listener of a sandbox, and of the network."""

    server_address = ("", 0)

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        del port
        self.answer = answer

    def serve_forever(self, **_: float) -> None:
        """Have nothing to wait for."""

    def shutdown(self) -> None:
        """Have nothing to end."""

    def server_close(self) -> None:
        """Have nothing to close."""


@dataclass
class Wire:
    """Carries calls to a service of this process, for one client at a time."""

    lines: list[Line] = field(default_factory=list)
    client: Client | None = None
    outlier = False
    """Whether a campaign tells when it was sent with a text that is minutes off."""

    def listen(self, port: int, answer: Callable[[Request], Reply]) -> Line:
        self.lines.append(Line(port, answer))
        return self.lines[-1]

    def send(
        self,
        transport: Transport,
        how: tuple[str, str],
        form: dict[str, t.Any],
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if self.client is None or transport is not self.client._transport:  # noqa: SLF001
            raise Killed  # a thread of a run that is over
        method, path = how
        params = {name: str(value) for name, value in form.items()}
        query = params if method == "GET" else {}
        signed = (headers or {}).get("Authorization", "")
        reply = self.lines[-1].answer(Request(method, path, query, params, signed))
        if reply.cut:
            msg = "no whole answer"
            raise Transient(msg)
        if self.outlier and path.endswith("/recentcampaigns"):
            return Answer(reply.status, with_outlier(reply.body))
        return Answer(reply.status, reply.body)


def with_outlier(body: bytes) -> bytes:
    """Return a page of campaigns with one text of time that is minutes off."""
    answer = json.loads(body)
    for row in answer.get("recent_campaigns", ()):
        if text := row.get("sent_date_string"):
            off = datetime.strptime(text, SHOWN) + 2 * MINUTE  # noqa: DTZ007 (a text)
            row["sent_date_string"] = off.strftime(SHOWN)
            break
    return json.dumps(answer).encode()
