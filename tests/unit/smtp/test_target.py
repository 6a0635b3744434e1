"""A target is logged in to with the credentials that it has now."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from shared.model.endpoint import Endpoint, Tls
from shared.model.oauth import GrantRef
from shared.model.target import Target, TargetCredentials
from shared.ports.tokens import GrantTokens
from shared.smtp import target as module
from shared.smtp.errors import LoginRefused, TokenRefused
from shared.smtp.login import Credentials
from shared.smtp.reply import Reply
from shared.smtp.target import connect_target, credentials_of

OAUTH = TargetCredentials("bob@acme.com", SecretStr(""), ("XOAUTH2", "OAUTHBEARER"), oauth_app="google")
TARGET = Target("gmail", Endpoint("localhost", 25, Tls.OFF), OAUTH)
REFUSED = LoginRefused("The login was refused.", Reply(535, (b"5.7.8 no",)))


class Tokens(GrantTokens):
    """Gives the token "first", and another one where that is refused."""

    def __init__(self, renewed: str | None) -> None:
        self._renewed = renewed
        self.asked: list[GrantRef] = []

    async def access_token(self, grant: GrantRef) -> SecretStr:
        self.asked.append(grant)
        return SecretStr("first")

    async def renewed(self, grant: GrantRef, refused: SecretStr) -> SecretStr | None:
        assert refused == SecretStr("first")
        return SecretStr(self._renewed) if self._renewed else None


class Server:
    """Takes one token, and refuses others."""

    def __init__(self, accepted: str, refusal: LoginRefused = REFUSED) -> None:
        self.accepted, self.refusal = accepted, refusal
        self.tried: list[str] = []

    async def connect(self, _: Endpoint, *, credentials: Credentials, **_more: object) -> str:
        assert credentials.mechanisms == OAUTH.methods
        self.tried.append(credentials.password)
        if credentials.password != self.accepted:
            raise self.refusal
        return "connected"


async def test_the_token_of_the_grant_takes_the_place_of_the_password() -> None:
    tokens = Tokens(None)
    credentials = await credentials_of(TARGET, tokens)
    assert credentials is not None
    assert (credentials.username, credentials.password) == ("bob@acme.com", "first")
    assert tokens.asked == [GrantRef("target:gmail", "google", "bob@acme.com", "smtp")]


@pytest.mark.parametrize(("accepted", "tried"), [("first", ["first"]), ("second", ["first", "second"])])
async def test_a_refused_token_is_renewed_once(
    accepted: str, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(accepted)
    monkeypatch.setattr(module, "connect", server.connect)
    await connect_target(TARGET, helo_name="me.example", grants=Tokens("second"))
    assert server.tried == tried


async def test_a_target_that_cannot_check_a_token_for_now_causes_no_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server("second", LoginRefused("Not now.", Reply(454, (b"4.7.0 Temporary failure",))))
    monkeypatch.setattr(module, "connect", server.connect)
    with pytest.raises(LoginRefused, match="Not now") as caught:
        await connect_target(TARGET, helo_name="me.example", grants=Tokens("second"))
    assert caught.value.temporary
    assert server.tried == ["first"]


@pytest.mark.parametrize("renewed", [None, "second"])
async def test_a_fresh_token_that_is_refused_is_no_wrong_password(
    renewed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server("neither")
    monkeypatch.setattr(module, "connect", server.connect)
    with pytest.raises(TokenRefused, match=r"login was refused.*mailbox that does not let the app in"):
        await connect_target(TARGET, helo_name="me.example", grants=Tokens(renewed))
    assert len(server.tried) <= 2
