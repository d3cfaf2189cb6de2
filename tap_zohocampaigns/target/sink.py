"""The sink of a stream: it adds records to the outbox, which all streams share."""

from __future__ import annotations

import abc
import typing as t
from functools import cached_property

from tap_zohocampaigns.api.contacts import CALLS
from tap_zohocampaigns.singer.sdk import SdkSink, SdkTarget

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_zohocampaigns.api.versions import Version
    from tap_zohocampaigns.target.changes import Record


class SharingTarget(SdkTarget):
    """A target with what its sinks ask of it."""

    @property
    @abc.abstractmethod
    def version(self) -> Version:
        """The version of the API."""

    @abc.abstractmethod
    def action(self, stream: str) -> str:
        """Return the action for a stream, or raise `SettingError` if none is set."""

    @abc.abstractmethod
    def add_record(self, stream: str, action: str, record: Record) -> None:
        """Add a record to the outbox, or reject it."""


class ContactSink(SdkSink):
    """Adds the records of a stream to the outbox, which all streams share."""

    def __init__(
        self,
        target: SharingTarget,
        stream_name: str,
        schema: dict[str, t.Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Keep the target."""
        self._zoho = target
        super().__init__(target, stream_name, schema, key_properties)

    @cached_property
    def action(self) -> str:
        """The action for the records of the stream.

        It is looked up at the first record, since stream maps can drop a stream.

        Raises:
            SettingError: No action is set, or the version of the API does not have it.
        """
        action = self._zoho.action(self.stream_name)
        self._zoho.version.parameters(CALLS[action], {})
        return action

    def process_record(self, record: Record, context: Mapping[str, t.Any]) -> None:
        """Add the record to the outbox, or reject it."""
        del context
        self._zoho.add_record(self.stream_name, self.action, record)
