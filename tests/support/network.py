"""A fake network and clock, so that model tests use no sockets and do not wait."""

from __future__ import annotations

import json
import logging
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from unittest import mock

from tap_zohocampaigns.api.errors import Transient
from tap_zohocampaigns.api.transport import Reply as Answer
from tap_zohocampaigns.sandbox import Service
from tap_zohocampaigns.sandbox.server.http import Request

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.transport import Transport
    from tap_zohocampaigns.sandbox import Reply
    from tap_zohocampaigns.sandbox.world.account import Account

DATE_FORMAT = "%d %b %Y, %I:%M %p"
MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """Simulates a killed process: nothing is saved afterwards."""


class Clock:
    """A monotonic clock for the sandbox; runs advance it to renew the token quota."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Line:
    """Replaces the HTTP listener of a sandbox: it opens no socket."""

    server_address = ("", 0)

    def __init__(self, port: int, answer: Callable[[Request], Reply]) -> None:
        del port
        self.answer = answer

    def serve_forever(self, **_: float) -> None:
        """Do nothing: there are no connections."""

    def shutdown(self) -> None:
        """Do nothing: no loop is running."""

    def server_close(self) -> None:
        """Do nothing: there is no socket."""


@dataclass
class FakeNetwork:
    """Passes the calls of one client to the newest service of this process."""

    lines: list[Line] = field(default_factory=list)
    client: Client | None = None
    has_wrong_date = False
    """Whether one campaign has a sending date that is two minutes wrong."""

    def listen(self, port: int, answer: Callable[[Request], Reply]) -> Line:
        self.lines.append(Line(port, answer))
        return self.lines[-1]

    def send(
        self,
        transport: Transport,
        method_and_path: tuple[str, str],
        form: dict[str, t.Any],
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if self.client is None or transport is not self.client._transport:  # noqa: SLF001
            raise Killed  # a thread of a run that has ended
        method, path = method_and_path
        params = {name: str(value) for name, value in form.items()}
        query = params if method == "GET" else {}
        authorization = (headers or {}).get("Authorization", "")
        reply = self.lines[-1].answer(
            Request(method, path, query, params, authorization)
        )
        if reply.cut:
            msg = "no whole answer"
            raise Transient(msg)
        if self.has_wrong_date and path.endswith("/recentcampaigns"):
            return Answer(reply.status, with_wrong_date(reply.body))
        return Answer(reply.status, reply.body)


@contextmanager
def service_without_sockets(
    account: Account, clock: Callable[[], float], quota_calls: int = 10**9
) -> Iterator[tuple[Service, FakeNetwork]]:
    """Serve an account to the clients of this process, without sockets and logs."""
    network = FakeNetwork()

    def send(transport: t.Any, method: str, _: str, path: str, *rest: t.Any) -> t.Any:
        return network.send(transport, (method, path), *rest)

    with (
        mock.patch("tap_zohocampaigns.sandbox.server.service.Listener", network.listen),
        mock.patch("tap_zohocampaigns.api.client.Transport.send", send),
        Service(account, quota_calls=quota_calls, monotonic=clock) as service,
    ):
        logging.disable()  # a simulated kill would be logged as an error
        try:
            yield service, network
        finally:
            logging.disable(logging.NOTSET)


def with_wrong_date(body: bytes) -> bytes:
    """Make the sending date of the first campaign of a page two minutes wrong."""
    answer = json.loads(body)
    for row in answer.get("recent_campaigns", ()):
        if text := row.get("sent_date_string"):
            sent = datetime.strptime(text, DATE_FORMAT)  # noqa: DTZ007 (any zone)
            row["sent_date_string"] = (sent + 2 * MINUTE).strftime(DATE_FORMAT)
            break
    return json.dumps(answer).encode()
