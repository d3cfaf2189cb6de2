"""How the site is built: sphinx-build -W --keep-going docs build/site."""

from __future__ import annotations

import re
import shutil
import typing as t
from pathlib import Path

from pygments.lexers.special import TextLexer

if t.TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "tap-zohocampaigns"
author = "The tap-zohocampaigns contributors"
extensions = ["myst_parser"]
# A link to a heading that does not exist is a warning, and so an error.
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_copy_source = False
html_extra_path = ["llms.txt", "lookback.svg"]


def add_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Make the lists of the start page the navigation, so that it stays Markdown."""
    if name != app.config.root_doc:
        return
    for section in source[0].split("\n## ")[1:]:
        caption = section.splitlines()[0]
        pages = re.findall(r"\]\(([\w-]+)\.md\)", section)
        lines = [":hidden:", f":caption: {caption}", "", *pages]
        source[0] += "\n".join(["", "```{toctree}", *lines, "```", ""])


def copy_pages(app: Sphinx, exception: Exception | None) -> None:
    """Serve each page as it was written, too: streams.md beside streams.html.

    Its pictures are where it names them.
    """
    if exception is None:
        for name in app.env.found_docs:
            source = Path(app.env.doc2path(name))
            shutil.copy(source, app.outdir / source.name)
        images = Path(app.srcdir, "images")
        shutil.copytree(images, app.outdir / images.name, dirs_exist_ok=True)


def setup(app: Sphinx) -> None:
    """Tell Sphinx what is special here."""
    # Diagrams stay code: drawing them in a browser needs a library of some megabytes.
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", add_navigation)
    app.connect("build-finished", copy_pages)
