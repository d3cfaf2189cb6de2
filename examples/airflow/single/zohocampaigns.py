"""Load one account of Zoho Campaigns every hour."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

ZOHO = "{{ conn.zohocampaigns.%s }}"
# Airflow begins the address with postgres:, which SQLAlchemy does not take.
WAREHOUSE = "{{ conn.warehouse.get_uri().replace('postgres:', 'postgresql:', 1) }}"
# They are read when the task runs, and masked in logs.
SETTINGS = {
    "TAP_ZOHOCAMPAIGNS_CLIENT_ID": ZOHO % "login",
    "TAP_ZOHOCAMPAIGNS_CLIENT_SECRET": ZOHO % "password",
    "TAP_ZOHOCAMPAIGNS_REFRESH_TOKEN": ZOHO % "extra_dejson.refresh_token",
    "TAP_ZOHOCAMPAIGNS_DATA_CENTER": ZOHO % "extra_dejson.data_center",
    "TARGET_POSTGRES_SQLALCHEMY_URL": WAREHOUSE,
}

# One run at a time: Meltano refuses a second one of the same pipeline.
with DAG("zohocampaigns", schedule="@hourly", catchup=False, max_active_runs=1):
    BashOperator(
        task_id="load",
        bash_command="meltano --environment=prod run tap-zohocampaigns target-postgres",
        cwd="{{ var.value.meltano_project }}",
        env=SETTINGS,
        append_env=True,
        # Meltano takes a run that was killed for alive for five minutes.
        retries=3,
        retry_delay=timedelta(minutes=6),
    )
