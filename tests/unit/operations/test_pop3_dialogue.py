from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.operations.pop3_dialogue import Pop3Dialogue

DIALOGUE = [
    ("S", "+OK Dovecot ready. <1.2@here>"),
    ("C", "CAPA"),
    ("S", "+OK"),
    ("S", "STLS"),
    ("S", "SASL PLAIN"),
    ("S", "."),
    ("C", "STLS"),
    ("S", "+OK Begin TLS"),
    ("S", "(TLS begins)"),
    ("C", "CAPA"),
    ("S", "+OK"),
    ("S", "UIDL"),
    ("S", "USER"),
    ("S", "SASL PLAIN SCRAM-SHA-256"),
    ("S", "."),
    ("C", "AUTH SCRAM-SHA-256 ****"),
    ("S", "+ ****"),
    ("C", "****"),
    ("S", "+OK Logged in."),
]


def test_greeting_capabilities_methods_and_tls_are_dialogue() -> None:
    dialogue = Pop3Dialogue()
    for side, line in DIALOGUE:
        dialogue(side, line)
    assert dialogue.greeting == "+OK Dovecot ready. <1.2@here>"
    assert dialogue.capabilities == ["STLS", "SASL", "UIDL", "USER"]
    assert dialogue.methods == ["PLAIN", "USER", "SCRAM-SHA-256"]
    assert dialogue.tls


def test_a_bare_auth_lists_methods_too() -> None:
    dialogue = Pop3Dialogue()
    for side, line in [("S", "+OK"), ("C", "AUTH"), ("S", "+OK"), ("S", "LOGIN"), ("S", "NTLM"), ("S", ".")]:
        dialogue(side, line)
    assert dialogue.methods == ["LOGIN", "NTLM"]


@given(st.lists(st.tuples(st.sampled_from("CS"), st.text(max_size=30)), max_size=40))
def test_whatever_is_said_every_line_is_passed_on(lines: list[tuple[str, str]]) -> None:
    shown: list[tuple[str, str]] = []
    dialogue = Pop3Dialogue(lambda side, line: shown.append((side, line)))
    for side, line in lines:
        dialogue(side, line)
    assert shown == lines
