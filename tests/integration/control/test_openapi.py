"""The whole API, driven by its own description, and what holds for each answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fakes.api import CALLERS, Api, open_api

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = {"operator": 3, "owner": 3}
"""For each of some 150 operations; one for the other roles, which differ in what they may do. More would take
more than a minute of CPU.
"""


@pytest.mark.parametrize("caller", [*CALLERS, None])
def test_no_request_by_the_description_gets_an_undocumented_answer(
    caller: str | None, tmp_path: Path
) -> None:
    with asyncio.Runner() as runner:

        async def opened() -> tuple[Any, Api]:
            opening = open_api(tmp_path)
            return opening, await opening.__aenter__()

        opening, api = runner.run(opened())
        api.control.streams.are_ending = True  # a stream ends after its first look
        try:
            answers: Counter[int] = Counter()
            described = schemathesis.openapi.from_dict(api.app.openapi())
            operations = 0
            for result in described.get_all_operations():
                assert not isinstance(result, Err), result.err()
                operation = result.ok()
                if operation.path.endswith("/autoconfig"):
                    continue  # it would look invented domains up
                operations += 1
                _drive(operation, api, caller, runner, answers)
        finally:
            runner.run(opening.__aexit__(None, None, None))
    assert operations > 40
    assert answers.keys() >= ({200, 404} if caller else {401})


KNOWN = {"tenant": "acme", "account": "info", "target": "exchange"}


def _known(parameters: Mapping[str, object] | None) -> dict[str, str]:
    """What is there, in place of generated names."""
    return {name: value for name, value in KNOWN.items() if name in (parameters or {})}


def _drive(
    operation: Any, api: Api, caller: str | None, runner: asyncio.Runner, answers: Counter[int]
) -> None:
    @settings(
        max_examples=EXAMPLES.get(caller or "", 1),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def drive(case: Any) -> None:
        if sum(answers.values()) % 2:
            case.path_parameters = {**(case.path_parameters or {}), **_known(case.path_parameters)}
        if caller is not None:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {api.tokens[caller]}"}
        request = case.as_transport_kwargs(base_url="https://api.example")
        sent = {key: request[key] for key in ("json", "data", "params") if key in request}
        if "data" in sent:
            sent["content"] = sent.pop("data")
        headers = {name: value.encode("latin-1", "replace") for name, value in request["headers"].items()}
        answer = runner.run(api.client.request(request["method"], request["url"], headers=headers, **sent))
        answers[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    drive()
