"""Imports the SDK without the packages that only its other features need.

They are half of the time that its import takes.
"""

from __future__ import annotations

import sys
import typing as t
from functools import partial
from importlib import import_module
from types import ModuleType

# The SDK drains sinks in threads with joblib, and reads files of batches with upath.
_UNUSED: t.Final = ("joblib", "upath")


class Later(ModuleType):
    """Stands for a module whose functions import it when they are called."""

    def __getattr__(self, name: str) -> t.Callable[..., object]:
        """Return a function that calls that of the module."""
        return partial(_call, self.__name__, name)


def _call(module: str, name: str, *args: t.Any, **kwargs: t.Any) -> object:
    return getattr(import_module(module), name)(*args, **kwargs)


def import_sdk() -> None:
    """Import the SDK, at the start of a program that has no other threads yet."""
    unused = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update({name: Later(name) for name in unused})
    try:
        import_module("singer_sdk")
    finally:
        for name in unused:
            del sys.modules[name]
