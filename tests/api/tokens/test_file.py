"""The token in a file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import typing as t

import pytest

from tap_zohocampaigns.api.tokens.entry import Token
from tap_zohocampaigns.api.tokens.file import FileTokens
from tap_zohocampaigns.api.tokens.opening import open_tokens
from tests.support.token_stores import (
    BUSY,
    TEXT,
    Open,
    is_stored_token,
    store_token,
    write_foreign_entry,
)
from tests.support.zoho import (
    CLIENT_SECRET,
    CONFIG,
    REFRESH_TOKEN,
    Clock,
)

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def in_file(ledger: Path, clock: Clock) -> Open:
    return lambda: FileTokens(ledger, "key", clock=clock, wall=clock)


@pytest.mark.parametrize("umask", [0, 0o077, 0o022])
def test_only_the_user_can_read_the_file(
    ledger: Path, start: Open, umask: int, where: str
) -> None:
    before = os.umask(umask)
    try:
        store_token(start())
    finally:
        os.umask(before)
    folder = ledger.parent.parent / "folder"
    if where.startswith("redis"):
        assert not folder.exists()
        return
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    paths = [*folder.iterdir()]
    assert len(paths) == 2
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.name.startswith("ledger.token-")
        assert "planted" not in path.name
        assert CLIENT_SECRET not in path.read_text()
        assert REFRESH_TOKEN not in path.read_text()


GARBLED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"\0" * 5000,
    b"[" * 100_000,
    b'{"token": 5}',
    b'{"token": null}',
    b'{"token": "a\\r\\nHost: evil", "lifetime": 3600, "asked_at": 5000}',
    b'{"token": "caf\xc3\xa9", "lifetime": 3600, "asked_at": 5000}',
    b'{"token": "", "issue": "a", "lifetime": 3600, "asked_at": 5000}',
    b'{"token": "a", "issue": "a", "lifetime": 1e999, "asked_at": 5000}',
    b'{"token": "a", "issue": "a", "lifetime": -5, "asked_at": 5000}',
    b'{"token": "a", "issue": "a", "lifetime": "long", "asked_at": 5000}',
    b'{"token": "a", "requests": [null]}',
    b"SQLite format 3\0",
]


@pytest.mark.parametrize("content", GARBLED, ids=range(len(GARBLED)))
def test_a_malformed_file_is_replaced(
    content: bytes, ledger: Path, in_file: Open, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.parent.mkdir()
    path = ledger.with_name("ledger.token-key")
    path.write_bytes(content)
    path.chmod(0o600)
    store_token(in_file())
    assert is_stored_token(in_file().acquire(()))
    assert not caplog.text


def test_a_valid_file_is_used(ledger: Path, in_file: Open) -> None:
    ledger.parent.mkdir()
    write_foreign_entry(ledger.with_name("ledger.token-key"))
    result = in_file().acquire(())
    assert isinstance(result, Token)
    assert result.text == "1000.evil"


@pytest.mark.parametrize("how", ["readable", "link", "pipe", "foreign"])
def test_a_file_that_others_may_have_written_is_not_used(
    how: str, ledger: Path, in_file: Open, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.parent.mkdir()
    path, other = ledger.with_name("ledger.token-key"), ledger.with_name("other")
    match how:
        case "readable":
            write_foreign_entry(path, 0o644)
        case "link":
            write_foreign_entry(other)
            path.symlink_to(other)
        case "pipe":
            os.mkfifo(path, 0o600)
        case "foreign":
            write_foreign_entry(path)
            os.chown(path, 54321, -1)
    store_token(in_file())
    assert is_stored_token(in_file().acquire(()))
    assert path.is_file()
    assert not path.is_symlink()
    if how == "link":
        assert "evil" in other.read_text()
    assert not caplog.text


@pytest.mark.parametrize("end", ["", ".new", ".lock"])
@pytest.mark.parametrize("how", ["folder", "link to nothing", "text"])
def test_an_unusable_path_costs_at_most_one_warning(
    end: str, how: str, ledger: Path, in_file: Open, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.parent.mkdir()
    path = ledger.with_name(f"ledger.token-key{end}")
    match how:
        case "folder":
            path.mkdir()
            (path / "file").touch()
        case "link to nothing":
            path.symlink_to("/nowhere/at/all")
        case "text":
            path.write_text("text that is no database\n" * 100)
    store = in_file()
    token = store_token(store)
    assert is_stored_token(store.acquire(()))
    assert store.acquire({token.issue}) is None
    levels = [record.levelname for record in caplog.records]
    harmless = end != ".lock" and how != "folder"
    assert levels == ([] if harmless else ["WARNING"])
    assert "planted" not in caplog.text


def test_there_is_no_second_warning_if_the_ledger_can_not_be_kept_either(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    ledger = tmp_path / "file" / "ledger"
    store = FileTokens(ledger, "key", clock=clock, wall=clock)
    store_token(store)
    assert is_stored_token(store.acquire(()))
    assert not caplog.text


HOLD = """
import sys, time
from pathlib import Path
from tap_zohocampaigns.api.tokens.file import FileTokens
# A store that is collected gives up its lock.
store = FileTokens(Path(sys.argv[1]), "key")
assert store.acquire(()) is None
print("held", flush=True)
time.sleep(600)
"""


def test_a_killed_process_blocks_nobody(ledger: Path, in_file: Open) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, ledger], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        store = in_file()
        assert store.acquire(()) == BUSY
        holder.kill()
        holder.wait()
        assert store.acquire(()) is None


def test_a_hanging_process_is_waited_for_two_minutes(
    in_file: Open, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    halted, store = in_file(), in_file()
    assert halted.acquire(()) is None
    assert store.acquire(()) == BUSY
    clock.advance(119)
    assert store.acquire(()) == BUSY
    clock.advance(1)
    assert store.acquire(()) is None
    assert "120 s" in caplog.text
    store.keep(TEXT, 3600)
    assert is_stored_token(in_file().acquire(()))


def test_a_ledger_at_the_root_of_a_disk_is_accepted(clock: Clock) -> None:
    config = CONFIG | {"rate_limit_ledger": "/"}
    assert isinstance(open_tokens(config, clock=clock, wall=clock), FileTokens)
