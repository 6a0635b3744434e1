"""What is said of a configuration that can be used, and was hardly meant so."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.config import loading, warnings
from tests.fakes.configuration import ACCOUNT, TARGET, WHOLE, ConfigurationFile, account, imap_account


def warnings_of(file: ConfigurationFile, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    return [each.replace(str(file.path), "mailferry.toml") for each in file.load(text, environ).warnings]


def test_nothing_is_reported_about_a_sound_file(file: ConfigurationFile) -> None:
    more = '[[hosts]]\nname = "pop.isp.example"\n[notices]\npostmasters = { "acme" = "pm@acme.com" }\n'
    assert warnings_of(file, WHOLE + more, {"HOME": "/root", "MAILFERRY_CONFIG": "mailferry.toml"}) == []


@pytest.mark.parametrize("text", ["", TARGET, TARGET + '[[hosts]]\nname = "pop.isp.example"\n'])
def test_a_file_needs_no_account_as_the_registry_may_have_some(file: ConfigurationFile, text: str) -> None:
    assert warnings_of(file, text) == []


def test_a_file_whose_accounts_are_all_disabled_fetches_nothing(file: ConfigurationFile) -> None:
    (sentence,) = warnings_of(file, account("enabled = false"))
    assert sentence == "mailferry.toml: every account is disabled, so nothing is fetched"


def test_a_host_that_no_account_uses_is_reported_with_its_line_and_what_it_resembles(
    file: ConfigurationFile,
) -> None:
    unused = '"name": no account has its mailbox there'
    assert warnings_of(file, WHOLE + '[[hosts]]\nname = "pop.ips.example"\n[[hosts]]\nname = "gmx"\n') == [
        f'mailferry.toml:15: hosts "pop.ips.example": {unused}; did you mean "pop.isp.example"?',
        f'mailferry.toml:17: hosts "gmx": {unused}',
    ]


def test_a_host_is_used_by_a_disabled_account_and_a_provider_by_each_of_its_hosts(
    file: ConfigurationFile,
) -> None:
    other = ACCOUNT.replace('"catchall"', '"other"').replace("pop.isp.example", "pop.gmx.net")
    hosts = '[[hosts]]\nname = "pop.gmx.net"\n'
    assert warnings_of(file, f"{WHOLE}{other}enabled = false\n{hosts}") == []
    assert warnings_of(file, f"{WHOLE}{other}{hosts.replace('pop.gmx.net', 'gmx')}") == []


@pytest.mark.parametrize(
    ("folders", "folder", "is_read"),
    [
        ('["INBOX"]', "Sales", False),
        ('["INBOX"]', "inbox", True),
        ('["INBOX", "Sales"]', "Sales", True),
        ('["*"]', "Info/Web", True),
        ('["%"]', "Info/Web", False),
        ('["*", "!Sales"]', "Sales", False),
        (r'["\\Junk"]', "Sales", True),
    ],
)
def test_recipients_of_a_folder_that_is_not_read_are_reported(
    file: ConfigurationFile, folders: str, folder: str, is_read: bool
) -> None:
    recipients = f'folder_recipients = {{ "{folder}" = "sales@acme.com" }}'
    sentence = f'"folder_recipients": "{folder}" is not among "folders"'
    found = warnings_of(file, imap_account(f"folders = {folders}", recipients))
    assert [sentence in each for each in found] == ([] if is_read else [True])


def test_a_removal_into_a_folder_that_is_read_is_reported(file: ConfigurationFile) -> None:
    (sentence,) = warnings_of(file, imap_account('removal = "move:inbox"'))
    assert '"removal": "INBOX" is among "folders", so delivered mail stays where it is' in sentence
    assert warnings_of(file, imap_account('removal = "move:Done"')) == []


def test_a_postmaster_of_a_tenant_without_accounts_is_reported(file: ConfigurationFile) -> None:
    text = '[notices.postmasters]\nacme = "pm@acme.com"\nacne = "pm@acne.com"\n'
    assert warnings_of(file, WHOLE + text) == [
        'mailferry.toml:16: [notices]: "postmasters": no account is of tenant "acne"; did you mean "acme"?'
    ]


def test_a_variable_that_nothing_reads_is_reported_with_the_one_it_resembles(file: ConfigurationFile) -> None:
    environ = {"MAILFERRY_STORE_URL": "sqlite:x.db", "MAILFERRY_PORT": "tcp://10.0.0.1:80"}
    assert warnings_of(file, WHOLE, environ) == [
        "environment variable MAILFERRY_PORT: nothing reads it",
        'environment variable MAILFERRY_STORE_URL: nothing reads it; did you mean "MAILFERRY_STORE__URL"?',
    ]


def test_a_variable_that_holds_a_secret_of_the_file_is_read(file: ConfigurationFile) -> None:
    text = account('password_env = "MAILFERRY_ACME"', without=("password",))
    assert warnings_of(file, text, {"MAILFERRY_ACME": "geheim", "MAILFERRY_PASSWORD": "x"}) == []


def test_warnings_are_computed_only_when_asked_for(
    file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most commands read the configuration and show nothing of it."""
    monkeypatch.setattr(loading, "warnings_of", lambda *_: 1 / 0)
    configuration = file.load(WHOLE)
    with pytest.raises(ZeroDivisionError):
        _ = configuration.warnings


