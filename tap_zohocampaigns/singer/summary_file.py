"""The file of `--summary`: one line of JSON about a run, written when it has ended."""

from __future__ import annotations

import json
import logging
import os
import secrets
import stat
import time
import typing as t
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import click

from tap_zohocampaigns.api.errors import SettingError, ZohoError
from tap_zohocampaigns.singer.progress import counted
from tap_zohocampaigns.singer.shutdown import Shutdown, Stopped

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.quota.ledger import Ledger
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.singer.progress import Progress

ENDED, STOPPED, FAILED = "ended", "stopped", "failed"
MOST_TEXTS: t.Final = 20
"""How many warnings are written out. All are counted."""
_KEY: t.Final = "tap_zohocampaigns.summary"


class SummaryFile(logging.Handler):
    """Collects what there is to say about a run, and writes it at the end."""

    def __init__(self, path: str, plugin: str) -> None:
        """Begin the run: warnings are collected from now on.

        Args:
            path: Where the line is written.
            plugin: Name of the tap or target.

        Raises:
            SettingError: The file can't be written.
        """
        super().__init__(logging.WARNING)
        self._path = Path(path)
        if self._path.is_file() or not self._path.exists():
            # A link stays a link.
            self._path = self._path.resolve()
        self._given = path
        self._plugin = plugin
        self._started = datetime.now(UTC)
        self._since = time.monotonic()
        self._warnings = 0
        self._texts: dict[str, None] = {}
        self._figures: Row = {
            "account_id": None,
            "rows": 0,
            "calls": 0,
            "streams": {},
            "left_out": {},
            "endpoints": {},
        }
        self._fault = ""
        try:
            self._try_out()
        except OSError as error:
            msg = f"The file of `--summary` can't be written ({_why(error)}): {path}"
            raise SettingError(msg) from None
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning; errors have their place in `reason`."""
        if record.levelno == logging.WARNING:
            self._warnings += 1
            text = " ".join(record.getMessage().split())
            if len(self._texts) < MOST_TEXTS:
                self._texts[text] = None

    def add_figures(self, figures: Row) -> None:
        """Add what tap or target know about the run."""
        self._figures |= figures

    def note_fault(self, sentence: str) -> None:
        """Note what is wrong with the command line."""
        self._fault = sentence

    def write(self, status: str, reason: str, exit_status: int) -> None:
        """Write the line. If that fails, one warning says so, and the run ends as is.

        Args:
            status: How the run ended.
            reason: Why, in a sentence; if it is empty, that of the figures.
            exit_status: Of the program.
        """
        logging.getLogger().removeHandler(self)
        line = {
            "status": status,
            "reason": reason or self._fault or self._figures.pop("sentence", ""),
            "exit_status": exit_status,
            "plugin": self._plugin,
            "version": version("tap-zohocampaigns"),
            "started_at": _utc(self._started),
            "seconds": round(time.monotonic() - self._since, 3),
            **self._figures,
            "warnings": self._warnings,
            "warning_texts": [*self._texts],
        }
        line.pop("sentence", None)
        try:
            # In ASCII: half a character of the input can not be encoded otherwise.
            self._put(json.dumps(line) + "\n")
        except OSError as error:
            logging.getLogger(self._plugin).warning(
                "The file of `--summary` can't be written (%s): %s",
                _why(error),
                self._given,
            )

    def _try_out(self) -> None:
        if self._is_replaced:
            beside = self._beside()
            beside.touch()
            beside.unlink()
        else:
            # It is not emptied: until the end it holds the line of the last run.
            os.close(os.open(self._path, os.O_WRONLY | os.O_NONBLOCK))

    def _put(self, text: str) -> None:
        if not self._is_replaced:
            self._path.write_text(text, encoding="utf-8")
            return
        beside = self._beside()
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    @property
    def _is_replaced(self) -> bool:
        """Whether another file takes its place, so that nobody reads half a line.

        A device, and a file that is mounted into a container, stay where they are.
        """
        try:
            mode = self._path.stat().st_mode
        except FileNotFoundError:
            return True
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(None, "it is a folder")
        is_writable = os.access(self._path.parent, os.W_OK)
        return stat.S_ISREG(mode) and is_writable and not self._path.is_mount()

    def _beside(self) -> Path:
        # Programs that read a folder of such files skip hidden ones.
        return self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")


def open_summary(ctx: click.Context, path: str, plugin: str) -> SummaryFile:
    """Return the file of this run; `collected` finds it."""
    file = SummaryFile(path, plugin)
    ctx.meta[_KEY] = file
    return file


@contextmanager
def collected(take: Callable[[], Row], shutdown: Shutdown) -> Iterator[None]:
    """Add the figures of a run to its summary, if one is wanted, however it ends.

    Args:
        take: Returns them.
        shutdown: It is ended before, so that a ledger that is away is not waited for.
    """
    try:
        yield
    finally:
        context = click.get_current_context(silent=True)
        if context and (file := context.meta.get(_KEY)):
            shutdown.end()
            with suppress(ZohoError, Stopped):
                file.add_figures(take())


def figures(
    client: Client, streams: Iterable[Progress], left_out: Mapping[str, str]
) -> Row:
    """Return what the summary of a tap has about its run.

    Args:
        client: It has made all calls.
        streams: Those that were selected.
        left_out: Streams that were left out, and why.
    """
    by_stream = {
        stream.stream: {"rows": stream.value, "calls": stream.call_count}
        for stream in streams
    }
    rows, calls = sum(one["rows"] for one in by_stream.values()), client.calls.total()
    return {
        "sentence": f"Read {counted(rows, 'row')} in {counted(calls, 'call')}.",
        "account_id": client.account_id,
        "rows": rows,
        "calls": calls,
        "streams": by_stream,
        "left_out": {**left_out},
        "endpoints": endpoint_figures(client.ledger, client.calls),
    }


def endpoint_figures(ledger: Ledger | None, calls: Mapping[str, int]) -> Row:
    """Return the calls and the quota of each endpoint that was called.

    Args:
        ledger: The quota; None if nothing is sent.
        calls: How often each endpoint was called.

    Returns:
        For each `calls`, `quota_left` (calls) and `free_at`: when it accepts calls
        again; null if it does so now. The last two are null if the ledger is away.
    """
    figures: Row = {
        endpoint: {"calls": number, "quota_left": None, "free_at": None}
        for endpoint, number in sorted(calls.items())
    }
    if ledger is None:
        return figures
    with suppress(ZohoError, Stopped):
        for endpoint, row in figures.items():
            row["quota_left"] = ledger.remaining(endpoint)
            if wait := ledger.wait_time(endpoint):
                free_at = datetime.now(UTC) + timedelta(seconds=wait.seconds)
                row["free_at"] = _utc(free_at)
    return figures


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
