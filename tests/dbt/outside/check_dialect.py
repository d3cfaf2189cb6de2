"""Parse compiled models as another database would, in the environment of dbt.

    python check_dialect.py FOLDER SCHEMAS DIALECT

It fails for SQL that does not parse, for columns that are not there, and for functions
that the database is not known to have.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify

# DuckDB, which compiles them, quotes names as BigQuery quotes texts.
_NAME = re.compile(r'"[\w-]+"\."(\w+)"\."(\w+)"')
_LOADED = "zohocampaigns"


def main(folder: str, schemas: str, dialect: str) -> None:
    """Check all models of a folder.

    Raises:
        SystemExit: A model does not pass.
    """
    pending: dict[str, exp.Expression] = {}
    for path in Path(folder).rglob("models/*/*.sql"):
        text = _NAME.sub(r"\1.\2", path.read_text(encoding="utf-8"))
        query = pending[path.stem] = parse_one(text, read=dialect)
        if unknown := {node.name for node in query.find_all(exp.Anonymous)}:
            sys.exit(f"{path.stem}: unknown functions {unknown}")
    count = len(pending)
    loaded = {
        path.stem: [
            *json.loads(path.read_text(encoding="utf-8"))["properties"],
            *("account_id", "_sdc_sequence"),
        ]
        for path in Path(schemas).glob("*.json")
    }
    known = {_LOADED: {name: dict.fromkeys(c, "text") for name, c in loaded.items()}}
    while pending:
        # A model that adds to itself reads itself.
        ready = [
            name
            for name, query in pending.items()
            if not (parents(query) & {*pending}) - {name}
        ]
        if not ready:
            sys.exit(f"models in a circle: {sorted(pending)}")
        for name in ready:
            query = pending.pop(name)
            models = known.setdefault("main", {})
            models[name] = dict.fromkeys(query.named_selects, "text")
            qualified = qualify(query, schema=known, dialect=dialect)
            models[name] = dict.fromkeys(qualified.named_selects, "text")
    sys.stdout.write(f"{count} models\n")


def parents(query: exp.Expression) -> set[str]:
    """Return the models that a query reads."""
    return {table.name for table in query.find_all(exp.Table) if table.db == "main"}


if __name__ == "__main__":
    main(*sys.argv[1:])
