"""What tap and target have in common: settings are judged before they are used."""

from __future__ import annotations

import abc
import json
import logging
import typing as t
from contextlib import suppress

from singer_sdk import mapper
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import PluginBase

_WORDS: t.Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


class Plugin(PluginBase):
    """A tap or target whose settings are told of without their values."""

    @abc.abstractmethod
    def problems(self) -> list[str]:
        """Return what is wrong with the settings: a sentence each."""

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        # The SDK's own check prints the values that it doesn't like, secrets too.
        self.append_builtin_config(self.config_jsonschema)
        errors = self.problems()
        if errors and raise_errors:
            msg = "The settings are not usable."
            raise ConfigValidationError(msg, errors=errors)
        return errors

    def setup_mapper(self) -> None:
        """Make the stream maps."""
        # The SDK does not take what is null as if it were unset.
        self._config = {n: v for n, v in self._config.items() if v is not None}
        # At DEBUG it tells what filters have come to, which may be an address.
        mapper.logger.setLevel(logging.INFO)
        super().setup_mapper()

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
        return {
            name: _understood(text, properties[name]["type"])
            for name, text in told.items()
            # What is empty is as if unset.
            if text not in ("", [""])
        }


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
