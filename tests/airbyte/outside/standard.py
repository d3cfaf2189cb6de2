"""The standard tests of Airbyte's CDK, in its own environment.

They are Airbyte's own, but for the place where they start a connector: they would take
a Python class of the CDK, and are given the executable.
"""

import os
import subprocess
from pathlib import Path

from airbyte_cdk.test import entrypoint_wrapper
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase


class Executable:
    """What the tests take for a connector."""

    def spec(self, logger):
        """Do nothing: it is by this method that they know a connector."""


def run(args, **_):
    """Run a command of the source; return the lines that it wrote."""
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
    """All that a source has to pass."""

    connector = Executable

    @classmethod
    def get_connector_root_dir(cls):
        """Return where the configurations are."""
        return Path.cwd()
