"""Only `singer/sdk.py` may use private parts of the SDK."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import typing as t
from functools import cache

import pytest
import singer_sdk
from singer_sdk import Stream, Tap, Target
from singer_sdk.io_base import SingerReader
from singer_sdk.plugin_base import PluginBase
from singer_sdk.sinks import RecordSink

import tap_zohocampaigns
from tap_zohocampaigns.singer import sdk

BASES = (Tap, Target, Stream, SingerReader, RecordSink, PluginBase)
PRIVATE = re.compile(r"\bself\.(_[a-z]\w*)")
MODULES = [
    module.name
    for module in pkgutil.walk_packages(
        tap_zohocampaigns.__path__, "tap_zohocampaigns."
    )
    if module.name != sdk.__name__ and not module.name.endswith("__main__")
]


@cache
def private_names() -> set[str]:
    """Return the private methods and attributes of the SDK's base classes."""
    classes = {
        parent
        for base in BASES
        for parent in base.__mro__
        if parent.__module__.startswith(singer_sdk.__name__)
    }
    names = {name for base in classes for name in vars(base) if name.startswith("_")}
    sources = map(inspect.getsource, classes)
    attributes = {name for source in sources for name in PRIVATE.findall(source)}
    return {name for name in names | attributes if not name.startswith("__")}


def test_private_names_of_the_sdk_are_found() -> None:
    assert {"_process_record_message", "_streams", "_config"} <= private_names()


@pytest.mark.parametrize("name", MODULES)
def test_module_uses_no_private_part_of_the_sdk(name: str) -> None:
    module = importlib.import_module(name)
    tree = ast.parse(inspect.getsource(module))
    used = [
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(singer_sdk.__name__)
        and ("._" in str(node.module) or any(a.name[0] == "_" for a in node.names))
    ]
    private = private_names()
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        class_: type[t.Any] = getattr(module, node.name)
        if not issubclass(class_, BASES):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and part.attr in private:
                used.append(part.attr)
            if isinstance(part, ast.FunctionDef) and part.name in private:
                used.append(part.name)
    assert not used
