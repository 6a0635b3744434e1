"""Rules about refusals: which replies a pattern fits, and which rule decides."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.refusal import Action, CodePattern, RefusalRule, action_for

CODES = st.integers(400, 599)
ENHANCED = st.one_of(st.none(), st.tuples(st.sampled_from([4, 5]), st.integers(0, 9), st.integers(0, 30)))
PATTERNS = st.builds(
    lambda code, enhanced: CodePattern(code, enhanced and (code[0], *enhanced)),
    st.from_regex(r"[45][0-9x]{2}", fullmatch=True),
    st.one_of(st.none(), st.tuples(*[st.one_of(st.just("*"), st.integers(0, 30).map(str))] * 2)),
)


@pytest.mark.parametrize(
    ("pattern", "code", "enhanced", "fits"),
    [
        ("550 5.7.*", 550, (5, 7, 26), True),
        ("550 5.7.*", 554, (5, 7, 1), False),
        ("550 5.7.*", 550, (5, 1, 1), False),
        ("550 5.7.*", 550, None, False),
        ("4xx", 451, None, True),
        ("4xx", 550, (5, 7, 1), False),
        ("55x", 552, (5, 3, 4), True),
        ("5.7.1", 554, (5, 7, 1), True),
        ("5.*.*", 550, (5, 1, 1), True),
        ("5.*.*", 550, None, False),
    ],
)
def test_a_pattern_fits_what_it_says(
    pattern: str, code: int, enhanced: tuple[int, int, int] | None, fits: bool
) -> None:
    assert CodePattern.parse(pattern).matches(code, enhanced) is fits


@pytest.mark.parametrize("text", [
    "", "250", "xxx", "3xx", "5", "55", "5500", "5.7", "5.7.*.1", "550 554", "a 5.7.1", "5.7.1 550",
    "550 5.7.1 5.7.2", "5.7.1000", "²50"
])  # fmt: skip
def test_what_is_no_pattern_of_a_refusal_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="expected a reply code"):
        CodePattern.parse(text)


def test_a_pattern_that_matches_nothing_is_reported() -> None:
    with pytest.raises(ValueError, match="no reply can be 4xx and"):
        CodePattern.parse("450 5.7.1")


@given(PATTERNS)
def test_a_pattern_is_read_as_it_is_written(pattern: CodePattern) -> None:
    assert CodePattern.parse(str(pattern)) == pattern


@given(PATTERNS, CODES, ENHANCED)
def test_a_pattern_fits_as_the_same_regular_expression_does(
    pattern: CodePattern, code: int, enhanced: tuple[int, int, int] | None
) -> None:
    wanted = re.escape(pattern.code).replace("x", "[0-9]")
    if pattern.enhanced:
        wanted += " " + re.escape(".".join(pattern.enhanced)).replace(r"\*", "[0-9]+")
    else:
        wanted += ".*"
    reply = f"{code} " + (".".join(map(str, enhanced)) if enhanced else "")
    assert pattern.matches(code, enhanced) is bool(re.fullmatch(wanted, reply))


@given(
    st.lists(st.builds(RefusalRule, PATTERNS, st.sampled_from([Action.RETRY, Action.PARK]))), CODES, ENHANCED
)
def test_the_first_rule_that_fits_decides(
    rules: list[RefusalRule], code: int, enhanced: tuple[int, int, int] | None
) -> None:
    fitting = [rule.action for rule in rules if rule.pattern.matches(code, enhanced)]
    assert action_for(tuple(rules), code, enhanced) == (fitting[0] if fitting else None)


@pytest.mark.parametrize("text", ["4xx", "451 4.7.*", "4.*.*"])
def test_what_is_refused_for_the_time_being_cannot_be_discarded(text: str) -> None:
    with pytest.raises(ValueError, match="only 5xx can"):
        RefusalRule(CodePattern.parse(text), Action.DISCARD)
    assert RefusalRule(CodePattern.parse("5.7.*"), Action.DISCARD).action is Action.DISCARD
