"""Measure whether programs that share a quota keep it, and how much of it they use.

    uv run --locked python benchmarks/quota.py

starts 4 and 16 programs of 4 threads each, which make calls as fast as their ledger
lets them, and a service that notes when each call arrives: at once, or with the first 4
of each program 3 or 10 seconds late, as behind a slow proxy or a slow look-up of the
host. They share a file or a Redis: this tap's ledgers, and those of pyrate-limiter as
its documentation sets them up for several processes, with a window as long as the
tap's. A second table is a simulated day of four cron jobs. Some fifteen minutes in all.

The window is scaled from 300 seconds to 10, and the delays with it. The tap's margin of
a second is scaled less, to a tenth: a busy machine holds a call up however short the
window is. Unscaled, a quota can be used to 99.7 % with a file (301 seconds) and to
99.0 % with a Redis (303), less the share that late calls wait.
"""

from __future__ import annotations

import itertools
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from collections import Counter
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pyrate_limiter
import redis

from benchmarks.day import JOBS, OURS, Day, most_in_a_window, open_file
from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.api.quota.ledger import Ledger, Ticket, Wait, new_ticket
from tap_zohocampaigns.api.quota.limits import Quota, Quotas
from tap_zohocampaigns.api.quota.redis import RedisStore
from tap_zohocampaigns.api.quota.sqlite import SqliteStore

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.quota.sqlite import Clocks

    Done: t.TypeAlias = Callable[[], object]
    # Waits for a call; returns what tells that its answer has come.
    Enter: t.TypeAlias = Callable[[], Done]

SCALE = 1 / 30
CALLS, SECONDS = 490, 300 * SCALE
QUOTA = Quota(CALLS, SECONDS, 1800, margin=0.1)
STEP = 2 * SCALE
WINDOWS = 4
# Who makes no headway is not waited for.
PATIENCE = 1.5 * WINDOWS * SECONDS
THREADS = 4
ENDPOINT = "getcampaignrecipientsdata"


def tap_file(folder: str, _: str) -> Enter:
    """Enter calls in a file, as the tap does by default."""
    return waiting(
        Ledger(SqliteStore(Path(folder) / "quota.sqlite3", "account", Quotas(QUOTA)))
    )


def tap_redis(_: str, url: str) -> Enter:
    """Enter calls in a Redis, as the tap does."""
    return waiting(Ledger(RedisStore(url, "account", Quotas(QUOTA), step=STEP)))


def waiting(ledger: Ledger) -> Enter:
    """Wait until a call is entered, as the tap does."""

    def enter() -> Done:
        while isinstance(taken := ledger.enter(ENDPOINT), Wait):
            ledger.wait_out(ENDPOINT, taken)
        return partial(ledger.done, taken)

    return enter


def pyrate_file(folder: str, _: str) -> Enter:
    """Enter calls in pyrate-limiter's file, locked for several processes."""
    limiter = pyrate_limiter.limiter_factory.create_sqlite_limiter(
        CALLS,
        round(QUOTA.window * 1000),
        db_path=str(Path(folder) / "pyrate.sqlite"),
        use_file_lock=True,
    )
    return acquiring(limiter)


def pyrate_redis(_: str, url: str) -> Enter:
    """Enter calls in pyrate-limiter's Redis."""
    bucket = pyrate_limiter.RedisBucket.init(
        [pyrate_limiter.Rate(CALLS, round(QUOTA.window * 1000))],
        redis.Redis.from_url(url),
        ENDPOINT,
    )
    return acquiring(pyrate_limiter.Limiter(bucket))


def acquiring(limiter: pyrate_limiter.Limiter) -> Enter:
    """Wait until a call is allowed; of answers it knows nothing."""

    def enter() -> Done:
        limiter.try_acquire(ENDPOINT)
        return lambda: None

    return enter


LEDGERS = {
    "tap, SQLite": tap_file,
    "tap, Redis": tap_redis,
    "pyrate-limiter, SQLite": pyrate_file,
    "pyrate-limiter, Redis": pyrate_redis,
}


def work(name: str, folder: str, url: str, port: str, late: str) -> None:
    """Make calls in several threads until killed; the first of each arrives late."""
    enter = LEDGERS[name](folder, url)

    def call() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as service:
            service.connect(("127.0.0.1", int(port)))
            delay = float(late)
            try:
                while True:
                    done = enter()
                    time.sleep(delay)
                    delay = 0
                    service.send(b"call")
                    service.recv(16)
                    done()
            except Exception as error:  # noqa: BLE001 (whatever ends a thread is told)
                service.send(type(error).__name__.encode())

    with socket.socket(type=socket.SOCK_DGRAM) as service:
        service.connect(("127.0.0.1", int(port)))
        service.send(b"ready")
        service.recv(16)
    for _ in range(THREADS):
        threading.Thread(target=call).start()


