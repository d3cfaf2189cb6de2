"""Write the pictures of the documentation.

    uv run --locked python -m scripts.pictures

writes docs/images/: what `plan`, `doctor` and a running sync show on a terminal, and
the consent page and the page of the marts if Chromium is installed. They come from real
commands against the sandbox, whose account stands still.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import typing as t
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from types import MappingProxyType

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from scripts.browser import NoBrowserError, browser
from scripts.report import draw_report
from tap_zohocampaigns import cli
from tap_zohocampaigns.api.oauth import consent_url
from tap_zohocampaigns.commands.login import needed_scopes
from tap_zohocampaigns.sandbox import LivingAccount, Service
from tap_zohocampaigns.sandbox.server.routes import SCOPES
from tap_zohocampaigns.tap import TapZohoCampaigns

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "images"
NOW = datetime(2026, 3, 20, 15, 4, 5, tzinfo=UTC)
TAP = "tap-zohocampaigns"
_CONSENT_SIZE = "620,410"
_ROWS = 90
_LATENCY = 0.05
_DRAWING_SECONDS = 0.1
_CHUNK = 4096
# What differs from run to run, and what stands in the picture: texts of the same
# length, so that tables stay straight.
_FIXED = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"), "2026-03-20 15:04:05,000"),
    (re.compile(r"127\.0\.0\.1:\d{5}"), "127.0.0.1:58080"),
    (re.compile(r"\b\d s (?=ahead)"), "0 s "),
)
# The fonts of rich's own format come from another server.
_FORMAT = re.sub(
    r"<!--.*?-->\n|@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL
)


class Shot(t.NamedTuple):
    """A picture of a terminal.

    Attributes:
        arguments: The arguments of the command.
        columns: The width of the terminal.
        settings: Settings besides those of the sandbox.
        lacks: A scope that the token does not have.
        rest: How the command line goes on; stdout is not on the terminal then.
        status: The exit status that the command has to end with.
        until: What is on the terminal when the picture is taken. Without it, or if it
            never comes, that is at the end.
    """

    arguments: str
    columns: int
    settings: t.Mapping[str, str] = MappingProxyType({})
    lacks: str = ""
    rest: str = ""
    status: int = 0
    until: str = "$^"

    @property
    def line(self) -> str:
        """The command line."""
        return f"{TAP} {self.arguments}{self.rest}"


SHOTS: t.Final = {
    # With a zone that is set there is no line about it.
    "plan": Shot(
        "plan --config config.json", 84, settings={"timezone": "America/New_York"}
    ),
    # So that it finds something.
    "doctor": Shot(
        "doctor --config config.json",
        124,
        lacks="ZohoCampaigns.workflow.READ",
        status=1,
    ),
    "run": Shot(
        "--config config.json",
        90,
        rest=" > messages.jsonl",
        until=r"campaign_recipients .* (1[2-9]|2\d) of \d+ parts",
    ),
}


def still() -> None:
    """Run the command line of the tap, with a clock of the account's time."""
    TapZohoCampaigns.now = lambda self: NOW  # type: ignore[method-assign]  # noqa: ARG005 (as the method's)
    cli.tap()


def build(names: t.Iterable[str] = SHOTS) -> dict[str, str]:
    """Return the pictures of a terminal: name -> SVG."""
    account = LivingAccount(clock=lambda: NOW)
    pictures = {}
    for name in names:
        shot = SHOTS[name]
        scopes = [scope for scope in SCOPES if scope != shot.lacks]
        with (
            # It is as far away as Zoho, so that the picture of a run is taken in time.
            Service(
                account, scopes=scopes, tells_scopes=True, latency=_LATENCY
            ) as service,
            TemporaryDirectory() as folder,
        ):
            config = {**service.config, **shot.settings}
            Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
            pictures[name] = _svg(name, shot, _screen(shot, folder))
    return pictures


