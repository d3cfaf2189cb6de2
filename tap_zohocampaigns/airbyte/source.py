"""The commands of the source: spec, check, discover and read."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import typing as t
from importlib.metadata import version

from airbyte_protocol_dataclasses.models import (
    AirbyteConnectionStatus,
    FailureType,
    Type,
)
from airbyte_protocol_dataclasses.models import Status as Connection

from tap_zohocampaigns.airbyte.catalog import make_catalog, read_catalog, read_states
from tap_zohocampaigns.airbyte.errors import error_line, sentence
from tap_zohocampaigns.airbyte.messages import LogHandler, line, trace_of_error
from tap_zohocampaigns.airbyte.spec import flatten, make_spec
from tap_zohocampaigns.airbyte.tap import AirbyteTap
from tap_zohocampaigns.singer import files
from tap_zohocampaigns.singer.shutdown import Stopped

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_zohocampaigns.api.wire.types import Json


def run(arguments: Sequence[str]) -> int:
    """Run a command; return the exit status."""
    options = _parse(arguments)
    logs = LogHandler()
    root = logging.getLogger()
    root.addHandler(logs)
    level = os.environ.get("LOGLEVEL", "").upper()
    root.setLevel(logging.getLevelNamesMapping().get(level, logging.INFO))
    logging.captureWarnings(capture=True)
    command: t.Callable[[argparse.Namespace, LogHandler], int] = options.run
    try:
        return command(options, logs)
    except Stopped as stopped:
        if not stopped.by_signal:
            transient = FailureType.transient_error
            logs.write_line(trace_of_error(stopped.message, transient))
        # With status 0 the platform would take the run for complete.
        return stopped.status or 1
    except Exception as error:  # noqa: BLE001 (it is written)
        logs.write_line(error_line(error))
        return 1
    finally:
        # Other threads must not write while the program ends.
        root.removeHandler(logs)
        logging.captureWarnings(capture=False)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("source-zohocampaigns", description=__doc__)
    parser.add_argument(
        "--version",
        action="version",
        version=f"source-zohocampaigns {version('tap-zohocampaigns')}",
    )
    commands = parser.add_subparsers(required=True)
    for command, required, optional in (
        (spec, (), ()),
        (check, ("config",), ()),
        (discover, ("config",), ()),
        (read, ("config", "catalog"), ("state",)),
    ):
        subparser = commands.add_parser(command.__name__, help=command.__doc__)
        subparser.set_defaults(run=command)
        for name in required:
            subparser.add_argument(f"--{name}", required=True)
        for name in optional:
            subparser.add_argument(f"--{name}")
    return parser.parse_args(arguments)


def spec(_: argparse.Namespace, logs: LogHandler) -> int:
    """Print the settings."""
    logs.write_line(line(Type.SPEC, spec=make_spec()))
    return 0


def check(options: argparse.Namespace, logs: LogHandler) -> int:
    """Print whether the account can be read."""
    try:
        # The user waits for the answer; half an hour is too long.
        tap = _tap(options, rate_limit_on_lock="stop")
        tap.inventory.check_credentials()
    except Exception as error:  # noqa: BLE001 (it is written)
        failed = AirbyteConnectionStatus(Connection.FAILED, sentence(error))
        logs.write_line(line(Type.CONNECTION_STATUS, connectionStatus=failed))
        logs.write_line(error_line(error))
    else:
        accepted = AirbyteConnectionStatus(Connection.SUCCEEDED)
        logs.write_line(line(Type.CONNECTION_STATUS, connectionStatus=accepted))
    return 0


def discover(options: argparse.Namespace, logs: LogHandler) -> int:
    """Print the streams and their schemas."""
    logs.write_line(line(Type.CATALOG, catalog=make_catalog(_tap(options))))
    return 0


def read(options: argparse.Namespace, logs: LogHandler) -> int:
    """Read streams."""
    catalog = _load(options, "catalog")
    state = _load(options, "state") if options.state else None
    tap = AirbyteTap(config=flatten(_load(options, "config")), configured=catalog)
    logs.write_line = tap.writer.write_line
    return tap.read_streams(read_catalog(catalog, tap), read_states(state))


def _tap(options: argparse.Namespace, **more: str) -> AirbyteTap:
    tap = AirbyteTap(config=flatten(_load(options, "config")) | more)
    # There is nothing to save, so a signal may end it at once.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    return tap


def _load(options: argparse.Namespace, name: str) -> Json:
    return files.load(name, getattr(options, name))
