from __future__ import annotations

import base64
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.adapters.sql import upgrade
from shared.config import from_mapping, load
from shared.config.configuration import BlobsLocation, Configuration
from shared.config.secrets import GivenSecret, read_secret
from shared.config.settings import (
    FetcherSettings,
    LeasesSettings,
    LogSettings,
    MetricsSettings,
    NoticesSettings,
    RelaySettings,
)
from shared.config.show import shown
from shared.config.values import Listen
from shared.model.address import Address
from shared.model.errors import ConfigurationError
from shared.model.file_url import path_in_url, url_of_path
from shared.model.s3_location import S3Location
from tests.fakes.configuration import TARGET, WHOLE, ConfigurationFile


def test_an_empty_file_runs_on_one_machine_with_everything_in_its_place(file: ConfigurationFile) -> None:
    configuration = file.load("")
    assert configuration.broker.in_process
    assert configuration.store.url.get_secret_value() == "sqlite:////var/lib/mailferry/mailferry.db"
    assert configuration.blobs.directory == Path("/var/lib/mailferry/blobs")
    assert configuration.metrics == MetricsSettings.model_construct(listen=Listen("127.0.0.1", 9464))
    assert configuration.fetcher == FetcherSettings(
        concurrency=0,
        window_messages=500,
        window_bytes=32 * 1024**2,
        settle_wait=10.0,
        inline_limit=256 * 1024,
        host_connections=20,
        memory_limit=256 * 1024**2,
        tenant_window_messages=3000,
        tenant_window_bytes=64 * 1024**2,
    )
    assert configuration.relay == RelaySettings(
        retry_delays=(60, 300, 900, 3600, 14400),
        give_up=432000,
        helo_name="ferry.corp.example",
        probe_delays=(5, 15, 60, 300),
    )
    assert configuration.leases == LeasesSettings(account=60.0, message=900.0)
    assert configuration.log == LogSettings(level="info", format="auto")
    assert (configuration.accounts, configuration.targets) == ({}, {})


def test_every_key_has_its_effect(file: ConfigurationFile) -> None:
    configuration = file.load("""
        [metrics]
        listen = ""
        [fetcher]
        concurrency = 4
        host_connections = 3
        window_messages = 10
        window_bytes = "1MiB"
        settle_wait = "0s"
        inline_limit = 0
        memory_limit = "1KiB"
        tenant_window_messages = 20
        tenant_window_bytes = 0
        [relay]
        retry_delays = ["1s", 2.5]
        give_up = "1h"
        helo_name = "MX.corp.example"
        probe_delays = [0.5]
        [leases]
        account = "5s"
        message = "1m"
        [log]
        level = "debug"
        format = "json"
    """)
    assert configuration.metrics == MetricsSettings.model_construct(listen=None)
    assert configuration.fetcher == FetcherSettings(
        concurrency=4,
        window_messages=10,
        window_bytes=1024**2,
        settle_wait=0.0,
        inline_limit=0,
        host_connections=3,
        memory_limit=1024,
        tenant_window_messages=20,
        tenant_window_bytes=0,
    )
    assert configuration.relay == RelaySettings(
        retry_delays=(1.0, 2.5), give_up=3600.0, helo_name="mx.corp.example", probe_delays=(0.5,)
    )
    assert configuration.leases == LeasesSettings(account=5.0, message=60.0)
    assert configuration.log == LogSettings(level="debug", format="json")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/mailferry.db", "/var/lib/mailferry.db"),
        ("sqlite:////var/lib/mailferry.db", "/var/lib/mailferry.db"),
        ("sqlite:/var/lib/mailferry.db", "/var/lib/mailferry.db"),
        ("sqlite:state/mailferry.db", "{base}/state/mailferry.db"),
        ("sqlite:./mailferry.db", "{base}/mailferry.db"),
        ("sqlite:///var/two words/mailferry.db", "/var/two words/mailferry.db"),
    ],
)
def test_a_relative_database_is_found_beside_the_configuration(
    file: ConfigurationFile, url: str, path: str
) -> None:
    store = file.load(f'[store]\nurl = "{url}"').store
    expected = path.format(base=file.path.parent)
    assert store.sqlite_path == Path(expected)
    assert store.url.get_secret_value() == f"sqlite:///{expected}"


