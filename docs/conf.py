"""How `make docs` builds these pages: Sphinx with MyST, strict.

The pages stay plain Markdown that reads well in any viewer. What Sphinx needs beyond that is made here: each
`README.md` is an index, and its headings with the links below them become the navigation.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

project = "Mailferry"
author = "The Mailferry developers"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
master_doc = "README"
exclude_patterns = ["_build"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Mailferry"
html_show_sphinx = False
html_copy_source = False
suppress_warnings = ["misc.highlighting_failure"]  # a fragment of a file need not parse by itself

DOCS = Path(__file__).parent
INDEX = "README"
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
NAMED_AS_FILE = re.compile(r"^\| \[([\w./-]+\.md)\]\(\1\)", re.MULTILINE)
"""How an index begins a line about a page. Files show their names, the site shows titles."""
PAGE = re.compile(r"\]\(((?!\.\./|\w+:)[^)#]+)\.md\)")
OUTSIDE = re.compile(r"\[([^\]\n]+)\]\(([^)#\s]+)(?:#[^)]*)?\)")


def prepare(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give an index its navigation, and show links to files outside the documentation as plain text."""
    directory = (DOCS / name).parent
    if name.rpartition("/")[2] == INDEX:
        source[0] = NAMED_AS_FILE.sub(lambda link: _with_title(directory, link), source[0])
    source[0] = OUTSIDE.sub(lambda link: _within(directory, link), source[0])
    if name.rpartition("/")[2] == INDEX:
        source[0] += "".join(_navigation(source[0]))


def _with_title(directory: Path, link: re.Match[str]) -> str:
    """Return a link to a page that is named as its file, named by its title."""
    page = directory / link.group(1)
    if not page.is_file():
        return link.group(0)
    title = page.read_text().partition("\n")[0].removeprefix("# ")
    return f"[{title}]({link.group(1)})"


def _within(directory: Path, link: re.Match[str]) -> str:
    text, place = link.group(1), link.group(2)
    if ":" in place or (directory / place).resolve().is_relative_to(DOCS):
        return link.group(0)
    return text if text.startswith("`") else f"`{text.removeprefix('../')}`"


def _navigation(text: str) -> list[str]:
    """Return a table of contents for each heading with links, and one for links before the first heading."""
    parts = HEADING.split(text)
    captions = ["", *parts[1::2]]
    listed: set[str] = set()
    made = []
    for caption, body in zip(captions, parts[::2], strict=True):
        pages = [page for page in dict.fromkeys(PAGE.findall(body)) if page not in listed]
        listed.update(pages)
        if pages:
            options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
            made.append("\n".join(["\n\n```{toctree}", *options, "", *pages, "```\n"]))
    return made


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", prepare)
