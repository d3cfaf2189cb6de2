"""A warehouse that a tap's messages fill."""

from __future__ import annotations

import typing as t

from tests.support.town import without_nothing

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.town import Message, Parts, Record


class Warehouse:
    """Loads messages as an upserting loader does.

    Attributes:
        activates: Whether it drops what a full refresh did not bring again.
    """

    def __init__(self, *, activates: bool = False) -> None:
        self.activates = activates
        self._keys: dict[str, list[str]] = {}
        self.tables: dict[str, dict[tuple[t.Any, ...], Record]] = {}
        self._versions: dict[str, dict[tuple[t.Any, ...], int | None]] = {}

    def load(self, messages: Iterable[Message]) -> None:
        for message in messages:
            stream = message.get("stream", "")
            if message["type"] == "SCHEMA":
                self._keys[stream] = message["key_properties"]
            elif message["type"] == "RECORD":
                record = message["record"]
                key = tuple(record[name] for name in self._keys[stream])
                table = self.tables.setdefault(stream, {})
                if stream == "snapshots" and key in table:
                    was, now = table[key]["snapshot_time"], record["snapshot_time"]
                    assert was <= now, f"the snapshot of {key} fell"
                table[key] = record
                self._versions.setdefault(stream, {})[key] = message.get("version")
            elif message["type"] == "ACTIVATE_VERSION" and self.activates:
                assert stream != "snapshots"
                versions = self._versions.get(stream, {})
                for key in [k for k, v in versions.items() if v != message["version"]]:
                    del versions[key], self.tables[stream][key]

    @property
    def snapshots(self) -> dict[str, Record]:
        """The rows of the stream `snapshots` by their id."""
        rows = self.tables.get("snapshots", {}).values()
        return {row["snapshot_id"]: row for row in rows}

    def current(self) -> Parts:
        """Return the current rows of each part that has been read whole."""
        found: Parts = {part: {} for part in self.snapshots}
        for stream, names in (
            ("segment_contacts", ("cvid",)),
            ("campaign_recipients", ("campaign_key", "action")),
        ):
            for row in self.tables.get(stream, {}).values():
                part = "/".join([stream, *(row[name] for name in names)])
                since = self.snapshots.get(part, {}).get("snapshot_time")
                if since and row["snapshot_time"] >= since:
                    kept = row | {"snapshot_time": None}
                    found[part][row["contact_email"]] = without_nothing(kept)
        return found


def difference(found: Parts, *versions: Parts) -> list[str]:
    """Say what is wrong with parts that were read while they were like each of these.

    Who was there throughout has to be found, and nobody who was there at no time.
    """
    parts = set.intersection(*({*each} for each in versions))
    return sorted(
        line
        for part in parts
        for line in wrong(part, found.get(part), [each[part] for each in versions])
    )


def wrong(
    part: str, have: dict[str, Record] | None, versions: list[dict[str, Record]]
) -> list[str]:
    """Say what is wrong with one part."""
    if have is None:
        return [f"{part} has never been read whole"]
    throughout = set.intersection(*({*each} for each in versions))
    ever = set[str]().union(*versions)
    return [
        *(f"{part} lacks {address}" for address in throughout - have.keys()),
        *(f"{part} still has {address}" for address in have.keys() - ever),
        *(
            f"{part} is stale: {row}"
            for address, row in have.items()
            if address in ever and row not in [each.get(address) for each in versions]
        ),
    ]
