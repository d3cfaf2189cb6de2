"""A fleet of sandbox accounts, loaded by Airflow on Celery workers of this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import typing as t
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server

import psycopg

from benchmarks.redis_server import RedisServer
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.server.locks import Lock
from tests.support.airflow import EXAMPLES, LONG, Airflow, environment
from tests.support.postgres import postgres
from tests.support.taps import NOW, ROOT

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.sandbox import Call, Reply

EXAMPLE = EXAMPLES / "fleet"
DAG = "zoho_fleet"
CLIENTS = ("north", "south")
# The quota's window and lock, so that a test need not wait half an hour (seconds).
WINDOW, LOCKED = 20, 90
# A call takes so long that a run can be interrupted (seconds).
LATENCY = 0.5
# Airflow's times (seconds): a killed task is noticed, and a failed one is tried again.
HEARTBEAT, RETRY = 90, 45


@dataclass
class Account:
    """An account of the fleet, and the sandbox that is it."""

    name: str
    client: str
    service: Service
    refresh_token: str = field(init=False)

    def __post_init__(self) -> None:
        self.refresh_token = self.service.config["refresh_token"]

    @property
    def settings(self) -> dict[str, t.Any]:
        """What the table has for it."""
        return {
            "data_center": "us",
            # Where its sandbox is; a real account needs neither.
            "api_url": self.service.url,
            "accounts_url": self.service.url,
            "rate_limit_seconds": WINDOW,
            "rate_limit_lock_seconds": LOCKED,
        }

    def lock(self, endpoint: str) -> None:
        """Lock an endpoint from its first call on."""
        until: list[float] = []

        def intercept(call: Call) -> Reply | None:
            if call.endpoint != endpoint:
                return None
            if not until:
                until.append(time.monotonic() + LOCKED)
            if time.monotonic() > until[0]:
                return None
            return Lock("Z101", 500, WINDOW, LOCKED).reply("/api", as_json=True)

        self.service.intercept = intercept


def small_account(number: int) -> Service:
    """Serve an account that is small."""
    account = LivingAccount(
        seed=number, clock=lambda: NOW, lists=2, segments=2, campaigns=3, contacts=90
    )
    return Service(account, quota_seconds=WINDOW, latency=LATENCY)


class Try(t.NamedTuple):
    """A task of an account, as Airflow knows it."""

    state: str
    number: int


class Fleet:
    """PostgreSQL, Redis, Airflow's parts and workers; a context."""

    def __init__(self, folder: Path, accounts: list[Account]) -> None:
        self.folder = folder
        self.accounts = accounts
        self._closing = ExitStack()
        self._parts: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> t.Self:
        with ExitStack() as stack:
            self._start(stack)
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _start(self, stack: ExitStack) -> None:
        names = ("airflow", "meltano", "warehouse")
        url = stack.enter_context(postgres(*names))
        self.warehouse, self._airflow_url = f"{url}/warehouse", f"{url}/airflow"
        self._meltano_url = f"{url}/meltano"
        data = self.folder / "redis"
        data.mkdir()
        self.redis = RedisServer(data, "secret", "--appendonly", "yes")
        stack.callback(self.redis.kill)
        self._fill_table()
        # Meltano writes beside its file.
        project = self.folder / "meltano"
        project.mkdir()
        (project / "meltano.yml").write_bytes((EXAMPLE / "meltano.yml").read_bytes())
        requirements = (EXAMPLE / "requirements.txt").read_text()
        here = self.folder / "requirements.txt"
        here.write_text(
            re.sub(
                r"(tap-zohocampaigns\[\w+\])==.*", rf"\1 @ file://{ROOT}", requirements
            )
        )
        meltano = environment(
            "meltano", "--reinstall-package=tap-zohocampaigns", "-r", here
        )
        with create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.airflow = Airflow(
            self.folder,
            EXAMPLE,
            meltano,
            **self._settings(url, port),
            **self._connections(url),
            MELTANO_PROJECT_ROOT=str(project),
        )
        # The first of them makes Meltano's tables, which two cannot do at once.
        subprocess.run(
            [meltano / "meltano", "state", "list"],
            env=self.airflow.settings | {"MELTANO_DATABASE_URI": self._meltano_url},
            check=True,
            capture_output=True,
            timeout=LONG,
        )
        self.airflow.run("pools", "import", str(EXAMPLE / "pools.json"))
        stack.callback(self._end)
        for part in ("api-server", "scheduler", "dag-processor"):
            self._launch(part, part)

    def _fill_table(self) -> None:
        with psycopg.connect(self.warehouse) as database:
            database.execute((EXAMPLE / "accounts.sql").read_bytes())
            for account in self.accounts:
                database.execute(
                    b"INSERT INTO zoho_accounts VALUES (%s, %s, true, %s)",
                    (account.name, account.client, json.dumps(account.settings)),
                )

    def _settings(self, url: str, port: int) -> dict[str, str]:
        lines = (EXAMPLE / "airflow.env").read_text().splitlines()
        shipped = dict(
            line.split("=", 1) for line in lines if line[:1] not in {"", "#"}
        )
        airflow = f"{url}/airflow".replace("postgresql", "postgresql+psycopg2")
        return shipped | {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{airflow}",
            "AIRFLOW__CELERY__BROKER_URL": f"{self.redis.url}/0",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "planted-key-of-the-api",
            "AIRFLOW__API_AUTH__JWT_SECRET": "planted-key-of-all-of-airflows-parts",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": (
                f"http://127.0.0.1:{port}/execution/"
            ),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            # A busy machine is slow, not broken.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "200",
            # The same rules with shorter times.
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": str(RETRY),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT),
        }

    def _connections(self, url: str) -> dict[str, str]:
        some = self.accounts[0].service.config
        client = {
            "conn_type": "generic",
            "login": some["client_id"],
            "password": some["client_secret"],
        }
        tokens = {
            f"AIRFLOW_CONN_ZOHO_{account.name.upper()}": json.dumps(
                {"conn_type": "generic", "password": account.refresh_token}
            )
            for account in self.accounts
        }
        return tokens | {
            **{
                f"AIRFLOW_CONN_ZOHO_CLIENT_{c.upper()}": json.dumps(client)
                for c in CLIENTS
            },
            "AIRFLOW_CONN_WAREHOUSE": f"{url}/warehouse",
            "AIRFLOW_CONN_MELTANO": f"{url}/meltano",
            "AIRFLOW_CONN_ZOHO_LEDGER": f"{self.redis.url}/1",
        }

    def _launch(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._parts[name] = subprocess.Popen(
                [self.airflow.bin / "airflow", *command],
                env=self.airflow.settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_worker(self, name: str) -> None:
        """Start a Celery worker."""
        pid = f"--pid={self.folder / name}.pid"
        self._launch(
            name,
            "celery",
            "worker",
            f"--celery-hostname={name}@%h",
            pid,
            "--skip-serve-logs",
        )

    def trigger(self) -> None:
        """Start a run of the DAG, as soon as Airflow has read it."""
        self.wait(lambda: self._ask(b"SELECT 1 FROM dag WHERE dag_id = %s", DAG))
        self.airflow.run("dags", "trigger", DAG)

    def kill(self, name: str) -> None:
        """Kill a part and all its children."""
        part = self._parts[name]
        if part.poll() is None:
            # What is stopped has no more children, so that none is missed.
            stopped: set[int] = set()
            while pids := _family(part.pid) - stopped:
                _send(signal.SIGSTOP, pids)
                stopped |= pids
            _send(signal.SIGKILL, stopped)
            part.wait()

    def loading(self, name: str) -> set[str]:
        """Return the accounts that taps on a worker read now."""
        return {
            account
            for pid in _family(self._parts[name].pid)
            if (account := _account(pid)) and _is_reading(_read(pid, "cmdline"))
        }

    def running(self, name: str) -> set[str]:
        """Return the accounts that have any process on a worker."""
        return {
            account
            for pid in _family(self._parts[name].pid)
            if (account := _account(pid))
        }

    def tries(self) -> dict[str, Try]:
        """Return the last try of each account's task."""
        rows = self._ask(
            b"SELECT task_id, map_index, state, try_number FROM task_instance "
            b"WHERE dag_id = %s AND task_id LIKE 'load_%%' AND map_index >= 0",
            DAG,
        )
        return {
            self._name(task, index): Try(state or "", number)
            for task, index, state, number in rows
        }

    def age(self) -> int:
        """Return for how many seconds the DAG has been running."""
        query = b"SELECT extract(epoch FROM now() - start_date)::int FROM dag_run"
        return int(self._ask(query)[0][0])

    def waits(self) -> dict[str, int]:
        """Return after how many seconds of the DAG's run each account's task ended."""
        rows = self._ask(
            b"SELECT task_id, map_index, "
            b"extract(epoch FROM task_instance.end_date - dag_run.start_date) "
            b"FROM task_instance JOIN dag_run USING (dag_id, run_id) "
            b"WHERE dag_id = %s AND task_id LIKE 'load_%%' AND map_index >= 0",
            DAG,
        )
        return {self._name(task, index): round(wait) for task, index, wait in rows}

    def failed_before_others_began(self, account: Account) -> bool:
        """Return whether other tasks began after the first failure of an account's."""
        rows = self._ask(
            b"SELECT 1 FROM task_instance JOIN task_instance_history AS history "
            b"USING (dag_id, run_id) WHERE history.task_id = %s "
            b"AND history.map_index = %s AND history.try_number = 1 "
            b"AND task_instance.start_date > history.end_date "
            b"AND task_instance.state = 'success'",
            f"load_{account.client}",
            str(self._index(account)),
        )
        return bool(rows)

    def _index(self, account: Account) -> int:
        names = [one.name for one in self.accounts if one.client == account.client]
        return sorted(names).index(account.name)

    def _name(self, task: str, index: int) -> str:
        client = task.removeprefix("load_")
        names = [one.name for one in self.accounts if one.client == client]
        return sorted(names)[index]

    def log(self, account: Account, number: int) -> list[dict[str, t.Any]]:
        """Return the log of a try of an account's task."""
        index = self._index(account)
        pattern = f"logs/dag_id={DAG}/*/task_id=load_{account.client}"
        (path,) = self.folder.glob(f"{pattern}/map_index={index}/attempt={number}.log")
        return [json.loads(line) for line in path.read_text().splitlines()]

    def _ask(self, query: bytes, *values: str) -> list[tuple[t.Any, ...]]:
        with psycopg.connect(self._airflow_url) as database:
            return database.execute(query, values).fetchall()

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something holds.

        Raises:
            TimeoutError: It never held, or a part of Airflow ended.
        """
        ends = time.monotonic() + LONG
        while not condition():
            for name, part in self._parts.items():
                if part.poll() not in {None, -signal.SIGKILL}:
                    msg = f"{name} ended: see {self.folder / name}.log"
                    raise TimeoutError(msg)
            if time.monotonic() > ends:
                raise TimeoutError(str(self.tries()))
            time.sleep(0.5)

    def _end(self) -> None:
        for name in self._parts:
            self.kill(name)


def _family(root: int) -> set[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        # The name, in parentheses, may contain anything.
        fields = _read(int(folder.name), "stat").rpartition(b")")[2].split()
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    family, found = set(), [root]
    while found:
        pid = found.pop()
        family.add(pid)
        found += children.get(pid, [])
    return family


def _send(number: signal.Signals, pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _account(pid: int) -> str:
    """Return whose settings a process has; empty for those of Airflow itself."""
    name = b"TAP_ZOHOCAMPAIGNS_ACCOUNT_ID="
    variables = _read(pid, "environ").split(b"\0")
    values = [one.removeprefix(name) for one in variables if one.startswith(name)]
    return values[0].decode() if values else ""


def _is_reading(command: bytes) -> bool:
    words = command.split(b"\0")
    is_tap = any(word.endswith(b"/tap-zohocampaigns") for word in words[:2])
    return is_tap and b"--discover" not in words


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""
