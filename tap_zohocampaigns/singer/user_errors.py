"""Errors for the user: every failure ends with one sentence."""

from __future__ import annotations

import errno
import logging
import sys
import traceback
import typing as t
import warnings
from contextlib import contextmanager
from pathlib import Path

import click
from singer_sdk.exceptions import (
    ConfigValidationError,
    MappingError,
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
)
from singer_sdk.plugin_base import SingerCommand

from tap_zohocampaigns.api.errors import StoppedAtLock, ZohoError
from tap_zohocampaigns.singer.shutdown import Shutdown, Stopped
from tap_zohocampaigns.singer.stdio import discard, settle_stderr
from tap_zohocampaigns.singer.summary_file import (
    ENDED,
    FAILED,
    STOPPED,
    open_summary,
)

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.singer.summary_file import SummaryFile

_INPUT_ERRORS = (RecordsWithoutSchemaException, MissingKeyPropertiesError)
_EXPECTED = (
    ConfigValidationError,
    ZohoError,
    MappingError,
    *_INPUT_ERRORS,
)
# Options with which nothing is read or sent.
_NO_RUN = {"about", "discover", "help", "test", "version"}


class Command(SingerCommand):
    """A command whose failures end with one sentence and exit status 1."""

    summary: SummaryFile | None = None
    """Where `--summary` wants a line about the run."""

    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:  # noqa: ANN401 (click's)
        """Run the command line; write its summary."""
        try:
            return self._report(*args, **kwargs)
        finally:
            settle_stderr()

    def _report(self, *args: t.Any, **kwargs: t.Any) -> t.Any:  # noqa: ANN401 (click's)
        try:
            try:
                return super().main(*args, **kwargs)
            finally:
                Shutdown.let_go()
        except SystemExit as ended:
            # Nothing here ends with a text instead of a number.
            status = int(ended.code or 0)
            self._sum_up(FAILED if status else ENDED, "", status)
            raise
        except Stopped as stopped:
            self.logger.info(stopped.message)
            self._sum_up(STOPPED, stopped.message, stopped.status)
            sys.exit(stopped.status)
        except Exception as error:  # noqa: BLE001 (it is reported)
            message = user_message(error)
            end = STOPPED if isinstance(error, StoppedAtLock) else FAILED
            if not isinstance(error, _EXPECTED):
                self.logger.debug("Where the error is from:\n%s", places(error))
        self.logger.error(message)
        self._sum_up(end, message, 1)
        sys.exit(1)

    def _sum_up(self, end: str, reason: str, status: int) -> None:
        if self.summary:
            self.summary.write(end, reason, status)

    def make_context(self, *args: t.Any, **kwargs: t.Any) -> click.Context:
        """Parse the command line; options such as `--version` end the program."""
        with _stdout():
            return super().make_context(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, `--summary` first: a wrong file is a failed run."""
        if path := self._summary_path(ctx, [*args]):
            self.summary = open_summary(ctx, path, str(self.name))
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if self.summary:
                self.summary.note_fault(error.format_message())
            raise

    def _summary_path(self, ctx: click.Context, args: list[str]) -> str:
        """Return the file for the summary of a run; empty if this is none."""
        try:
            given, rest, _ = self.make_parser(ctx).parse_args(args)
        except click.UsageError:
            # It is raised again where it is reported.
            return ""
        if ctx.resilient_parsing or rest or _NO_RUN & given.keys():
            return ""
        (option,) = (one for one in self.params if one.name == "summary")
        value, _ = option.consume_value(ctx, given)
        return value if isinstance(value, str) else ""

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
                discard(sys.stdout)
            raise
        else:
            _flush()
    except OSError as error:
        words = _STDOUT.get(error.errno or 0)
        if not words or error.filename:
            raise
        discard(sys.stdout)
        raise StdoutError(words) from None


def _flush() -> None:
    # A shell can close stdout.
    if sys.stdout is not None:
        sys.stdout.flush()


_STDOUT = {
    errno.EPIPE: (
        "The loader stopped reading, so nothing more can be written to stdout: its own "
        "last lines say why."
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
        "LOGLEVEL=DEBUG shows more."
    )


def places(error: BaseException) -> str:
    """Return the types of an error and its causes, and where each was raised.

    Their texts are left out: they may hold secrets and contacts.
    """
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    before = f"{places(cause)}\nthen " if cause else ""
    trace = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{type(error).__name__} at:\n{trace.rstrip()}"
