from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.operations.imap_dialogue import LONGEST_ALERT, MOST_ALERTS, ImapDialogue

DIALOGUE = [
    ("S", "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED ID] Dovecot ready."),
    ("C", "STARTTLS"),
    ("S", "OK Begin TLS negotiation now."),
    ("S", "(TLS begins)"),
    ("C", "CAPABILITY"),
    ("S", "* CAPABILITY IMAP4rev1 ID AUTH=PLAIN AUTH=SCRAM-SHA-256"),
    ("S", "OK Pre-login capabilities listed."),
    ("C", "AUTHENTICATE SCRAM-SHA-256 ****"),
    ("S", "+ ****"),
    ("C", "****"),
    ("S", "ab1 OK [CAPABILITY IMAP4rev1 ID UIDPLUS MOVE] Logged in"),
]


def heard(*lines: str) -> ImapDialogue:
    dialogue = ImapDialogue()
    for line in lines:
        dialogue("S", line)
    return dialogue


def test_greeting_capabilities_methods_and_tls_are_collected() -> None:
    dialogue = ImapDialogue()
    for side, line in DIALOGUE:
        dialogue(side, line)
    assert dialogue.greeting.startswith("* OK [CAPABILITY IMAP4rev1 STARTTLS")
    assert dialogue.capabilities == [
        "IMAP4REV1",
        "STARTTLS",
        "LOGINDISABLED",
        "ID",
        "AUTH=PLAIN",
        "AUTH=SCRAM-SHA-256",
        "UIDPLUS",
        "MOVE",
    ]
    assert dialogue.methods == ["PLAIN", "SCRAM-SHA-256", "USER"]
    assert dialogue.tls


def test_where_login_is_disabled_it_is_no_method() -> None:
    assert heard("* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN").methods == ["PLAIN"]


def test_before_a_server_announces_anything_no_method_is_known() -> None:
    assert heard("* OK ready").methods == []


@pytest.mark.parametrize(
    "line",
    [
        "* OK [ALERT] The disk is nearly full",
        "* NO [ALERT] The disk is nearly full",
        "* BYE [ALERT] The disk is nearly full",
        "NO [ALERT] The disk is nearly full",
        "ab12 NO [alert] The disk is nearly full",
    ],
)
def test_an_alert_is_collected_once(line: str) -> None:
    assert heard(line, line).alerts == ["The disk is nearly full"]


def test_an_alert_is_escaped_and_cut() -> None:
    (alert,) = heard("* OK [ALERT] \x1b[31m" + "x" * 1000).alerts
    assert alert.isprintable()
    assert len(alert) == LONGEST_ALERT + 1


def test_alerts_without_end_are_not_all_kept() -> None:
    assert len(heard(*[f"* OK [ALERT] {number}" for number in range(100)]).alerts) == MOST_ALERTS


def test_a_remark_of_our_own_is_nothing_that_the_server_said() -> None:
    dialogue = heard("(LOGIN failed. Trying again without.)", "* OK ready")
    assert dialogue.greeting == "* OK ready"


@pytest.mark.parametrize(
    ("command", "step"),
    [
        (None, "capabilities"),
        ("CAPABILITY", "capabilities"),
        ("STARTTLS", "TLS"),
        ("AUTHENTICATE PLAIN ****", "credentials"),
        ("****", "credentials"),
        ("LOGIN bob ****", "credentials"),
        ("EXAMINE INBOX", "mailbox"),
    ],
)
def test_the_step_that_was_reached_is_that_of_the_last_command(command: str | None, step: str) -> None:
    dialogue = heard("* OK ready")
    if command is not None:
        dialogue("C", command)
    assert dialogue.step == step


@given(st.lists(st.tuples(st.sampled_from("CS"), st.text(max_size=60)), max_size=40))
def test_whatever_is_said_every_line_is_passed_on(lines: list[tuple[str, str]]) -> None:
    shown: list[tuple[str, str]] = []
    dialogue = ImapDialogue(lambda side, line: shown.append((side, line)))
    for side, line in lines:
        dialogue(side, line)
    assert shown == lines


@given(
    st.lists(st.sampled_from(["* ", "a1 ", "OK ", "[CAPABILITY ", "CAPABILITY ", "]", "AUTH=", "[ALERT] "]))
)
def test_odd_lines_are_borne(parts: list[str]) -> None:
    dialogue = heard("".join(parts))
    assert all(name == name.upper() for name in dialogue.capabilities)
