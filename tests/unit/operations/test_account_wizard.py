from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autoconfig.candidate import IMAP, POP3, Candidate, Way
from shared.model.account import MailboxKind
from shared.model.endpoint import Tls
from shared.operations.account_draft import Draft, summary
from shared.operations.account_wizard import (
    AFTER_FAILURE,
    End,
    Question,
    Topic,
    Work,
    answered,
    described,
    next_step,
    with_login,
    with_search,
)
from shared.operations.login_test import LoginTest

FOUND = Candidate(IMAP, "imap.isp.example", 993, Tls.IMPLICIT, "bob", Way.AUTOCONFIG)
OTHER = replace(FOUND, protocol=POP3, host="pop.isp.example", port=995)
PLAIN = replace(FOUND, port=143, tls=Tls.OFF)
TOKENS = replace(FOUND, tokens_only=True)
WORKED = LoginTest("account", "default/trial", "imap.isp.example:993", ok=True, sentence="logged in.")
TARGETS = ("exchange", "archive")
ANSWERS: Mapping[Topic, str] = {
    Topic.ADDRESS: "bob@corp.example",
    Topic.SERVER: "1",
    Topic.USERNAME: "bob",
    Topic.PASSWORD: "secret",
    Topic.APP: "microsoft",
    Topic.MAILBOX: "single",
    Topic.RECIPIENT: "bob@corp.example",
    Topic.DOMAINS: "corp.example, corp.test",
    Topic.TARGET: "archive",
    Topic.RETENTION: "7d",
    Topic.TENANT: "acme",
    Topic.NAME: "bob",
    Topic.CONFIRMATION: "yes",
}


def failed(step: str) -> LoginTest:
    return replace(WORKED, ok=False, step=step, sentence="It failed.")


def asked(draft: Draft) -> Question:
    step = next_step(draft)
    assert isinstance(step, Question)
    return step


def walked(draft: Draft, answers: Mapping[Topic, str] = ANSWERS) -> tuple[Draft, list[object]]:
    """Answer everything; return the draft before it is saved, and the steps by their topics."""
    steps: list[object] = []
    while True:
        step = next_step(draft)
        steps.append(step.topic if isinstance(step, Question) else step)
        match step:
            case Question():
                draft = answered(draft, step.topic, answers[step.topic])
            case Work.SEARCH:
                draft = with_search(draft, [FOUND, OTHER], [])
            case Work.TRY_LOGIN:
                draft = with_login(draft, WORKED)
            case Work.SAVE | End():
                return draft, steps


def up_to(topic: Topic | Work, answers: Mapping[Topic, str] = ANSWERS) -> Draft:
    """The draft in which this question, or work, comes next."""
    draft = Draft(targets=TARGETS)
    while True:
        step = next_step(draft)
        if step is topic or (isinstance(step, Question) and step.topic is topic):
            return draft
        match step:
            case Question():
                draft = answered(draft, step.topic, answers[step.topic])
            case Work.SEARCH:
                draft = with_search(draft, [FOUND, OTHER], [])
            case Work.TRY_LOGIN:
                draft = with_login(draft, WORKED)
            case _:
                raise AssertionError(step)


def test_the_steps_lead_from_the_address_to_the_saved_account() -> None:
    draft, steps = walked(Draft(targets=TARGETS))
    assert steps == [
        Topic.ADDRESS,
        Work.SEARCH,
        Topic.SERVER,
        Topic.USERNAME,
        Topic.PASSWORD,
        Work.TRY_LOGIN,
        Topic.MAILBOX,
        Topic.RECIPIENT,
        Topic.TARGET,
        Topic.RETENTION,
        Topic.TENANT,
        Topic.NAME,
        Topic.CONFIRMATION,
        Work.SAVE,
    ]
    assert draft.keys() == {
        "tenant": "acme",
        "name": "bob",
        "source": "imaps://imap.isp.example",
        "username": "bob",
        "mailbox": "single",
        "recipient": "bob@corp.example",
        "target": "archive",
        "retention": "7d",
    }
    assert next_step(replace(draft, is_saved=True)) is End.SAVED


