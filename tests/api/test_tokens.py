"""The access token is kept for all processes, and for nobody else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import typing as t

import pytest

from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import FatalError, SettingError
from tap_zohocampaigns.api.quota.ledger import Wait
from tap_zohocampaigns.api.tokens.entry import Token
from tap_zohocampaigns.api.tokens.file import FileTokens
from tap_zohocampaigns.api.tokens.opening import open_tokens
from tap_zohocampaigns.api.tokens.redis import RedisTokens
from tests.support.zoho import (
    CLIENT_SECRET,
    CONFIG,
    REFRESH_TOKEN,
    Answer,
    Clock,
    Zoho,
    about,
    as_json,
    success,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_zohocampaigns.api.tokens.store import TokenStore
    from tests.support.redis_server import RedisServer
    from tests.support.zoho import Request

TEXT = "1000.planted-access"
BUSY = Wait(0.1, locked=False)
Open: t.TypeAlias = "Callable[..., TokenStore]"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["file", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "folder" / "ledger")
    server: RedisServer = request.getfixturevalue("own_redis")
    return server.url


@pytest.fixture
def start(where: str, clock: Clock) -> Open:
    """Return what opens the store of one more process."""

    def opened(**settings: str) -> TokenStore:
        config = CONFIG | {"rate_limit_ledger": where} | settings
        return open_tokens(config, clock=clock, wall=clock)

    return opened


def kept(store: TokenStore, lifetime: float = 3600) -> Token:
    """Ask for a token and keep it."""
    assert store.take(()) is None
    return store.keep(TEXT, lifetime)


def is_kept(found: object) -> bool:
    return isinstance(found, Token) and found.text == TEXT


def test_what_one_process_got_is_used_by_all(start: Open) -> None:
    token = kept(start())
    assert token.seconds == 3540
    for _ in range(3):
        found = start().take(())
        assert isinstance(found, Token)
        assert (found.text, found.issue) == (TEXT, token.issue)
        assert found.seconds == pytest.approx(3540, abs=30)


def test_one_process_asks_while_others_wait(start: Open) -> None:
    one, other = start(), start()
    assert one.take(()) is None
    assert [other.take(()) for _ in range(3)] == [BUSY] * 3
    token = one.keep(TEXT, 3600)
    found = other.take(())
    assert isinstance(found, Token)
    assert found.issue == token.issue


def test_when_one_gets_no_token_another_asks(start: Open) -> None:
    one, other = start(), start()
    assert one.take(()) is None
    one.release(issued=False)
    assert other.take(()) is None


@pytest.mark.parametrize(
    "setting", ["refresh_token", "client_id", "client_secret", "accounts_url"]
)
def test_another_account_gets_a_token_of_its_own(start: Open, setting: str) -> None:
    kept(start())
    other = start(**{setting: "https://accounts.example.com"})
    assert other.take(()) is None
    assert is_kept(start().take(()))


def test_a_token_that_was_refused_is_asked_for_anew_once(start: Open) -> None:
    one, other = start(), start()
    old = kept(one)
    assert is_kept(other.take(()))
    assert one.take({old.issue}) is None
    new = one.keep(TEXT, 3600)
    # The other has met the refusal of the old one too, and finds the new one.
    found = other.take({old.issue})
    assert isinstance(found, Token)
    assert found.issue == new.issue != old.issue


def test_ten_tokens_are_asked_for_in_ten_minutes_by_all_together(
    clock: Clock, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    refused: list[str] = []
    for _ in range(10):
        store = FileTokens(ledger, "key", clock=clock, wall=clock)
        assert store.take(refused) is None
        refused.append(store.keep(TEXT, 3600).issue)
        clock.advance(10)
    other = FileTokens(ledger, "key", clock=clock, wall=clock)
    for each in (store, other):
        assert each.take(refused) == about(500, locked=False)
    clock.advance(500)
    assert store.take(refused) is None


def test_a_redis_counts_the_requests_too(start: Open) -> None:
    refused: list[str] = []
    for _ in range(10):
        store = start()
        assert store.take(refused) is None
        refused.append(store.keep(TEXT, 3600).issue)
    wait = start().take(refused)
    assert wait == about(600, within=60, locked=False)


def test_requests_that_gave_no_token_do_not_count(start: Open) -> None:
    for _ in range(20):
        store = start()
        assert store.take(()) is None
        store.release(issued=False)


def test_requests_without_an_answer_count(start: Open) -> None:
    for _ in range(10):
        store = start()
        assert store.take(()) is None
        store.release(issued=True)
    assert isinstance(start().take(()), Wait)


def test_after_a_throttle_nobody_asks_for_ten_minutes(start: Open) -> None:
    store = start()
    assert store.take(()) is None
    assert store.rest() == (600, True)
    for each in (store, start()):
        assert each.take(()) == about(600, within=60, locked=True)


def test_a_token_that_lives_serves_while_the_service_rests(
    clock: Clock, tmp_path: Path
) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    token = kept(store)
    assert store.take({token.issue}) is None
    store.rest()
    assert is_kept(store.take(()))
    assert store.take({token.issue}) == (600, True)
    clock.advance(600)
    assert store.take({token.issue}) is None


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [(3600, 3540), (240, 180), (60, 45), (10, 7.5), (1, 0.75), (1e9, 86340)],
)
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_token_is_used_until_a_minute_or_a_quarter_of_its_life_is_left(
    kind: str, lifetime: float, seconds: float, clock: Clock, tmp_path: Path
) -> None:
    where = "memory" if kind == "memory" else str(tmp_path / "ledger")
    config = CONFIG | {"rate_limit_ledger": where}
    store = open_tokens(config, clock=clock, wall=clock)
    assert kept(store, lifetime).seconds == seconds
    clock.advance(seconds - 0.1)
    assert is_kept(store.take(()))
    clock.advance(0.1)
    assert store.take(()) is None


@pytest.mark.parametrize("step", [-86_400 * 400, -3600, 3000, 86_400 * 400])
def test_a_clock_that_steps_makes_no_token_live_longer(
    step: float, clock: Clock, tmp_path: Path
) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    kept(store)
    clock.advance(step)
    found = store.take(())
    if step > 3540:
        assert found is None
    else:
        assert isinstance(found, Token)
        assert found.seconds == min(3540, 3540 - step)


def test_requests_of_the_future_were_made_now(clock: Clock, tmp_path: Path) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    clock.now = 1e9
    for _ in range(10):
        assert store.take(()) is None
        store.release(issued=True)
    clock.now = 5000.0
    assert store.take(()) == (600, False)
    clock.advance(600)
    assert store.take(()) is None


def test_a_rest_of_the_future_is_no_longer_than_one_of_now(
    clock: Clock, tmp_path: Path
) -> None:
    store = FileTokens(tmp_path / "ledger", "key", clock=clock, wall=clock)
    assert store.take(()) is None
    store.rest()
    clock.advance(-86_400)
    assert store.take(()) == (600, True)
    clock.advance(600)
    assert store.take(()) is None


def test_memory_shares_nothing(clock: Clock) -> None:
    stores = [open_tokens(CONFIG, clock=clock, wall=clock) for _ in range(2)]
    for store in stores:
        assert store.take(()) is None
        store.keep(TEXT, 3600)


# The file.


def files(folder: Path) -> dict[str, Path]:
    """Return the files of the token by what they are."""
    return {path.suffix: path for path in folder.iterdir()}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "own" / "ledger"


@pytest.fixture
def in_file(ledger: Path, clock: Clock) -> Open:
    return lambda: FileTokens(ledger, "key", clock=clock, wall=clock)


@pytest.mark.parametrize("umask", [0, 0o077, 0o022])
def test_the_file_is_its_users_alone(
    ledger: Path, start: Open, umask: int, where: str
) -> None:
    before = os.umask(umask)
    try:
        kept(start())
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
def test_a_file_that_is_not_understood_is_written_anew(
    content: bytes, ledger: Path, in_file: Open, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.parent.mkdir()
    path = ledger.with_name("ledger.token-key")
    path.write_bytes(content)
    path.chmod(0o600)
    kept(in_file())
    assert is_kept(in_file().take(()))
    assert not caplog.text


def planted(path: Path, mode: int = 0o600) -> None:
    """Write a token that looks right."""
    entry = {"token": "1000.evil", "issue": "a", "asked_at": 5000, "lifetime": 3600}
    path.write_text(json.dumps(entry))
    path.chmod(mode)


def test_a_file_that_looks_right_is_used(ledger: Path, in_file: Open) -> None:
    ledger.parent.mkdir()
    planted(ledger.with_name("ledger.token-key"))
    found = in_file().take(())
    assert isinstance(found, Token)
    assert found.text == "1000.evil"


@pytest.mark.parametrize("how", ["readable", "link", "pipe", "foreign"])
def test_what_others_may_have_put_there_is_not_used(
    how: str, ledger: Path, in_file: Open, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.parent.mkdir()
    path, other = ledger.with_name("ledger.token-key"), ledger.with_name("other")
    match how:
        case "readable":
            planted(path, 0o644)
        case "link":
            planted(other)
            path.symlink_to(other)
        case "pipe":
            os.mkfifo(path, 0o600)
        case "foreign":
            planted(path)
            os.chown(path, 54321, -1)
    kept(in_file())
    assert is_kept(in_file().take(()))
    assert path.is_file()
    assert not path.is_symlink()
    if how == "link":
        assert "evil" in other.read_text()
    assert not caplog.text


@pytest.mark.parametrize("end", ["", ".new", ".lock"])
@pytest.mark.parametrize("how", ["folder", "link to nothing", "text"])
def test_a_place_that_is_taken_costs_no_more_than_a_warning(
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
    token = kept(store)
    assert is_kept(store.take(()))
    assert store.take({token.issue}) is None
    told = [record.levelname for record in caplog.records]
    harmless = end != ".lock" and how != "folder"
    assert told == ([] if harmless else ["WARNING"])
    assert "planted" not in caplog.text


def test_where_the_ledger_can_not_be_kept_either_it_says_so_itself(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    ledger = tmp_path / "file" / "ledger"
    store = FileTokens(ledger, "key", clock=clock, wall=clock)
    kept(store)
    assert is_kept(store.take(()))
    assert not caplog.text


HOLD = """
import sys, time
from pathlib import Path
from tap_zohocampaigns.api.tokens.file import FileTokens
assert FileTokens(Path(sys.argv[1]), "key").take(()) is None
print("held", flush=True)
time.sleep(600)
"""


def test_a_process_that_is_killed_keeps_nobody_from_asking(
    ledger: Path, in_file: Open
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, ledger], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        store = in_file()
        assert store.take(()) == BUSY
        holder.kill()
        holder.wait()
        assert store.take(()) is None


def test_a_process_that_stands_still_is_not_waited_for_forever(
    in_file: Open, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    halted, store = in_file(), in_file()
    assert halted.take(()) is None
    assert store.take(()) == BUSY
    clock.advance(119)
    assert store.take(()) == BUSY
    clock.advance(1)
    assert store.take(()) is None
    assert "120 s" in caplog.text
    store.keep(TEXT, 3600)
    assert is_kept(in_file().take(()))


def test_a_ledger_at_the_root_of_a_disk_is_no_internal_error(clock: Clock) -> None:
    config = CONFIG | {"rate_limit_ledger": "/"}
    assert isinstance(open_tokens(config, clock=clock, wall=clock), FileTokens)


# The Redis.


@pytest.fixture
def in_redis(own_redis: RedisServer, clock: Clock) -> Open:
    config = CONFIG | {"rate_limit_ledger": own_redis.url}
    return lambda: open_tokens(config, clock=clock)


def content_of(server: RedisServer) -> dict[str, bytes]:
    """Return what is kept, by its names."""
    names = t.cast("list[str]", server.client.keys("*"))
    return {name: t.cast("str", server.client.get(name)).encode() for name in names}


def test_nobody_who_reads_the_redis_can_use_the_token(
    own_redis: RedisServer, in_redis: Open
) -> None:
    kept(in_redis())
    ((name, content),) = content_of(own_redis).items()
    assert name.startswith("tap-zohocampaigns:{")
    for secret in (TEXT, CLIENT_SECRET, REFRESH_TOKEN, "planted"):
        assert secret not in name
        assert secret.encode() not in content


def test_only_the_same_secrets_decrypt_it(own_redis: RedisServer, clock: Clock) -> None:
    def opened(secret: bytes) -> RedisTokens:
        return RedisTokens(own_redis.url, "key", secret, clock=clock)

    kept(opened(b"one"))
    assert is_kept(opened(b"one").take(()))
    assert opened(b"other").take(()) is None


@pytest.mark.parametrize("content", ["", "text", "{}", "gAAAAA=="])
def test_a_value_that_is_not_understood_is_written_anew(
    content: str, own_redis: RedisServer, in_redis: Open
) -> None:
    kept(in_redis())
    (name,) = content_of(own_redis)
    own_redis.client.set(name, content)
    kept(in_redis())
    own_redis.client.delete(name)
    own_redis.client.lpush(name, content)
    kept(in_redis())
    assert is_kept(in_redis().take(()))


def test_a_process_that_is_killed_keeps_the_redis_for_seconds_only(
    own_redis: RedisServer, in_redis: Open
) -> None:
    killed, other = in_redis(), in_redis()
    assert killed.take(()) is None
    assert other.take(()) == BUSY
    (lock,) = [name for name in content_of(own_redis) if name.endswith("lock")]
    assert 0 < own_redis.client.pttl(lock) <= 10_000
    own_redis.client.delete(lock)
    assert other.take(()) is None
    # Who comes late does not end the turn of another.
    killed.keep(TEXT, 3600)
    assert lock in content_of(own_redis)


def test_a_redis_that_is_away_for_a_moment_is_waited_for(
    own_redis: RedisServer, in_redis: Open, clock: Clock
) -> None:
    store = in_redis()
    kept(store)
    own_redis.stop()
    assert store.take(()) == (1, False)
    clock.advance(29)
    assert store.take(()) == (1, False)
    own_redis.start()
    # It has lost its data.
    kept(store)


def test_a_redis_that_stays_away_is_told_with_the_setting(
    own_redis: RedisServer, in_redis: Open, clock: Clock
) -> None:
    store = in_redis()
    own_redis.stop()
    assert store.take(()) == (1, False)
    clock.advance(30)
    with pytest.raises(FatalError, match="`rate_limit_ledger`") as failed:
        store.take(())
    assert "planted" not in str(failed.value)
    own_redis.start()


def test_a_redis_that_goes_while_the_service_is_asked_costs_no_token(
    own_redis: RedisServer, in_redis: Open
) -> None:
    store = in_redis()
    assert store.take(()) is None
    own_redis.stop()
    assert store.keep(TEXT, 3600).text == TEXT
    own_redis.start()
    assert store.take(()) is None
    own_redis.stop()
    assert store.rest() == (600, True)
    own_redis.start()
    assert store.take(()) is None
    own_redis.stop()
    store.release(issued=False)
    own_redis.start()


def test_a_password_that_is_wrong_is_told_at_once(
    own_redis: RedisServer, clock: Clock
) -> None:
    wrong = own_redis.url.replace("planted-password", "planted-other")
    store = open_tokens(CONFIG | {"rate_limit_ledger": wrong}, clock=clock)
    with pytest.raises(FatalError, match="`rate_limit_ledger`") as failed:
        store.take(())
    assert "planted" not in str(failed.value)


@pytest.mark.parametrize("package", ["redis", "cryptography.fernet"])
def test_a_missing_package_is_told_with_how_to_install_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(
        sys.modules, "tap_zohocampaigns.api.tokens.redis", raising=False
    )
    config = CONFIG | {"rate_limit_ledger": "redis://:planted@localhost"}
    with pytest.raises(SettingError, match=r"tap-zohocampaigns\[redis\]") as caught:
        open_tokens(config)
    assert "planted" not in str(caught.value)


CALLS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from tap_zohocampaigns.api.connect import connect
client = connect(json.loads(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as threads:
    list(threads.map(lambda _: client.call("getmailinglists", {}), range(24)))
"""


@pytest.mark.slow
def test_threads_of_many_processes_share_a_token_and_its_refusal(
    where: str, request: pytest.FixtureRequest
) -> None:
    def api(asked: Request) -> Answer:
        # The first token is revoked when they are in the middle of it.
        revoked = len(zoho.asked) > 30
        old = asked.headers["Authorization"].endswith("-1")
        return as_json({"Code": "1007"}, 401) if revoked and old else success()

    with Zoho(api) as zoho:
        urls = {"api_url": zoho.url, "accounts_url": zoho.url}
        config = CONFIG | urls | {"rate_limit_ledger": where, "concurrency": 8}
        if where.startswith("redis:"):
            server: RedisServer = request.getfixturevalue("own_redis")
            server.know(account_name(config))
        command = [sys.executable, "-c", CALLS, json.dumps(config)]
        running = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(4)
        ]
        for each in running:
            assert each.stdout
            assert each.stdout.readline() == b"ready\n"
        for each in running:
            assert each.stdin
            each.stdin.write(b"\n")
            each.stdin.flush()
        for each in running:
            each.communicate()
            assert each.returncode == 0
        assert zoho.tokens == 2
        assert len(zoho.calls) >= 4 * 24
