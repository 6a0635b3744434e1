"""Tenants, targets and accounts in further files."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.config import Configuration, load, shown
from shared.config.specs import written_specs
from shared.model.errors import ConfigurationError
from tests.fakes.configuration import ACCOUNT, TARGET

RELAY = 'relay.helo_name = "ferry.corp.example"\n'
MAIN = 'include = ["accounts.d/*.toml"]\n' + RELAY
ONLY = "an included file may have only [[tenants]], [[targets]], [[accounts]]"


def other(name: str) -> str:
    return ACCOUNT.replace('"catchall"', f'"{name}"').replace("user@", f"{name}@")


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)


def loaded(directory: Path, files: dict[str, str], *, includes: bool = True) -> Configuration:
    write(directory, files)
    return load(directory / "mailferry.toml", {}, includes=includes)


def problems(directory: Path, files: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        loaded(directory, files)
    return [each.replace(f"{directory}/", "") for each in refused.value.problems]


def test_objects_of_included_files_come_behind_those_of_the_file(tmp_path: Path) -> None:
    files = {
        "mailferry.toml": MAIN + TARGET + ACCOUNT,
        "accounts.d/b.toml": other("b1") + other("b2"),
        "accounts.d/a.toml": other("a") + '[[tenants]]\nname = "acme"\nmax_accounts = 9\n',
        "accounts.d/c.txt": "not read",
    }
    configuration = loaded(tmp_path, files)
    assert list(configuration.accounts) == ["acme/catchall", "acme/a", "acme/b1", "acme/b2"]
    assert configuration.tenants["acme"].max_accounts == 9
    assert len([*written_specs(configuration)]) == 6
    assert shown(configuration).count("[[accounts]]") == 4
    assert list(configuration.warnings) == []


def test_a_problem_names_the_file_and_the_line_that_have_it(tmp_path: Path) -> None:
    files = {
        "mailferry.toml": MAIN + TARGET + ACCOUNT + "colour = 1\n",
        "accounts.d/a.toml": other("a") + "colour = 2\n",
        "accounts.d/b.toml": "\n" + other("b1") + other("b2") + "colour = 3\n",
    }
    lines = ACCOUNT.count("\n")
    found = problems(tmp_path, files)
    assert [each.partition(": ")[0] for each in found] == [
        f"mailferry.toml:{(MAIN + TARGET).count(chr(10)) + lines + 1}",
        f"accounts.d/a.toml:{lines + 1}",
        f"accounts.d/b.toml:{2 * lines + 2}",
    ]
    assert 'accounts "acme/b2": unknown key "colour"' in found[2]


def test_an_included_file_has_only_tenants_targets_and_accounts(tmp_path: Path) -> None:
    files = {
        "mailferry.toml": MAIN + TARGET + ACCOUNT,
        "accounts.d/a.toml": '[store]\nurl = "sqlite:x"\n[defaults]\npoll = "5m"\n',
        "accounts.d/b.toml": "accounts = 7\n",
        "accounts.d/c.toml": 'include = ["d.toml"]\n',
        "accounts.d/d.toml": "[[accounts]\n",
    }
    assert problems(tmp_path, files) == [
        f'accounts.d/a.toml:1: "store": {ONLY}',
        f'accounts.d/a.toml:3: "defaults": {ONLY}',
        'accounts.d/b.toml:1: "accounts" must be tables, each beginning with [[accounts]]',
        f'accounts.d/c.toml:1: "include": {ONLY}',
        "accounts.d/d.toml:1: not valid TOML: the name of a table is not closed; write [[name]]",
    ]


@pytest.mark.parametrize("written", ['"a.toml"', "[7]", "[[]]", '[""]'])
def test_include_is_a_list_of_paths(tmp_path: Path, written: str) -> None:
    (problem,) = problems(tmp_path, {"mailferry.toml": f"\ninclude = {written}\n"})
    assert problem.startswith('mailferry.toml:2: "include" must be a list of paths in [ ]')


def test_a_pattern_may_match_nothing_but_a_named_file_must_be_there(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"mailferry.toml": 'include = ["*.d/*.toml"]\n' + RELAY}).accounts == {}
    (problem,) = problems(tmp_path, {"mailferry.toml": 'include = [\n"*.d/*.toml",\n"acme.toml"]\n'})
    assert problem == 'mailferry.toml:3: "include": there is no file acme.toml'


def test_a_file_that_two_patterns_match_is_read_once(tmp_path: Path) -> None:
    files = {"mailferry.toml": 'include = ["a.toml", "a*"]\n' + RELAY + TARGET, "a.toml": other("a")}
    assert list(loaded(tmp_path, files).accounts) == ["acme/a"]


def test_relative_paths_start_from_the_directory_of_the_including_file(tmp_path: Path) -> None:
    account = ACCOUNT.replace('password = "geheim"', 'password_file = "secrets/pw"')
    assert "password_file" in account
    files = {
        "mailferry.toml": MAIN + TARGET,
        "accounts.d/a.toml": account,
        "secrets/pw": "of the mailbox\n",
    }
    (found,) = loaded(tmp_path, files).accounts.values()
    assert found.login.password.get_secret_value() == "of the mailbox"


def test_a_secret_that_others_may_read_is_told_with_the_file_that_has_it(tmp_path: Path) -> None:
    files = {"mailferry.toml": MAIN + TARGET, "accounts.d/a.toml": ACCOUNT}
    write(tmp_path, files)
    (tmp_path / "accounts.d/a.toml").chmod(0o644)
    (warning,) = load(tmp_path / "mailferry.toml", {}).warnings
    assert "accounts.d/a.toml" in warning
    assert "mailferry.toml" not in warning


def test_a_process_that_reads_the_registry_alone_does_not_read_them(tmp_path: Path) -> None:
    """An account of the file may have a target of an included one, so none of the file is built."""
    files = {"mailferry.toml": MAIN + ACCOUNT, "accounts.d/a.toml": "this is no TOML\n"}
    configuration = loaded(tmp_path, files, includes=False)
    assert (configuration.accounts, configuration.targets) == ({}, {})
    assert configuration.relay.helo_name == "ferry.corp.example"
