"""The target run against a service, in this process."""

from __future__ import annotations

import io
import json
import stat
import typing as t
from contextlib import redirect_stdout

from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.sandbox import LivingAccount, Reply
from tap_zohocampaigns.sandbox.server.contactinfo import parse
from tap_zohocampaigns.singer.shutdown import Stopped
from tap_zohocampaigns.target.target import TargetZohoCampaigns
from tests.support.taps import NOW

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, Service
    from tap_zohocampaigns.target.report import Report

    Message: t.TypeAlias = dict[str, t.Any]

FORMATS = ("json", "xml")
ANNA, BERT = "planted.anna+news@example.com", "planted.bert@example.com"
SUBSCRIBE, UNSUBSCRIBE = "listsubscribe", "listunsubscribe"
BULK, BLOCK = "addlistsubscribersinbulk", "contactdonotmail"


def small_account() -> LivingAccount:
    """Return an account of its own, whose clock stands still."""
    return LivingAccount(clock=lambda: NOW, contacts=100, campaigns=4)


def open_list(account: LivingAccount) -> str:
    """Return the key of a list that anybody can be added to."""
    return next(one.key for one in account.lists() if not one.public)


def schema(stream: str, *keys: str) -> Message:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": {"contact_email": {"type": ["null", "string"]}}},
        "key_properties": [*keys],
    }


def record(stream: str, email: object, **more: t.Any) -> Message:
    told = {"contact_email": email, **more}
    return {"type": "RECORD", "stream": stream, "record": told}


def state(number: object) -> Message:
    return {"type": "STATE", "value": {"number": number}}


def lines(messages: Iterable[Message]) -> str:
    """Write messages as a tap does, each stream behind its schema."""
    written, known = [], set()
    for message in messages:
        stream = message.get("stream")
        if message["type"] == "RECORD" and stream not in known:
            written.append(schema(str(stream)))
        known.add(stream)
        written.append(message)
    return "".join(json.dumps(message) + "\n" for message in written)


class Ran(t.NamedTuple):
    """What a run has left."""

    states: list[t.Any]
    report: Report
    error: BaseException | None
    status: int

    def counts(self) -> tuple[int, int, int, int]:
        """Return how many were sent, already in effect, rejected and skipped."""
        fates = ("sent", "already in effect", "rejected", "skipped")
        sent, already, rejected, skipped = map(self.report.count, fates)
        return sent, already, rejected, skipped


def run_target(
    service: Service, messages: Iterable[Message] | str, **settings: t.Any
) -> Ran:
    """Run the target to its end or its failure; `most_pending` is a setting here."""
    own = {"rate_limit_ledger": "memory", "dry_run": False, "retry_max_seconds": 0}
    most_pending = settings.pop("most_pending", TargetZohoCampaigns.most_pending)
    target = TargetZohoCampaigns(config=service.config | own | settings)
    target.most_pending = most_pending
    text = messages if isinstance(messages, str) else lines(messages)
    written, error = io.StringIO(), None
    with redirect_stdout(written):
        try:
            target.listen(io.StringIO(text))
        except (ZohoError, Stopped) as raised:
            error = raised
        finally:
            target.end()
    states = [*map(json.loads, written.getvalue().splitlines())]
    return Ran(states, target.report, error, target.status)


def endpoints(service: Service) -> list[str]:
    return [call.endpoint.rpartition("/")[2] for call in service.calls]


def contact(call: Call) -> dict[str, str]:
    """Return the contact of a call, as the service reads it."""
    as_json = call.endpoint.startswith("json/")
    return parse(call.params["contactinfo"], as_json=as_json)


def refusal(code: str, message: str = "") -> Reply:
    body = {"status": "error", "code": code, "message": message}
    return Reply(200, json.dumps(body).encode())


def refuse(service: Service, code: str, message: str = "", only: str = "") -> None:
    """Let calls be answered with a code, or only those about somebody."""

    def answer(call: Call) -> Reply | None:
        return refusal(code, message) if only in str(call.params) else None

    service.intercept = answer


def rejected(path: Path) -> list[dict[str, t.Any]]:
    """Return what a file of rejects tells."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return [*map(json.loads, path.read_text().splitlines())]
