from __future__ import annotations

import pytest

from tests.fakes.configuration import WHOLE, ConfigurationFile


def test_a_variable_goes_before_the_file(file: ConfigurationFile) -> None:
    configuration = file.load('[relay]\ngive_up = "5d"', {"MAILFERRY_RELAY__GIVE_UP": "3d"})
    assert configuration.relay.give_up == 3 * 86400


def test_a_variable_sets_a_section_that_the_file_does_not_have(file: ConfigurationFile) -> None:
    configuration = file.load("", {"MAILFERRY_BROKER__URL": "amqp://u:p@h/v"})
    assert configuration.broker.url.get_secret_value() == "amqp://u:p@h/v"


def test_numbers_and_lists_are_read_as_toml(file: ConfigurationFile) -> None:
    configuration = file.load(
        "", {"MAILFERRY_FETCHER__CONCURRENCY": "8", "MAILFERRY_RELAY__RETRY_DELAYS": '["1m", "2m"]'}
    )
    assert configuration.fetcher.concurrency == 8
    assert configuration.relay.retry_delays == (60.0, 120.0)


@pytest.mark.parametrize("password", ["123456", "true", "1979-05-27", '"quoted"', "[1]", "{}", "#x"])
def test_a_variable_for_text_is_taken_as_it_is(file: ConfigurationFile, password: str) -> None:
    text = WHOLE.replace('password = "geheim"\n', "")
    account = file.load(text, {"MAILFERRY_DEFAULTS__PASSWORD": password}).accounts["acme/catchall"]
    assert account.login.password.get_secret_value() == password


def test_a_variable_cannot_smuggle_in_a_second_key(file: ConfigurationFile) -> None:
    (problem,) = file.problems("", {"MAILFERRY_FETCHER__CONCURRENCY": "1\nwindow_messages = 2"})
    assert problem.endswith('[fetcher]: "concurrency": expected a whole number, not text')


def test_a_variable_with_one_way_to_a_secret_takes_the_place_of_the_files_way(
    file: ConfigurationFile,
) -> None:
    configuration = file.load('[store]\nurl_file = "missing"', {"MAILFERRY_STORE__URL": "postgresql://h/d"})
    assert configuration.store.url.get_secret_value() == "postgresql://h/d"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "MAILFERRY_LOG__LEVEL",
            "loud",
            '[log]: "level": expected "debug", "info", "warning" or "error", not "loud"',
        ),
        ("MAILFERRY_LOG__LEVLE", "info", '[log]: unknown key "levle"; did you mean "level"?'),
        ("MAILFERRY_ACCOUNTS__POLL", "1m", "accounts cannot be set by the environment, only by the file"),
        (
            "MAILFERRY_FETCHER__CONCURRENCY",
            "many",
            '[fetcher]: "concurrency": expected a whole number, not text',
        ),
    ],
)
def test_a_problem_names_the_variable(
    file: ConfigurationFile, variable: str, value: str, sentence: str
) -> None:
    assert file.problems("[log]\n", {variable: value}) == [f"environment variable {variable}: {sentence}"]


def test_a_variable_for_an_unknown_section_is_reported(file: ConfigurationFile) -> None:
    (problem,) = file.problems("", {"MAILFERRY_BROKR__URL": "x"})
    assert problem.startswith(
        'environment variable MAILFERRY_BROKR__URL: unknown section "brokr"; known are broker,'
    )


def test_a_section_that_is_no_table_is_reported_also_where_a_variable_sets_a_key_of_it(
    file: ConfigurationFile,
) -> None:
    (problem,) = file.problems("relay = 1", {"MAILFERRY_RELAY__GIVE_UP": "3d"})
    assert problem == 'mailferry.toml:1: "relay" must be a table, written as [relay]'


def test_other_variables_are_left_alone(file: ConfigurationFile) -> None:
    assert (
        file.problems("", {"MAILFERRY_DIE_AT": "x", "MAILFERRY_CONFIG": "y", "PATH": "z", "OTHER_A__B": "c"})
        == []
    )
