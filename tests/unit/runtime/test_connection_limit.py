from __future__ import annotations

import resource
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from shared.runtime.connection_limit import ConnectionLimit, max_connections


class Client:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


async def test_above_the_limit_the_connection_that_waits_longest_is_aborted() -> None:
    limit, clients = ConnectionLimit(2), [Client() for _ in range(4)]
    with ExitStack() as admitted:
        for client in clients:
            admitted.enter_context(limit.admit(client))
        assert [client.aborted for client in clients] == [True, True, False, False]


async def test_a_connection_that_is_being_answered_is_kept() -> None:
    limit, first, second, third = ConnectionLimit(2), Client(), Client(), Client()
    with limit.admit(first), limit.admit(second):
        limit.begin_answer(first)
        with limit.admit(third):
            assert (first.aborted, second.aborted, third.aborted) == (False, True, False)


async def test_a_new_connection_is_aborted_while_all_others_are_being_answered() -> None:
    limit, first, second = ConnectionLimit(1), Client(), Client()
    with limit.admit(first):
        limit.begin_answer(first)
        with limit.admit(second):
            limit.begin_answer(second)
            assert (first.aborted, second.aborted) == (False, True)
    with limit.admit(third := Client()):
        assert not third.aborted


async def test_a_connection_that_ended_does_not_count() -> None:
    limit = ConnectionLimit(1)
    for _ in range(3):
        with limit.admit(client := Client()):
            limit.begin_answer(client)
        assert not client.aborted


async def test_it_is_logged_once_a_minute_that_connections_were_aborted() -> None:
    limit = ConnectionLimit(1)
    with capture_logs() as logs, ExitStack() as admitted:
        for _ in range(5):
            admitted.enter_context(limit.admit(Client()))
    assert [(line["log_level"], line["most"]) for line in logs] == [("warning", 1)]


@pytest.mark.parametrize(
    ("files", "connections"), [(resource.RLIM_INFINITY, 32), (65536, 32), (1024, 32), (256, 16), (20, 4)]
)
def test_the_health_pages_get_few_of_the_files_that_a_process_may_open(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (files, files))
    assert max_connections() == connections
