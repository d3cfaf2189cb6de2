"""The private parts of the SDK that tap and target depend on, behind public names.

A new version of the SDK may change them without notice, so no other module uses them.
"""

from __future__ import annotations

import math
import typing as t

from singer_sdk import Target
from singer_sdk.io_base import SingerReader
from singer_sdk.sinks import RecordSink

if t.TYPE_CHECKING:
    Message: t.TypeAlias = dict[str, t.Any]


class SdkReader(SingerReader):
    """Reads messages; what it does with unknown ones is a public method."""

    def on_unknown(self) -> None:
        """Handle a message of an unknown type."""

    def _process_unknown_message(self, message_dict: Message) -> None:
        del message_dict
        self.on_unknown()


class SdkSink(RecordSink):
    """Gets each record as it came: the SDK would change texts of times."""

    def get_validator(self) -> None:
        """Return None: records are not validated by the schema of the input."""

    def _validate_and_parse(self, record: Message) -> Message:
        return record


class SdkTarget(Target):
    """A target whose handlers of messages are public methods."""

    # If it were finite, what is sent would depend on how fast the input comes.
    _MAX_RECORD_AGE_IN_MINUTES = math.inf

    def on_record(self, message: Message) -> None:
        """Pass a record to its sink."""
        super()._process_record_message(message)

    def on_schema(self, message: Message) -> None:
        """Make a sink for a stream."""
        super()._process_schema_message(message)

    def on_state(self, message: Message) -> None:
        """Keep a state."""
        super()._process_state_message(message)

    def on_activate_version(self, message: Message) -> None:
        """Pass the version of a stream to its sink."""
        super()._process_activate_version_message(message)

    def on_batch(self, message: Message) -> None:
        """Pass a batch to its sink."""
        super()._process_batch_message(message)

    def _process_record_message(self, message_dict: Message) -> None:
        self.on_record(message_dict)

    def _process_schema_message(self, message_dict: Message) -> None:
        self.on_schema(message_dict)

    def _process_state_message(self, message_dict: Message) -> None:
        self._assert_line_requires(message_dict, requires={"value"})
        self.on_state(message_dict)

    def _process_activate_version_message(self, message_dict: Message) -> None:
        self.on_activate_version(message_dict)

    def _process_batch_message(self, message_dict: Message) -> None:
        self.on_batch(message_dict)
