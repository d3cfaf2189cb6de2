"""The target, run in this process against a service."""

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
from tap_zohocampaigns.target.options import Options
from tap_zohocampaigns.target.target import TargetZohoCampaigns
from tests.support.taps import NOW

if t.TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Call, Service
    from tap_zohocampaigns.target.report import Report

    Message: t.TypeAlias = dict[str, t.Any]

FORMATS = ("json", "xml")
SUBSCRIBE, UNSUBSCRIBE = "listsubscribe", "listunsubscribe"
BULK, BLOCK = "addlistsubscribersinbulk", "contactdonotmail"


def small_account() -> LivingAccount:
    """Return a new account with a fixed clock."""
    return LivingAccount(clock=lambda: NOW, contacts=100, campaigns=4)


def list_without_form(account: LivingAccount) -> str:
    """Return the key of a list without a signup form: contacts need not confirm."""
    return next(one.key for one in account.lists() if not one.public)


def schema(stream: str, *keys: str) -> Message:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": {"contact_email": {"type": ["null", "string"]}}},
        "key_properties": [*keys],
    }


def record(stream: str, email: object, **more: t.Any) -> Message:
    content = {"contact_email": email, **more}
    return {"type": "RECORD", "stream": stream, "record": content}


def state(number: object) -> Message:
    return {"type": "STATE", "value": {"number": number}}


def as_lines(messages: Iterable[Message]) -> str:
    """Write messages as lines; add the SCHEMA of each stream that has none."""
    output, streams = [], set()
    for message in messages:
        stream = message.get("stream")
        if message["type"] == "RECORD" and stream not in streams:
            output.append(schema(str(stream)))
        streams.add(stream)
        output.append(message)
    return "".join(json.dumps(message) + "\n" for message in output)


class RunResult(t.NamedTuple):
    """The result of a run."""

    states: list[t.Any]
    report: Report
    error: BaseException | None
    status: int

    def counts(self) -> tuple[int, int, int, int]:
        """Return how many were sent, already in effect, rejected and skipped."""
        outcomes = ("sent", "already in effect", "rejected", "skipped")
        sent, already, rejected, skipped = map(self.report.count, outcomes)
        return sent, already, rejected, skipped


def run_target(
    service: Service, messages: Iterable[Message] | str, **settings: t.Any
) -> RunResult:
    """Run the target until it ends or fails.

    `settings` may have `most_pending`, and the options of the command line.
    """
    defaults = {"rate_limit_ledger": "memory", "dry_run": False, "retry_max_seconds": 0}
    most_pending = settings.pop("most_pending", TargetZohoCampaigns.most_pending)
    options = Options(settings.pop("full", False), settings.pop("limit", None))
    target = TargetZohoCampaigns(config=service.config | defaults | settings)
    target.given = options
    target.most_pending = most_pending
    text = messages if isinstance(messages, str) else as_lines(messages)
    stdout, error = io.StringIO(), None
    with redirect_stdout(stdout):
        try:
            target.listen(io.StringIO(text))
        except (ZohoError, Stopped) as raised:
            error = raised
        finally:
            target.end()
    states = [*map(json.loads, stdout.getvalue().splitlines())]
    return RunResult(states, target.report, error, target.status)


def endpoints(service: Service) -> list[str]:
    return [call.endpoint.rpartition("/")[2] for call in service.calls]


def contact_of_call(call: Call) -> dict[str, str]:
    """Return the contact of a call, as the service parses it."""
    as_json = call.endpoint.startswith("json/")
    return parse(call.params["contactinfo"], as_json=as_json)


def error_reply(code: str, message: str = "") -> Reply:
    body = {"status": "error", "code": code, "message": message}
    return Reply(200, json.dumps(body).encode())


def answer_with_error(
    service: Service, code: str, message: str = "", only: str = ""
) -> None:
    """Answer calls with an error: all of them, or those with `only` in their params."""

    def answer(call: Call) -> Reply | None:
        return error_reply(code, message) if only in str(call.params) else None

    service.intercept = answer


def read_reject_file(path: Path) -> list[dict[str, t.Any]]:
    """Return the lines of a reject file; check that only its owner can read it."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return [*map(json.loads, path.read_text().splitlines())]
