"""Write the parts of the documentation that come from the code.

    uv run --locked python -m scripts.docs

fills the marked blocks of README.md and of the pages in docs/, and writes
docs/llms.txt and .env.example. With `--check` it writes nothing, names the stale files,
and fails.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
import typing as t
from functools import partial
from pathlib import Path

from scripts.meanings import MEANINGS, OF_ENDPOINTS
from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.codes import RULES, UNKNOWN, Action
from tap_zohocampaigns.api.endpoints import ENDPOINTS, WRITES
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.settings import target as target_settings
from tap_zohocampaigns.streams import STREAMS
from tap_zohocampaigns.sync.schemas import load_schema

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tap_zohocampaigns.api.codes import Rule
    from tap_zohocampaigns.sync.base import ZohoStream

    Setting: t.TypeAlias = dict[str, t.Any]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
_WIDTH = 118
_CREDENTIALS = {"client_id", "client_secret", "refresh_token", "data_center"}
TRIPS = ROOT / "examples" / "round-trips"
_ENV_HEAD = """\
# Copy this file to `.env`, and fill in the credentials. Meltano reads `.env`, and so
# does `--config=ENV`. Never commit it. `python -m scripts.docs` writes this example."""
START_PAGE = "index.md"

# What an action is called, and what to do when a rule has no advice of its own.
_OUTCOMES: t.Final[Mapping[Action, tuple[str, str]]] = {
    Action.SUCCESS: ("success", "nothing"),
    Action.EMPTY: ("empty", "nothing"),
    Action.ALREADY_DONE: ("already done", "nothing"),
    Action.REJECT: ("reject", "correct the record, which is in `reject_file`"),
    Action.SKIP: ("skip", "nothing, if it was deleted"),
    Action.SMALLER_PAGE: ("smaller page", "nothing"),
    Action.RETRY: ("retry", "nothing; if it lasts, run again later"),
    Action.REFRESH_TOKEN: ("new token", "check the credentials"),
    Action.LOCKED: ("locked", "wait, or lower `rate_limit_calls`"),
    Action.FORBID: ("forbidden", "check the rights of the user"),
    Action.MISSING_SCOPE: ("missing scope", "check the scopes"),
    Action.FAIL: ("stop", "report it"),
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown.

    Args:
        head: The names of the columns.
        rows: The cells of each row.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def code_spans(names: Iterable[str]) -> str:
    """Return names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def replication(stream: type[ZohoStream]) -> str:
    """Return how a stream is replicated."""
    # Of a class that has none, it is the SDK's property.
    key: object = stream.replication_key
    return f"incremental on `{key}`" if isinstance(key, str) else "full"


def what(stream: type[ZohoStream], *, short: bool = False) -> str:
    """Return what a stream is; `short` is its first sentence."""
    text = load_schema(stream.name)["description"]
    if short:
        text = text.split(". ")[0].rstrip(".") + "."
    return text if stream.selected_by_default else f"{text} Off by default."


def short_streams() -> str:
    """Return a row for each stream, for the README."""
    rows = (
        [f"`{each.name}`", what(each, short=True), replication(each)]
        for each in STREAMS
    )
    return table(("stream", "what", "replication"), rows)


def streams() -> str:
    """Return a row for each stream, with what it costs."""
    rows = (
        [
            f"`{each.name}`",
            what(each),
            each.endpoint or "none",
            code_spans(each.primary_keys),
            replication(each),
            load_schema(each.name)["x-calls"],
        ]
        for each in STREAMS
    )
    return table(("stream", "what", "endpoint", "key", "replication", "calls"), rows)


def own(schema: Mapping[str, t.Any]) -> dict[str, Setting]:
    """Return the settings that are not the SDK's."""
    return {
        name: about
        for name, about in schema["properties"].items()
        if not name.startswith(("stream_map", "faker", "flattening"))
    }


TAP, TARGET = own(tap_settings.SCHEMA), own(target_settings.SCHEMA)


def setting_row(name: str, about: Setting) -> list[str]:
    """Return a row of a table of settings."""
    default = about.get("default")
    value = "" if default is None else f"`{str(default).lower()}`"
    return [f"`{name}`", about["description"], value, values_of(about)]


def values_of(about: Setting) -> str:
    """Return which values a setting takes."""
    if "items" in about:
        return f"a list of {_choices(about['items']) or 'texts'}"
    if "additionalProperties" in about:
        return f"an object whose values are {_choices(about['additionalProperties'])}"
    if "minimum" in about:
        return f"{about['minimum']:,} to {about['maximum']:,}"
    if about.get("format") == "date-time":
        return "a time, such as `2024-01-31T00:00:00Z`"
    if "boolean" in about["type"]:
        return "`true` or `false`"
    return _choices(about) or "a text"


def _choices(about: Setting) -> str:
    return code_spans(one for one in about.get("enum", ()) if one is not None)


_SETTINGS = ("setting", "meaning", "default", "values")


def tap_table() -> str:
    """Return a row for each setting of the tap."""
    return table(_SETTINGS, (setting_row(*each) for each in TAP.items()))


def own_target_settings() -> str:
    """Return a row for each setting that only the target has."""
    rows = (
        setting_row(name, about)
        for name, about in TARGET.items()
        if TAP.get(name) != about
    )
    return table(_SETTINGS, rows)


def shared_settings() -> str:
    """Return the settings that mean the same for tap and target."""
    names = code_spans(name for name in TARGET if TAP.get(name) == TARGET[name])
    return textwrap.fill(names, _WIDTH, break_on_hyphens=False)


def environment() -> str:
    """Return an example of a file `.env`, with all settings of the tap and target."""
    lines = [_ENV_HEAD]
    for prefix, settings in (("TAP", TAP), ("TARGET", TARGET)):
        lines.append(f"\n# {prefix.lower()}-zohocampaigns\n")
        for name, about in settings.items():
            default = about.get("default")
            value = "" if default is None else str(default).lower()
            sign = "" if name in _CREDENTIALS else "# "
            text = textwrap.fill(
                about["description"],
                _WIDTH,
                initial_indent="# ",
                subsequent_indent="# ",
                break_on_hyphens=False,
            )
            lines.append(f"{text}\n{sign}{prefix}_ZOHOCAMPAIGNS_{name.upper()}={value}")
    return "\n".join(lines) + "\n"


def data_centers() -> str:
    """Return a row for each data center."""
    rows = (
        [f"`{name}`", *(url.removeprefix("https://") for url in each)]
        for name, each in hosts.DATA_CENTERS.items()
    )
    return table(("data center", "Zoho Campaigns", "tokens"), rows)


def needed_scopes() -> str:
    """Return a row for each scope, with what needs it."""
    rows = []
    for scope in dict.fromkeys(row.scope for row in ENDPOINTS.values()):
        calls = {name for name, row in ENDPOINTS.items() if row.scope == scope}
        reads = code_spans(each.name for each in STREAMS if each.endpoint in calls)
        writes = code_spans(sorted(calls & WRITES.keys()))
        rows.append([f"`{scope}`", reads, writes])
    return table(("scope", "streams of the tap", "calls of the target"), rows)


def error_codes() -> str:
    """Return a row for each code and what it means, in the order of the rules."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for rule in (*RULES, UNKNOWN):
        for code in rule.codes.split():
            meaning, *rest = _judgement(rule, code)
            rows.setdefault((code, meaning, *rest), []).append(_call(rule, code))
    # Rules for any code stand last; within a code the order is kept.
    order = sorted(
        rows.items(),
        key=lambda row: (
            row[0][0] == "*",
            not row[0][0].isdigit(),
            row[0][0].zfill(_DIGITS),
        ),
    )
    head = ("code", "call", "meaning", "what happens", "what to do")
    return table(
        head,
        (
            ["any" if code == "*" else f"`{code}`", ", ".join(calls), *rest]
            for (code, *rest), calls in order
        ),
    )


_DIGITS = 6


def _call(rule: Rule, code: str) -> str:
    if rule.endpoint:
        return f"`{rule.endpoint}`"
    special = any(each.endpoint and code in each.codes.split() for each in RULES)
    return "any other" if special and code != "*" else "any"


def _judgement(rule: Rule, code: str) -> tuple[str, str, str]:
    """Return what one code of a rule means, what happens, and what to do."""
    meaning = OF_ENDPOINTS.get((rule.endpoint, code), MEANINGS[code])
    if rule.message:
        meaning = f"The message has \u201c{rule.message}\u201d."
    elif rule is UNKNOWN:
        meaning = "The code is in no other row."
    outcome, advice = _OUTCOMES[rule.action]
    return meaning, outcome, rule.check or advice


def erd() -> str:
    """Return a diagram of the streams, their keys, and what these point at."""
    owners: dict[str, str] = {}
    for each in STREAMS:
        if len(each.primary_keys) == 1:
            owners.setdefault(each.primary_keys[0], each.name)
    owners["parent_campaign_key"] = owners["campaign_key"]
    lines = ["erDiagram"]
    for each in STREAMS:
        lines.append(f"    {each.name} {{")
        fields = load_schema(each.name)["properties"]
        for name, about in fields.items():
            points = owners.get(name, each.name) != each.name
            marks = [
                mark
                for mark, holds in (("PK", name in each.primary_keys), ("FK", points))
                if holds
            ]
            if marks:
                lines.append(f"        {kind_of(about)} {name} {', '.join(marks)}")
        lines.append("    }")
    for each in STREAMS:
        for name in load_schema(each.name)["properties"]:
            owner = owners.get(name, each.name)
            if owner != each.name:
                many = "o|" if (name,) == tuple(each.primary_keys) else "o{"
                lines.append(f"    {owner} ||--{many} {each.name} : {name}")
    return "\n".join(["```mermaid", *lines, "```"])


def view(name: str) -> str:
    """Return the SQL of a view of the round trips."""
    text = (TRIPS / "models" / f"{name}.sql").read_text(encoding="utf-8")
    return f"```sql+jinja\n{text.rstrip()}\n```"


def round_trip_commands() -> str:
    """Return the commands of the round trips, from the README of the example."""
    text = (TRIPS / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^( *)```sh\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    _, *steps = (textwrap.dedent(block) for _, block in blocks)
    return "```text\n" + "\n".join(steps) + "```"


def kind_of(about: Mapping[str, t.Any]) -> str:
    """Return the type of a field in one word."""
    if about.get("format"):
        return str(about["format"]).replace("-", "_")
    kinds = [about["type"]] if isinstance(about["type"], str) else about["type"]
    return next(str(kind) for kind in kinds if kind != "null")


BLOCKS: t.Final[Mapping[str, Callable[[], str]]] = {
    "short streams": short_streams,
    "streams": streams,
    "settings of the tap": tap_table,
    "settings of the target": own_target_settings,
    "settings of both": shared_settings,
    "data centers": data_centers,
    "scopes": needed_scopes,
    "error codes": error_codes,
    "erd": erd,
    "view hard_bounced": partial(view, "hard_bounced"),
    "view insiders": partial(view, "insiders"),
    "view dormant": partial(view, "dormant"),
    "view moved": partial(view, "moved"),
    "commands of the round trips": round_trip_commands,
}
_BLOCK = re.compile(
    r"(<!-- generated: (?P<name>[^>]+?) -->\n).*?(\n<!-- end of generated -->)",
    re.DOTALL,
)


_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def fill(text: str) -> str:
    """Return a page with its generated blocks as they have to be."""
    return _BLOCK.sub(
        lambda block: f"{block[1]}{BLOCKS[block['name']]()}{block[3]}", text
    )


def llms_text(pages: Mapping[str, str]) -> str:
    """Return an index of the pages for programs: https://llmstxt.org.

    It is the start page, with the first sentence of each page that it names.

    Args:
        pages: Name of each page -> its text.
    """
    head, *sections = pages[START_PAGE].split("\n## ")
    title, _, rest = head.partition("\n")
    named = _LINK.sub(
        lambda link: f"{link[0]}: {_first_sentence(pages[link[2]])}",
        "".join(f"## {section.rstrip()}\n\n" for section in sections),
    )
    return f"{title}\n\n> {_first_sentence(rest)}\n\n{named.rstrip()}\n"


def _first_sentence(text: str) -> str:
    text = re.sub(r"^# .*\n", "", text).strip()
    paragraph = " ".join(text.split("\n\n")[0].split())
    plain = _LINK.sub(r"\1", paragraph)
    return re.split(r"(?<=[.:]) (?=[A-Z])", plain)[0]


def build() -> dict[Path, str]:
    """Return each file that has generated parts, with the text that it has to have."""
    paths = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    texts = {path: fill(path.read_text(encoding="utf-8")) for path in paths}
    pages = {path.name: text for path, text in texts.items() if path.parent == DOCS}
    return texts | {
        DOCS / "llms.txt": llms_text(pages),
        ROOT / ".env.example": environment(),
    }


def stale() -> dict[Path, str]:
    """Return the files that are not as they have to be, with the text they need."""
    return {
        path: text
        for path, text in build().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated parts, or tell which are stale; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    found = stale()
    for path, text in found.items():
        name = path.relative_to(ROOT)
        if check:
            sys.stderr.write(f"{name} is stale: run `python -m scripts.docs`.\n")
        else:
            path.write_text(text, encoding="utf-8")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
