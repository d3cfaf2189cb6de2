"""The private parts of the SDK that tap and target depend on, behind public names.

A new version of the SDK may change them without notice, so no other module uses them.
"""

from __future__ import annotations

import abc
import math
import typing as t

import msgspec
from singer_sdk import Stream, Tap, Target
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._state import StateWriter
from singer_sdk.io_base import SingerReader
from singer_sdk.plugin_base import PluginBase
from singer_sdk.plugin_base import _ConfigInput as ConfigInput
from singer_sdk.singerlib import StateMessage
from singer_sdk.sinks import RecordSink
from singer_sdk.streams._state import StreamStateManager

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.helpers.types import TapState

    Message: t.TypeAlias = dict[str, t.Any]
    Schema: t.TypeAlias = dict[str, t.Any]

__all__ = [
    "ConfigInput",
    "SdkPlugin",
    "SdkReader",
    "SdkSink",
    "SdkStream",
    "SdkTap",
    "SdkTarget",
    "StreamStateManager",
    "get_selected_schema",
    "parse_environment_config",
]


class SdkPlugin(PluginBase):
    """A plugin whose checks and environment are public methods."""

    @abc.abstractmethod
    def check_config(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""

    @classmethod
    @abc.abstractmethod
    def environment_config(cls) -> dict[str, t.Any]:
        """Return the settings of the environment."""

    @classmethod
    def environment_prefix(cls) -> str:
        """Return the beginning of the names of environment variables."""
        return str(cls._env_var_prefix)

    def drop_null_settings(self) -> None:
        """Treat settings that are null as unset."""
        self._config = {n: v for n, v in self._config.items() if v is not None}

    def _setup_signal_handlers(self) -> None:
        """Do nothing: the SDK would write a state and exit with 0."""

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        # The SDK's own check prints invalid values, secrets too.
        errors = self.check_config()
        if errors and raise_errors:
            msg = "The settings are not usable."
            raise ConfigValidationError(msg, errors=errors)
        return errors

    _env_var_config = classproperty(lambda cls: cls.environment_config())


class _StateWriter(StateWriter):
    """Writes states that differ from the last one.

    It keeps that as bytes: the SDK would keep a copy, which takes many times as long.
    """

    _last = b""

    def write_state(self, state: TapState) -> None:
        content = msgspec.json.encode(state)
        if content != self._last:
            self._message_writer.write_message(StateMessage(value=state))
            self._last = content


class SdkTap(Tap):
    """A tap that decides about the order of its streams."""

    def __init__(self, **kwargs: t.Any) -> None:
        """Prepare to write states."""
        super().__init__(**kwargs)
        self._state_writer = _StateWriter(self.message_writer)

    def order_streams(self, streams: Mapping[str, t.Any]) -> list[str]:
        """Return the names of the streams in the order of their turns."""
        return [*streams]

    @property
    def streams(self) -> dict[str, t.Any]:
        """The streams by name, in the order of their turns."""
        if self._streams is None:
            # The SDK orders them by name.
            by_name = super().streams
            self._streams = {
                name: by_name[name] for name in self.order_streams(by_name)
            }
        return t.cast("dict[str, t.Any]", self._streams)

    def reorder_streams(self, names: list[str]) -> None:
        """Change the order of the streams."""
        self._streams = {name: self.streams[name] for name in names}


class SdkStream(Stream):
    """A stream that can write messages of its own."""

    def write_schema(self) -> None:
        """Write the SCHEMA message."""
        self._write_schema_message()

    def write_page(self, records: Message) -> None:
        """Write records, without the state that follows rows of a part."""
        self._write_record_message(records)

    def write_activate_version(self, version: int) -> None:
        """Tell the loader to drop the rows of other versions."""
        self._write_activate_version_message(version)

    @property
    def stream_version(self) -> int | None:
        """The version of the records; None if they have none."""
        return self._stream_version

    @stream_version.setter
    def stream_version(self, version: int | None) -> None:
        self._stream_version = version

    def replace_schema(self, schema: Schema) -> None:
        """Read the stream with another schema."""
        self._input_schema = schema


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
