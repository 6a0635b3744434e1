from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from shared.model.errors import Fault, MailferryError
from shared.ports.tracing import CURRENT_TRACE
from shared.runtime.logs import set_up_logs
from tests.fakes.logs import logs_restored


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def json_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_and_logger() -> None:
    stream = io.StringIO()
    set_up_logs("info", "auto", stream)
    structlog.get_logger("mailferry.fetcher").info("visited", account="acme/catchall", fetched=3)
    (line,) = json_lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "visited",
        "level": "info",
        "logger": "mailferry.fetcher",
        "account": "acme/catchall",
        "fetched": 3,
    }


def test_a_line_carries_the_trace_of_the_step_in_which_it_is_written() -> None:
    stream = io.StringIO()
    set_up_logs("info", "json", stream)
    token = CURRENT_TRACE.set("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    structlog.get_logger("mailferry.relay").info("target out of reach")
    CURRENT_TRACE.reset(token)
    structlog.get_logger("mailferry.relay").info("target reached again")
    traces = [line.get("trace_id") for line in json_lines(stream)]
    assert traces == ["4bf92f3577b34da6a3ce929d0e0e4736", None]


def test_a_terminal_gets_readable_text() -> None:
    stream = Terminal()
    set_up_logs("info", "auto", stream)
    structlog.get_logger("mailferry.fetcher").info("visited", fetched=3)
    assert "visited" in stream.getvalue()
    assert not stream.getvalue().lstrip().startswith("{")


def test_the_form_can_be_forced() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    set_up_logs("info", "json", terminal)
    structlog.get_logger().info("said")
    assert json_lines(terminal)[0]["event"] == "said"
    set_up_logs("info", "text", pipe)
    structlog.get_logger().info("said")
    assert not pipe.getvalue().startswith("{")


@pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lines_below_the_level_are_left_out(level: str, expected: int) -> None:
    stream = io.StringIO()
    set_up_logs(level, "json", stream)
    log = structlog.get_logger()
    log.debug("one")
    log.info("two")
    log.warning("three")
    log.error("four")
    assert len(json_lines(stream)) == expected


def test_an_error_is_written_as_its_sentence_with_fault_and_temporary() -> None:
    stream = io.StringIO()
    set_up_logs("info", "json", stream)
    error = MailferryError("The mailbox is locked.", temporary=True, fault=Fault.SOURCE)
    structlog.get_logger().warning("visit failed", error=error)
    (line,) = json_lines(stream)
    assert (line["error"], line["fault"], line["temporary"]) == ("The mailbox is locked.", "source", True)


def test_an_error_without_a_message_is_written_by_its_name() -> None:
    stream = io.StringIO()
    set_up_logs("info", "json", stream)
    structlog.get_logger().warning("cut", error=ConnectionResetError())
    assert json_lines(stream)[0]["error"] == "ConnectionResetError"


def test_the_traceback_of_a_bug_is_in_the_line() -> None:
    stream = io.StringIO()
    set_up_logs("info", "json", stream)
    nobody: dict[str, int] = {}
    try:
        nobody["bob@corp.example"]
    except KeyError:
        structlog.get_logger().exception("a bug")
    (line,) = json_lines(stream)
    assert "KeyError" in line["exception"]
    assert "corp.example" not in line["exception"]


def test_lines_of_libraries_are_written_from_warning_on() -> None:
    stream = io.StringIO()
    set_up_logs("debug", "json", stream)
    logging.getLogger("library.part").info("connecting")
    logging.getLogger("library.part").warning("lost %s", "amqp://u:canary@host")
    (line,) = [each for each in json_lines(stream) if each["logger"] == "library.part"]
    assert line["event"] == "lost amqp://u:********@host" or "canary" not in line["event"]
    assert (line["level"], line["logger"]) == ("warning", "library.part")


def test_secrets_and_addresses_are_redacted_in_both_forms() -> None:
    for form in ("json", "text"):
        stream = io.StringIO()
        set_up_logs("info", form, stream)
        structlog.get_logger().info(
            "login", username="canary", password="canary", note="to canary@corp.example"
        )
        assert "canary" not in stream.getvalue()


def test_a_server_cannot_forge_a_line_on_a_terminal() -> None:
    stream = Terminal()
    set_up_logs("info", "text", stream)
    structlog.get_logger().info("refused", reply="no\r\n2026-01-01 forged \x1b[2J")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b[2J" not in stream.getvalue()


def test_tests_that_follow_a_command_see_all_lines() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    with logs_restored():
        set_up_logs("error", "auto", io.StringIO())
    assert (root.handlers, root.level) == before
    with capture_logs() as lines:
        structlog.get_logger("mailferry.fetcher").info("visited")
    assert [line["event"] for line in lines] == ["visited"]
