"""Keys that are for accounts of one protocol only."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.config.protocol_keys import unfit_keys, unfit_sentences, without_unfit

POP3S_OWN = {"use_top": True, "pipelining": "never", "detect": [], "custody": "spool", "auth": ["apop"]}
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "use_top": st.booleans(),
        "custody": st.sampled_from(["source", "spool", 7]),
        "auth": st.lists(st.sampled_from(["apop", "user", "plain"])) | st.just("auto"),
        "poll": st.just("60s"),
        "unknown": st.just(1),
    },
)


def test_whole_keys_are_told_from_values_of_keys() -> None:
    assert {"use_top", "pipelining", "detect"} <= set(unfit_keys("imap"))
    assert not {"custody", "auth"} & set(unfit_keys("imap"))
    of_folders = {"folders", "folder_recipients", "folder_header", "removal", "skip", "mark_seen"}
    assert set(unfit_keys("pop3")) == {*of_folders, "watch", "compress", "read_in_parts"}


def test_a_list_keeps_its_other_values_and_is_never_empty() -> None:
    assert without_unfit({"auth": ["apop", "user"]}, "imap") == {"auth": ["user"]}
    assert without_unfit({"auth": ["apop"]}, "imap") == {"auth": ["apop"]}
    assert without_unfit({"auth": "auto"}, "imap") == {"auth": "auto"}


def test_each_unfit_key_has_its_sentence() -> None:
    assert {key for key, _ in unfit_sentences(POP3S_OWN, "imap")} == set(POP3S_OWN)
    assert list(unfit_sentences(POP3S_OWN, "pop3")) == []


@given(KEYS)
def test_what_is_left_out_is_what_would_be_wrong(keys: dict[str, Any]) -> None:
    fit = without_unfit(keys, "imap")
    assert without_unfit(keys, "pop3") == keys
    assert {key for key, _ in unfit_sentences(fit, "imap")} <= {"auth"}
    for key in keys.keys() - fit.keys():
        assert key in {each for each, _ in unfit_sentences(keys, "imap")}
    if keys.get("auth"):
        assert fit["auth"]
