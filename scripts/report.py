"""The picture of the page that is made of the marts."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import typing as t
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.browser import browser
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.tap import TapZohoCampaigns

PACKAGE = Path(__file__).parent.parent / "tap_zohocampaigns_dbt"
_UV = Path(sys.executable).with_name("uv")
_DAYS: t.Final = [datetime(2026, 3, day, 6, tzinfo=UTC) for day in (18, 19, 20)]
_CONTACTS, _CAMPAIGNS = 400, 12
_SIZE: t.Final = "1200,1500"


def draw_report(path: Path) -> None:
    """Read a sandbox account on three days, and draw the head of its page.

    Raises:
        NoBrowserError: Chromium is not installed.
    """
    with (
        browser("--hide-scrollbars", f"--window-size={_SIZE}") as chrome,
        TemporaryDirectory() as name,
    ):
        folder = Path(name)
        _read(folder)
        _run(folder, "dbt", "run", "--quiet")
        page = folder / "report.html"
        _run(folder, "zohocampaigns-report", "--page", str(page))
        chrome.get(page.as_uri())
        path.write_bytes(chrome.get_screenshot_as_png())


def _read(folder: Path) -> None:
    """Write the rows of all streams, as they are on each day."""
    now, state = _DAYS[0], None
    account = LivingAccount(clock=lambda: now, contacts=_CONTACTS, campaigns=_CAMPAIGNS)

    class Tap(TapZohoCampaigns):
        def now(self) -> datetime:
            return now

    with Service(account, quota_calls=100_000) as service:
        limits = {"rate_limit_ledger": "memory", "rate_limit_calls": 10_000}
        for day in _DAYS:
            now = day
            tap = Tap(config=service.config | limits, state=state)
            for stream in tap.streams.values():
                stream.selected = True
            stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            with redirect_stdout(stdout):
                tap.sync_all()
            stdout.seek(0)
            for message in map(json.loads, stdout):
                if message["type"] == "STATE":
                    state = message["value"]
                elif message["type"] == "RECORD":
                    with (folder / f"{message['stream']}.jsonl").open("a") as file:
                        file.write(json.dumps(message["record"]) + "\n")


def _run(folder: Path, *command: str) -> None:
    """Run a command in the environment of dbt."""
    inherited = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    subprocess.run(  # noqa: S603 (the command is ours)
        [_UV, "run", "--quiet", "--directory", PACKAGE, "--locked", *command],
        env=inherited
        | {
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_TARGET_PATH": str(folder / "target"),
            "ZOHOCAMPAIGNS_DUCKDB": str(folder / "report.duckdb"),
            "ZOHOCAMPAIGNS_FILES": str(folder),
        },
        check=True,
    )
