"""Users, their API tokens and their sessions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update

from shared.access.roles import Permission, Role
from shared.adapters.sql.access.tables import api_tokens, recovery_codes, sessions, users
from shared.adapters.sql.secrets import remove_secrets
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store.access import ApiToken, Session, SessionKind, User

USER, TOKEN, SESSION, CODE = users.c, api_tokens.c, sessions.c, recovery_codes.c
USER_SECRETS = "user"
_COUNTED = ("failures", "locked_until", "code_step")
"""What sign-ins write: a change of a user does not take it back to what was read before."""


def users_after(transaction: Transaction, tenant: str | None, after: str, limit: int) -> list[User]:
    """Return up to `limit` users by name."""
    query = select(users).where(USER.name > after).order_by(USER.name).limit(limit)
    if tenant is not None:
        query = query.where(USER.tenant == tenant)
    return [_user(row) for row in transaction.connection.execute(query).mappings()]


def user_named(transaction: Transaction, name: str) -> User | None:
    """Return a user."""
    row = transaction.connection.execute(select(users).where(USER.name == name)).mappings().first()
    return None if row is None else _user(row)


def save_user(transaction: Transaction, user: User, expected: int) -> bool:
    """Write a user if it is there with the revision `expected`; return whether it was."""
    values = {**asdict(user), **_written(user), "revision": expected + 1}
    connection = transaction.connection
    if expected:
        for each in _COUNTED:
            del values[each]
        known = USER.name == user.name, USER.revision == expected
        return connection.execute(update(users).where(*known).values(values)).rowcount == 1
    return transaction.bulk.insert_absent(connection, users, [*values], [tuple(values.values())]) == 1


def remove_user(transaction: Transaction, name: str, expected: int | None) -> bool:
    """Remove a user with its sessions, codes and tokens; return whether it was there as expected."""
    query = delete(users).where(USER.name == name)
    if expected is not None:
        query = query.where(USER.revision == expected)
    if transaction.connection.execute(query).rowcount == 0:
        return False
    end_sessions(transaction, name)
    put_recovery_codes(transaction, name, ())
    # Somebody else of this name, who comes later, has codes of his own.
    remove_secrets(transaction, USER_SECRETS, [name])
    transaction.connection.execute(delete(api_tokens).where(TOKEN.created_by == name))
    return True


def note_sign_in(transaction: Transaction, name: str, failures: int, locked_until: float) -> None:
    """Write how the latest attempt to sign in ended."""
    changed = {"failures": failures, "locked_until": float(locked_until)}
    transaction.connection.execute(update(users).where(USER.name == name).values(changed))


def use_code_step(transaction: Transaction, name: str, step: int) -> bool:
    """Note that the one-time code of a step is used; return whether it is the first time."""
    change = update(users).where(USER.name == name, USER.code_step < step).values(code_step=step)
    return transaction.connection.execute(change).rowcount == 1


def put_recovery_codes(transaction: Transaction, name: str, digests: Sequence[str]) -> None:
    """Keep these codes of a user in place of those that were there."""
    connection, bulk = transaction
    connection.execute(delete(recovery_codes).where(CODE.person == name))
    rows = [(name, each) for each in sorted(set(digests))]
    bulk.insert_absent(connection, recovery_codes, ("person", "digest"), rows)


def use_recovery_code(transaction: Transaction, name: str, digest: str) -> bool:
    """Use a code up; return whether it was there."""
    change = delete(recovery_codes).where(CODE.person == name, CODE.digest == digest)
    return transaction.connection.execute(change).rowcount == 1


def count_recovery_codes(transaction: Transaction, name: str) -> int:
    """Return how many codes a user has left."""
    query = select(func.count()).select_from(recovery_codes).where(CODE.person == name)
    return transaction.connection.execute(query).scalar_one()


def tokens_after(transaction: Transaction, tenant: str | None, after: str, limit: int) -> list[ApiToken]:
    """Return up to `limit` tokens by id."""
    query = select(api_tokens).where(TOKEN.id > after).order_by(TOKEN.id).limit(limit)
    if tenant is not None:
        query = query.where(TOKEN.tenant == tenant)
    return [_token(row) for row in transaction.connection.execute(query).mappings()]


def token_of(transaction: Transaction, token: str) -> ApiToken | None:
    """Return the token with this id."""
    row = transaction.connection.execute(select(api_tokens).where(TOKEN.id == token)).mappings().first()
    return None if row is None else _token(row)


def token_by_digest(transaction: Transaction, digest: str) -> ApiToken | None:
    """Return the token with this digest."""
    row = transaction.connection.execute(select(api_tokens).where(TOKEN.digest == digest)).mappings().first()
    return None if row is None else _token(row)


def add_token(transaction: Transaction, token: ApiToken) -> None:
    """Write a new token."""
    scope = None if token.scope is None else json.dumps(sorted(each.value for each in token.scope))
    values = {**asdict(token), **_written(token), "scope": scope}
    transaction.connection.execute(insert(api_tokens).values(values))


def revoke_token(transaction: Transaction, token: str, now: float) -> bool:
    """End a token; return whether there was one that worked."""
    query = update(api_tokens).where(TOKEN.id == token, TOKEN.revoked_at.is_(None))
    return transaction.connection.execute(query.values(revoked_at=float(now))).rowcount == 1


def note_token_use(transaction: Transaction, tokens: Mapping[str, float]) -> None:
    """Write when these tokens were used last."""
    for token in sorted(tokens):
        transaction.connection.execute(
            update(api_tokens).where(TOKEN.id == token).values(used_at=float(tokens[token]))
        )


def add_session(transaction: Transaction, session: Session) -> None:
    """Write a new session or link; those that have expired by then are deleted."""
    transaction.connection.execute(delete(sessions).where(SESSION.expires_at < session.created_at))
    values = asdict(session)
    values["person"], values["kind"] = values.pop("user"), session.kind.value
    transaction.connection.execute(insert(sessions).values(values))


def session_by_digest(transaction: Transaction, digest: str) -> Session | None:
    """Return a session or link."""
    row = transaction.connection.execute(select(sessions).where(SESSION.digest == digest)).first()
    if row is None:
        return None
    return _session(row)


def touch_session(transaction: Transaction, digest: str, seen_at: float, expires_at: float) -> None:
    """Write when a session was used, and until when it lasts now."""
    changed = {"seen_at": float(seen_at), "expires_at": float(expires_at)}
    transaction.connection.execute(update(sessions).where(SESSION.digest == digest).values(changed))


def end_session(transaction: Transaction, digest: str) -> bool:
    """Delete a session or link; return whether it was there."""
    return transaction.connection.execute(delete(sessions).where(SESSION.digest == digest)).rowcount == 1


def end_sessions(transaction: Transaction, user: str, but: str = "") -> None:
    """Delete all sessions and links of a user, `but` that with this digest."""
    transaction.connection.execute(delete(sessions).where(SESSION.person == user, SESSION.digest != but))


def sessions_of(transaction: Transaction, user: str) -> list[Session]:
    """Return the sessions and links of a user, newest first."""
    query = select(sessions).where(SESSION.person == user).order_by(SESSION.created_at.desc(), SESSION.digest)
    return [_session(row) for row in transaction.connection.execute(query)]


def _session(row: Any) -> Session:
    return Session(
        row.digest,
        SessionKind(row.kind),
        row.person,
        row.created_at,
        row.seen_at,
        row.expires_at,
        row.address,
    )


def _user(row: RowMapping) -> User:
    return User(
        **_granted(row),
        enabled=bool(row["enabled"]),
        **{
            key: row[key]
            for key in (
                "name",
                "created_at",
                "revision",
                "password",
                "failures",
                "locked_until",
                "code_step",
                "subject",
            )
        },
    )


def _token(row: RowMapping) -> ApiToken:
    scope = row["scope"]
    plain = ("id", "name", "prefix", "digest", "created_by", "created_at")
    times = ("expires_at", "used_at", "revoked_at")
    return ApiToken(
        **_granted(row),
        scope=None if scope is None else frozenset(map(Permission, json.loads(scope))),
        **{key: row[key] for key in (*plain, *times)},
    )


def _written(granted: User | ApiToken) -> dict[str, str]:
    return {"role": granted.role.value, "accounts": json.dumps(sorted(granted.accounts))}


def _granted(row: RowMapping) -> dict[str, Any]:
    return {
        "role": Role(row["role"]),
        "tenant": row["tenant"],
        "accounts": frozenset(json.loads(row["accounts"])),
    }
