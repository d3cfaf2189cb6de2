"""Reads with PyAirbyte, in its own environment; each line of stdin names a task."""

import json
import sys
from decimal import Decimal
from pathlib import Path

import airbyte
from airbyte.caches import DuckDBCache
from airbyte.constants import AB_INTERNAL_COLUMNS
from airbyte.exceptions import PyAirbyteError


def run(task: dict) -> dict:
    """Check and read; return what the cache holds of each stream."""
    source = airbyte.get_source(
        "source-zohocampaigns",
        local_executable=task["executable"],
        config=task["config"],
    )
    try:
        source.check()
        source.select_all_streams()
        cache = DuckDBCache(db_path=task["cache"])
        result = source.read(
            cache=cache, force_full_refresh=task.get("force_full_refresh", False)
        )
    except PyAirbyteError as error:
        return {"error": str(error)}
    rows = {
        name: [
            {k: v for k, v in dict(row).items() if k not in AB_INTERNAL_COLUMNS}
            for row in result[name]
        ]
        for name in source.get_selected_streams()
    }
    return {"rows": rows, "read": result.processed_records}


def plain(value: object) -> object:
    """Return what JSON has for a value of the database."""
    return float(value) if isinstance(value, Decimal) else str(value)


# PyAirbyte writes to stdout too.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    task = json.loads(line)
    done = json.dumps(run(task), default=plain)
    Path(task["result"]).write_text(done, encoding="utf-8")
    print("done", file=answers, flush=True)
