from __future__ import annotations

import resource
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from shared.runtime.connection_limit import ConnectionLimit, most_connections


class Watcher:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


async def test_of_too_many_the_one_that_has_waited_longest_has_to_go() -> None:
    limit, watchers = ConnectionLimit(2), [Watcher() for _ in range(4)]
    with ExitStack() as places:
        for watcher in watchers:
            places.enter_context(limit.place(watcher))
        assert [watcher.aborted for watcher in watchers] == [True, True, False, False]


async def test_who_is_being_answered_keeps_its_place() -> None:
    limit, first, second, third = ConnectionLimit(2), Watcher(), Watcher(), Watcher()
    with limit.place(first), limit.place(second):
        limit.answering(first)
        with limit.place(third):
            assert (first.aborted, second.aborted, third.aborted) == (False, True, False)


async def test_a_newcomer_has_to_go_while_all_others_are_being_answered() -> None:
    limit, first, second = ConnectionLimit(1), Watcher(), Watcher()
    with limit.place(first):
        limit.answering(first)
        with limit.place(second):
            limit.answering(second)
            assert (first.aborted, second.aborted) == (False, True)
    with limit.place(third := Watcher()):
        assert not third.aborted


async def test_a_place_that_was_left_is_free() -> None:
    limit = ConnectionLimit(1)
    for _ in range(3):
        with limit.place(watcher := Watcher()):
            limit.answering(watcher)
        assert not watcher.aborted


async def test_it_is_logged_once_a_minute_that_connections_had_to_go() -> None:
    limit = ConnectionLimit(1)
    with capture_logs() as logs, ExitStack() as places:
        for _ in range(5):
            places.enter_context(limit.place(Watcher()))
    assert [(line["log_level"], line["most"]) for line in logs] == [("warning", 1)]


@pytest.mark.parametrize(
    ("files", "connections"), [(resource.RLIM_INFINITY, 32), (65536, 32), (1024, 32), (256, 16), (20, 4)]
)
def test_watchers_get_few_of_the_files_that_a_process_may_open(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (files, files))
    assert most_connections() == connections
