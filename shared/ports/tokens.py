"""Where OAuth 2 access tokens come from, for logins that use one in place of a password."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr
from typing_extensions import override

from shared.model.errors import Fault, MailferryError
from shared.model.oauth import GrantRef, GrantState


class TokenUnavailable(MailferryError):
    """There is no token to log in with now. `state` is that of the grant, where there is one."""

    fault = Fault.OPERATOR

    def __init__(
        self, sentence: str, *, temporary: bool | None = None, state: GrantState | None = None
    ) -> None:
        super().__init__(sentence, temporary=temporary)
        self.state = state


class TokenSource(Protocol):
    """The tokens of one account."""

    async def access_token(self) -> SecretStr:
        """Return a token that is valid as far as is known here; called anew for each login.

        Raises `TokenUnavailable`, temporary where a later call may succeed.
        """
        ...


class GrantTokens(Protocol):
    """The access tokens of all grants."""

    async def access_token(self, grant: GrantRef) -> SecretStr:
        """Return a token that is valid as far as is known here, got anew where the known one is over.

        Raises `TokenUnavailable` and `StoreUnavailable`.
        """
        ...

    async def renewed(self, grant: GrantRef, refused: SecretStr) -> SecretStr | None:
        """Return another token than the one that a server refused; None where no other would do better.

        Raises what `access_token` raises.
        """
        ...


class NoGrants(GrantTokens):
    """For a process that was given no grants: nobody can log in by one."""

    @override
    async def access_token(self, grant: GrantRef) -> SecretStr:
        raise TokenUnavailable(
            f"There is no OAuth token for {grant.name}: this process was started when no account used "
            "OAuth. Restart it."
        )

    @override
    async def renewed(self, grant: GrantRef, refused: SecretStr) -> SecretStr | None:
        return None


NO_GRANTS = NoGrants()