@pytest.mark.parametrize(
    ("url", "directory"),
    [
        ("file:///var/blobs", "/var/blobs"),
        ("file:///var/my%20blobs/", "/var/my blobs"),
        ("file:blobs", "{base}/blobs"),
    ],
)
def test_a_relative_directory_of_blobs_is_found_beside_the_configuration(
    file: ConfigurationFile, url: str, directory: str
) -> None:
    blobs = file.load(f'[blobs]\nurl = "{url}"').blobs
    assert blobs.directory == Path(directory.format(base=file.path.parent))


REWRITTEN = "in a path ? is written %3F and # is written %23"


@pytest.mark.parametrize(
    ("section", "url", "sentence"),
    [
        (
            "blobs",
            "s3://",
            "expected a bucket and perhaps a prefix: s3://bucket/prefix",
        ),
        ("blobs", "/var/blobs", "expected a URL with a path such as file:///var/lib/mailferry/blobs"),
        ("blobs", "file://host/blobs", "expected a URL with a path such as file:///var/lib/mailferry/blobs"),
        ("blobs", "file:///", "expected a URL with a path such as file:///var/lib/mailferry/blobs"),
        ("store", "sqlite:", "expected a URL with a path such as sqlite:///var/lib/mailferry/mailferry.db"),
        (
            "store",
            "sqlite://a.db",
            "expected a URL with a path such as sqlite:///var/lib/mailferry/mailferry.db",
        ),
        (
            "store",
            "sqlite:a.db?x=1",
            "expected a URL with a path such as sqlite:///var/lib/mailferry/mailferry.db; " + REWRITTEN,
        ),
        (
            "store",
            "sqlite:100%/a.db",
            "the path has a % that is not followed by two hex digits; write it as %25",
        ),
        (
            "blobs",
            "file:blobs#1",
            "expected a URL with a path such as file:///var/lib/mailferry/blobs; " + REWRITTEN,
        ),
        ("store", "mysql://h/d", "expected sqlite:///path/to/file or postgresql://user@host/database"),
        ("broker", "memory", "expected memory: or amqp://user@host/vhost"),
        ("broker", "amqp:///vhost", "host or port is missing in the URL"),
        ("broker", "amqp://h:0/vhost", "host or port is missing in the URL"),
        ("broker", "amqp://h:x/vhost", "host and port of the URL cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_is_reported(
    file: ConfigurationFile, section: str, url: str, sentence: str
) -> None:
    assert file.problems(f'[{section}]\nurl = "{url}"') == [
        f'mailferry.toml:2: [{section}]: "url": {sentence}'
    ]


def test_a_machine_without_a_proper_name_needs_one_configured(file: ConfigurationFile) -> None:
    file.path.write_text("")
    with pytest.raises(ConfigurationError, match=r'\[relay\]: "helo_name": "my machine" is no valid domain'):
        load(file.path, {}, lambda: "my machine")


def test_the_machines_name_is_not_looked_up_where_one_is_configured(file: ConfigurationFile) -> None:
    file.path.write_text('[relay]\nhelo_name = "mx.example"')

    def look_up() -> str:
        raise AssertionError("not needed")

    assert load(file.path, {}, look_up).relay.helo_name == "mx.example"


SHARED = {"broker": {"url": "amqp://h/v"}, "store": {"url": "postgresql://h/d"}}


def from_command_line(mapping: dict[str, object]) -> Configuration:
    return from_mapping(mapping, {}, Path("/base"), host_name=lambda: "ferry.example")


def test_a_mapping_is_configured_like_a_file_and_its_paths_start_from_the_base() -> None:
    configuration = from_command_line({"store": {"url": "sqlite:a.db"}})
    assert configuration.store.sqlite_path == Path("/base/a.db")


def test_problems_of_a_mapping_name_the_command_line() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        from_command_line({"targets": [{"name": "to", "url": "ftp://h"}]})
    assert refusal.value.problems == [
        (
            'command line: targets "to": "url": the scheme "ftp" is not known; '
            "available are smtp, smtps, lmtp and mx"
        )
    ]


@pytest.mark.parametrize("left_out", ["broker", "store"])
def test_one_process_alone_goes_with_every_broker_and_store(left_out: str) -> None:
    configuration = from_command_line({key: value for key, value in SHARED.items() if key != left_out})
    assert configuration.broker.in_process == (left_out == "broker")


def test_several_processes_go_with_a_broker_and_a_database_that_they_share() -> None:
    from_command_line(dict(SHARED)).require_shared("router")


def test_several_processes_do_not_go_with_what_each_would_have_for_itself() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        from_command_line({}).require_shared("router")
    assert refusal.value.problems == [
        'command line: [broker] "url": router as a process of its own needs amqp:// or amqps://, not memory:',
        'command line: [store] "url": router as a process of its own needs postgresql://, not sqlite:',
    ]


def test_notices_are_sent_only_where_they_are_asked_for(file: ConfigurationFile) -> None:
    assert file.load("").notices == NoticesSettings()
    text = '[notices]\ndigest = "1d"\nbounces = true\npostmasters = { acme = "boss@acme.example" }'
    assert file.load(text).notices == NoticesSettings.model_construct(
        digest=86400.0, bounces=True, postmasters={"acme": Address("boss", "acme.example")}
    )
    (problem,) = file.problems('[notices]\npostmasters = { acme = "nobody" }')
    assert '"postmasters": "nobody" is no valid address' in problem


def test_blobs_may_lie_in_a_bucket(file: ConfigurationFile) -> None:
    configuration = file.load("""
        [blobs]
        url = "s3://mail-ferry/blobs/"
        endpoint = "http://127.0.0.1:9000"
        access_key = "AKIA"
        secret_key_env = "KEY"
    """, {"KEY": "geheim"})  # fmt: skip
    bucket = S3Location("mail-ferry", "blobs", "http://127.0.0.1:9000", None, "AKIA", SecretStr("geheim"))
    assert configuration.blobs == BlobsLocation(None, bucket)
    text = shown(configuration)
    assert 'url = "s3://mail-ferry/blobs"' in text
    assert "geheim" not in text + repr(configuration)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('url = "s3://bucket"\naccess_key = "AKIA"', '"secret_key" is missing: both keys are given, or none'),
        ('url = "s3://bucket"\nsecret_key = "x"', '"access_key" is missing: both keys are given, or none'),
        ('url = "file:blobs"\nregion = "x"', '"region" has no effect: it is for a url that begins with s3:'),
        ('url = "s3://B_"', '"url": expected a bucket and perhaps a prefix: s3://bucket/prefix'),
    ],
)
def test_what_is_wrong_with_a_bucket_is_reported(file: ConfigurationFile, lines: str, sentence: str) -> None:
    (problem,) = file.problems(f"[blobs]\n{lines}")
    assert problem.endswith(sentence)


