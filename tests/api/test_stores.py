"""What holds for every store, and for programs that share one."""

from __future__ import annotations

import heapq
import itertools
import subprocess
import sys
import typing as t
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import platformdirs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.endpoints import OWN_QUOTAS
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.quota import redis as redis_module
from tap_zohocampaigns.api.quota.ledger import Ledger, Wait
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.memory import MemoryStore
from tap_zohocampaigns.api.quota.opening import open_store
from tap_zohocampaigns.api.quota.redis import RedisStore
from tap_zohocampaigns.api.quota.sqlite import Clocks, SqliteStore
from tests.support.callers import ACCOUNT, quotas_of
from tests.support.day import most_in_a_window
from tests.support.zoho import Clock, about, enter, take

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.api.quota.ledger import Store, Ticket
    from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
QUOTA = Quota(3, 300, 1800)


class ServerClock(Clock):
    """A clock that a Redis server goes by, whose own may be ahead."""

    def __init__(self, server: RedisServer) -> None:
        self.ahead = 0.0
        self._server = server
        super().__init__()

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, seconds: float) -> None:
        self._now = seconds
        self._server.client.set("now", round((seconds + self.ahead) * 1e6))


Clock_co = t.TypeVar("Clock_co", bound=Clock, covariant=True)


class Kind(t.NamedTuple, t.Generic[Clock_co]):
    """A kind of store, at a time that the test sets."""

    clock: Clock_co
    open: Callable[[str, Quota], Store]
    """Open a store of an account."""
    longer: float = 0
    """Seconds by which the window is longer than the quota says."""
    shared: bool = True
    """Whether several programs can open it."""


def in_memory() -> Kind[Clock]:
    clock = Clock()
    return Kind(
        clock,
        lambda _, quota: MemoryStore(Quotas(quota, OWN_QUOTAS), clock=clock),
        shared=False,
    )


def in_a_file(folder: Path) -> Kind[Clock]:
    clock = Clock()
    clocks = Clocks(ticks=clock, wall=clock, boot=lambda: "boot")
    path = folder / "quota.sqlite3"
    return Kind(
        clock,
        lambda account, quota: SqliteStore(
            path, account, Quotas(quota, OWN_QUOTAS), clocks=clocks
        ),
    )


def in_redis(folder: Path, server: RedisServer) -> Kind[ServerClock]:
    # The script itself, but for the time.
    text = Path(redis_module.__file__).with_name("ledger.lua").read_text()
    assert text.count("redis.call('TIME')") == 1
    script = folder / "ledger.lua"
    timed = text.replace("redis.call('TIME')", "{ 0, redis.call('GET', 'now') }")
    script.write_text(timed)

    def open_timed(account: str, quota: Quota) -> Store:
        server.know(account)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(redis_module, "_SCRIPT", script)
            return RedisStore(server.url, account, Quotas(quota, OWN_QUOTAS))

    return Kind(ServerClock(server), open_timed, longer=2)


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis"])
def kind(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared_redis: RedisServer,
) -> Kind[Clock]:
    folder = tmp_path_factory.mktemp("ledger")
    if request.param == "memory":
        return in_memory()
    if request.param == "sqlite":
        return in_a_file(folder)
    return in_redis(folder, shared_redis)


sharing = pytest.mark.parametrize("kind", ["sqlite", "redis"], indirect=True)
accounts = map("account-{}".format, itertools.count())


@pytest.fixture
def opened(kind: Kind[Clock]) -> Iterator[Store]:
    with closing(kind.open(next(accounts), QUOTA)) as store:
        yield store


SECONDS = st.integers(0, 40).map(float) | st.floats(0, 40)


@given(
    st.integers(1, 5),
    st.integers(1, 40),
    st.sampled_from([0, 1]),
    st.lists(SECONDS, max_size=40),
)
# In floats `7.2 + 1 - 8.2` is nothing, and yet `8.2 - 1` is less than 7.2.
@example(1, 1, 0, [7.2, 0.0, 0.0])
def test_no_window_ever_holds_too_many_calls_and_nobody_waits_for_nothing(
    kind: Kind[Clock], calls: int, seconds: int, margin: float, pauses: list[float]
) -> None:
    clock = kind.clock
    clock.now = 0.0
    quota = Quota(calls, seconds, 1, margin)
    window = quota.window + kind.longer
    entered: list[float] = []
    with closing(kind.open(next(accounts), quota)) as store:
        ledger = Ledger(store, sleep=clock.sleep)
        for pause in pauses:
            clock.advance(pause)
            asked = clock()
            enter(ledger, "one")
            entered.append(clock())
            if len(entered) > calls:
                # Rounding aside, just so late that the window has room again.
                earliest = max(asked, entered[-1 - calls] + window)
                assert entered[-1] == pytest.approx(earliest, abs=1e-5)
            else:
                assert entered[-1] == asked
            inside = [at for at in entered if at > clock() - window + 1e-5]
            assert len(inside) <= calls
            assert 0 <= store.remaining("one") <= calls - len(inside)


