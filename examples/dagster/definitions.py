"""Loads each account into the warehouse, as one partition of an asset."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

PROJECT = Path(os.environ["MELTANO_PROJECT_ROOT"])
NAMES = Path(__file__).with_name("accounts.txt").read_text().split()
ACCOUNTS = dg.StaticPartitionsDefinition(NAMES)


# A run that was killed counts as alive for five minutes, so a retry comes later.
@dg.asset(
    partitions_def=ACCOUNTS,
    retry_policy=dg.RetryPolicy(max_retries=2, delay=600),
)
def zoho_campaigns(context: dg.AssetExecutionContext) -> None:
    """All streams of an account; its rows have its name in `account_id`."""
    account = context.partition_key
    prefix = f"{account.upper()}_"
    own = {
        name.removeprefix(prefix): value
        for name, value in os.environ.items()
        if name.startswith(f"{prefix}TAP_")
    }
    # `meltano run` takes one run of a pipeline at a time; `el` has one per state ID.
    load = [
        "el",
        "tap-zohocampaigns",
        "target-postgres",
        "--state-id",
        f"zoho-{account}",
    ]
    subprocess.run(
        [PROJECT / ".venv" / "bin" / "meltano", *load],
        cwd=PROJECT,
        env=os.environ | {"TAP_ZOHOCAMPAIGNS_ACCOUNT_ID": account} | own,
        check=True,
    )


load_account = dg.define_asset_job("load_account", [zoho_campaigns])


@dg.schedule(job=load_account, cron_schedule="15 * * * *")
def hourly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Start a run for each account."""
    for account in NAMES:
        key = f"{account} {context.scheduled_execution_time}"
        yield dg.RunRequest(run_key=key, partition_key=account)


definitions = dg.Definitions([zoho_campaigns], schedules=[hourly], jobs=[load_account])
