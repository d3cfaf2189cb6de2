"""What the bars show, and the rule for when they are drawn."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time
import typing as t
from collections import Counter
from contextlib import contextmanager

import pytest

from tap_zohocampaigns.api.quota.ledger import Pause
from tap_zohocampaigns.singer.bars import Bars
from tap_zohocampaigns.singer.progress import Progress
from tap_zohocampaigns.singer.terminal import bars_on_terminal, wants_bars
from tests.support.terminal import Terminal, screen

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_zohocampaigns.api.quota.ledger import Ledger

# No line of the log comes from elsewhere while these tests run.
API, OTHER = "tap-zohocampaigns.api", "tap-zohocampaigns.quota"


class FixedLedger:
    """A ledger whose waits a test sets."""

    def __init__(self, *pauses: Pause) -> None:
        self._pauses = pauses

    def pauses(self) -> list[Pause]:
        return [*self._pauses]


def stream(name: str, **values: t.Any) -> Progress:
    progress = Progress(name, name, t.cast("Ledger", FixedLedger()))
    for key, value in values.items():
        setattr(progress, key, value)
    return progress


# In a fixture, pytest would connect stderr anew before the test.
@contextmanager
def on_terminal(columns: int = 200) -> Iterator[Terminal]:
    """Connect stderr to a terminal, and stdout to a file."""
    with (
        Terminal() as terminal,
        open(os.dup(terminal.slave), "w") as written,  # noqa: PTH123 (it has no path)
        open(os.devnull, "w") as nothing,  # noqa: PTH123
        # They are put back before the terminal is closed.
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TERM", "xterm")
        # rich would ask the first of stdin, stdout and stderr for the size.
        patch.setenv("LINES", "10")
        patch.setenv("COLUMNS", str(columns))
        for name in ("CI", "LOGLEVEL", "SINGER_SDK_LOG_CONFIG"):
            patch.delenv(name, raising=False)
        patch.setattr(sys, "stderr", written)
        patch.setattr(sys, "stdout", nothing)
        yield terminal


@contextmanager
def drawn(
    streams: list[Progress], *pauses: Pause, every: float = 3600.0
) -> Iterator[Counter[str]]:
    """Draw streams; the counter has the calls of the run."""
    calls = Counter({"one": 7})
    bars = Bars(sys.stderr, every)
    with bars.instead_of_log():
        bars.watch(streams, t.cast("Ledger", FixedLedger(*pauses)), calls)
        yield calls


def shown(terminal: Terminal, last: str) -> list[str]:
    """Return what a terminal shows when some text has been written."""
    terminal.wait_for(last)
    return screen(terminal.written)


def test_each_stream_that_is_read_has_a_line() -> None:
    with on_terminal() as stderr:
        begun = stream("begun", begun=True, known=4, parts_read=1, value=12)
        begun.calls.update({"a": 1})
        ahead = stream("ahead", known=4, parts_read=3, calls=Counter({"a": 2, "b": 3}))
        streams = [
            begun,
            ahead,
            stream("read", known=4, parts_read=4, calls=Counter(a=4)),
            stream("over", begun=True, over=True, value=30),
            stream("later"),
            stream("uncounted", begun=True),
        ]
        with drawn(streams):
            *lines, totals = shown(stderr, "1 of 6 streams, 42 rows, 7 calls, ")
        plain = [re.sub(r"[━╸╺]+", "|", line).split() for line in lines]
        assert [" ".join(words) for words in plain] == [
            "begun | 1 of 4 parts 12 rows 1 call",
            "ahead | 3 of 4 parts 5 calls",
            "uncounted | 0 rows 0 calls",
        ]
        assert totals.startswith("1 of 6")


def test_waits_are_shown_unless_they_are_short() -> None:
    with on_terminal() as stderr:
        now = time.time()
        pauses = [
            Pause("one", now + 1e5, locked=False),
            Pause("two", now + 1e5, locked=True),
            Pause("three", now, locked=False),
        ]
        with drawn([], *pauses):
            *lines, _ = shown(stderr, "0 of 0 streams")
        assert [re.sub(r"\d+", "N", line) for line in lines] == [
            "waits N min N s for the quota of one",
            "waits N min N s for two, which Zoho has locked",
        ]


def test_no_more_is_drawn_than_there_is_room_for() -> None:
    with on_terminal() as stderr:
        streams = [stream(f"stream{number}", begun=True) for number in range(20)]
        with drawn(streams):
            *lines, other, _ = shown(stderr, "0 of 20 streams")
        assert [line.split()[0] for line in lines] == [f"stream{n}" for n in range(6)]
        assert other == "and 14 other streams"


@pytest.mark.parametrize("columns", [68, 90])
def test_a_bar_gives_way_in_a_narrow_window(columns: int) -> None:
    one = stream("list_subscriber_counts", begun=True, known=1000, value=123456)
    one.calls["a"] = 1000
    with on_terminal(columns) as stderr, drawn([one]):
        line, _ = shown(stderr, "0 of 1 stream")
    assert ("━" in line) == (columns == 90)
    words = line.replace("━", "").split()
    assert " ".join(words[1:]) == "0 of 1000 parts 123456 rows 1000 calls"


def test_why_a_call_is_tried_again_is_shown_until_others_are_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with on_terminal() as stderr:
        with drawn([], every=0.01) as calls:
            logging.getLogger(OTHER).info("something else")
            logging.getLogger(API).info("one: HTTP 503; trying again in 9 s")
            stderr.wait_for("trying again in 9 s\r\n0 of 0 streams")
            calls["one"] += 1
            stderr.wait_for("8 calls")
        drawings = stderr.written.split("8 calls")
    assert "trying again" not in "".join(drawings[1:])
    assert "something else" not in stderr.written


def test_a_line_above_the_bars_is_one_of_the_log() -> None:
    with on_terminal() as stderr:
        with drawn([]):
            logging.getLogger(OTHER).warning("[one] is locked")
        sys.stderr.close()
        (line,) = screen(stderr.rest())
    assert line.endswith(f"| WARNING  | {OTHER:30s} | [one] is locked")


def test_without_colours_bars_are_drawn_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_terminal() as stderr:
        monkeypatch.setenv("NO_COLOR", "1")
        with drawn([stream("one", begun=True, known=2, parts_read=1)]):
            shown(stderr, "0 of 1 stream")
        assert "━" in stderr.written
        assert not re.search(r"\x1b\[[34]\d", stderr.written)


def test_bars_are_drawn_on_a_terminal_beside_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_terminal():
        assert wants_bars({})
        with (tmp_path / "out.jsonl").open("w") as file:
            monkeypatch.setattr(sys, "stdout", file)
            assert wants_bars({})
            with bars_on_terminal() as bars:
                assert bars
            monkeypatch.setenv("TERM", "dumb")
            with bars_on_terminal() as bars:
                assert bars is None


@pytest.mark.parametrize(
    "name", ["CI", "LOGLEVEL", "TAP_ZOHOCAMPAIGNS_LOGLEVEL", "SINGER_SDK_LOG_CONFIG"]
)
def test_who_asks_for_the_log_gets_it(name: str) -> None:
    with on_terminal():
        assert not wants_bars({name: "INFO"})
        assert wants_bars({name: ""})


def test_a_terminal_that_others_write_to_has_no_bars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with on_terminal():
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, text=True) as loader:
            monkeypatch.setattr(sys, "stdout", loader.stdin)
            assert not wants_bars({})
        monkeypatch.setattr(sys, "stdout", sys.stderr)
        assert not wants_bars({})


def test_without_a_terminal_there_are_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_terminal():
        monkeypatch.setattr(sys, "stderr", sys.stdout)
        assert not wants_bars({})
        monkeypatch.setattr(sys, "stderr", None)
        assert not wants_bars({})