@given(st.lists(SECONDS, max_size=30))
@example([0.0] * 12)
def test_every_window_of_an_endpoint_is_kept_and_nobody_waits_for_nothing(
    kind: Kind[Clock], pauses: list[float]
) -> None:
    clock = kind.clock
    clock.now = 0.0
    quota = Quota(2, 5, 1, wider=((3, 20), (6, 90)))
    windows = [(calls, window + kind.longer) for calls, window in quota.windows]
    entered: list[float] = []
    with closing(kind.open(next(accounts), quota)) as store:
        ledger = Ledger(store, sleep=clock.sleep)
        for pause in pauses:
            clock.advance(pause)
            asked = clock()
            enter(ledger, "one")
            entered.append(clock())
            freed = [
                entered[-1 - calls] + window
                for calls, window in windows
                if len(entered) > calls
            ]
            assert entered[-1] == pytest.approx(max(asked, *freed, 0), abs=1e-5)
            left = min(
                calls - sum(at > clock() - window + 1e-5 for at in entered)
                for calls, window in windows
            )
            assert 0 <= store.remaining("one") <= left


class Simulation:
    """Calls that take their time, and a service that counts them when they arrive."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.arrived: list[float] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, what: Callable[[], object]) -> None:
        """Let something happen later."""
        due = (self.clock() + seconds, next(self._order), what)
        heapq.heappush(self._due, due)

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due happen."""
        ends = self.clock() + seconds
        while self._due and self._due[0][0] <= ends:
            self.clock.now, _, what = heapq.heappop(self._due)
            what()
        self.clock.now = ends

    def arrive(self) -> None:
        """Count a call."""
        self.arrived.append(self.clock())

    def send(self, store: Store) -> Ticket:
        """Enter a call as soon as it may be sent."""
        while isinstance(taken := store.take("one"), Wait):
            self.advance(taken.seconds)
        return taken


LATENCIES = st.tuples(
    st.floats(0, 20), st.floats(0, 10), st.floats(0, 10), st.integers(0, 4)
)


@given(st.integers(1, 4), st.lists(LATENCIES, max_size=30))
@example(2, [(0.0, 3.0, 0.0, 1), (0.0, 0.0, 0.0, 1)] * 4)
@example(1, [(0.0, 10.0, 10.0, 0), (0.0, 0.0, 0.0, 1), (0.0, 0.0, 0.0, 1)])
def test_however_late_calls_arrive_the_service_never_counts_too_many(
    kind: Kind[Clock], calls: int, latencies: list[tuple[float, float, float, int]]
) -> None:
    kind.clock.now = 0.0
    simulation = Simulation(kind.clock)
    quota, account = Quota(calls, 25, 1), next(accounts)
    with ExitStack() as stack:
        stores = [
            stack.enter_context(closing(kind.open(account, quota)))
            for _ in range(3 if kind.shared else 1)
        ]
        for pause, there, back, fate in latencies:
            simulation.advance(pause)
            store = stores[fate % len(stores)]
            ticket = simulation.send(store)
            simulation.after(there, simulation.arrive)
            # Who dies tells of no answer.
            if fate:
                simulation.after(there + back, partial(store.done, ticket))
        simulation.advance(20)
    assert len(simulation.arrived) == len(latencies)
    assert most_in_a_window(simulation.arrived, quota.seconds) <= calls


def test_an_answer_makes_room_a_window_later_and_no_later(kind: Kind[Clock]) -> None:
    kind.clock.now = 0.0
    simulation = Simulation(kind.clock)
    quota = Quota(2, 25, 1)
    with closing(kind.open(next(accounts), quota)) as store:
        for seconds in (3, 4):
            simulation.after(seconds, partial(store.done, simulation.send(store)))
        assert store.remaining("one") == 0
        for seconds in (3, 4):
            simulation.send(store)
            expected = seconds + quota.window + kind.longer
            assert kind.clock() == pytest.approx(expected, abs=1e-4)


def test_a_call_without_an_answer_counts_as_long_as_it_may_be_underway(
    kind: Kind[Clock],
) -> None:
    kind.clock.now = 0.0
    simulation = Simulation(kind.clock)
    quota = Quota(1, 25, 1)
    with closing(kind.open(next(accounts), quota)) as store:
        simulation.send(store)
        simulation.send(store)
        expected = Quotas(quota, OWN_QUOTAS).underway + quota.window + kind.longer
        assert kind.clock() == pytest.approx(expected, abs=1e-4)


