"""Creates tables in an imitation of Snowflake, and prints their columns.

python snowflake_tables.py --config config.json < messages.jsonl
"""

import json
import sys

import fakesnow
import snowflake.connector
from target_snowflake.target import TargetSnowflake

_COLUMNS = """
SELECT lower(table_name), lower(column_name), data_type
FROM information_schema.columns WHERE table_schema = 'ZOHOCAMPAIGNS'
"""

with fakesnow.patch():
    TargetSnowflake.cli(standalone_mode=False)
    with snowflake.connector.connect(database="ZOHO") as connection:
        columns = connection.cursor().execute(_COLUMNS).fetchall()
sys.stdout.write(json.dumps(columns))
