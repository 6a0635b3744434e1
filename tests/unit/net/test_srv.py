from __future__ import annotations

from pathlib import Path

import dns.asyncresolver
import pytest

from shared.model.errors import Fault
from shared.net.errors import NameLookupFailed
from shared.net.srv import services
from tests.fakes.name_server import Zone, name_server

NAME = "_imaps._tcp.corp.example"


async def found(records: Zone, seconds: float = 40.0) -> list[tuple[str, int]]:
    async with name_server(records) as server:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.port
        answer = await services(NAME, seconds=seconds, fault=Fault.SOURCE, resolver=resolver)
        return [(each.host, each.port) for each in answer]


async def test_the_most_preferred_server_is_first_and_of_equals_the_heaviest() -> None:
    records = ["20 0 993 last.example.", "10 1 993 light.example.", "10 9 1993 heavy.example."]
    assert await found({NAME: {"SRV": records}}) == [
        ("heavy.example", 1993),
        ("light.example", 993),
        ("last.example", 993),
    ]


async def test_a_root_as_target_says_that_there_is_no_such_service() -> None:
    assert await found({NAME: {"SRV": ["0 0 0 ."]}}) == []


@pytest.mark.parametrize("zone", [{}, {NAME: {}}])
async def test_a_domain_without_such_records_has_no_such_service(zone: Zone) -> None:
    assert await found(zone) == []


async def test_a_name_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NameLookupFailed, match=r"The servers of _imaps\._tcp\.corp\.example cannot be"):
        await found({NAME: None}, seconds=0.5)