LONG, SHORT = Quota(490, 300, 1800), Quota(15, 10, 10)


def together(kind: Kind[Clock], stack: ExitStack, *quotas: Quota) -> list[Store]:
    """Open the stores of several programs."""
    kind.clock.now = 0.0
    account = next(accounts)
    return [stack.enter_context(closing(kind.open(account, each))) for each in quotas]


@sharing
def test_a_program_with_a_shorter_window_keeps_to_the_longer_one_of_another(
    kind: Kind[Clock],
) -> None:
    with ExitStack() as stack:
        long, short = together(kind, stack, LONG, SHORT)
        simulation = Simulation(kind.clock)

        def call(store: Store) -> None:
            store.done(simulation.send(store))
            simulation.arrive()

        for _ in range(400):
            call(long)
        for _ in range(300):
            call(short)
        assert long.remaining("one") >= 0
        for _ in range(400):
            call(long)
        assert most_in_a_window(simulation.arrived, LONG.seconds) == LONG.calls


@sharing
def test_calls_are_kept_for_whoever_counts_them_longest(kind: Kind[Clock]) -> None:
    longer = Quota(50, 900, 1800)
    with ExitStack() as stack:
        absent, long, short = together(kind, stack, longer, LONG, SHORT)
        assert absent.remaining("one") == 50
        kind.clock.advance(2000)
        for _ in range(20):
            for store in (long, short):
                assert take(store, "one") is None
                kind.clock.advance(10)
        assert absent.remaining("one") == 10
        kind.clock.advance(700)
        assert absent.remaining("one") == 10 + 20


@sharing
def test_a_limit_is_no_longer_kept_for_who_stays_away(kind: Kind[Clock]) -> None:
    strict = Quota(2, 900, 1800)
    with ExitStack() as stack:
        once, short = together(kind, stack, strict, SHORT)
        assert take(once, "one") is None
        assert take(short, "one") is None
        waits = take(short, "one")
        assert waits == about(901 + kind.longer, locked=False)
        kind.clock.advance(waits.seconds)
        assert [take(short, "one") for _ in range(15)] == [None] * 15


@sharing
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_lock_is_as_long_as_any_program_says(
    kind: Kind[Clock], order: tuple[int, int]
) -> None:
    with ExitStack() as stack:
        stores = together(kind, stack, LONG, SHORT)
        for number in order:
            stores[number].lock("one")
        for store in stores:
            assert take(store, "one") == about(1800 + kind.longer, locked=True)
        kind.clock.advance(900)
        stores[1].lock("one")
        for store in stores:
            assert take(store, "one") == about(900 + kind.longer, locked=True)
            assert store.remaining("one") == 0


def test_an_endpoint_with_a_quota_of_its_own_has_its_lock_too(
    kind: Kind[Clock],
) -> None:
    with closing(kind.open(next(accounts), QUOTA)) as store:
        assert store.remaining("one") == 3
        assert store.remaining("listsubscribe") == 490
        assert store.remaining("addlistsubscribersinbulk") == 1960
        for endpoint, seconds in {
            "one": 1800,
            "listsubscribe": 1800,
            "addlistsubscribersinbulk": 600,
        }.items():
            store.lock(endpoint)
            assert take(store, endpoint) == about(seconds + kind.longer, locked=True)


def test_the_minute_of_subscribing_is_full_after_490_calls(kind: Kind[Clock]) -> None:
    with closing(kind.open(next(accounts), QUOTA)) as store:
        assert [take(store, "listsubscribe") for _ in range(490)] == [None] * 490
        assert take(store, "listsubscribe") == about(61 + kind.longer, locked=False)
        assert store.remaining("listsubscribe") == 0
        assert take(store, "one") is None


def test_a_locked_endpoint_rests_for_the_lock_while_others_go_on(
    kind: Kind[Clock], opened: Store
) -> None:
    assert take(opened, "one") is None
    kind.clock.advance(100)
    opened.lock("one")
    assert (opened.remaining("one"), opened.remaining("other")) == (0, 3)
    kind.clock.advance(600)
    assert take(opened, "other") is None
    wait = take(opened, "one")
    assert wait == about(1200 + kind.longer, locked=True)
    kind.clock.advance(wait.seconds + 1e-6)
    assert take(opened, "one") is None
    assert opened.remaining("one") == 2


def test_a_second_sign_of_the_lock_begins_it_anew(
    kind: Kind[Clock], opened: Store
) -> None:
    for _ in range(2):
        opened.lock("one")
        kind.clock.advance(100)
    wait = take(opened, "one")
    assert wait == about(1700 + kind.longer, locked=True)


