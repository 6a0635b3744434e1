"""The templates, and what all of them may use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from services.control.console.assets import Assets
from services.control.console.catalogue import languages

FOLDER = Path(__file__).parent / "templates"
BY_READER = ("sentence", "number", "octets", "when", "moment", "day", "exact", "minute", "lasting")
"""Methods of `Reader` that templates use as filters."""
ICON = Markup('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>')


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """Return what a template makes of these values."""
    return environment().get_template(template).render({"languages": languages(), **values})


@cache
def environment() -> Environment:
    """Return the environment of all templates: what is put into a page is escaped."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined] # by i18n
    made.globals.update(asset=assets().url, icon=icon)
    made.filters.update({name: _by_reader(name) for name in BY_READER})
    return made


@cache
def assets() -> Assets:
    """Return the files that pages load."""
    return Assets()


def icon(name: str, more: str = "") -> Markup:
    """Return an icon. It says nothing that the text beside it does not say."""
    return ICON.format(more, assets().url("vendor/icons.svg"), name)


def _by_reader(name: str) -> Any:
    """A filter that writes a value for the reader of the page."""

    @pass_context
    def write(context: Context, value: Any, *more: Any) -> Any:
        return getattr(context["reader"], name)(value, *more)

    return write


@pass_context
def _gettext(context: Context, text: str) -> str:
    found: str = context["reader"].language.texts.gettext(text)
    return found


@pass_context
def _ngettext(context: Context, one: str, many: str, number: int) -> str:
    found: str = context["reader"].language.texts.ngettext(one, many, number)
    return found
