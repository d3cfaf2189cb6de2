"""What tap and target have in common: settings, command line, stream maps."""

from __future__ import annotations

import abc
import json
import logging
import os
import typing as t
from contextlib import suppress
from pathlib import Path

import click

from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.singer.maps import idle_maps, silence_mapper
from tap_zohocampaigns.singer.sdk import (
    ConfigInput,
    SdkPlugin,
    parse_environment_config,
)
from tap_zohocampaigns.singer.user_errors import SDK_LINES, Command

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_zohocampaigns.api.wire.types import Json

# The SDK reads it itself.
_LEVEL: t.Final = "loglevel"
_WORDS: t.Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


_BOUNDS: t.Final = {
    "flattening_max_depth": {"minimum": 0, "maximum": 100},
    "flattening_max_key_length": {"minimum": 1, "maximum": 10_000},
}


def add_bounds(config_jsonschema: dict[str, t.Any]) -> None:
    """Give bounds to the SDK's settings that are numbers."""
    properties = config_jsonschema["properties"]
    for name, bounds in _BOUNDS.items():
        properties[name] = properties[name] | bounds


class Plugin(SdkPlugin):
    """A tap or target that never shows the values of its settings."""

    options: t.ClassVar[tuple[str, ...]] = ("summary",)
    """Options of the command line that the environment can hold."""

    def __init__(self, **kwargs: t.Any) -> None:
        """Check the settings."""
        self.logger.addFilter(SDK_LINES)
        super().__init__(**kwargs)

    @classmethod
    def cb_config(
        cls,
        ctx: click.Context,
        param: click.Option,
        value: tuple[str, ...],
    ) -> ConfigInput:
        """Read the settings from the files that the command line names."""
        del ctx, param
        return cls.given_config(value)

    @staticmethod
    def given_config(paths: Iterable[str]) -> ConfigInput:
        """Return the settings of files; `ENV` stands for the environment.

        Raises:
            SettingError: A file can't be read, or holds no settings.
        """
        paths = [*paths]
        given = ConfigInput(parse_env="ENV" in paths)
        for path in paths:
            if path != "ENV":
                given.config |= files.as_config(files.load("config", path))
        return given

    @abc.abstractmethod
    def problems(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""

    @abc.abstractmethod
    def unknown_settings(self) -> list[str]:
        """Return the names of given settings that do not exist."""

    def check_config(self) -> list[str]:
        """Return what is wrong with the settings; warn of those that do not exist."""
        self.append_builtin_config(self.config_jsonschema)
        if ignored := self.unknown_settings():
            self.logger.warning(
                "Ignored, as there are no such settings: %s", ", ".join(ignored)
            )
        return self.problems()

    @classmethod
    def option(cls, name: str, **terms: t.Any) -> click.Option:
        """Return an option of the command line that the environment can hold, too."""
        variable = f"{cls.environment_prefix()}{name.removeprefix('--').upper()}"
        return click.Option([name], envvar=variable, show_envvar=True, **terms)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, whose errors are one sentence each."""
        command = super().get_singer_command()
        for option in command.params:
            # Errors of these files are reported by `files`, not by click.
            if option.name in {"catalog", "state"}:
                option.type = click.STRING
        command.params.append(
            cls.option(
                "--summary",
                metavar="FILE",
                expose_value=False,
                help="Write one line of JSON about the run into a file, at its end.",
            )
        )
        return Command(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=cls.logger,
        )

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the SDK's own settings, with bounds for numbers."""
        super().append_builtin_config(config_jsonschema)
        add_bounds(config_jsonschema)

    def warn_of_idle_maps(self, streams: Iterable[str]) -> None:
        """Warn of stream maps for unknown streams: such a map may have to hide data."""
        if idle := idle_maps(self.config.get("stream_maps") or {}, streams):
            self.logger.warning(
                "`stream_maps` names streams that are not there, so these maps are not "
                "applied: %s",
                ", ".join(idle),
            )

    def setup_mapper(self) -> None:
        """Make the stream maps."""
        self.prepare_maps()
        super().setup_mapper()

    def prepare_maps(self) -> None:
        """Treat null as unset, and keep the SDK from logging values."""
        silence_mapper()
        self.drop_null_settings()

    @classmethod
    def environment_config(cls) -> dict[str, t.Any]:
        """Return the settings of the environment.

        The SDK parses unknown and empty texts as false, which would switch `dry_run`
        off. For a number that can't be parsed, its error names no setting.
        """
        cls.append_builtin_config(cls.config_jsonschema)
        properties = cls.config_jsonschema["properties"]
        # The SDK can parse lists.
        texts = {
            name: schema if "array" in schema["type"] else {"type": "string"}
            for name, schema in properties.items()
        }
        # It logs a line for each setting.
        logging.getLogger(parse_environment_config.__module__).setLevel(logging.WARNING)
        # The SDK itself would look for `.env` beside its own files.
        dotenv = Path.cwd() / ".env"
        try:
            values = parse_environment_config(
                {"properties": texts},
                cls.environment_prefix(),
                dotenv if dotenv.is_file() else os.devnull,
            )
        except (OSError, UnicodeDecodeError) as error:
            msg = (
                f"The file .env of this folder can't be read ({type(error).__name__})."
            )
            raise SettingError(msg) from None
        config = {
            name: _parsed(text, properties[name]["type"])
            for name, text in values.items()
            # An empty value counts as unset.
            if text not in ("", [""])
        }
        return cls._unknown_of_environment(config) | config

    @classmethod
    def _unknown_of_environment(cls, known: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return names of the environment that are no settings, for a warning."""
        properties, prefix = (
            cls.config_jsonschema["properties"],
            cls.environment_prefix(),
        )
        # Meltano passes the fields of an object like this.
        objects = tuple(
            f"{name}_"
            for name, schema in properties.items()
            if "object" in schema["type"]
        )
        names = (
            name.removeprefix(prefix).lower()
            for name, text in os.environ.items()
            if name.startswith(prefix) and text
        )
        return {
            name: None
            if name in (_LEVEL, *cls.options) or name.startswith(objects)
            else ""
            for name in names
            if name not in known
        }


def _parsed(text: Json, types: list[str]) -> Json:
    """Return the value of a text; an invalid one stays text, so that it is reported."""
    if "boolean" in types:
        return _WORDS.get(text.lower(), text)
    with suppress(ValueError):
        if "integer" in types:
            return int(text)
        if "object" in types:
            return json.loads(text)
    return text
