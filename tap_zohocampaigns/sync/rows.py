"""Records as a stream writes them: all columns of its SCHEMA, and no others."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.wire.converter import CUSTOM

if t.TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tap_zohocampaigns.api.wire.types import Row


class RowMaker:
    """Gives records all columns of a SCHEMA in its order, and no others.

    Loaders may go by the first record, or by the order.
    """

    def __init__(
        self,
        columns: Sequence[str],
        deselected: Collection[str],
        converted: Collection[str],
    ) -> None:
        """Start with the columns of a stream.

        Args:
            columns: Those of the SCHEMA, in its order.
            deselected: Fields that the catalog deselects.
            converted: Fields that the converter can give a value.
        """
        self._blank: Row = dict.fromkeys(columns)
        self._deselected = deselected
        self._converted = converted

    def make(self, records: list[Row], keys: Row, *, many: bool) -> list[Row]:
        """Return the records with all columns, and with the keys of their part.

        Args:
            records: From the converter; they keep their values.
            keys: Fields that all records get.
            many: Whether the records are contacts: then a key is set after their own
                fields only where they can have it, which saves time.
        """
        blank, width = self._blank | keys, len(self._blank)
        overriding = keys.keys() & self._converted if many else keys
        again = {name: keys[name] for name in overriding}
        made = [blank | fields for fields in records]
        if again:
            for record in made:
                record.update(again)
        if max(map(len, made), default=0) > width:
            for record in made:
                self._fit(record)
        return made

    def _fit(self, record: Row) -> None:
        """Move values without a column into `custom_fields`.

        Deselected fields are left out.
        """
        others = {name: record.pop(name) for name in record.keys() - self._blank}
        custom = {
            name: value
            for name, value in others.items()
            if value is not None and name not in self._deselected and name != CUSTOM
        }
        if custom and CUSTOM in self._blank:
            record[CUSTOM] = {**(record[CUSTOM] or {}), **custom}


def with_key(records: list[Row], names: Collection[str]) -> list[Row]:
    """Return the records that have a value for each of their keys.

    Args:
        records: As `RowMaker` makes them.
        names: The keys of the stream.
    """
    if not records:
        return records
    present = [name for name in names if name in records[0]]
    return [r for r in records if None not in [r[name] for name in present]]
