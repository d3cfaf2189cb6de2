"""What tap and target have in common: settings are judged before they are used."""

from __future__ import annotations

import abc
import json
import logging
import os
import traceback
import typing as t
from contextlib import contextmanager, suppress
from fnmatch import fnmatch

from singer_sdk import mapper
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import (
    ConfigValidationError,
    MappingError,
    StreamMapConfigError,
)
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import PluginBase, _ConfigInput

from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.settings import shared
from tap_zohocampaigns.singer import files

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click

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
    """Give bounds to the numbers among the settings of the SDK."""
    properties = config_jsonschema["properties"]
    for name, bounds in _BOUNDS.items():
        properties[name] = properties[name] | bounds


@contextmanager
def mapping(stream: str) -> Iterator[None]:
    """Tell of a stream map that fails without what it fails with.

    Args:
        stream: The stream that the map is for.

    Raises:
        StreamMapConfigError: It fails.
    """
    try:
        yield
    except MappingError as error:
        told = str(error).rstrip(".")
        msg = f"{told}, for the stream `{stream}`."
        raise StreamMapConfigError(msg) from None
    except Exception as error:
        frames = traceback.walk_tb(error.__traceback__)
        if all(one.f_code.co_filename != mapper.__file__ for one, _ in frames):
            raise
        msg = (
            f"an expression for the stream `{stream}` fails with "
            f"{type(error).__name__}: let it take every value, also null."
        )
        raise StreamMapConfigError(msg) from None


class Plugin(PluginBase):
    """A tap or target whose settings are told of without their values."""

    @classmethod
    def cb_config(
        cls,
        ctx: click.Context,
        param: click.Option,
        value: tuple[str, ...],
    ) -> _ConfigInput:
        """Return the settings of the files that the command line names."""
        del ctx, param
        given = _ConfigInput(parse_env="ENV" in value)
        for path in value:
            if path != "ENV":
                given.config |= files.as_config(files.load("config", path))
        return given

    def _setup_signal_handlers(self) -> None:
        """Do nothing: the SDK would write a state, and end with 0."""

    @abc.abstractmethod
    def problems(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        # The SDK's own check prints the values that it doesn't like, secrets too.
        self.append_builtin_config(self.config_jsonschema)
        _, ignored = shared.unknown(self.config, self.config_jsonschema)
        if ignored:
            self.logger.warning(
                "Ignored, as there are no such settings: %s", ", ".join(ignored)
            )
        errors = self.problems()
        if errors and raise_errors:
            msg = "The settings are not usable."
            raise ConfigValidationError(msg, errors=errors)
        return errors

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, t.Any]) -> None:
        """Add the settings of the SDK, its numbers with bounds."""
        super().append_builtin_config(config_jsonschema)
        add_bounds(config_jsonschema)

    def tell_idle_maps(self, streams: Iterable[str]) -> None:
        """Warn of stream maps that are for none of the streams: a mask is not worn."""
        idle = [
            redact(name)
            for name, about in (self.config.get("stream_maps") or {}).items()
            if not name.startswith("__")
            and not any(fnmatch(stream, _source(name, about)) for stream in streams)
        ]
        if idle:
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
        """Take what is null as if it were unset, and let no map tell of values."""
        # At DEBUG it tells what filters have come to, which may be an address.
        mapper.logger.setLevel(logging.INFO)
        self._config = {n: v for n, v in self._config.items() if v is not None}

    @classproperty
    def _env_var_config(cls) -> dict[str, t.Any]:  # noqa: N805
        """Return the settings of the environment.

        The SDK takes all words but four for false, also none at all, which would switch
        `dry_run` off; and what is no number is an error that names no setting.
        """
        cls.append_builtin_config(cls.config_jsonschema)
        properties = cls.config_jsonschema["properties"]
        # It understands lists.
        texts = {
            name: about if "array" in about["type"] else {"type": "string"}
            for name, about in properties.items()
        }
        told = parse_environment_config({"properties": texts}, cls._env_var_prefix)
        config = {
            name: _understood(text, properties[name]["type"])
            for name, text in told.items()
            # What is empty is as if unset.
            if text not in ("", [""])
        }
        return cls._unknown_of_environment(config) | config

    @classmethod
    def _unknown_of_environment(cls, known: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what the environment has besides settings, to be told of."""
        properties, prefix = cls.config_jsonschema["properties"], cls._env_var_prefix
        # Meltano names the fields of an object like this.
        objects = tuple(
            f"{name}_"
            for name, about in properties.items()
            if "object" in about["type"]
        )
        names = (
            name.removeprefix(prefix).lower()
            for name, text in os.environ.items()
            if name.startswith(prefix) and text
        )
        return {
            name: None if name == _LEVEL or name.startswith(objects) else ""
            for name in names
            if name not in known
        }


def _source(name: str, about: t.Any) -> str:  # noqa: ANN401 (JSON)
    """Return the stream, or the pattern of streams, that a map is for."""
    return str(about.get("__source__", name)) if isinstance(about, dict) else name


def _understood(text: t.Any, kinds: list[str]) -> t.Any:  # noqa: ANN401 (JSON)
    """Return a value; what can't be understood stays a text, which has no such type."""
    if "boolean" in kinds:
        return _WORDS.get(text.lower(), text)
    with suppress(ValueError):
        if "integer" in kinds:
            return int(text)
        if "object" in kinds:
            return json.loads(text)
    return text
