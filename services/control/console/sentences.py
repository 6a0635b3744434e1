"""Sentences of the engine in the reader's language, found by pattern.

See docs/decisions/translated-sentences.md.

The engine writes its sentences in English, and the database keeps them: reasons, errors, steps. The
catalogue `engine.po` has each as a pattern with named values, such as `out of reach since {since}: {reason}`.
A sentence that fits a pattern is written anew from the translation with the same values. What fits none is
shown as it is, and so is what a server said: it is a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

PLACE = re.compile(r"{(\w+)}")
_OF_ERRORS = ("reason", "problem", "error", "failure", "refusal", "action", "given", "instead", "wanted")
INNER = frozenset({"sentence", "advice", "detail", "ones", "say", "_NOT_VERIFIED", *_OF_ERRORS})
"""Values that are sentences of the engine themselves."""
COUNTED = re.compile(r"\d+ [a-z][a-z ]*")
"""Values such as "3 mails", which the engine counts. All others are shown as they are."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?")
"""How the engine writes times, in UTC."""
BETWEEN, STOP = "; ", "."
MOST_KEPT = 5000
LONGEST = 2000
"""Characters of a sentence that is looked up; patterns on longer ones would take too long."""

ShownMoment = Callable[[datetime], str]


class Pattern(NamedTuple):
    """A sentence with places for values, and the text in the reader's language."""

    beginning: str
    form: re.Pattern[str]
    translation: str


class Sentences:
    """The patterns of a language: the engine's sentence → its translation."""

    def __init__(self, translations: Mapping[str, str]) -> None:
        # Where the engine joins sentences, all but the last one lose their full stops.
        translations = {
            each.removesuffix(STOP): text.removesuffix(STOP) for each, text in translations.items()
        }
        self._fixed = {each: text for each, text in translations.items() if not PLACE.search(each)}
        patterns = [_pattern(each, text) for each, text in translations.items() if each not in self._fixed]
        # What says most comes first: "{a} of {b}" fits much that a longer pattern is meant for.
        self._patterns = sorted(patterns, key=lambda each: -len(PLACE.sub("", each.form.pattern)))
        self._found = lru_cache(MOST_KEPT)(self._find)

    def translated(self, sentence: str, shown: ShownMoment) -> str:
        """Return the sentence in the reader's language; `shown` writes a time."""
        if len(sentence) > LONGEST:
            return sentence
        whole = self._translated(sentence, shown)
        if whole is not None:
            return whole
        parts = sentence.split(BETWEEN)
        return BETWEEN.join(self._translated(part, shown) or part for part in parts)

    def _translated(self, sentence: str, shown: ShownMoment) -> str | None:
        said = sentence.removesuffix(STOP)
        stop = STOP if said != sentence else ""
        if said in self._fixed:
            return self._fixed[said] + stop
        found = self._found(said)
        if found is None:
            return None
        translation, values = found
        written = {name: self._value(name, value, shown) for name, value in values}
        return PLACE.sub(lambda place: written.get(place[1], place[0]), translation) + stop

    def _find(self, sentence: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        for beginning, form, translation in self._patterns:
            if sentence.startswith(beginning) and (match := form.fullmatch(sentence)) is not None:
                return translation, tuple(match.groupdict().items())
        return None

    def _value(self, name: str, value: str, shown: ShownMoment) -> str:
        if MOMENT.fullmatch(value):
            return shown(datetime.fromisoformat(value).replace(tzinfo=UTC))
        is_own = name.removesuffix("_2") in INNER or COUNTED.fullmatch(value) is not None
        return self.translated(value, shown) if is_own else value


def _pattern(sentence: str, translation: str) -> Pattern:
    parts = PLACE.split(sentence)
    form = "".join(f"(?P<{part}>.*?)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
    return Pattern(parts[0], re.compile(form, re.DOTALL), translation)