def test_after_some_guesses_no_more_are_made(file: ConfigurationFile) -> None:
    """A guess compares with all names, and a file from which a provider was removed has many unused hosts."""
    hosts = "".join(f'[[hosts]]\nname = "pop{number}.isp.example"\n' for number in range(20))
    found = warnings_of(file, WHOLE + hosts)
    assert len(found) == 20
    assert ["did you mean" in each for each in found] == [True] * warnings.MAX_SUGGESTIONS + [False] * (
        20 - warnings.MAX_SUGGESTIONS
    )


def test_among_very_many_names_nothing_is_guessed(
    file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warnings, "MAX_NAMES", 2)
    others = "".join(
        ACCOUNT.replace('"acme"', f'"acme{number}"').replace("pop.isp", f"pop{number}.isp")
        for number in range(2)
    )
    unused = '[[hosts]]\nname = "pop.ips.example"\n[notices.postmasters]\nacne = "pm@acne.com"\n'
    assert "did you mean" in "".join(warnings_of(file, WHOLE + unused))
    assert "did you mean" not in "".join(warnings_of(file, WHOLE + others + unused))


@pytest.mark.parametrize("written", ["kep", "keeep", "Keep"])
def test_a_domain_that_becomes_nearly_the_word_for_keeping_it_is_reported(
    file: ConfigurationFile, written: str
) -> None:
    domains = f'domains = {{ "acme.com" = "{written}" }}'
    found = warnings_of(file, account(domains, without=("domains",)))
    sentence = f'"domains": "acme.com" becomes the domain "{written}"; did you mean "keep"?'
    assert found == [f'mailferry.toml:13: accounts "acme/catchall": {sentence}']


def test_other_domains_are_not_taken_for_the_word(file: ConfigurationFile) -> None:
    domains = 'domains = { "acme.com" = "keep", "a.com" = "corp", "b.com" = "keep.example" }'
    assert warnings_of(file, account(domains, without=("domains",))) == []


def test_one_mailbox_in_two_accounts_is_reported(file: ConfigurationFile) -> None:
    other = ACCOUNT.replace('"catchall"', '"other"')
    sentence = (
        '"username": acme/catchall fetches the same mailbox (user at pop.isp.example), so one deletes '
        "what the other has to fetch; remove one"
    )
    assert warnings_of(file, WHOLE + other) == [f'mailferry.toml:15: accounts "acme/other": {sentence}']
    assert warnings_of(file, WHOLE + other.replace("user@", "boss@")) == []
    assert warnings_of(file, WHOLE + other.replace("pop.isp.example", "pop.isp.example:1995")) == []


@pytest.mark.parametrize(("folders", "reported"), [('["Sales"]', False), ('["INBOX", "Sales"]', True)])
def test_accounts_may_share_a_mailbox_if_they_read_different_folders(
    file: ConfigurationFile, folders: str, reported: bool
) -> None:
    text = imap_account('folders = ["INBOX"]')
    other = text[text.index("[[accounts]]") :].replace('["INBOX"]', folders).replace('"catchall"', '"other"')
    found = warnings_of(file, text + other)
    assert ["fetches the same mailbox" in each for each in found] == ([True] if reported else [])


def test_a_home_directory_that_only_a_shell_knows_is_reported(file: ConfigurationFile) -> None:
    places = '[store]\nurl = "sqlite:~/mailferry.db"\n[blobs]\nurl = "file:~ferry/blobs"\n'
    hint = '"~" is not replaced here: write the whole path of the home directory'
    assert warnings_of(file, WHOLE + places) == [
        f'mailferry.toml:15: [store]: "url": {hint}',
        f'mailferry.toml:17: [blobs]: "url": {hint}',
    ]
    (problem,) = file.problems(account('password_file = "~/secret"', without=("password",)))
    assert problem.endswith(f"cannot be read: No such file or directory; {hint}")
