"""A warehouse that loads the messages of a tap."""

from __future__ import annotations

import typing as t

from tests.support.scripted_account import without_nothing

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.scripted_account import Message, Parts, Record


class Warehouse:
    """Loads messages as a loader with upserts does.

    Attributes:
        activates_versions: Whether ACTIVATE_VERSION deletes rows of older versions.
    """

    def __init__(self, *, activates_versions: bool = False) -> None:
        self.activates_versions = activates_versions
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
                    old, new = table[key]["snapshot_time"], record["snapshot_time"]
                    assert old <= new, f"the snapshot time of {key} went back"
                table[key] = record
                self._versions.setdefault(stream, {})[key] = message.get("version")
            elif message["type"] == "ACTIVATE_VERSION" and self.activates_versions:
                assert stream != "snapshots"
                versions = self._versions.get(stream, {})
                for key in [k for k, v in versions.items() if v != message["version"]]:
                    del versions[key], self.tables[stream][key]

    @property
    def snapshots(self) -> dict[str, Record]:
        """The rows of the stream `snapshots` by `snapshot_id`."""
        rows = self.tables.get("snapshots", {}).values()
        return {row["snapshot_id"]: row for row in rows}

    def current(self) -> Parts:
        """Return the current rows of each part that has a snapshot."""
        parts: Parts = {part: {} for part in self.snapshots}
        for stream, names in (
            ("segment_contacts", ("cvid",)),
            ("campaign_recipients", ("campaign_key", "action")),
        ):
            for row in self.tables.get(stream, {}).values():
                part = "/".join([stream, *(row[name] for name in names)])
                since = self.snapshots.get(part, {}).get("snapshot_time")
                if since and row["snapshot_time"] >= since:
                    without_time = row | {"snapshot_time": None}
                    parts[part][row["contact_email"]] = without_nothing(without_time)
        return parts


def errors_of_parts(current: Parts, *versions: Parts) -> list[str]:
    """List the errors of parts that were read while the account changed.

    Args:
        current: The parts in the warehouse.
        versions: The parts in the account, at each time during the read. The warehouse
            must have every row that all versions have, and no row that none has.
    """
    parts = set.intersection(*({*version} for version in versions))
    return sorted(
        line
        for part in parts
        for line in errors_of_part(
            part, current.get(part), [version[part] for version in versions]
        )
    )


def errors_of_part(
    part: str, rows: dict[str, Record] | None, versions: list[dict[str, Record]]
) -> list[str]:
    """List the errors of one part; see `errors_of_parts`."""
    if rows is None:
        return [f"{part} has never been read whole"]
    in_all = set.intersection(*({*version} for version in versions))
    in_any = set[str]().union(*versions)
    return [
        *(f"{part} lacks {address}" for address in in_all - rows.keys()),
        *(f"{part} still has {address}" for address in rows.keys() - in_any),
        *(
            f"{part} is stale: {record}"
            for address, record in rows.items()
            if address in in_any
            and record not in [version.get(address) for version in versions]
        ),
    ]
