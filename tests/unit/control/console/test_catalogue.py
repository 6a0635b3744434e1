"""German is complete, and nothing in a template is kept from the catalogues."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.control.console.catalogue import chosen, languages, translations
from tests.fakes.messages import bare_texts, engine_texts, page_texts, setting_texts, templates

PLACES = re.compile(r"%\(\w+\)s|{\w+}")
OTHERS = sorted(set(languages()) - {"en"})


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_of_a_page_has_its_translation(code: str) -> None:
    known = {_key(each.id): each.string for each in translations(code, engine=False)}
    missing = [text for text in {**page_texts(), **setting_texts()} if not _is_whole(known.get(text))]
    assert sorted(missing) == [], "run deploy/tools/update-catalogues, then translate"


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_of_the_engine_has_its_translation(code: str) -> None:
    known = {_key(each.id): each.string for each in translations(code, engine=True)}
    assert sorted(text for text in engine_texts() if not known.get(text)) == []


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("engine", [True, False])
def test_a_translation_has_the_places_of_its_text(code: str, engine: bool) -> None:
    for each in translations(code, engine=engine):
        text = each.id if isinstance(each.id, str) else each.id[-1]
        translation = each.string if isinstance(each.string, str) else [*(each.string or [""])][-1]
        # A place for the ending of an English plural has no counterpart.
        wanted = {place for place in PLACES.findall(text) if place not in {"{s}", "{are}", "{is}"}}
        assert set(PLACES.findall(translation)) >= wanted, text


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_a_template_has_no_text_of_its_own(path: Path) -> None:
    assert bare_texts(path) == []


def test_a_bare_text_in_a_template_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<p title="Hidden">Hello {{ _("no") }}</p>{% trans %}no{% endtrans %}<b>{{ 1 }} mails</b>'
    )
    assert bare_texts(page) == ["Hidden", "Hello", "mails"]


@pytest.mark.parametrize(
    ("choice", "accepted", "wanted"),
    [
        (None, "", "en"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "fr,en;q=0.5,de;q=0.7", "de"),
        (None, "de;q=0,en", "en"),
        (None, "x;q=many,*;q=0.1", "en"),
        ("en", "de", "en"),
        ("xx", "de", "de"),
    ],
)
def test_a_choice_goes_before_what_the_browser_accepts(
    choice: str | None, accepted: str, wanted: str
) -> None:
    assert chosen(choice, accepted).code == wanted


def _key(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def _is_whole(translation: str | tuple[str, ...] | list[str] | None) -> bool:
    if translation is None or isinstance(translation, str):
        return bool(translation)
    return all(translation)
