"""Reads the same rows with dlt's `rest_api` source, not tuned, and writes to stdout.

    python benchmarks/dlt_rest.py URL start|extract|normalize

dlt writes files instead of messages; the files of the last step are copied to stdout.
`start` ends before the first call, `extract` after the raw rows are stored, and
`normalize` after they are converted to files that can be loaded. Files are not
compressed, because the messages of the other readers are not compressed either.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

# dlt reads these variables when it is imported.
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"

import dlt  # type: ignore[import-not-found]
from dlt.sources.rest_api import (  # type: ignore[import-not-found]
    rest_api_source,
)

PAGE = 500
NAME = "recipients"


def main(url: str, step: str, folder: str) -> None:
    """Run dlt up to a step, and write the files of this step."""
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
