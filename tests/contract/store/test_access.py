"""What the store promises about people, their tokens and sessions, the audit and repeated requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from shared.access.roles import Permission, Role
from shared.adapters.sql.access.requests import KEPT, LONGEST
from shared.adapters.sql.store import SqlStore
from shared.model.sealed import Sealed, SecretName
from shared.ports.store import (
    Answer,
    ApiToken,
    AuditRecord,
    Known,
    Repetition,
    SealedSecret,
    Session,
    SessionKind,
    User,
)

ANNA = User("anna@acme.example", Role.OWNER, "acme", frozenset({"acme/info"}), 10.0, password="$argon2id$x")
OTTO = User("otto", Role.OPERATOR, None, frozenset(), 11.0)
TOKEN = ApiToken(
    "t1",
    "onboarding",
    "mf_abcdefgh",
    "d1",
    Role.ADMIN,
    "acme",
    frozenset(),
    frozenset({Permission.ACCOUNTS_READ}),
    OTTO.name,
    12.0,
    99.0,
)
SESSION = Session("s1", SessionKind.BROWSER, ANNA.name, 20.0, 20.0, 100.0)


async def test_a_user_is_read_as_it_was_written(store: SqlStore) -> None:
    assert await store.access.save_user(ANNA, 0)
    assert await store.access.save_user(OTTO, 0)
    assert await store.access.user(ANNA.name) == ANNA
    assert await store.access.user("nobody") is None
    assert await store.access.users(None, "", 10) == [ANNA, OTTO]
    assert await store.access.users("acme", "", 10) == [ANNA]
    assert await store.access.users(None, ANNA.name, 10) == [OTTO]


async def test_a_user_is_changed_only_as_it_was_read(store: SqlStore) -> None:
    assert await store.access.save_user(ANNA, 0)
    assert not await store.access.save_user(replace(ANNA, role=Role.OPERATOR), 0)
    changes = [store.access.save_user(replace(ANNA, tenant=f"t{n}"), 1) for n in range(8)]
    assert sorted(await asyncio.gather(*changes)) == [False] * 7 + [True]
    assert not await store.access.remove_user(ANNA.name, 1)
    assert await store.access.remove_user(ANNA.name, 2)
    assert not await store.access.remove_user(ANNA.name, None)


async def test_a_removed_user_leaves_neither_sessions_nor_tokens(store: SqlStore) -> None:
    await store.access.save_user(OTTO, 0)
    await store.access.add_token(TOKEN)
    await store.access.add_session(replace(SESSION, user=OTTO.name))
    await store.access.remove_user(OTTO.name, None)
    assert await store.access.token_by_digest("d1") is None
    assert await store.access.session("s1") is None


async def test_failures_to_sign_in_are_remembered(store: SqlStore) -> None:
    await store.access.save_user(ANNA, 0)
    await store.access.note_sign_in(ANNA.name, 3, 77.0)
    assert await store.access.user(ANNA.name) == replace(ANNA, failures=3, locked_until=77.0)
    assert await store.access.save_user(replace(ANNA, enabled=False), 1)
    changed = await store.access.user(ANNA.name)
    assert changed == replace(ANNA, enabled=False, revision=2, failures=3, locked_until=77.0)


async def test_a_one_time_code_counts_once(store: SqlStore) -> None:
    await store.access.save_user(ANNA, 0)
    used = await asyncio.gather(*(store.access.use_code_step(ANNA.name, 5) for _ in range(8)))
    assert sorted(used) == [False] * 7 + [True]
    assert not await store.access.use_code_step(ANNA.name, 4)
    assert await store.access.use_code_step(ANNA.name, 6)


async def test_a_recovery_code_counts_once_and_goes_with_its_user(store: SqlStore) -> None:
    await store.access.save_user(ANNA, 0)
    await store.access.put_recovery_codes(ANNA.name, ["a", "b"])
    used = await asyncio.gather(*(store.access.use_recovery_code(ANNA.name, "a") for _ in range(8)))
    assert sorted(used) == [False] * 7 + [True]
    assert await store.access.count_recovery_codes(ANNA.name) == 1
    await store.access.put_recovery_codes(ANNA.name, ["c"])
    assert not await store.access.use_recovery_code(ANNA.name, "b")
    name = SecretName("user", ANNA.name, "totp")
    await store.secrets.put_secrets([SealedSecret(name, Sealed("k", b"x"))], 1.0)
    await store.access.remove_user(ANNA.name, None)
    assert await store.access.count_recovery_codes(ANNA.name) == 0
    assert await store.secrets.sealed_secrets("user", [ANNA.name]) == {}


async def test_sessions_of_a_user_are_listed_and_ended_but_one(store: SqlStore) -> None:
    other = replace(SESSION, digest="s2", created_at=30.0, address="192.0.2.1")
    for each in (SESSION, other, replace(SESSION, digest="s3", user="otto")):
        await store.access.add_session(each)
    assert await store.access.sessions_of(ANNA.name) == [other, SESSION]
    await store.access.end_sessions(ANNA.name, "s2")
    assert await store.access.sessions_of(ANNA.name) == [other]


async def test_a_token_is_found_by_its_digest_and_revoked_once(store: SqlStore) -> None:
    await store.access.add_token(TOKEN)
    assert await store.access.token_by_digest("d1") == TOKEN
    assert await store.access.token_by_digest("d2") is None
    assert (await store.access.token("t1"), await store.access.token("t2")) == (TOKEN, None)
    await store.access.note_token_use({"t1": 30.0, "unknown": 31.0})
    assert await store.access.revoke_token("t1", 40.0)
    assert not await store.access.revoke_token("t1", 41.0)
    assert await store.access.tokens("acme", "", 10) == [replace(TOKEN, used_at=30.0, revoked_at=40.0)]
    assert await store.access.tokens("other", "", 10) == []


async def test_a_link_is_used_by_one_of_many(store: SqlStore) -> None:
    await store.access.add_session(replace(SESSION, kind=SessionKind.LINK))
    used = await asyncio.gather(*(store.access.end_session("s1") for _ in range(8)))
    assert sorted(used) == [False] * 7 + [True]


async def test_a_session_is_prolonged_and_deleted_when_it_has_expired(store: SqlStore) -> None:
    await store.access.add_session(SESSION)
    await store.access.touch_session("s1", 30.0, 150.0)
    assert await store.access.session("s1") == replace(SESSION, seen_at=30.0, expires_at=150.0)
    await store.access.add_session(replace(SESSION, digest="s2", created_at=151.0, expires_at=200.0))
    assert await store.access.session("s1") is None
    await store.access.end_sessions(ANNA.name)
    assert await store.access.session("s2") is None


async def test_the_audit_is_read_from_the_newest_on(store: SqlStore) -> None:
    records = [
        AuditRecord(1.0, "otto", "192.0.2.1", "account.set", "acme", "acme/info", {"poll": "60s"}, {}),
        AuditRecord(2.0, "otto", "192.0.2.1", "epoch.confirm", None, "epoch"),
        AuditRecord(3.0, "otto", "192.0.2.1", "account.add", "other", "other/ü", None, {"ü": ["x"]}),
    ]
    await store.access.record(records)
    found = await store.access.audit(None, 0, 2)
    assert [replace(each, number=0) for each in found] == records[:0:-1]
    [oldest] = await store.access.audit(None, found[-1].number, 2)
    assert replace(oldest, number=0) == records[0]
    assert await store.access.audit("acme", 0, 5) == [oldest]


async def test_a_repeated_request_gets_the_first_answer(store: SqlStore) -> None:
    answer = Answer(201, {"ETag": '"5"'}, b"{}")
    assert await store.access.begin_request("t1", "k", "body", 100.0) == Known(Repetition.NEW)
    assert await store.access.begin_request("t1", "k", "body", 101.0) == Known(Repetition.RUNNING)
    assert await store.access.begin_request("t1", "k", "other", 101.0) == Known(Repetition.OTHER)
    assert await store.access.begin_request("t2", "k", "other", 101.0) == Known(Repetition.NEW)
    await store.access.end_request("t1", "k", answer)
    assert await store.access.begin_request("t1", "k", "body", 500.0) == Known(Repetition.DONE, answer)
    assert await store.access.begin_request("t1", "k", "body", 101.0 + KEPT) == Known(Repetition.NEW)


async def test_a_request_that_failed_or_was_killed_may_be_made_again(store: SqlStore) -> None:
    await store.access.begin_request("t1", "k", "body", 100.0)
    await store.access.end_request("t1", "k", None)
    assert await store.access.begin_request("t1", "k", "body", 101.0) == Known(Repetition.NEW)
    again = 102.0 + LONGEST
    assert await store.access.begin_request("t1", "k", "body", again) == Known(Repetition.NEW)


async def test_of_many_equal_requests_one_is_made(store: SqlStore) -> None:
    found = await asyncio.gather(*(store.access.begin_request("t1", "k", "b", 100.0) for _ in range(8)))
    assert sorted(each.repetition for each in found) == [Repetition.NEW] + [Repetition.RUNNING] * 7
