"""The languages of the console, with the texts of each, read from `locale/` at the start."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from services.control.console.sentences import Sentences

FOLDER = Path(__file__).parent / "locale"
ENGINE = "engine"
"""How the names of catalogues with sentences of the engine begin, see `sentences`. The others have the texts
of pages; into how many files these are split makes no difference.
"""
SOURCE = "en"
"""The language in which the texts are written in the code."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language. `name` is what its speakers call it."""

    code: str
    name: str
    locale: Locale
    texts: NullTranslations
    sentences: Sentences

    def text(self, text: str, **values: object) -> str:
        """Return a text of the console, with its values in place of `%(name)s`."""
        found: str = self.texts.gettext(text)
        return found % values if values else found


@cache
def languages() -> Mapping[str, Language]:
    """Return the languages by code, the one of the code first."""
    codes = [SOURCE, *sorted(each.name for each in FOLDER.iterdir() if each.is_dir())]
    return {code: _language(code) for code in codes}


def read_catalogue(path: Path) -> Catalog:
    """Return a catalogue of texts."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.name, domain=path.stem)


def translations(code: str, *, engine: bool) -> Catalog:
    """Return the texts of pages, or with `engine` the sentences of the engine, with their translations."""
    whole = Catalog(locale=code)
    for path in sorted((FOLDER / code).glob("*.po")):
        if path.stem.startswith(ENGINE) is engine:
            for message in read_catalogue(path):
                if message.id:
                    whole[message.id] = message
    return whole


def chosen(choice: str | None, accepted: str) -> Language:
    """Return the language of a reader: what it chose, else what its browser accepts (RFC 9110, 12.5.4)."""
    known = languages()
    if choice is not None and choice in known:
        return known[choice]
    for code in _by_preference(accepted):
        if code in known:
            return known[code]
    return known[SOURCE]


def _by_preference(accepted: str) -> list[str]:
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        if quality > 0:
            weighed.append((-quality, tag.partition("-")[0].lower()))
    return [tag for _, tag in sorted(weighed, key=lambda each: each[0])]


def _language(code: str) -> Language:
    locale = Locale.parse(code)
    name = locale.get_display_name() or code
    if code == SOURCE:
        # The engine's sentences are the keys of any other language; here each stands for itself.
        other = next(each.name for each in sorted(FOLDER.iterdir()))
        known = {str(each.id): str(each.id) for each in translations(other, engine=True) if each.id}
        return Language(code, name, locale, NullTranslations(), Sentences(known))
    known = {str(each.id): str(each.string or each.id) for each in translations(code, engine=True) if each.id}
    packed = io.BytesIO()
    write_mo(packed, translations(code, engine=False))
    packed.seek(0)
    return Language(code, name, locale, Translations(packed), Sentences(known))
