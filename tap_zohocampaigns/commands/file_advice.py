"""What to do about a fault, if the settings come from files.

Files overrule the environment, and without `--config=ENV` it is not read at all. So a
command that sets a variable would change nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import typing as t

from tap_zohocampaigns.commands.checks import AGAIN, DESCRIBE, LOGIN

if t.TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from tap_zohocampaigns.commands.checks import Check

_VARIABLE = re.compile(r"(export|unset) TAP_ZOHOCAMPAIGNS_(\w+)(?:=(.*))?")
_FROM_ENVIRONMENT = "--config=ENV"


def for_files(check: Check, paths: Sequence[str], in_files: Container[str]) -> Check:
    """Return a check whose advice and command fit the files that were read.

    Args:
        check: Its command is for settings of the environment.
        paths: The values of `--config`.
        in_files: The settings that the files have.
    """
    files = [path for path in paths if path != "ENV"]
    if not files:
        return check
    options = " ".join(f"--config={shlex.quote(path)}" for path in paths)
    reads_environment = len(files) < len(paths)
    command = check.command
    if match := _VARIABLE.fullmatch(command):
        action, setting, value = match[1], match[2].lower(), match[3] or ""
        if reads_environment and setting not in in_files:
            return check
        advice = check.advice
        if action == "export":
            text = os.path.expandvars(" ".join(shlex.split(value)))
            advice += f": set `{setting}` to {text} in {files[-1]}"
        elif setting in in_files:
            advice += f": remove `{setting}` from {files[-1]}"
        return check._replace(advice=advice, command=f"{DESCRIBE} {options}")
    if command.startswith(LOGIN):
        command += f" {options}"
        if "refresh_token" in in_files or not reads_environment:
            advice = f"{check.advice}; put what it prints into {files[-1]}"
            return check._replace(advice=advice, command=f"{command} --print")
    elif command in {DESCRIBE, AGAIN}:
        command += f" {options}"
    else:
        command = command.replace(_FROM_ENVIRONMENT, options)
    return check._replace(command=command)
