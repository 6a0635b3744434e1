from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from shared.operations.healthcheck import Health, check_health, judge_answer
from shared.runtime.health import HealthPages, Readiness
from tests.servers.ports import free_port


def page(readiness: Readiness, path: str) -> tuple[int, bytes]:
    """Status and body of the answer that a process with this readiness gives."""
    answer = HealthPages(CollectorRegistry(), readiness).answer(f"GET {path} HTTP/1.1".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def judged(readiness: Readiness) -> Health:
    status, body = page(readiness, "/readyz")
    return judge_answer("here", status, body, live=False)


def test_a_process_that_can_work_is_healthy() -> None:
    readiness = Readiness()
    readiness.add_check("store", lambda: None)
    assert judged(readiness) == Health()


def test_every_check_that_fails_is_named_with_its_sentence() -> None:
    readiness = Readiness()
    readiness.set_problem("store", "the database does not answer")
    readiness.set_problem("broker", None)
    assert judged(readiness) == Health(("store: the database does not answer",))


def test_a_remark_is_shown_and_is_no_problem() -> None:
    readiness = Readiness()
    readiness.add_remark("fetcher", lambda: "3 mails of unnamed accounts")
    assert judged(readiness) == Health((), ("fetcher: 3 mails of unnamed accounts",))


def test_a_process_that_answers_is_alive_whatever_it_lacks() -> None:
    readiness = Readiness()
    readiness.set_problem("store", "the database does not answer")
    status, body = page(readiness, "/livez")
    assert judge_answer("here", status, body, live=True) == Health()


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("body", [b"", b"<html>It works!</html>", b"[]", b'{"ready": true}', b"\xff"])
def test_another_server_on_the_port_is_not_taken_for_ours(body: bytes, live: bool) -> None:
    assert judge_answer("here", 200, body, live=live).problems


@given(status=st.integers(100, 599), body=st.binary(max_size=200), live=st.booleans())
def test_no_answer_breaks_the_check(status: int, body: bytes, live: bool) -> None:
    judge_answer("here", status, body, live=live)


def test_unready_without_a_reason_is_unready() -> None:
    body = json.dumps({"ready": False, "checks": {"store": "ok"}, "remarks": {}}).encode()
    assert judge_answer("here", 503, body, live=False).problems == ("here answers 503 and names no problem.",)


def test_a_port_on_which_nobody_listens_is_a_problem() -> None:
    health = check_health("127.0.0.1", free_port(), live=False, timeout=5)
    assert [problem.split(" does not answer: ")[1] for problem in health.problems] == ["Connection refused"]