def test_a_catch_all_mailbox_has_domains_and_no_recipient() -> None:
    draft, steps = walked(Draft(targets=TARGETS), {**ANSWERS, Topic.MAILBOX: "catch-all"})
    assert Topic.DOMAINS in steps
    assert Topic.RECIPIENT not in steps
    assert draft.keys()["domains"] == {"corp.example": "keep", "corp.test": "keep"}


@given(st.sets(st.sampled_from(sorted(ANSWERS))))
def test_what_was_answered_beforehand_is_not_asked(given_topics: set[Topic]) -> None:
    given_topics -= {Topic.DOMAINS, Topic.CONFIRMATION, Topic.SERVER}
    draft = start = Draft(targets=TARGETS, apps=(ANSWERS[Topic.APP],))
    for topic in ANSWERS:
        if topic in given_topics:
            draft = answered(draft, topic, ANSWERS[topic])
    finished, steps = walked(draft)
    assert given_topics.isdisjoint(steps)
    expected = walked(start)[0]
    if Topic.APP in given_topics:
        expected = replace(expected, oauth_app=ANSWERS[Topic.APP])
    assert finished.keys() == expected.keys()


def test_no_password_is_asked_for_before_a_server_was_chosen() -> None:
    """A password that was given beforehand is not sent before, either: the login comes after the server."""
    draft = answered(Draft(targets=TARGETS), Topic.PASSWORD, "secret")
    _, steps = walked(draft)
    assert steps.index(Topic.SERVER) < steps.index(Work.TRY_LOGIN)


def test_a_server_in_an_option_is_not_searched_for() -> None:
    draft = answered(Draft(targets=TARGETS), Topic.SERVER, "imaps://bob@imap.isp.example:1993")
    _, steps = walked(draft)
    assert Work.SEARCH not in steps
    assert Topic.SERVER not in steps
    assert (draft.source, draft.username) == ("imaps://imap.isp.example:1993", "bob")


def test_the_found_servers_are_shown_and_the_first_is_the_default() -> None:
    question = asked(up_to(Topic.SERVER))
    assert question.default == "1"
    assert [choice.value for choice in question.choices] == ["1", "2"]
    assert "imaps://imap.isp.example" in question.choices[0].text
    assert "autoconfig of the domain" in question.choices[0].text


@pytest.mark.parametrize(("found", "default"), [([PLAIN], None), ([TOKENS, OTHER], "2"), ([], None)])
def test_a_server_that_is_not_secure_or_takes_no_password_is_never_the_default(
    found: list[Candidate], default: str | None
) -> None:
    draft = with_search(up_to(Work.SEARCH), found, [])
    assert asked(draft).default == default


def test_what_a_provider_needs_is_said_before_the_choice() -> None:
    assert described(replace(FOUND, note="Needs an app password.")).endswith("). Needs an app password.")


def test_an_insecure_server_is_called_so_and_has_its_keys() -> None:
    assert "INSECURE" in described(PLAIN)
    draft = answered(with_search(up_to(Work.SEARCH), [PLAIN], []), Topic.SERVER, "1")
    assert draft.server_keys() == {"source": "imap://imap.isp.example", "tls": "off", "username": None}


def test_a_server_that_was_found_with_starttls_is_not_left_to_a_weaker_default() -> None:
    by_command = replace(FOUND, port=143, tls=Tls.REQUIRED)
    draft = answered(with_search(up_to(Work.SEARCH), [by_command], []), Topic.SERVER, "1")
    assert draft.server_keys() == {"source": "imap://imap.isp.example", "tls": "required", "username": None}


def test_a_server_that_takes_tokens_only_cannot_be_chosen_without_an_app() -> None:
    draft = with_search(up_to(Work.SEARCH), [TOKENS], [])
    with pytest.raises(ValueError, match="OAuth 2 tokens only"):
        answered(draft, Topic.SERVER, "1")


