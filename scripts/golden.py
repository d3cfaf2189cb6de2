"""Write the golden files: what a run over a fixed account gives its users.

    uv run --locked python -m scripts.golden

The files are in tests/golden/: the messages of each stream in JSON and XML, the last
state, the log of a run, the catalog, `--about`, `plan`, and Airbyte's `spec`. A test
compares them, so that each change for users is seen in review.
"""

from __future__ import annotations

import io
import json
import logging
import re
import shutil
import sys
import typing as t
from collections import defaultdict
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tap_zohocampaigns.airbyte.messages import plain
from tap_zohocampaigns.airbyte.spec import make_spec
from tap_zohocampaigns.commands.plan import as_text, make_plan
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.tap import TapZohoCampaigns
from tap_zohocampaigns.target.target import TargetZohoCampaigns

FOLDER = Path(__file__).parent.parent / "tests" / "golden"
NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)
# When a record was read, and how long a stream took.
_EXTRACTED = re.compile(r',"time_extracted":"[^"]*"')
_SECONDS = re.compile(r"\b\d+\.\d s\b")


class _Tap(TapZohoCampaigns):
    """The tap, with a clock that stands still."""

    def now(self) -> datetime:
        return NOW


def build() -> dict[str, str]:
    """Return the golden files: path below the folder -> text."""
    account = LivingAccount(
        clock=lambda: NOW, lists=2, segments=2, campaigns=12, contacts=8
    )
    files: dict[str, str] = {}
    sent = {campaign.kind: campaign.key for campaign in account.campaigns()}
    with Service(account, quota_calls=100_000) as service:
        config = {
            **service.config,
            "rate_limit_ledger": "memory",
            # One campaign of each kind.
            "campaign_keys": sorted(sent.values()),
        }
        for form in ("json", "xml"):
            files |= _messages(form, config | {"response_format": form})
        files["log.txt"] = _log(config | {"concurrency": 1})
        files["catalog.json"] = _pretty(_Tap(config=dict(config)).discovered())
        plan = make_plan(_selected(_Tap(config=dict(config))))
        files["plan.json"] = _pretty(plan)
        files["plan.txt"] = as_text(plan) + "\n"
    for plugin in (TapZohoCampaigns, TargetZohoCampaigns):
        files[f"about-{plugin.name}.json"] = _about(plugin)
    files["airbyte-spec.json"] = _pretty(plain(make_spec()))
    return files


def _selected(tap: TapZohoCampaigns) -> TapZohoCampaigns:
    for stream in tap.streams.values():
        stream.selected = True
    return tap


def _messages(form: str, config: dict[str, t.Any]) -> dict[str, str]:
    catalog = _Tap(config=dict(config)).discovered()
    tap = _selected(_Tap(config=dict(config), catalog=catalog))
    # Otherwise it is a hash of the host, whose port differs.
    tap.inventory.client.account_id = "golden"
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(written):
        tap.sync_all()
    written.seek(0)
    lines: defaultdict[str, list[str]] = defaultdict(list)
    state = ""
    for line in written:
        message = json.loads(line)
        if message["type"] == "STATE":
            state = _pretty(message["value"])
        else:
            lines[message["stream"]].append(_EXTRACTED.sub("", line))
    files = {f"{form}/{name}.jsonl": "".join(lines[name]) for name in sorted(lines)}
    return files | {f"{form}/state.json": state}


def _log(config: dict[str, t.Any]) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        tap = _selected(_Tap(config=dict(config)))
        with redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
            tap.sync_all()
        tap.logger.info(tap.summary(0.0).sentence)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    return _SECONDS.sub("0.0 s", stream.getvalue())


def _about(plugin: type[t.Any]) -> str:
    written = io.StringIO()
    with redirect_stdout(written):
        plugin.print_about("json")
    about = json.loads(written.getvalue())
    shown = {name: value for name, value in about.items() if "version" not in name}
    return _pretty(shown)


_pretty = partial(json.dumps, indent=2, ensure_ascii=False)


def main() -> int:
    """Write the files; return the exit status."""
    files = build()
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, text in files.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
