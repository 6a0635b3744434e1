"""Who reads a page: its language, its time zone, and how numbers and times are written for it."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from babel.dates import format_date, format_datetime, format_timedelta, get_timezone_gmt
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

from services.control.console.catalogue import Language, chosen

LANGUAGE_COOKIE, ZONE_COOKIE, THEME_COOKIE = "mailferry_language", "mailferry_zone", "mailferry_theme"
THEMES = ("system", "light", "dark")
MINUTE = {"en": "d MMM y, HH:mm"}
"""How a language writes date and time of day, where its usual short form can be misread, as 1/12 can."""
DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
BEGINS_WITH_WORD = re.compile(r"[a-zäöü]+[ ,;:]")
DAY = 86400.0
RELATIVE = 2 * DAY
"""Seconds up to which a time is told as "3 hours ago"; the exact time is in its title."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads. `now` is the time at which the page is made, in seconds since the epoch."""

    language: Language
    zone: tzinfo
    theme: str
    now: float

    def text(self, text: str, **values: object) -> str:
        """Return a text of the console, with its values in place of `%(name)s`."""
        return self.language.text(text, **values)

    def sentence(self, sentence: str | None) -> str:
        """Return a sentence of the engine in the reader's language.

        What would change the direction of the text around it is made visible.
        """
        found = self.language.sentences.translated(sentence or "", self._minute)
        found = DIRECTION.sub(lambda match: f"\\u{ord(match[0]):04x}", found)
        return found[0].upper() + found[1:] if BEGINS_WITH_WORD.match(found) else found

    def number(self, number: float) -> str:
        """Return a number with its separators."""
        return format_decimal(number, locale=self.language.locale)

    def percent(self, share: float) -> str:
        """Return a share of 1 in per cent."""
        return format_percent(share, locale=self.language.locale)

    def octets(self, number: float) -> str:
        """Return a size in octets as "12 B" or "1.5 KiB"."""
        unit = "B"
        for larger in ("KiB", "MiB", "GiB", "TiB"):
            if number < 1024:
                break
            number, unit = number / 1024, larger
        form = "#,##0" if unit == "B" else "#,##0.0"
        return f"{format_decimal(number, form, self.language.locale)}\N{NO-BREAK SPACE}{unit}"

    def minute(self, at: float) -> str:
        """Return date and time of day, without seconds, in the reader's zone."""
        return self._minute(datetime.fromtimestamp(at, UTC))

    def day(self, at: float) -> str:
        """Return the date in the reader's zone."""
        moment = datetime.fromtimestamp(at, UTC).astimezone(self.zone)
        return format_date(moment.date(), "medium", locale=self.language.locale)

    def exact(self, at: float) -> str:
        """Return date, time of day with seconds, and the zone."""
        moment = datetime.fromtimestamp(at, UTC)
        shown = format_datetime(moment, "medium", self.zone, locale=self.language.locale)
        return f"{shown} ({self.zone_name})"

    def when(self, at: float | None, *, missing: str = "–") -> Markup | str:
        """Return a time as an element: near ones as "5 minutes ago", others as a date; the title is exact."""
        if at is None:
            return missing
        seconds = round(at - self.now)
        if abs(seconds) < RELATIVE:
            shown = format_timedelta(seconds, add_direction=True, threshold=1.5, locale=self.language.locale)
        else:
            shown = self.minute(at)
        machine = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(machine, self.exact(at), shown)

    def moment(self, at: float | None, *, missing: str = "–") -> Markup | str:
        """Return a time as an element, always with date and time of day; the title is exact."""
        if at is None:
            return missing
        machine = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
        shown = self.minute(at)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(machine, self.exact(at), shown)

    def lasting(self, seconds: float) -> str:
        """Return a length of time as "3 hours"."""
        return format_timedelta(round(seconds), threshold=1.5, locale=self.language.locale)

    @property
    def zone_name(self) -> str:
        """The zone as shown below each page, such as "Europe/Berlin, GMT+01:00"."""
        key = getattr(self.zone, "key", "UTC")
        if key == "UTC":
            return "UTC"
        moment = datetime.fromtimestamp(self.now, UTC).astimezone(self.zone)
        return f"{key}, {get_timezone_gmt(moment, width='long', locale=self.language.locale)}"

    def _minute(self, moment: datetime) -> str:
        form = MINUTE.get(self.language.code, "short")
        return format_datetime(moment, form, self.zone, locale=self.language.locale)


def reader_of(cookies: Mapping[str, str], accepted: str, now: float) -> Reader:
    """Return the reader that a request's cookies and its `Accept-Language` describe."""
    theme = cookies.get(THEME_COOKIE, "")
    return Reader(
        chosen(cookies.get(LANGUAGE_COOKIE), accepted),
        _zone(cookies.get(ZONE_COOKIE, "")),
        theme if theme in THEMES else THEMES[0],
        now,
    )


@lru_cache(64)
def _zone(name: str) -> tzinfo:
    """The zone with this name; UTC for one that is not known. The script writes `Area/City`."""
    if not name or len(name) > 64 or not name.isascii() or ".." in name or name.startswith("/"):
        return zoneinfo.ZoneInfo("UTC")
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