class Result(t.NamedTuple):
    """What the service saw."""

    most: int
    """Calls in any window."""
    share: float
    """Of what the quota allows in the time that was measured."""
    failed: Counter[str]
    """What ended threads, and how many."""


def measure(name: str, programs: int, late: float, folder: str, url: str) -> Result:
    """Let programs share a ledger; serve them until some windows are full."""
    arrived: list[float] = []
    failed: Counter[str] = Counter()
    with socket.socket(type=socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        port = str(service.getsockname()[1])
        arguments = [sys.executable, __file__, name, folder, url, port, str(late)]
        started = [
            subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
            for _ in range(programs)
        ]
        ready = [service.recvfrom(64)[1] for _ in started]
        for each in ready:
            service.sendto(b"go", each)
        service.settimeout(0.1)
        ends = time.monotonic() + PATIENCE
        # One more than the windows hold: it comes when they have passed.
        while len(arrived) <= WINDOWS * CALLS and time.monotonic() < ends:
            try:
                said, caller = service.recvfrom(64)
            except TimeoutError:
                continue
            if said == b"call":
                arrived.append(time.monotonic())
                service.sendto(b"answer", caller)
            else:
                failed[said.decode()] += 1
        over = time.monotonic()
        for each in started:
            each.kill()
            each.wait()
    passed = over - arrived[0]
    return Result(
        most_in_a_window(arrived, SECONDS),
        (len(arrived) - 1) / (CALLS * passed / SECONDS),
        failed,
    )


def compare() -> None:
    """Print what the service saw of each ledger."""
    print(
        f"{CALLS} calls in {SECONDS:g} s (scaled from 300 s; margin {QUOTA.margin:g} s,"
        f" in Redis {QUOTA.margin + STEP:.2f} s), {THREADS} threads a program, "
        f"{WINDOWS} windows; pyrate-limiter {version('pyrate-limiter')}, "
        f"redis-py {version('redis')}, Python {platform.python_version()}\n"
    )
    print(
        "| ledger | programs | first calls late by "
        "| most calls in any window | share of the quota used |"
    )
    print("|---|---:|---:|---:|---:|")
    for name in LEDGERS:
        for programs, late in itertools.product((4, 16), (0, 3, 10)):
            with tempfile.TemporaryDirectory() as folder:
                server = RedisServer(Path(folder))
                try:
                    server.know("account")
                    result = measure(name, programs, late * SCALE, folder, server.url)
                finally:
                    server.kill()
            ended = "".join(
                f"; {many} threads ended by {error}"
                for error, many in result.failed.items()
            )
            print(
                f"| {name} | {programs} | {late} s | {result.most} of {CALLS} "
                f"| {result.share:.1%}{ended} |",
                flush=True,
            )


class PyrateStore:
    """The file of pyrate-limiter, at the wall clock of a simulated machine."""

    def __init__(self, path: Path, clocks: Clocks) -> None:
        """Open it with a window as long as the tap's."""
        rates = [pyrate_limiter.Rate(OURS.calls, round(OURS.window * 1000))]
        # Its type says nothing of what it returns.
        self._bucket: t.Any = pyrate_limiter.SQLiteBucket.init_from_file(
            rates, db_path=str(path), use_file_lock=True
        )
        self._wall = clocks.wall

    def enter(self, endpoint: str) -> Ticket | Wait:
        """Enter one call if it may be sent now, else tell how long to wait."""
        now = int(self._wall() * 1000)
        self._bucket.leak(now)
        item = pyrate_limiter.RateItem(endpoint, now)
        if self._bucket.put(item):
            return new_ticket(endpoint)
        return Wait(max(self._bucket.waiting(item), 1) / 1e3, locked=False)

    def done(self, _: Ticket) -> None:
        """Know nothing of answers."""

    def close(self) -> None:
        """Let go of the file."""
        self._bucket.close()


def simulate() -> None:
    """Print what a day of cron jobs comes to."""
    print(f"\n24 simulated hours of {JOBS} cron jobs that share a file:\n")
    print(
        "| ledger | runs | killed | restarts | steps of 2 s | calls "
        "| most calls in 300 s | lockouts |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, opener in (("tap", open_file), ("pyrate-limiter", PyrateStore)):
        with tempfile.TemporaryDirectory() as folder:
            day = Day(Path(folder) / "quota.sqlite3", seed=1, opener=opener)
            day.simulate(hours=24)
        counts = (day.runs, day.killed, day.restarts, day.steps, len(day.arrived))
        most = most_in_a_window(day.arrived, OURS.seconds)
        print(
            f"| {name} | {' | '.join(map(str, counts))} | {most} | {day.lockouts} |",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(*sys.argv[1:])
    else:
        compare()
        simulate()
