"""Passwords that servers repeat: whatever `test-login --verbose` shows, they are not in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from services.fetcher.mailboxes.opening import open_account
from shared.model.account import Account, Login, MailboxKind, Routing
from shared.model.address import Address
from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.model.target import Target, TargetCredentials
from shared.operations.login_test import LoginTest, ShowLine
from shared.operations.source_login_test import try_source
from shared.operations.target_login_test import try_target
from tests.fakes.canaries import CANARY, FORMS, USER, betrayed
from tests.fakes.pop3_server import Behaviour, Pop3Server
from tests.fakes.smtp_server import SmtpServer

NAMES = [name for name in FORMS if name not in {"latin-1", "upper case"}]
"""What a scripted reply in UTF-8 can hold."""


class Shown:
    """All that an operator sees."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, side: str, line: str) -> None:
        self.lines.append(f"{side}: {quoted(line)}")

    def betrays(self, result: LoginTest) -> list[str]:
        assert self.lines
        return betrayed("\n".join([*self.lines, repr(result)]))


async def tried_source(account: Account, show: ShowLine) -> LoginTest:
    return await try_source(account, open_account, show)


def echoed(name: str) -> str:
    return FORMS[name].decode()


def divided(form: str, code: str) -> Iterator[str]:
    """The form over two lines of a reply, cut at some places."""
    for place in range(2, len(form) - 1, 3):
        yield f"{code}-5.7.8 {form[:place]}\r\n{code} 5.7.8 {form[place:]}"


async def target_result(
    replies: dict[str, str], shown: Shown, users: dict[str, str] | None = None
) -> LoginTest:
    async with SmtpServer(users=users or {USER: "another"}, replies=replies) as server:
        credentials = TargetCredentials(USER, SecretStr(CANARY))
        target = Target("exchange", Endpoint("127.0.0.1", server.port), credentials)
        return await try_target(target, "ferry.test", "bob@here.test", shown, ("here.test",))


@pytest.mark.parametrize("moment", ["GREETING", "AUTH", "MAIL", "RCPT", "RSET", "QUIT"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_target_that_repeats_the_password_is_shown_without_it(name: str, moment: str) -> None:
    for code in ("220", "554") if moment == "GREETING" else ("250", "550", "421"):
        shown = Shown()
        if moment == "AUTH" and code == "250":
            code = "235"  # noqa: PLW2901 - the consent to a login
        users = None if moment == "AUTH" else {USER: CANARY}
        result = await target_result({moment: f"{code} 5.7.8 You said {echoed(name)}"}, shown, users)
        assert shown.betrays(result) == []


@pytest.mark.parametrize("name", ["clear", "base64", "PLAIN", "percent"])
async def test_a_target_that_divides_the_password_is_shown_without_it(name: str) -> None:
    for reply in divided(echoed(name), "535"):
        shown = Shown()
        result = await target_result({"AUTH": reply}, shown)
        assert shown.betrays(result) == []


async def test_a_target_that_offers_the_password_as_an_extension_is_shown_without_it() -> None:
    shown = Shown()
    keyword = FORMS["hex"].decode()
    result = await target_result(
        {"EHLO": f"250-mx\r\n250-{keyword}\r\n250 AUTH PLAIN"}, shown, {USER: CANARY}
    )
    assert result.ok
    assert shown.betrays(result) == []


async def source_result(behaviours: dict[str, Behaviour], shown: Shown) -> LoginTest:
    async with Pop3Server({USER: []}, behaviours=behaviours) as server:
        account = Account(
            tenant="acme",
            name="inbox",
            protocol="pop3",
            endpoint=Endpoint("127.0.0.1", server.port),
            login=Login(USER, SecretStr(CANARY)),
            target="exchange",
            routing=Routing(MailboxKind.SINGLE, Address("bob", "here.test")),
        )
        return await tried_source(account, shown)


@pytest.mark.parametrize("moment", ["GREETING", "CAPA", "AUTH"])
@pytest.mark.parametrize("name", FORMS)
async def test_a_source_that_repeats_the_password_is_shown_without_it(name: str, moment: str) -> None:
    for pattern in (b"-ERR you said %b\r\n", b"+OK you said %b\r\n", b"-ERR [%b] no\r\n", b"%b\r\n"):
        shown = Shown()
        said = pattern % FORMS[name].replace(b"\n", b"")
        if moment == "CAPA" and said.startswith(b"+OK"):
            said += b"USER\r\n" + FORMS[name] + b"\r\n.\r\n"
        result = await source_result({moment: said}, shown)
        assert shown.betrays(result) == []


@pytest.mark.parametrize("name", ["clear", "base64", "PLAIN", "percent"])
async def test_a_source_that_divides_the_password_over_a_listing_is_shown_without_it(name: str) -> None:
    form = FORMS[name]
    for place in range(2, len(form) - 1, 3):
        shown = Shown()
        said = b"+OK\r\nUSER\r\n" + form[:place] + b"\r\n" + form[place:] + b"\r\n.\r\n"
        assert shown.betrays(await source_result({"CAPA": said}, shown)) == []
