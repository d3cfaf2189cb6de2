"""`doctor --shapes FILE`: what answers look like, without what they say.

Nobody on the project has an account, so such a file is how users show what the real
service sends. Each endpoint that reads is called once.
"""

from __future__ import annotations

import json
import os
import sys
import typing as t
from contextlib import suppress
from http import HTTPStatus
from importlib.metadata import version

import click

from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.codes import RULES, asks_for_patience
from tap_zohocampaigns.api.errors import (
    FatalError,
    Forbidden,
    Locked,
    NotFound,
    RangeRefused,
    SettingError,
    StoppedAtLock,
    Transient,
    Unauthorized,
    ZohoError,
)
from tap_zohocampaigns.api.wire import envelope as envelopes
from tap_zohocampaigns.api.wire import patterns
from tap_zohocampaigns.api.wire.shape_news import news, unknown_names
from tap_zohocampaigns.api.wire.shape_report import shape_of, shown_code
from tap_zohocampaigns.commands.checks import AGAIN, Check, Result
from tap_zohocampaigns.commands.shape_calls import calls, labels_of
from tap_zohocampaigns.commands.shape_names import known_of
from tap_zohocampaigns.settings import env_file
from tap_zohocampaigns.singer.progress import counted
from tap_zohocampaigns.singer.user_errors import user_message

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.api.client import Answer, Client
    from tap_zohocampaigns.api.wire.known import Known
    from tap_zohocampaigns.api.wire.types import Row


FORM = 1
"""The version of the form of a report."""
# After so many calls without an answer, no other one is made.
_MOST_UNANSWERED = 3
_MOST_NAMES = 50
_UNWRITABLE = "The file of `--shapes` can't be written (%s): name another one."
NO_KEY = "no key to ask with"
_NO_CALL = "this version of the API has no such call"
_NO_QUOTA = "its quota is used up"
_NO_ANSWER = "no answer"
_ATTACH = "attach the file to an issue: CONTRIBUTING.md says how"
# The first line that fits counts.
_OUTCOMES: tuple[tuple[type[ZohoError], str], ...] = (
    (Locked, "locked"),
    (Unauthorized, "token not accepted"),
    (Transient, "try again later"),
    (Forbidden, "forbidden"),
    (NotFound, "not found"),
    (RangeRefused, "page too large"),
    (FatalError, "failed"),
)


def shape_checks(client: Client, path: Path) -> Iterator[Check]:
    """Call each endpoint once, write the report, and yield what came of each.

    Args:
        client: Makes the calls, without waits for locks.
        path: The file of the report.

    Raises:
        SettingError: The file can't be written.
    """
    _check_writable(path)
    report = _Report(client)
    yield from report.checks()
    if report.entries:
        _write(path, report.as_json())
        yield report.summary(path)