def test_an_account_that_takes_tokens_has_an_app_and_neither_password_nor_login() -> None:
    draft = replace(with_search(up_to(Work.SEARCH), [TOKENS], []), apps=("microsoft", "google"))
    assert asked(draft).default == "1"
    finished, steps = walked(draft)
    assert (Topic.APP in steps, Topic.PASSWORD in steps, Work.TRY_LOGIN in steps) == (True, False, False)
    keys = finished.keys()
    assert (keys["auth"], keys["oauth_app"]) == ("oauth", "microsoft")
    assert ("Source", f"{TOKENS.url} as bob, signed in to by the app microsoft") in summary(finished)


def test_an_app_that_was_given_beforehand_takes_the_place_of_the_password() -> None:
    draft = answered(Draft(targets=TARGETS, apps=("microsoft",)), Topic.APP, "microsoft")
    _, steps = walked(draft)
    assert Topic.PASSWORD not in steps


def test_the_only_app_is_the_default() -> None:
    draft = replace(with_search(up_to(Work.SEARCH), [TOKENS], []), apps=("microsoft",))
    draft = answered(answered(draft, Topic.SERVER, "1"), Topic.USERNAME, "bob")
    assert asked(draft).default == "microsoft"


def test_an_app_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match='no OAuth app "nobody"'):
        answered(Draft(apps=("microsoft",)), Topic.APP, "nobody")


