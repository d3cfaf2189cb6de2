"""The standard tests of Airbyte's CDK, in its own environment.

The tests expect a Python class of the CDK. Here they start the executable instead;
nothing else is changed.
"""

import os
import subprocess
from pathlib import Path

from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase


class Executable:
    """Stands in for the connector class that the tests expect."""

    def spec(self, logger):
        """Do nothing; the tests recognize a connector by this method."""


def run(args, **_):
    """Run a command of the source and return its output."""
    done = subprocess.run(
        [os.environ["SOURCE"], *args], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    assert bool(done.returncode) is ('"ERROR"' in done.stdout and args[0] != "check")
    return entrypoint_wrapper.EntrypointOutput(
        messages=done.stdout.splitlines(), command=args
    )


entrypoint_wrapper._run_command = run


class TestSource(SourceTestSuiteBase):
    """The tests that every source must pass."""

    connector = Executable

    @classmethod
    def get_connector_root_dir(cls):
        """Return the folder of the configurations."""
        return Path.cwd()
