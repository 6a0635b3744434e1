"""Paths in URLs: what is written is what is read, and what cannot be read is reported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.file_url import path_in_url, url_of_path

EXAMPLE = "file:///some/where"
SCHEMES = ["file:", "sqlite:", "lmtp+unix:"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///dir%20x/%23.db", "/dir x/#.db"),
        ("file:///dir x/a.db", "/dir x/a.db"),
        ("file:////a%3Fb/100%25.db", "/a?b/100%.db"),
        ("file:/a", "/a"),
        ("file:a%2520b", "a%20b"),
        ("file:a+b", "a+b"),
        ("file:///b%C3%BCcher", "/bücher"),
        ("file:///bücher", "/bücher"),
    ],
)
def test_a_path_is_decoded_once(url: str, path: str) -> None:
    assert path_in_url(url, "file:", EXAMPLE) == path


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("file:///dir/#.db", "in a path ? is written %3F and # is written %23"),
        ("file:///dir?/a.db", "in a path ? is written %3F and # is written %23"),
        ("file:///100%/a.db", "write it as %25"),
        ("file:///%zz", "write it as %25"),
        ("file:///%FF", "not valid UTF-8"),
        ("file:///a%00", "must not contain NUL"),
        ("file://host/a", "expected a URL with a path such as file:///some/where"),
        ("file:", "expected a URL with a path such as file:///some/where"),
        ("file:///", "expected a URL with a path such as file:///some/where"),
        ("/a", "expected a URL with a path such as file:///some/where"),
    ],
)
def test_what_cannot_be_read_is_told(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")):
        path_in_url(url, "file:", EXAMPLE)


@given(
    st.sampled_from(SCHEMES),
    st.lists(
        st.text(min_size=1).filter(lambda part: not set(part) & set("/\0\r\n") and part.strip(".")),
        min_size=1,
    ),
)
def test_what_is_written_is_what_is_read(scheme: str, parts: list[str]) -> None:
    try:
        path = "/" + "/".join(parts)
        path.encode()
    except UnicodeEncodeError:
        return
    assert path_in_url(url_of_path(f"{scheme}//", path), scheme, EXAMPLE) == path
