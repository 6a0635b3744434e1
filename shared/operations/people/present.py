"""Who a person or token is by now, for work that goes on after the request that began it."""

from __future__ import annotations

from shared.access.roles import Principal
from shared.operations.context import OperatorContext
from shared.operations.people.signing_in import principal_of
from shared.operations.people.tokens import token_principal


async def present_principal(context: OperatorContext, name: str, token: str | None) -> Principal | None:
    """Return the principal with the permissions that it has now: a token by its id, or a person by name.

    None where the token was revoked or has expired, or the person is disabled or removed.
    """
    if token is not None:
        found = await context.access.token(token)
        return None if found is None else token_principal(found, context.clock.now())
    user = await context.access.user(name)
    return principal_of(user) if user is not None and user.enabled else None
