"""The texts that the console's catalogues must have: of pages and code, of settings, of the engine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.extract import extract
from jinja2 import nodes
from typing_extensions import override

from services.control.console.templates import FOLDER as TEMPLATES
from services.control.console.templates import environment
from shared.config.settings import ARRAYS
from shared.model.setting import facts
from tests.fakes.command import REPOSITORY

CONSOLE = REPOSITORY / "services" / "control" / "console"
KEYWORDS = {"text": None, "done": (2,), "refused": (2,), "Notice": (1,), "ngettext": (1, 2)}
"""Functions of the code whose arguments are texts for readers, and which of the arguments."""
ENGINE = (
    "services/control/problems.py",
    "services/control/sessions.py",
    "services/control/callers.py",
    "shared/net/connection.py",
    "shared/net/dial.py",
    "shared/net/errors.py",
    "shared/net/mx.py",
    "shared/net/protection.py",
    "shared/net/resolver.py",
    "shared/net/wrong_port.py",
    "shared/net/login/attempts.py",
    "shared/net/login/connecting.py",
    "shared/net/login/exchange.py",
    "shared/net/login/refusal.py",
    "shared/operations/app_guard.py",
    "shared/operations/events/conditions.py",
    "shared/operations/grant_status.py",
    "shared/operations/objects/adding.py",
    "shared/operations/objects/errors.py",
    "shared/operations/objects/objects.py",
    "shared/operations/objects/showing.py",
    "shared/operations/permitted_accounts.py",
    "shared/operations/permitted_objects.py",
    "shared/operations/oauth_authorizing.py",
    "shared/operations/oidc.py",
    "shared/operations/status.py",
    "shared/operations/status_colour.py",
    "shared/operations/connecting/errors.py",
    "shared/operations/people/errors.py",
)
"""Modules whose texts readers see; what is no sentence in them is left out."""
COMPOSED = frozenset(
    {
        "{problem} ({failures} times in a row)",
        "paused since {since}, with everything",
        "paused since {since}, with the tenant {tenant}",
        "1 mail",
        "{number} mails",
        "1 recipient",
        "{number} recipients",
        "ok",
        'account "{name}": {sentence}',
        'target "{name}": {sentence}',
        'tenant "{name}": {sentence}',
    }
)
"""What the engine puts together from parts, and what is too short to be known as a sentence."""
SPOKEN = frozenset({"title", "alt", "placeholder", "aria-label", "value", "content"})
"""Attributes that readers see or hear."""
Texts = Mapping[str, str | None]
"""Texts, each with its plural where it has one."""
WORD = re.compile(r"[^\W\d_]{2,}")
MARKUP = re.compile(r"[\w-]+=\"[^\"]*\"")
"""Attributes that a macro gives out alone, without the element around them."""
HOLE = "\N{WHITE MEDIUM SMALL SQUARE}"


def templates() -> list[Path]:
    """Return all templates."""
    return sorted(TEMPLATES.rglob("*.html"))


def page_texts() -> Texts:
    """Return the texts of the console's templates and code."""
    found: dict[str, str | None] = {}
    for path in templates():
        _add(found, extract("jinja2.ext:babel_extract", BytesIO(path.read_bytes()), options=_OPTIONS))
    for path in CONSOLE.rglob("*.py"):
        _add(found, extract("python", BytesIO(path.read_bytes()), KEYWORDS))
    return found


def _add(found: dict[str, str | None], extracted: Iterable[Any]) -> None:
    for _, text, *_ in extracted:
        one, *many = [text] if isinstance(text, str) else [each for each in text if each]
        if one:
            found[one] = many[0] if many else None


_OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}


def setting_texts() -> Texts:
    """Return the labels and meanings of the settings of objects, as forms show them."""
    return dict.fromkeys(_of_settings())


def engine_texts() -> Texts:
    """Return the sentences of the engine."""
    return dict.fromkeys(engine_sentences())


def _of_settings() -> Iterator[str]:
    from services.control.console.forms import help_of, label_of  # noqa: PLC0415 - made of the settings below

    for model in ARRAYS.values():
        for name, field in model.model_fields.items():
            yield label_of(name)
            yield help_of(field)
            if form := facts(field).get("form"):
                yield form


def engine_sentences(modules: Iterable[str] = ENGINE) -> set[str]:
    """Return the sentences of these modules as patterns: an f-string's expressions become named places."""
    found: set[str] = set()
    for module in modules:
        tree = ast.parse((REPOSITORY / module).read_text(encoding="utf-8"))
        _mark_parents(tree)
        for node in ast.walk(tree):
            if isinstance(node, (ast.JoinedStr, ast.Constant)) and _is_sentence(node):
                found.add(pattern_of(node))
    return {each for each in found if _is_whole(each)} | COMPOSED


def _is_whole(pattern: str) -> bool:
    """Whether a pattern is a sentence by itself, not a name, a number, or the end of another one."""
    words = WORD.findall(re.sub(r"{\w+}", "", pattern))
    return bool(words) and " " in pattern and pattern[0] not in " ,;:." and pattern == pattern.strip()


def pattern_of(node: ast.JoinedStr | ast.Constant) -> str:
    """Return the pattern of a string; a place has the name of the last word of its expression."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts, used = [], set[str]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
            continue
        assert isinstance(part, ast.FormattedValue), "an f-string has texts and values"
        name = _name(part.value)
        while name in used:
            name += "_2"
        used.add(name)
        parts.append(f"{{{name}}}")
    return "".join(parts)


def _name(value: ast.expr) -> str:
    """The name of a place: of the innermost first argument, else its last word."""
    while isinstance(value, ast.Call) and value.args and not isinstance(value.args[0], ast.Constant):
        value = value.args[0]
    if isinstance(value, ast.Attribute):
        return value.attr
    if isinstance(value, ast.Name):
        return value.id
    words = re.findall(r"[a-z_]+", ast.unparse(value))
    return words[-1] if words else "value"


def _is_sentence(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant) and not isinstance(node.value, str):
        return False
    parent = getattr(node, "parent", None)
    return not isinstance(parent, (ast.Expr, ast.JoinedStr, ast.FormattedValue, ast.Subscript))


def _mark_parents(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined] # read by _is_sentence alone


class _BareTexts(HTMLParser):
    """Collects what a reader would see of a template's own text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in {"script", "style"}
        spoken = [value for name, value in attrs if name in SPOKEN and value]
        if tag in {"meta", "input"}:
            spoken = [value for name, value in attrs if name in SPOKEN - {"content", "value"} and value]
        self.found += [each for each in spoken if WORD.search(each)]

    @override
    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"}

    @override
    def handle_data(self, data: str) -> None:
        if not self._silent and WORD.search(data):
            self.found.append(data.strip())


def bare_texts(path: Path, allowed: Iterable[str] = ("Mailferry",)) -> list[str]:
    """Return the texts of a template that are not for the catalogue."""
    source = path.read_text(encoding="utf-8")
    tree = environment().parse(source)
    parts = [HOLE + each.data for each in tree.find_all(nodes.TemplateData)]
    reader = _BareTexts()
    reader.feed("".join(parts))
    texts = [MARKUP.sub("", each.replace(HOLE, " ")).strip(" ·") for each in reader.found]
    return [each for each in texts if WORD.search(each) and each not in {*allowed}]
