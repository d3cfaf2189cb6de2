"""Reads with PyAirbyte in its own environment; each line of stdin is a task."""

import json
import sys
from decimal import Decimal
from pathlib import Path

import airbyte
from airbyte.caches import DuckDBCache
from airbyte.constants import AB_INTERNAL_COLUMNS
from airbyte.exceptions import PyAirbyteError


def run(task: dict) -> dict:
    """Check and read a source; return the rows of each stream in the cache."""
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
    """Convert a value of the database to one that JSON supports."""
    return float(value) if isinstance(value, Decimal) else str(value)


# PyAirbyte prints to stdout too, so its output goes to stderr.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    task = json.loads(line)
    result = json.dumps(run(task), default=plain)
    Path(task["result"]).write_text(result, encoding="utf-8")
    print("done", file=answers, flush=True)
