"""Load many accounts of Zoho Campaigns every night: one mapped task for each."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, Connection, get_current_context, task

# The OAuth clients. Each has a pool, which limits how many of its accounts run at once.
CLIENTS = ("north", "south")
ACCOUNTS = """
    SELECT settings || jsonb_build_object('account_id', account_id)
    FROM zoho_accounts WHERE active AND client = %s ORDER BY account_id
"""
PLUGINS = ("tap-zohocampaigns", "target-postgres")
# The first line that says why a run failed.
CAUSE = re.compile(r"\[(error|critical) +\]")


def url(connection: str) -> str:
    """Return the URL of a connection, as SQLAlchemy and Redis take it."""
    return Connection.get(connection).get_uri().replace("postgres:", "postgresql:", 1)


@task
def accounts(client: str) -> list[dict[str, object]]:
    """Return the settings of all accounts of a client; the table has no secrets."""
    rows = PostgresHook("warehouse").get_records(ACCOUNTS, parameters=[client])
    return [settings for (settings,) in rows]


@task(map_index_template="{{ account_id }}")
def load(client: str, settings: dict[str, object]) -> dict[str, object]:
    """Load one account, with secrets from connections; return the run's summary."""
    context, name = get_current_context(), settings["account_id"]
    context["account_id"] = name
    application = Connection.get(f"zoho_client_{client}")
    settings = settings | {
        "client_id": application.login,
        "client_secret": application.password,
        "refresh_token": Connection.get(f"zoho_{name}").password,
        "rate_limit_ledger": url("zoho_ledger"),
    }
    variables = {
        f"TAP_ZOHOCAMPAIGNS_{key.upper()}": value
        if isinstance(value, str)
        else json.dumps(value)
        for key, value in settings.items()
    } | {
        "TARGET_POSTGRES_SQLALCHEMY_URL": url("warehouse"),
        "MELTANO_DATABASE_URI": url("meltano"),
    }
    with TemporaryDirectory() as folder:
        summary = Path(folder, "summary.json")
        run = subprocess.Popen(
            # `el` has a folder of its own for each run. `meltano run` has one for each
            # plugin, so two accounts would overwrite each other's settings.
            ["meltano", "el", f"--state-id={name}", *PLUGINS],
            env=os.environ | variables | {"TAP_ZOHOCAMPAIGNS_SUMMARY": str(summary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Airflow calls this when a task has to end: the tap saves its state.
        context["task"].on_kill = run.terminate
        cause = ""
        for line in run.stdout or ():
            print(line, end="")
            if CAUSE.search(line):
                cause = cause or line.strip()
        run.wait()
        text = summary.read_text() if summary.exists() else ""
    print(text, end="")
    if run.returncode:
        raise RuntimeError(cause or f"Meltano ended with {run.returncode}.")
    done: dict[str, object] = json.loads(text)
    # A run that stopped, as at a lock, has ended well, but has to be tried again.
    if done["status"] == "stopped":
        raise RuntimeError(done["reason"])
    return done


with DAG("zoho_fleet", schedule="@daily", catchup=False, max_active_runs=1):
    for client in CLIENTS:
        rows = accounts.override(task_id=f"accounts_{client}")(client)
        load.override(task_id=f"load_{client}", pool=f"zoho_{client}").partial(
            client=client
        ).expand(settings=rows)