def test_a_known_provider_is_named_in_the_account() -> None:
    known = replace(FOUND, provider="gmx", way=Way.PRESET)
    draft = answered(with_search(up_to(Work.SEARCH), [known], []), Topic.SERVER, "1")
    assert draft.server_keys() == {"provider": "gmx", "source": "imap", "username": None}


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        (Topic.ADDRESS, "bob"),
        (Topic.SERVER, "0"),
        (Topic.SERVER, "3"),
        (Topic.SERVER, "9" * 5000),
        (Topic.SERVER, "http://imap.isp.example"),
        (Topic.SERVER, "imaps://bob:secret@imap.isp.example"),
        (Topic.USERNAME, ""),
        (Topic.USERNAME, "a\nb"),
        (Topic.PASSWORD, ""),
        (Topic.FAILURE, "perhaps"),
        (Topic.MAILBOX, "both"),
        (Topic.RECIPIENT, "bob@"),
        (Topic.DOMAINS, " , "),
        (Topic.DOMAINS, "corp example/"),
        (Topic.TARGET, "nowhere"),
        (Topic.RETENTION, "a while"),
        (Topic.TENANT, "a b"),
        (Topic.NAME, ""),
        (Topic.CONFIRMATION, "maybe"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused_with_a_sentence(topic: Topic, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+") as refusal:
        answered(with_search(Draft(targets=TARGETS), [FOUND, OTHER], []), topic, text)
    assert "secret" not in str(refusal.value)


@given(st.sampled_from(sorted(Topic)), st.text(max_size=30))
def test_any_answer_is_taken_or_refused(topic: Topic, text: str) -> None:
    draft = with_search(Draft(targets=TARGETS), [FOUND, OTHER], [])
    with suppress(ValueError):
        assert answered(draft, topic, text).targets == TARGETS


def test_spaces_belong_to_a_password_and_to_no_other_answer() -> None:
    draft = answered(Draft(), Topic.PASSWORD, " secret ")
    assert draft.password is not None
    assert draft.password.get_secret_value() == " secret "
    assert answered(draft, Topic.NAME, " bob ").name == "bob"


def test_the_password_is_in_no_text_of_the_draft() -> None:
    draft, _ = walked(Draft(targets=TARGETS))
    assert "secret" not in repr(draft)
    assert "secret" not in str(draft.keys())


@pytest.mark.parametrize(
    ("step", "remedy"),
    [
        ("name", "server"),
        ("connect", "server"),
        ("TLS", "server"),
        ("credentials", "password"),
        ("mailbox", "again"),
        ("session", "password"),
    ],
)
def test_after_a_failed_login_the_likely_remedy_is_proposed(step: str, remedy: str) -> None:
    question = asked(with_login(up_to(Work.TRY_LOGIN), failed(step)))
    assert (question.topic, question.default) == (Topic.FAILURE, remedy)
    assert question.choices == AFTER_FAILURE


@pytest.mark.parametrize(
    ("remedy", "step"),
    [
        ("again", Work.TRY_LOGIN),
        ("password", Topic.PASSWORD),
        ("user", Topic.USERNAME),
        ("server", Topic.SERVER),
        ("quit", End.GIVEN_UP),
    ],
)
def test_after_a_failed_login_the_wizard_goes_back_to_what_is_to_change(remedy: str, step: object) -> None:
    draft = with_login(up_to(Work.TRY_LOGIN), failed("credentials"))
    again = next_step(answered(draft, Topic.FAILURE, remedy))
    assert (again.topic if isinstance(again, Question) else again) == step


def test_another_server_keeps_user_name_and_password() -> None:
    draft = with_login(up_to(Work.TRY_LOGIN), failed("connect"))
    draft = answered(answered(draft, Topic.FAILURE, "server"), Topic.SERVER, "2")
    assert next_step(draft) is Work.TRY_LOGIN
    assert draft.source == "pop3s://pop.isp.example"


def test_after_a_server_that_was_given_failed_another_can_be_given_without_a_search() -> None:
    draft = answered(Draft(targets=TARGETS), Topic.SERVER, "imaps://imap.isp.example")
    for topic in (Topic.ADDRESS, Topic.USERNAME, Topic.PASSWORD):
        draft = answered(draft, topic, ANSWERS[topic])
    draft = answered(with_login(draft, failed("connect")), Topic.FAILURE, "server")
    assert asked(draft).topic is Topic.SERVER


@pytest.mark.parametrize("topic", [Topic.USERNAME, Topic.PASSWORD, Topic.SERVER])
def test_a_login_that_worked_does_not_count_for_another_server_user_or_password(topic: Topic) -> None:
    draft, _ = walked(Draft(targets=TARGETS))
    assert next_step(answered(draft, topic, ANSWERS[topic])) is Work.TRY_LOGIN


def test_the_only_target_is_the_default_and_of_several_there_is_none() -> None:
    draft = up_to(Topic.TARGET)
    assert asked(draft).default is None
    assert asked(replace(draft, targets=("exchange",))).default == "exchange"


def test_recipient_and_domains_say_whose_mail_it_is_and_do_not_contradict_it() -> None:
    assert answered(Draft(), Topic.DOMAINS, "corp.example").mailbox is MailboxKind.CATCH_ALL
    assert answered(Draft(), Topic.RECIPIENT, "bob@corp.example").mailbox is MailboxKind.SINGLE
    with pytest.raises(ValueError, match="one recipient"):
        answered(Draft(mailbox=MailboxKind.SINGLE), Topic.DOMAINS, "corp.example")
    with pytest.raises(ValueError, match="many recipients"):
        answered(Draft(mailbox=MailboxKind.CATCH_ALL), Topic.RECIPIENT, "bob@corp.example")


def test_a_name_that_the_tenant_has_is_refused() -> None:
    draft = Draft(taken=frozenset({"acme/bob"}), tenant="acme")
    with pytest.raises(ValueError, match='another account called "bob"'):
        answered(draft, Topic.NAME, "bob")
    assert answered(replace(draft, tenant="other"), Topic.NAME, "bob").name == "bob"


def test_who_does_not_confirm_saves_nothing() -> None:
    draft = answered(up_to(Topic.CONFIRMATION), Topic.CONFIRMATION, "no")
    assert next_step(draft) is End.GIVEN_UP
