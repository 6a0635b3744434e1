"""Known secrets are given in every way, used and refused; nothing that Mailferry writes holds one of them.

Looked at are the log at level debug, events, metrics and health pages, what commands say, all files (the
database, blobs, locks) and the command line. Servers repeat the passwords that they refuse.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from services.cli.__main__ import main
from shared.adapters.sql.store import open_store
from shared.model.sealed import SecretName
from shared.ports.store import SealedSecret
from shared.runtime.secret_keys import read_key_file
from shared.secrets.keys import SecretKeys
from shared.secrets.sealing import NONCE_OCTETS, seal
from tests.fakes.background import in_background
from tests.fakes.canary_forms import forms_of, found_in
from tests.fakes.command import letter
from tests.fakes.pop3_server import Behaviour, Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import configuration, single
from tests.servers.rabbitmq_tap import Tap

INLINE, BY_FILE, BY_ENVIRONMENT = "canary/inline+71", "canary/file+72", "canary/environ+73"
TOKEN, SRS, TARGET, REFUSED_TARGET = (
    "canary/token+74",
    "canary/srs+75",
    "canary/target+76",
    "canary/refused+77",
)
STORED = "canary/stored+78"
SECRETS = (INLINE, BY_FILE, BY_ENVIRONMENT, TOKEN, SRS, TARGET, REFUSED_TARGET, STORED)
BOB, EVE = "bob@corp.example", "eve@corp.example"
COMMANDS = (
    ("config", "show"),
    ("status", "-o", "json"),
    ("test-login", "--verbose"),
    ("explain", "--live", "--account", "acme/inline"),
    ("explain", "--live", "--account", "acme/file"),
    ("trace", BOB),
    ("journal", "verify"),
    ("secrets", "status"),
    ("secrets", "rotate"),
)


def plain(secret: str) -> str:
    """What AUTH PLAIN sends for it."""
    return base64.b64encode(f"\0u\0{secret}".encode()).decode()


def repeating(secret: str) -> Pop3Server:
    """A source that refuses each login, and repeats what it was sent."""
    refusal = f"-ERR [AUTH] {secret} is wrong, you said {plain(secret)}\r\n".encode()
    methods = ["UIDL", "SASL XOAUTH2" if secret == TOKEN else "SASL PLAIN"]
    behaviours: dict[str, Behaviour] = {"PASS": refusal, "AUTH": refusal}
    return Pop3Server({"u": []}, behaviours=behaviours, capabilities=methods)


def account(name: str, port: int, *lines: str) -> str:
    source = (f'name = "{name}"', f'source = "pop3://u@127.0.0.1:{port}"', 'tenant = "acme"')
    return "\n".join(["", "[[accounts]]", *source, *lines, ""])


def target(name: str, port: int, password: str) -> str:
    lines = (f'name = "{name}"', f'url = "smtp://127.0.0.1:{port}"', 'tls = "off"')
    return "\n".join(["", "[[targets]]", *lines, 'username = "u"', f'password = "{password}"', ""])


@dataclass
class Site:
    """Mailferry between sources and targets, some of which refuse its logins."""

    ferry: Ferry
    accepting: SmtpServer
    refusing: SmtpServer
    refusing_sources: list[Pop3Server]

    def has_worked_and_failed(self) -> bool:
        """Whether mail was delivered, and every login that is to fail was tried."""
        return (
            len(self.accepting.accepted) == 2
            and any(line.startswith("AUTH") for line in self.refusing.commands)
            and all(set(each.verbs()) & {"PASS", "AUTH"} for each in self.refusing_sources)
        )


@pytest.fixture
def site(tmp_path: Path, rabbitmq_url: str) -> Iterator[Site]:
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(BY_FILE)
    repeated = f"535 5.7.8 {REFUSED_TARGET} is wrong, you said {plain(REFUSED_TARGET)}"
    mails = [("uid-1", letter(1, BOB)), ("uid-2", letter(2, BOB))]
    with ExitStack() as stack:
        accepting = stack.enter_context(in_background(SmtpServer(users={"u": TARGET})))
        refusing = stack.enter_context(
            in_background(SmtpServer(users={"u": "another"}, replies={"AUTH": repeated}))
        )
        works = stack.enter_context(in_background(Pop3Server({"u": mails}, password=INLINE)))
        works_too = stack.enter_context(
            in_background(Pop3Server({"u": [("uid-3", letter(3, EVE))]}, password=INLINE))
        )
        by_file, by_environment, token = (
            stack.enter_context(in_background(repeating(secret)))
            for secret in (BY_FILE, BY_ENVIRONMENT, TOKEN)
        )
        srs = ('sender = "srs"', 'srs_domain = "corp.example"', f'srs_key = "{SRS}"')
        parts = [
            account("inline", works.port, f'password = "{INLINE}"', *srs, *single(BOB)),
            account("parked", works_too.port, f'password = "{INLINE}"', 'target = "refusing"', *single(EVE)),
            account("file", by_file.port, 'password_file = "password"', *single(BOB)),
            account("environment", by_environment.port, 'password_env = "PW"', *single(BOB)),
            account("token", token.port, f'token = "{TOKEN}"', 'auth = ["xoauth2"]', *single(BOB)),
            target("exchange", accepting.port, TARGET),
            target("refusing", refusing.port, REFUSED_TARGET),
        ]
        text = configuration(
            parts,
            servers=f'store.url = "sqlite:mailferry.db"\nbroker.url = "{rabbitmq_url}"\nlog.level = "debug"',
        )
        with Ferry(tmp_path, text) as ferry:
            yield Site(ferry, accepting, refusing, [by_file, by_environment, token])


def store_secret(directory: Path) -> None:
    """Store a secret as the registry does."""
    current, *older = read_key_file(directory / "mailferry.db.key")
    name = SecretName("account", "acme/stored", "password")
    sealed = seal(SecretKeys(current, tuple(older)), name, SecretStr(STORED), bytes(NONCE_OCTETS))

    async def put() -> None:
        store = open_store(f"sqlite://{directory}/mailferry.db")
        try:
            await store.secrets.put_secrets([SealedSecret(name, sealed)], 100.0)
        finally:
            await store.close()

    asyncio.run(put())


def command_line(process: FerryProcess) -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()


def files_below(directory: Path) -> dict[str, bytes]:
    """All files but those in which the operator gave the secrets, and that of the keys."""
    given = {"mailferry.toml", "password", "mailferry.db.key"}
    paths = [path for path in directory.rglob("*") if path.is_file() and path.name not in given]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def test_no_secret_is_in_anything_that_mailferry_writes(
    site: Site, tmp_path: Path, rabbitmq_url: str
) -> None:
    ferry = site.ferry
    assert ferry.call("topology", "apply", PW=BY_ENVIRONMENT).code == 0
    places: dict[str, bytes] = {}
    with Tap(rabbitmq_url) as tap:
        running = ferry.start(PW=BY_ENVIRONMENT).ready()
        store_secret(tmp_path)
        keys = [*read_key_file(tmp_path / "mailferry.db.key")]
        running.wait_until(site.has_worked_and_failed)
        places["command line"] = command_line(running)
        for page in ("/metrics", "/readyz", "/livez"):
            places[page] = running.page(page)[1].encode()
        for command in COMMANDS:
            ended = CliRunner(env={"PW": BY_ENVIRONMENT}).invoke(main, [*command, "-c", str(ferry.path)])
            places[" ".join(command)] = ended.output.encode()
        places |= {f"while running: {name}": content for name, content in files_below(tmp_path).items()}
        assert running.terminate() == 0
        places |= {f"event {number}": body for number, body in enumerate(tap.bodies())}
    places |= files_below(tmp_path)
    keys += read_key_file(tmp_path / "mailferry.db.key")
    secrets = [
        *SECRETS,
        *(key.written.get_secret_value() for key in keys),
        *(key.octets.hex() for key in keys),
    ]
    assert len(set(keys)) == 2
    assert_everything_was_looked_at(places)
    assert found_in(places, secrets) == []


def assert_everything_was_looked_at(places: dict[str, bytes]) -> None:
    """A place without what belongs there was not looked at."""
    log = places["run-1.log"]
    assert b'level = "debug"' in places["config show"]
    assert b"acme/token" in log
    assert b"acme/stored" in places["mailferry.db"]
    assert any(name.startswith("event") and BOB.encode() in body for name, body in places.items())
    assert b"mailferry_" in places["/metrics"]
    assert b"acme/file" in places["status -o json"]
    assert b"AUTH" in places["test-login --verbose"]
    assert b"sealed anew" in places["secrets rotate"]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_in_every_form_in_which_it_could_have_been_written(secret: str) -> None:
    """Or the test above could not fail."""
    written = [
        secret.encode(),
        plain(secret).encode(),
        *(base64.b64encode(b"x" * before + secret.encode() + b"yz") for before in range(4)),
        f"user=u auth=Bearer {secret}".encode().hex().encode(),
        secret.replace("/", "%2F").replace("+", "%2B").encode(),
    ]
    assert [found_in({"here": each}, [secret]) for each in written] == [[("here", secret)]] * len(written)
    assert found_in({"here": b"another text"}, [secret]) == []
    assert min(map(len, forms_of(secret))) >= 12
