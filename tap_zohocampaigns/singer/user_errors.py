"""Errors for the user: every failure ends with one sentence."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
import typing as t
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from singer_sdk.exceptions import (
    ConfigValidationError,
    MappingError,
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
)
from singer_sdk.plugin_base import SingerCommand

from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.singer.shutdown import Shutdown, Stopped

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_INPUT_ERRORS = (RecordsWithoutSchemaException, MissingKeyPropertiesError)
_EXPECTED = (
    ConfigValidationError,
    ZohoError,
    MappingError,
    *_INPUT_ERRORS,
)


class Command(SingerCommand):
    """A command whose failures end with one sentence and exit status 1."""

    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:  # noqa: ANN401 (click's)
        """Run the command line."""
        try:
            try:
                return super().main(*args, **kwargs)
            finally:
                Shutdown.let_go()
        except _EXPECTED as error:
            message = user_message(error)
        except Stopped as stopped:
            self.logger.info(stopped.message)
            sys.exit(stopped.status)
        except Exception as error:
            message = user_message(error)
            self.logger.debug("The error in full", exc_info=True)
        self.logger.error(message)
        sys.exit(1)

    def make_context(self, *args: t.Any, **kwargs: t.Any) -> click.Context:
        """Parse the command line; options such as `--version` end the program."""
        with _stdout():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Only `main` reports errors."""
        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        with _stdout():
            return self.run_command(ctx)

    def run_command(self, ctx: click.Context) -> object:
        """Call the callback of the command."""
        return click.Command.invoke(self, ctx)


class StdoutError(ZohoError):
    """Stdout can't be written to."""


@contextmanager
def _stdout() -> Iterator[None]:
    """Report a stdout that nobody reads, or that is full.

    click would end the program silently.

    Raises:
        StdoutError: Stdout can't be written to.
    """
    try:
        try:
            yield
        except (click.exceptions.Exit, SystemExit, Stopped):
            # The command has ended and written everything.
            _flush()
            raise
        except Exception:
            # This error says more than that of a failing flush.
            try:
                _flush()
            except OSError:
                _discard()
            raise
        else:
            _flush()
    except OSError as error:
        words = _STDOUT.get(error.errno or 0)
        if not words or error.filename:
            raise
        _discard()
        raise StdoutError(words) from None


def _flush() -> None:
    # A shell can close stdout.
    if sys.stdout is not None:
        sys.stdout.flush()


def _discard() -> None:
    # The rest of the buffer goes to the null device instead of failing again.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_STDOUT = {
    errno.EPIPE: (
        "The loader stopped reading, so nothing more can be written to stdout: its own "
        "last lines tell why."
    ),
    errno.ENOSPC: (
        "There is no space left on the disk of stdout, or of the folder for temporary "
        "files (TMPDIR)."
    ),
}


# Errors are reported in a sentence of ours; the others say nothing about the run.
_SDK_LINES = (
    "An unhandled error occurred while",
    "Skipping parse of env var settings",
    "Parsing env var for settings config",
    "Skipping deselected stream",
)


class Quiet(logging.Filter):
    """Drops lines of the SDK that users have no use for."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is worth showing."""
        return not str(record.msg).startswith(_SDK_LINES)


SDK_LINES = Quiet()


def user_message(error: Exception) -> str:
    """Return what went wrong in one sentence, without secrets and contacts."""
    if isinstance(error, ConfigValidationError):
        return " ".join(error.errors)
    if isinstance(error, ZohoError):
        return str(error)
    if isinstance(error, _INPUT_ERRORS):
        # Their texts name streams and fields, but no values.
        text = " ".join(str(error).split())
        return f"The input breaks the rules of Singer: {text}"
    if isinstance(error, MappingError):
        # It names expressions of the setting, but no values.
        return f"The setting `stream_maps` can't be used: {error}"
    return _internal(error)


def _internal(error: Exception) -> str:
    # The text of an unknown error may hold a contact; its place does not.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return (
        f"Internal error {type(error).__name__} in {place}: please report it; "
        "LOGLEVEL=DEBUG tells more."
    )
