"""Imports at the start of a program, as fast as they can be.

The SDK imports packages for features that are not used here. With what they import in
turn, they are a sixth of the start.
"""

from __future__ import annotations

import gc
import sys
import typing as t
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The SDK drains sinks in threads with joblib, and reads files of batches with upath.
_UNUSED: t.Final = ("joblib", "upath")


class Later(ModuleType):
    """Stands for a module whose functions import it when they are called."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        """Return a function that calls that of the module."""
        return partial(_call, self.__name__, name)


def _call(module: str, name: str, *args: t.Any, **kwargs: t.Any) -> object:
    return getattr(import_module(module), name)(*args, **kwargs)


@contextmanager
def fast_imports() -> Iterator[None]:
    """Import within, at the start of a program that has no other threads yet."""
    unused = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update({name: Later(name) for name in unused})
    # Modules stay, so looking for garbage among them finds nothing.
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        for name in unused:
            del sys.modules[name]