@pytest.fixture(params=["sqlite", "redis"])
def where(
    request: pytest.FixtureRequest, tmp_path: Path, shared_redis: RedisServer
) -> str:
    """Return a ledger that several programs can share, empty."""
    if request.param == "sqlite":
        return str(tmp_path / "folder" / "quota.sqlite3")
    shared_redis.client.flushall()
    for account in (ACCOUNT, "one", "other"):
        shared_redis.know(account)
    return shared_redis.url


def test_accounts_and_endpoints_have_quotas_of_their_own(where: str) -> None:
    with ExitStack() as stack:
        one, same, other = (
            stack.enter_context(closing(open_store(where, account, Quotas(QUOTA))))
            for account in ("one", "one", "other")
        )
        assert take(one, "getmailinglists") is None
        assert same.remaining("getmailinglists") == 2
        assert same.remaining("recentcampaigns") == 3
        assert other.remaining("getmailinglists") == 3
        one.lock("getmailinglists")
        assert same.remaining("getmailinglists") == 0
        assert take(other, "getmailinglists") is None


class Caller:
    """A program of its own that shares a ledger."""

    def __init__(self, how: str, where: str, calls: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.callers", how, where, str(calls)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.hear() == "ready"

    def hear(self) -> str:
        """Return the next word that it says."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self, *, kill: bool = False) -> None:
        """Wait until it ends by itself, or end it at once."""
        if kill:
            self.process.kill()
        with self.process:
            pass
        assert (self.process.returncode == 0) is not kill


@pytest.mark.slow
def test_programs_together_get_no_call_more_than_the_quota(where: str) -> None:
    # They open a ledger that nobody has opened before at the same moment.
    callers = [Caller("take", where, 300) for _ in range(6)]
    for caller in callers:
        caller.go()
    assert sum(int(caller.hear()) for caller in callers) == 300
    for caller in callers:
        caller.end()
    with closing(open_store(where, ACCOUNT, quotas_of(300))) as store:
        assert store.remaining("one") == 0


def test_a_lock_that_one_program_met_is_seen_by_the_others(where: str) -> None:
    with closing(open_store(where, ACCOUNT, quotas_of(300))) as store:
        assert take(store, "one") is None
        caller = Caller("lock", where, 300)
        caller.go()
        assert caller.hear() == "locked"
        caller.end()
        wait = take(store, "one")
        assert wait
        assert wait.locked
        assert take(store, "other") is None


@pytest.mark.slow
def test_programs_that_are_killed_leave_what_they_entered(where: str) -> None:
    callers = [Caller("tell", where, 100_000) for _ in range(4)]
    for caller in callers:
        caller.go()
    for caller in callers:
        for _ in range(50):
            assert caller.hear() == "taken"
    for caller in callers:
        caller.end(kill=True)
    with closing(open_store(where, ACCOUNT, quotas_of(100_000))) as store:
        assert take(store, "one") is None
        assert store.remaining("one") <= 100_000 - 4 * 50 - 1


def test_the_default_is_a_file_in_the_users_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = platformdirs.user_state_path("tap-zohocampaigns", appauthor=False)
    with closing(open_store(None, ACCOUNT, Quotas(QUOTA))) as store:
        assert not folder.exists()
        assert take(store, "one") is None
        assert (folder / "quota.sqlite3").is_file()


def test_a_tilde_is_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with closing(open_store("~/own.sqlite3", ACCOUNT, Quotas(QUOTA))) as store:
        assert take(store, "one") is None
    assert (tmp_path / "own.sqlite3").is_file()


def test_memory_is_shared_with_nobody() -> None:
    one, other = (open_store("memory", ACCOUNT, Quotas(QUOTA)) for _ in range(2))
    assert take(one, "one") is None
    assert (one.remaining("one"), other.remaining("one")) == (2, 3)


@pytest.mark.parametrize(
    "where",
    [
        "mysql://user:planted-password@example.com/db",
        "REDIS+x://user:planted-password@example.com",
        "redis://user:planted-password@example.com:port/0",
        "redis://user:planted-password@example.com/0?no_such_option=1",
        "redis://user:planted-password@example.com/0?socket_timeout=soon",
    ],
)
def test_a_url_that_is_not_understood_is_told_without_its_password(where: str) -> None:
    with pytest.raises(SettingError, match="`rate_limit_ledger`") as caught:
        open_store(where, ACCOUNT, Quotas(QUOTA))
    assert "planted" not in str(caught.value)
    assert caught.value.__suppress_context__ or not caught.value.__context__


def test_a_missing_package_is_told_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, redis_module.__name__)
    with pytest.raises(SettingError, match=r"tap-zohocampaigns\[redis\]") as caught:
        open_store("redis://:planted@localhost", ACCOUNT, Quotas(QUOTA))
    assert "planted" not in str(caught.value)
