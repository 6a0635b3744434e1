"""Numbers, sizes and times are written as the reader writes them, times in its zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.control.console.reader import LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE, reader_of

NOW = datetime(2026, 12, 1, 6, 0, tzinfo=UTC).timestamp()


def test_times_are_those_of_the_zone_that_the_browser_names() -> None:
    german = reader_of({LANGUAGE_COOKIE: "de", ZONE_COOKIE: "Europe/Berlin"}, "", NOW)
    assert german.minute(NOW) == "01.12.26, 07:00"
    assert german.zone_name == "Europe/Berlin, GMT+01:00"
    assert "vor 5 Minuten" in german.when(NOW - 300)
    assert 'datetime="2026-12-01T05:55:00+00:00"' in german.when(NOW - 300)
    assert german.when(None) == "–"


@pytest.mark.parametrize(
    "zone", ["", "Nowhere/Atall", "../../etc/passwd", "/etc/localtime", "x" * 100, "Ä", "\x01"]
)
def test_an_unknown_zone_is_utc(zone: str) -> None:
    reader = reader_of({ZONE_COOKIE: zone}, "", NOW)
    assert reader.zone_name == "UTC"


def test_numbers_and_sizes_have_the_separators_of_the_language() -> None:
    german, english = reader_of({LANGUAGE_COOKIE: "de"}, "", NOW), reader_of({}, "", NOW)
    assert (german.number(100000), english.number(100000)) == ("100.000", "100,000")
    assert (german.octets(1536), english.octets(12)) == ("1,5\N{NO-BREAK SPACE}KiB", "12\N{NO-BREAK SPACE}B")


def test_an_unknown_theme_is_that_of_the_system() -> None:
    assert reader_of({THEME_COOKIE: "x"}, "", NOW).theme == "system"
