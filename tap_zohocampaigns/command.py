"""The command line: whatever happens ends with one sentence."""

from __future__ import annotations

import sys
import traceback
import typing as t
from pathlib import Path

from singer_sdk.exceptions import (
    ConfigValidationError,
    MappingError,
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
)
from singer_sdk.plugin_base import SingerCommand

from tap_zohocampaigns.api.errors import ZohoError

_WORDS_OF_THE_INPUT = (RecordsWithoutSchemaException, MissingKeyPropertiesError)
_EXPECTED = (
    ConfigValidationError,
    ZohoError,
    FileNotFoundError,
    MappingError,
    *_WORDS_OF_THE_INPUT,
)


class Command(SingerCommand):
    """Ends with one sentence for the user, and exit status 1."""

    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:  # noqa: ANN401 (click's)
        """Run the command line."""
        try:
            return super().main(*args, **kwargs)
        except _EXPECTED as error:
            told = sentence(error)
        except Exception as error:
            told = sentence(error)
            self.logger.debug("The error in full", exc_info=True)
        self.logger.error(told)
        sys.exit(1)


def sentence(error: Exception) -> str:
    """Return what went wrong in words for the user, without secrets and contacts."""
    if isinstance(error, ConfigValidationError):
        return " ".join(error.errors)
    if isinstance(error, ZohoError):
        return str(error)
    if isinstance(error, _WORDS_OF_THE_INPUT):
        # Their texts name streams and fields, and nothing of what is in them.
        told = " ".join(str(error).split())
        return f"The input breaks the rules of Singer: {told}"
    if isinstance(error, MappingError):
        # It names expressions of the setting, and nothing that they are applied to.
        return f"The setting `stream_maps` can't be used: {error}"
    if isinstance(error, FileNotFoundError):
        return f"A file of the command line is missing: {error}"
    return _not_json(error) or _internal(error)


def _not_json(error: Exception) -> str:
    # Both json and simplejson read files for the SDK; their errors have this in common.
    if not isinstance(error, UnicodeDecodeError) and not hasattr(error, "doc"):
        return ""
    return "A file given as --config, --catalog or --state is not JSON."


def _internal(error: Exception) -> str:
    # The text of an unknown error can hold a contact; its place can't.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return (
        f"Internal error {type(error).__name__} in {place}: please report it; "
        "LOGLEVEL=DEBUG tells more."
    )