class _Report:
    """The answers of an account, one of each endpoint."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._rows: dict[str, list[Row]] = {}
        self._unanswered = 0
        self._labels: frozenset[str] = frozenset()
        self._unknown: dict[str, list[str]] = {}
        self.entries: Row = {}

    def checks(self) -> Iterator[Check]:
        """Make the calls; stop if Zoho gives no token."""
        for endpoint, params in calls(self._rows):
            name = f"answer of {endpoint}"
            if why := self._obstacle(endpoint, params):
                self.entries[endpoint] = {"not_called": why}
                is_well = why in {NO_KEY, _NO_CALL}
                result = Result.OK if is_well else Result.WARNING
                yield Check(name, result, f"Not called: {why}")
                continue
            try:
                answer = self._client.ask(endpoint, params or {})
            except SettingError as error:
                self.entries.clear()
                advice = "find the reason with the checks"
                yield Check.of_error("credentials", error, advice, AGAIN)
                return
            except ZohoError as error:
                self._unanswered += not isinstance(error, StoppedAtLock)
                self.entries[endpoint] = {"outcome": _NO_ANSWER}
                yield Check(name, Result.WARNING, user_message(error))
                continue
            self._unanswered = 0
            yield self._note(name, endpoint, answer)

    def _obstacle(self, endpoint: str, params: Row | None) -> str:
        """Return why an endpoint can't be called; empty if it can."""
        if not self._client.version.has_call(endpoint, params):
            return _NO_CALL
        if params is None:
            return NO_KEY
        if self._unanswered >= _MOST_UNANSWERED:
            return "Zoho did not answer other calls"
        return "" if self._client.ledger.remaining(endpoint) else _NO_QUOTA

    def _note(self, name: str, endpoint: str, answer: Answer) -> Check:
        known = known_of(endpoint, self._labels)
        payload = answer.envelope.payload if answer.envelope else None
        self._rows[endpoint] = payload if isinstance(payload, list) else []
        if endpoint == "contact/allfields":
            self._labels = labels_of(self._rows[endpoint])
        entry = self.entries[endpoint] = entry_of(answer, known)
        with suppress(ZohoError):
            body = envelopes.decode(answer.reply.content)
            self._unknown[endpoint] = [*dict.fromkeys(unknown_names(body, known))]
        number = sum(1 for _ in news(entry))
        text = f"HTTP {answer.reply.status}, {entry['outcome']}"
        text += f"; {counted(number, 'new thing')}" if number else ""
        if answer.error:
            return Check(name, Result.WARNING, f"{text}: {user_message(answer.error)}")
        return Check(name, Result.OK, text)

    def as_json(self) -> Row:
        """Return the report, which has no value of the account."""
        client = self._client
        is_latest = client.version.is_latest
        return {
            "report": "shapes",
            "form": FORM,
            "tap": version("tap-zohocampaigns"),
            "api_version": versions.LATEST if is_latest else "1",
            "response_format": client.format,
            "calls": client.calls.total(),
            "new": [*news(self.entries)],
            "endpoints": self.entries,
        }

    def summary(self, path: Path) -> Check:
        """Return how many calls were made, and what to do with the file."""
        self._show_names()
        number_of_calls = counted(self._client.calls.total(), "call")
        number = sum(1 for _ in news(self.entries))
        text = f"{number_of_calls}, {counted(number, 'new thing')}; written to {path}"
        outcomes = {entry.get("outcome") for entry in self.entries.values()}
        if "read" not in outcomes and "no rows" not in outcomes:
            advice = "run `doctor` without `--shapes`, which says why"
            return Check("shapes", Result.FAILED, f"{text}; none was read", advice)
        if number:
            return Check("shapes", Result.WARNING, text, _ATTACH)
        return Check("shapes", Result.OK, text)

    def _show_names(self) -> None:
        """Show names that the file does not have, for whoever sits at a terminal.

        Only the user can tell a field of Zoho from one of the account.
        """
        if not sys.stderr.isatty():
            return
        lines = [
            f"  {endpoint}: {patterns.of_name(name)} is {name}"
            for endpoint, names in self._unknown.items()
            for name in names
        ]
        if lines:
            click.echo(
                "Names that this version does not know. The file has only their "
                "patterns: if one is a field of Zoho and not of yours, name it in the "
                "issue.",
                err=True,
            )
            click.echo("\n".join(lines[:_MOST_NAMES]), err=True)


def entry_of(answer: Answer, known: Known) -> Row:
    """Return what a report says about an answer."""
    status, content = answer.reply.status, answer.reply.content
    entry: Row = {"http_status": status, "outcome": _outcome(answer)}
    try:
        body = envelopes.decode(content)
    except ZohoError:
        text = content.lstrip()[:1]
        entry["format"] = "cut off, or a web page" if text else "empty"
        # An answer of the gateway, in front of the service, may be anything.
        return entry | ({"new": True} if status == HTTPStatus.OK else {})
    is_xml = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    entry["format"] = "xml" if is_xml else "json"
    try:
        envelope = envelopes.parse(content)
    except ZohoError:
        entry["new"] = True
    else:
        if envelope.code:
            entry["code"] = shown_code(envelope.code, known)
        if envelope.success and status == HTTPStatus.OK and answer.error:
            # A success without what the tap looks for.
            entry["new"] = True
        if phrases := _phrases(envelope.message):
            entry["message_contains"] = phrases
    return entry | {"body": shape_of(body, known)}


def _outcome(answer: Answer) -> str:
    if answer.error is None:
        return "read" if answer.envelope else "no rows"
    return next(text for kind, text in _OUTCOMES if isinstance(answer.error, kind))


def _phrases(message: str) -> list[str]:
    """Return the phrases of the table of codes that a message contains."""
    text = message.casefold()
    known = {rule.message for rule in RULES if rule.message and rule.message in text}
    return sorted(known | ({"try later"} if asks_for_patience(message) else set()))


def _check_writable(path: Path) -> None:
    """Fail before any call is made, if the file can't be written.

    Raises:
        SettingError: It can't be written.
    """
    folder = path.resolve().parent
    if path.is_dir():
        raise SettingError(_UNWRITABLE % "it is a folder")
    if path.exists() and not path.is_file():
        raise SettingError(_UNWRITABLE % "it is a device or a pipe")
    if not folder.is_dir():
        raise SettingError(_UNWRITABLE % "its folder is missing")
    if not os.access(folder, os.W_OK):
        raise SettingError(_UNWRITABLE % "you may not write into its folder")


def _write(path: Path, report: Row) -> None:
    try:
        env_file.replace(path, json.dumps(report, indent=1) + "\n")
    except OSError as error:
        raise SettingError(_UNWRITABLE % type(error).__name__) from None
