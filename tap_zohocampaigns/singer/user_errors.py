"""The command line: whatever happens ends with one sentence."""

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

_WORDS_OF_THE_INPUT = (RecordsWithoutSchemaException, MissingKeyPropertiesError)
_EXPECTED = (
    ConfigValidationError,
    ZohoError,
    MappingError,
    *_WORDS_OF_THE_INPUT,
)


class Command(SingerCommand):
    """Ends with one sentence for the user, and exit status 1."""

    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:  # noqa: ANN401 (click's)
        """Run the command line."""
        try:
            try:
                return super().main(*args, **kwargs)
            finally:
                Shutdown.let_go()
        except _EXPECTED as error:
            told = user_message(error)
        except Stopped as stopped:
            self.logger.info("Stopped, as %s.", stopped)
            sys.exit(stopped.status or 1)
        except Exception as error:
            told = user_message(error)
            self.logger.debug("The error in full", exc_info=True)
        self.logger.error(told)
        sys.exit(1)

    def make_context(self, *args: t.Any, **kwargs: t.Any) -> click.Context:
        """Read the command line, which may be all that there is to do."""
        with _stdout():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> t.Any:  # noqa: ANN401 (click's)
        """Run the command; what goes wrong is told by `main` alone."""
        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        with _stdout():
            return click.Command.invoke(self, ctx)


class StdoutError(ZohoError):
    """Nothing more can be written to stdout."""


@contextmanager
def _stdout() -> Iterator[None]:
    """Tell of a stdout that nobody reads, or that is full.

    click would end the program without a word.

    Raises:
        StdoutError: It is so.
    """
    try:
        try:
            yield
        except (click.exceptions.Exit, SystemExit):
            # The end of a command that has written all it has to.
            _flush()
            raise
        except Exception:
            # It tells more than what a flush that fails would.
            try:
                _flush()
            except OSError:
                _let_go()
            raise
        else:
            _flush()
    except OSError as error:
        words = _STDOUT.get(error.errno or 0)
        if not words or error.filename:
            raise
        _let_go()
        raise StdoutError(words) from None


def _flush() -> None:
    # A shell can close it.
    if sys.stdout is not None:
        sys.stdout.flush()


def _let_go() -> None:
    # What is still to be flushed goes nowhere, instead of failing once more.
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


class Quiet(logging.Filter):
    """Drops what the SDK tells of an error, which is told in a sentence of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is worth showing."""
        return not str(record.msg).startswith("An unhandled error occurred while")


QUIET = Quiet()


def user_message(error: Exception) -> str:
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
    return _internal(error)


def _internal(error: Exception) -> str:
    # The text of an unknown error can hold a contact; its place can't.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return (
        f"Internal error {type(error).__name__} in {place}: please report it; "
        "LOGLEVEL=DEBUG tells more."
    )