ODD_NAMES = ["two words", "100%", "a%20b", "what?", "#1", "50%25 off", "a+b", "plus?query#fragment %"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_directory_of_any_name_is_the_same_for_everybody(tmp_path: Path, name: str) -> None:
    """For configuration, database, lock, blobs, list of recipients and socket, and once more when shown."""
    home = tmp_path / name
    home.mkdir()
    (home / "people.txt").write_text("bob@acme.example\n")
    mapping = {
        "store": {"url": url_of_path("sqlite:///", str(home / "mailferry.db"))},
        "blobs": {"url": url_of_path("file://", str(home / "blobs"))},
        "targets": [{"name": "here", "url": url_of_path("lmtp+unix://", str(home / "lmtp"))}],
        "accounts": [
            {
                "name": "acme",
                "tenant": "acme",
                "target": "here",
                "source": "pop3://bob:secret@pop.example",
                "mailbox": "catch-all",
                "domains": {"acme.example": "keep"},
                "verify_recipients": url_of_path("file:", str(home / "people.txt")),
                "unknown_recipients": "park",
            }
        ],
    }
    configuration = from_mapping(mapping, {}, tmp_path, host_name=lambda: "ferry.example")
    upgrade(configuration.store.url.get_secret_value())
    assert configuration.store.sqlite_path == home / "mailferry.db"
    assert {each.name.partition("-")[0] for each in home.iterdir()} == {"people.txt", "mailferry.db"}
    assert configuration.blobs.directory == home / "blobs"
    assert configuration.targets["here"].endpoint.unix_path == str(home / "lmtp")
    (account,) = configuration.accounts.values()
    assert account.routing.recipient_list == str(home / "people.txt")
    urls = tomllib.loads(shown(configuration))
    assert path_in_url(urls["store"]["url"], "sqlite:", "") == str(home / "mailferry.db")
    assert path_in_url(urls["blobs"]["url"], "file:", "") == str(home / "blobs")
    assert path_in_url(urls["targets"][0]["url"], "lmtp+unix:", "") == str(home / "lmtp")
    assert path_in_url(urls["accounts"][0]["verify_recipients"], "file:", "") == str(home / "people.txt")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_path_that_is_no_url_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("geheim\n")
    given = GivenSecret("password", None, tmp_path / name, None)
    secret = read_secret(given, {})
    assert secret is not None
    assert secret.get_secret_value() == "geheim"


def test_how_long_the_database_may_take(file: ConfigurationFile) -> None:
    assert file.load("").store.deadline == 30.0
    assert file.load("[store]\ndeadline = '1m'\n").store.deadline == 60.0
    assert file.load("[store]\nurl = 'sqlite:mail.db'\ndeadline = '5s'\n").store.deadline == 5.0


@pytest.mark.parametrize("deadline", ["0.5s", "11m"])
def test_a_deadline_that_is_no_outage_or_never_comes_is_refused(
    file: ConfigurationFile, deadline: str
) -> None:
    [problem] = file.problems(f"[store]\ndeadline = '{deadline}'\n")
    assert '[store]: "deadline": must be at' in problem


KEY = base64.b64encode(b"k" * 32).decode()


def test_without_settings_the_key_of_secrets_is_beside_the_sqlite_file(file: ConfigurationFile) -> None:
    there = file.path.parent / "there"
    there.mkdir()
    (file.path.parent / "link").symlink_to(there)
    location = file.load(WHOLE + '[store]\nurl = "sqlite:link/ferry.db"').secrets
    assert (location.file, location.key_file) == (None, there / "ferry.db.key")
    assert file.load(WHOLE + '[store]\nurl = "postgresql://h/d"').secrets.key_file is None


def test_key_files_have_absolute_paths_and_need_not_exist(file: ConfigurationFile) -> None:
    location = file.load(WHOLE + '[secrets]\nkey_file = "k"\nold_key_files = ["a", "/b"]').secrets
    assert location.key_file == file.path.parent / "k"
    assert location.old_files == (file.path.parent / "a", Path("/b"))


def test_a_key_of_the_environment_is_read(file: ConfigurationFile) -> None:
    location = file.load(WHOLE + '[secrets]\nkey_env = "K"', {"K": KEY}).secrets
    assert location.given is not None
    assert location.given.get_secret_value() == KEY
    assert (location.variable, location.key_file) == ("K", None)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, '"key_env": the environment variable K is not set'),
        ({"K": ""}, '"key_env": the environment variable K is empty'),
        ({"K": "geheim"}, '"key_env": each key is 32 bytes in base64'),
    ],
)
def test_a_key_of_the_environment_that_is_none_is_a_problem(
    file: ConfigurationFile, environ: dict[str, str], sentence: str
) -> None:
    (problem,) = file.problems(TARGET + '[secrets]\nkey_env = "K"', environ)
    assert sentence in problem
    assert "geheim" not in problem


def test_a_key_that_is_given_twice_is_a_problem(file: ConfigurationFile) -> None:
    text = TARGET + '[secrets]\nkey_file = "k"\nkey_env = "K"'
    (problem,) = file.problems(text, {"K": KEY})
    assert '"key_file" and "key_env" give the same key twice' in problem
