"""Connects to a configured target, with its credentials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from shared.model.target import Target
from shared.net.token_file import TokenFile
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.smtp.client import SmtpClient, connect
from shared.smtp.errors import LoginRefused, TokenRefused
from shared.smtp.login import Credentials
from shared.smtp.opening import Dialer
from shared.smtp.timeouts import Timeouts


async def connect_target(
    target: Target,
    *,
    helo_name: str,
    timeouts: Timeouts | None = None,
    dialer: Dialer | None = None,
    grants: GrantTokens = NO_GRANTS,
) -> SmtpClient:
    """Connect to `target`. Where it refuses a token of `grants` for good, try once more with a new one.

    A target that cannot check the token for now is no reason for a new one. Raises what `client.connect`
    raises, `TokenRefused` and `TokenUnavailable`.
    """
    credentials = await credentials_of(target, grants)

    async def connected(credentials: Credentials | None) -> SmtpClient:
        return await connect(
            target.endpoint,
            helo_name=helo_name,
            credentials=credentials,
            timeouts=timeouts,
            dialer=dialer,
            lmtp=target.lmtp,
        )

    try:
        return await connected(credentials)
    except LoginRefused as error:
        if target.grant is None or credentials is None or error.temporary:
            raise
        renewed = await grants.renewed(target.grant, SecretStr(credentials.password))
        if renewed is None:
            raise _token_refused(error) from error
    try:
        return await connected(replace(credentials, password=renewed.get_secret_value()))
    except LoginRefused as again:
        if again.temporary:
            raise
        raise _token_refused(again) from again


def _token_refused(error: LoginRefused) -> TokenRefused:
    """Return the error for a target that refuses a token which its provider has just given."""
    return TokenRefused(
        f"{error} The provider has just given that token, so it is the mailbox that does not let the app in: "
        "the user name may be that of another mailbox, or SMTP with a login is switched off for it.",
        error.reply,
    )


async def credentials_of(target: Target, grants: GrantTokens = NO_GRANTS) -> Credentials | None:
    """Return the credentials, with the token read anew; None: no login. Raises `TokenUnavailable`."""
    given = target.credentials
    if given is None:
        return None
    secret = given.password
    if target.grant is not None:
        secret = await grants.access_token(target.grant)
    elif given.token_file is not None:
        secret = await TokenFile(Path(given.token_file)).access_token()
    return Credentials(given.username, secret.get_secret_value(), given.methods)
