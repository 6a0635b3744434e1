"""Asks the health pages of a process: for containers and service managers, which want an exit code."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from shared.model.errors import quoted

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read. One of ours has a few hundred."""
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - it is replaced, not listened on


@dataclass(frozen=True, slots=True)
class Health:
    """What a process says of itself, each a sentence. It can work if there are no problems."""

    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def check_health(host: str, port: int, *, live: bool, timeout: float) -> Health:
    """Ask `/livez` or `/readyz` of the process that listens on `host` and `port`.

    `timeout` is in seconds. No answer, or one that is not ours, is a problem like any other.
    """
    page = "/livez" if live else "/readyz"
    where = f"{host}:{port}{page}"
    connection = http.client.HTTPConnection(EVERY_ADDRESS.get(host, host), port, timeout=timeout)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Health((f"{where} does not answer: {quoted(reason)}",))
    finally:
        connection.close()
    return judge_answer(where, answer.status, body, live=live)


def judge_answer(where: str, status: int, body: bytes, *, live: bool) -> Health:
    """Return what an answer says. Ready is only who says so: another server may have our port."""
    if live:
        alive = status == HTTPStatus.OK and body.strip() == b"ok"
        return Health() if alive else Health((f"{where} answers {status}, which is no answer of Mailferry.",))
    said = _json(body)
    checks, remarks = said.get("checks"), said.get("remarks")
    if not isinstance(checks, dict) or not isinstance(remarks, dict):
        return Health((f"{where} answers {status}, which is no answer of Mailferry.",))
    problems = [f"{name}: {problem}" for name, problem in checks.items() if problem != "ok"]
    if not problems and (status != HTTPStatus.OK or said.get("ready") is not True):
        problems = [f"{where} answers {status} and names no problem."]
    return Health(tuple(problems), tuple(f"{name}: {remark}" for name, remark in remarks.items()))


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
