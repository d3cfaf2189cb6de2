"""The same rows through dlt's `rest_api` source, nothing tuned, written to stdout.

    python benchmarks/dlt_rest.py URL start|extract|normalize

dlt writes files, not messages; those of the step are copied to stdout. `extract` keeps
the rows as they came, `normalize` goes on to files that can be loaded. `start` ends
before the first call. Files are not compressed, as nobody else's messages are.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

# dlt reads them as soon as it is imported.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"

import dlt  # type: ignore[import-not-found]
from dlt.sources.rest_api import (  # type: ignore[import-not-found]
    rest_api_source,
)

PAGE = 500
NAME = "recipients"


def main(url: str, step: str, folder: str) -> None:
    """Read all rows, up to a step, and write its files."""
    paginator = {
        "type": "offset",
        "offset": 1,
        "offset_param": "fromindex",
        "limit": PAGE,
        "limit_param": "range",
        "total_path": None,
    }
    endpoint = {
        "path": "/api/v1.1/getcampaignrecipientsdata",
        "params": {"resfmt": "JSON"},
        "data_selector": "list_of_details",
        "paginator": paginator,
    }
    resource = {"name": NAME, "endpoint": endpoint}
    source = rest_api_source({"client": {"base_url": url}, "resources": [resource]})
    filesystem = dlt.destinations.filesystem(folder)
    pipeline = dlt.pipeline(NAME, pipelines_dir=folder, destination=filesystem)
    if step == "start":
        return
    pipeline.extract(source)
    if step == "normalize":
        pipeline.normalize()
    for path in Path(folder).rglob(f"{NAME}.*jsonl"):
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(sys.argv[1], sys.argv[2], temporary)
