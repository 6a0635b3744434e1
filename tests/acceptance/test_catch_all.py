"""Mailferry carries a catch-all mailbox with one mail of every kind from Dovecot to a recording target."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fakes.multidrop import true_recipients
from tests.servers.available import require
from tests.servers.dovecot import Dovecot
from tests.servers.multidrop import Found, by_mailferry


@pytest.fixture(scope="module")
def found(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Found:
    require("smtp-sink")
    return by_mailferry(dovecot, tmp_path_factory.mktemp("ferry"))


@pytest.mark.parametrize("origin", list(true_recipients()))
def test_each_true_recipient_gets_one_copy_and_nobody_else_does(found: Found, origin: str) -> None:
    assert found[origin] == true_recipients()[origin]


def test_r3_of_three_addresses_the_two_of_the_accepted_domain_get_the_mail(found: Found) -> None:
    assert found["three with one of another domain"] == {"sie": 1, "kollege": 1}
    assert found["semicolons as Outlook writes them"] == {"sie": 1, "kollege": 1}


def test_r8_three_copies_with_to_naming_three_give_each_one_copy(found: Found) -> None:
    assert found["three copies that name all"] == {"bob": 1, "carol": 1, "dave": 1}


def test_two_copies_with_x_original_to_each_go_to_their_own(found: Found) -> None:
    assert found["a copy for each"] == {"bob": 1, "dave": 1}


def test_r6_a_blind_copy_known_only_from_received_for_arrives(found: Found) -> None:
    assert found["blind copy in Received for"] == {"dave": 1}


def test_header_fields_forged_below_the_trusted_zone_are_ignored(found: Found) -> None:
    for origin in ("forged Received for", "forged line of the provider's", "forged X-Original-To"):
        assert found[origin] == {"bob": 1}


def test_other_content_under_the_same_message_id_is_delivered(found: Found) -> None:
    assert found["same id, one content"] + found["same id, other content"] == Counter(bob=2)


def test_a_mail_without_any_trace_goes_to_the_postmaster(found: Found) -> None:
    assert found["nobody named"] == found["list mail without a trace"] == {"postmaster": 1}