def _screen(shot: Shot, folder: str) -> list[Text]:
    """Run a command on a terminal, and return the lines of its screen."""
    screen = pyte.Screen(shot.columns, _ROWS)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    size = struct.pack("HHHH", _ROWS, shot.columns, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    with subprocess.Popen(  # noqa: S603 (the command is ours)
        [
            sys.executable,
            "-c",
            "from scripts.pictures import still; still()",
            *shot.arguments.split(),
        ],
        cwd=folder,
        # Nothing of this machine's settings.
        env={
            "HOME": folder,
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            "XDG_STATE_HOME": folder,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if shot.rest else theirs,
        stderr=theirs,
    ) as command:
        os.close(theirs)
        came = False
        # A terminal that nobody writes to any more can't be read.
        with suppress(OSError):
            # What is being drawn is drawn to its end.
            while not came or select([ours], [], [], _DRAWING_SECONDS)[0]:
                if not (chunk := os.read(ours, _CHUNK)):
                    break
                stream.feed(chunk)
                came = bool(re.search(shot.until, "\n".join(screen.display)))
        lines = _lines(screen)
        with suppress(OSError):
            while os.read(ours, _CHUNK):
                pass
    os.close(ours)
    if command.returncode != shot.status:
        msg = "\n".join([f"{shot.line} failed:", *(line.plain for line in lines)])
        raise RuntimeError(msg)
    return lines


def _lines(screen: pyte.Screen) -> list[Text]:
    used = max((n for n, line in enumerate(screen.display) if line.strip()), default=0)
    lines = []
    for number, line in enumerate(screen.display[: used + 1]):
        text = Text(_fixed(line))
        row = screen.buffer[number]
        styles = ((_style(row[place]), place) for place in range(screen.columns))
        for style, places in groupby(styles, key=itemgetter(0)):
            first, *rest = (place for _, place in places)
            text.stylize(style, first, first + len(rest) + 1)
        text.rstrip()
        lines.append(text)
    return lines


def _fixed(line: str) -> str:
    for pattern, text in _FIXED:
        line = pattern.sub(text, line)
    return line


def _style(char: pyte.screens.Char) -> Style:
    return Style(
        color=_color(char.fg),
        bgcolor=_color(char.bg),
        bold=char.bold or None,
        italic=char.italics or None,
    )


def _color(name: str) -> str | None:
    """Return rich's name of a color of pyte's."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    name = name.replace("brown", "yellow").replace("bright", "bright_")
    return None if name == "default" else name


def _svg(name: str, shot: Shot, lines: list[Text]) -> str:
    console = Console(record=True, width=shot.columns, file=StringIO(), height=_ROWS)
    console.print(Text.assemble(("$ ", "green"), (shot.line, "bold")))
    for line in lines:
        console.print(line, no_wrap=True, overflow="crop")
    svg = console.export_svg(
        title=TAP, theme=MONOKAI, code_format=_FORMAT, unique_id=name
    )
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def draw_consent(path: Path) -> None:
    """Draw the consent page.

    Raises:
        NoBrowserError: Chromium is not installed.
    """
    # Twice as many pixels, for screens that have them.
    window = f"--window-size={_CONSENT_SIZE}", "--force-device-scale-factor=2"
    with (
        Service(LivingAccount()) as service,
        browser("--hide-scrollbars", *window) as chrome,
    ):
        url = consent_url(
            service.url,
            service.config["client_id"],
            needed_scopes(target=False),
            "http://localhost:8765",
            "state",
        )
        chrome.get(url)
        path.write_bytes(chrome.get_screenshot_as_png())


_PAGES: t.Final = {"consent": draw_consent, "report": draw_report}


def main(names: t.Sequence[str]) -> int:
    """Write all pictures, or those that are named; return the exit status."""
    FOLDER.mkdir(exist_ok=True)
    chosen = names or [*SHOTS, *_PAGES]
    for name, svg in build(name for name in chosen if name in SHOTS).items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
    try:
        for name in _PAGES.keys() & chosen:
            _PAGES[name](FOLDER / f"{name}.png")
    except NoBrowserError as error:
        sys.stderr.write(f"Pages of a browser stay as they are. {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
