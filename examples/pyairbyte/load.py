"""Reads what is new in a Zoho Campaigns account into a file of DuckDB."""

import json
import os
from pathlib import Path

import airbyte as ab
from airbyte.caches import DuckDBCache

# They cost many calls; docs/streams.md says how many.
COSTLY = {"list_details", "list_subscribers", "recipient_events"}

source = ab.get_source(
    "source-zohocampaigns",
    local_executable=os.environ["SOURCE_ZOHOCAMPAIGNS"],
    config=json.loads(Path("config.json").read_text()),
)
source.check()
source.select_streams([*{*source.get_available_streams()} - COSTLY])
# The file has the state too, so the next read brings only what is new.
result = source.read(cache=DuckDBCache(db_path="zoho.duckdb"))
print(f"{result.processed_records} rows read")

# As a data frame of pandas, for example:
campaigns = result["campaigns"].to_pandas()
print(campaigns[["campaign_name", "sent_time"]].tail())
