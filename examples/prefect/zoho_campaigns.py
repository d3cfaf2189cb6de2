"""Loads Zoho Campaigns into the warehouse each hour."""

from prefect import flow
from prefect_shell import ShellOperation


# A run that was killed counts as alive for five minutes, so a retry comes later.
@flow(retries=2, retry_delay_seconds=600)
def load_zoho_campaigns(project: str = "/srv/zoho") -> None:
    """Run the job of the Meltano project in a folder."""
    ShellOperation(commands=[".venv/bin/meltano run load"], working_dir=project).run()


if __name__ == "__main__":
    # One run at a time; the next one waits.
    load_zoho_campaigns.serve(name="hourly", cron="15 * * * *", limit=1)
