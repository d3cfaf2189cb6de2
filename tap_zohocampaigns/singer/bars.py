"""Progress bars on stderr, while a run writes its messages into a file."""

from __future__ import annotations

import logging
import sys
import threading
import time
import typing as t
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from singer_sdk.logging import ConsoleFormatter

from tap_zohocampaigns.singer.progress import counted
from tap_zohocampaigns.singer.stdio import discard
from tap_zohocampaigns.singer.ticker import Ticker

if t.TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from tap_zohocampaigns.api.quota.ledger import Ledger, Pause
    from tap_zohocampaigns.singer.progress import Progress

# Seconds between two drawings. Each takes a few milliseconds.
_EVERY = 0.5
_BAR_WIDTH = 24
# What the other columns need. In a narrow window the bar gives way to them.
_OTHERS_WIDTH = 68
_MINUTE = 60
# Lines of this logger say why a call is tried again.
_RETRIES = "tap-zohocampaigns.api"
_STYLES = {logging.WARNING: "yellow", logging.ERROR: "red"}


class _Watched(t.NamedTuple):
    """What the bars show."""

    streams: Sequence[Progress]
    ledger: Ledger
    calls: Counter[str]


class Bars:
    """Draws one line for each stream that is being read, and the totals of the run.

    It is drawn by a thread of its own. Warnings and errors are printed above.
    """

    def __init__(self, stream: t.TextIO, every: float = _EVERY) -> None:
        """Draw nothing yet.

        Args:
            stream: The terminal.
            every: Seconds between two drawings.
        """
        # Lines of the log come from many threads, each between two drawings.
        self._lock = threading.RLock()
        self._console = _Console(file=t.cast("t.IO[str]", _Terminal(stream)))
        self._live: Live | None = None
        self._ticker = Ticker(self._draw, every)
        self._since = 0.0
        self._retry, self._calls_before = "", 0
        self._watched: _Watched | None = None

    @property
    def are_possible(self) -> bool:
        """Whether the terminal can move its cursor."""
        return self._console.is_interactive

    @contextmanager
    def instead_of_log(self) -> Iterator[None]:
        """Take the place of the log on stderr; clear the bars at the end."""
        root = logging.getLogger()
        replaced = [
            handler
            for handler in root.handlers
            if isinstance(handler, logging.StreamHandler)
            and handler.stream is sys.stderr
        ]
        lines = _Lines(self)
        for handler in replaced:
            root.removeHandler(handler)
        root.addHandler(lines)
        try:
            yield
        finally:
            try:
                self._stop()
            finally:
                root.removeHandler(lines)
                for handler in replaced:
                    root.addHandler(handler)

    def watch(
        self, streams: Sequence[Progress], ledger: Ledger, calls: Counter[str]
    ) -> None:
        """Begin to draw.

        Args:
            streams: All that are selected.
            ledger: Knows which calls wait for their quota.
            calls: How often the run called each endpoint.
        """
        self._watched = _Watched(streams, ledger, calls)
        self._since = time.monotonic()
        # Stdout has the messages, so rich must not touch it.
        self._live = Live(
            console=self._console,
            get_renderable=self._frame,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)
        self._ticker.start()

    def print(self, text: str, style: str = "") -> None:
        """Print a line above the bars."""
        with self._lock:
            self._console.print(Text(text, style))

    def note_retry(self, text: str) -> None:
        """Show why a call is tried again, until other calls are made."""
        if self._watched:
            self._retry, self._calls_before = text, self._watched.calls.total()

    def _draw(self) -> None:
        with self._lock:
            if self._live:
                self._live.refresh()

    def _stop(self) -> None:
        try:
            self._ticker.stop()
        finally:
            with self._lock:
                if self._live:
                    self._live.stop()

    def _frame(self) -> RenderableType:
        if not self._watched:
            return ""
        streams, ledger, calls = self._watched
        below = [*map(_pause_line, _worth_showing(ledger.pauses()))]
        if self._retry and self._calls_before == calls.total():
            below.append(self._retry)
        over = sum(stream.over for stream in streams)
        totals = [
            f"{over} of {counted(len(streams), 'stream')}",
            counted(sum(stream.value for stream in streams), "row"),
            counted(calls.total(), "call"),
            _duration(time.monotonic() - self._since),
        ]
        below.append(", ".join(totals))
        room = max(self._console.height - len(below) - 2, 1)
        lines = [
            Text(line, overflow="ellipsis", no_wrap=True)
            for line in below[-self._console.height + 2 :]
        ]
        shown = [stream for stream in streams if stream.is_shown]
        width = min(self._console.width - _OTHERS_WIDTH, _BAR_WIDTH)
        return Group(_table(shown, room, width), *lines)


class _Lines(logging.Handler):
    """Prints warnings and errors above the bars."""

    def __init__(self, bars: Bars) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(ConsoleFormatter())
        self._bars = bars

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            style = _STYLES.get(record.levelno, "")
            self._bars.print(self.format(record), style)
        elif record.name == _RETRIES:
            self._bars.note_retry(record.getMessage())


class _Console(Console):
    """A console that never hides the cursor: a run may be killed at any time."""

    def show_cursor(self, *_: object, **__: object) -> bool:
        return False


class _Terminal:
    """A terminal that may go away, which must not end the run."""

    def __init__(self, stream: t.TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        with self._unless_gone():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._unless_gone():
            self._stream.flush()

    @contextmanager
    def _unless_gone(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            discard(self._stream)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _table(streams: Sequence[Progress], room: int, width: int) -> Table:
    """Return a line for each stream, as far as there is room.

    Args:
        streams: Those that are being read.
        room: How many lines there may be.
        width: How many characters a bar may have.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for _ in ("parts", "rows", "calls"):
        table.add_column(no_wrap=True, justify="right")
    more = len(streams) - room
    shown = streams[: room - 1] if more > 0 else streams
    for stream in shown:
        total, done = stream.known, stream.parts_read
        table.add_row(
            stream.stream,
            ProgressBar(max(total, 1), done, width=width) if width > 0 else "",
            f"{done} of {counted(total, 'part')}" if total else "",
            # Rows are written when its turn has come.
            counted(stream.value, "row") if stream.begun else "",
            counted(stream.call_count, "call"),
        )
    if more > 0:
        table.add_row(f"and {counted(more + 1, 'other stream')}")
    return table


def _worth_showing(pauses: Sequence[Pause]) -> list[Pause]:
    # Shorter waits are the ordinary pace.
    return [pause for pause in pauses if pause.until - time.time() >= 1]


def _pause_line(pause: Pause) -> str:
    words = f"waits {_duration(pause.until - time.time())} for"
    if pause.locked:
        return f"{words} {pause.endpoint}, which Zoho has locked"
    return f"{words} the quota of {pause.endpoint}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(max(round(seconds), 0), _MINUTE)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
