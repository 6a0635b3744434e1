from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.toml_lines import KeyPath, lines_of, nearest_line

TEXT = """\
# comment with [header] and key = "value"
colour = "red # not a comment"

[broker]
url = "memory:"   # here
  retry.first = 1
[ 'fetcher' . "inline\\u0020limit" ]
a = 1

[[accounts]]
name = "one"
domains = { "acme.com" = "keep", 'acme.net' = "acme.local" }
[[accounts]]
name = \"\"\"
name = "no key"
[[accounts]]
\"\"\"
auth = [
  "plain",  # first ]
  # nothing
  "user",
]
[accounts.extra]
z = '''
'' ]'''
[[accounts.inner]]
q = [[1], [2,
3]]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("colour",), 2),
        (("broker",), 4),
        (("broker", "url"), 5),
        (("broker", "retry", "first"), 6),
        (("fetcher",), 7),
        (("fetcher", "inline limit", "a"), 8),
        (("accounts",), 10),
        (("accounts", 0), 10),
        (("accounts", 0, "name"), 11),
        (("accounts", 0, "domains", "acme.net"), 12),
        (("accounts", 1), 13),
        (("accounts", 1, "name"), 14),
        (("accounts", 1, "auth", 0), 19),
        (("accounts", 1, "auth", 1), 21),
        (("accounts", 1, "extra"), 23),
        (("accounts", 1, "extra", "z"), 24),
        (("accounts", 1, "inner", 0, "q", 1, 0), 27),
        (("accounts", 1, "inner", 0, "q", 1, 1), 28),
    ],
)
def test_each_key_table_and_item_is_found_on_its_line(path: KeyPath, line: int) -> None:
    assert lines_of(TEXT)[path] == line


def test_a_key_that_is_not_written_is_looked_for_in_the_table_around_it() -> None:
    lines = lines_of(TEXT)
    assert nearest_line(lines, ("accounts", 1, "target")) == 13
    assert nearest_line(lines, ("accounts", 7, "target")) == 10
    assert nearest_line(lines, ("relay", "give_up")) is None


def test_an_empty_text_has_no_lines() -> None:
    assert lines_of("") == {}
    assert lines_of("# only this") == {}


def test_line_ends_of_windows_count_once() -> None:
    assert lines_of('a = 1\r\nb = """x\r\ny"""\r\nc = 3\r\n') == {("a",): 1, ("b",): 2, ("c",): 4}


SCALARS = st.one_of(
    st.integers(-9, 9).map(str),
    st.sampled_from(
        ["true", "0x1F", "1.5e3", "inf", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", "07:32:00"]
    ),
    st.text(alphabet='a#[]{}=,"\\\n\t é', max_size=6).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.text(alphabet='a#[]{}=,"\\ ', max_size=6).map(lambda text: f"'{text}'"),
    st.text(alphabet="a#[]{}=,'\n ", max_size=6).map(lambda text: f'"""{text}"""'),
    st.sampled_from(['""""two"" """', '"""\\""""', '"""a"""""', "''''x'''''", "'''\n'''", '"""\\\\"""']),
)
GAPS = st.sampled_from(["", " ", "\n", " # ]}, comment\n", "\n\n"])


@st.composite
def toml(draw: st.DrawFn) -> str:
    """A valid document in which every key is another number."""
    numbers = iter(range(10_000))

    def key() -> str:
        number = next(numbers)
        return draw(
            st.sampled_from([f"k{number}k", f'"k{number}k"', f"'k{number}k'", f" d{number}d . k{number}k "])
        )

    def value(depth: int) -> str:
        kind = draw(st.integers(0, 5 if depth < 3 else 3))
        if kind == 4:
            items = [draw(GAPS) + value(depth + 1) + draw(GAPS) for _ in range(draw(st.integers(0, 3)))]
            return "[" + ",".join(items) + draw(GAPS) + "]"
        if kind == 5:
            pairs = [f" {key()} = {value(depth + 1)} " for _ in range(draw(st.integers(0, 3)))]
            return "{" + ",".join(pairs) + "}"
        scalar: str = draw(SCALARS)
        return scalar

    def pairs() -> str:
        return "".join(f"{key()} ={value(0)}{draw(GAPS)}\n" for _ in range(draw(st.integers(0, 3))))

    text = pairs()
    for _ in range(draw(st.integers(0, 4))):
        header = draw(st.sampled_from(["[[items]]", "[[items.inner]]", "[[other]]"]))
        text += (
            (header if header != "[[items.inner]]" or "[[items]]" in text else "[[items]]") + "\n" + pairs()
        )
    return text


@given(toml())
def test_every_key_of_any_document_is_found_on_the_line_that_it_is_written_on(text: str) -> None:
    rows = text.split("\n")
    lines = lines_of(text)
    for path in paths(tomllib.loads(text), ()):
        assert path in lines
        if isinstance(path[-1], str) and path[-1].startswith("k"):
            assert path[-1] in rows[lines[path] - 1]


def paths(value: Any, at: KeyPath) -> list[KeyPath]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [at] if at else []
    for key, item in pairs:
        found += paths(item, (*at, key))
    return found
