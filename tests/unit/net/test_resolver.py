"""Looking up names: /etc/hosts, then name servers, which this test plays; no look-up waits for another."""

from __future__ import annotations

import asyncio
import os
from ipaddress import ip_network
from pathlib import Path

import dns.asyncresolver
import pytest

from shared.model.address_policy import AddressPolicy
from shared.model.endpoint import Endpoint
from shared.model.errors import Fault
from shared.net import resolver
from shared.net.dial import dial
from shared.net.errors import AddressRefused, NameLookupFailed
from shared.net.resolver import AddressBook, HostsFile, NameServers, parse_hosts
from tests.fakes.name_server import NameServer, Zone, configured, name_server

SILENT: Zone = {f"silent{number}.example": None for number in range(20)}
ALIVE: Zone = {"pop.example": {"A": ["127.0.0.1"]}}


class Servers(NameServers):
    """Asks at a port that a test may have."""

    def __init__(self, path: Path, port: int) -> None:
        super().__init__(path)
        self._port = port

    def resolver(self) -> dns.asyncresolver.Resolver:
        asked = super().resolver()
        asked.port = self._port
        return asked


def book(directory: Path, server: NameServer, extra: str = "", hosts: str = "") -> AddressBook:
    (directory / "hosts").write_text(hosts, encoding="ascii")
    servers = Servers(configured(directory, server, extra), server.port)
    return AddressBook(HostsFile(directory / "hosts"), servers)


async def found(asked: AddressBook, host: str, seconds: float = 30) -> list[str]:
    until = asyncio.get_running_loop().time() + seconds
    return list(await asked.addresses(host, until=until, fault=Fault.SOURCE))


async def test_a_name_has_the_addresses_of_both_families(tmp_path: Path) -> None:
    zone = {"pop.example": {"A": ["127.0.0.1"], "AAAA": ["2001:db8::1"]}}
    async with name_server(zone) as server:
        assert sorted(await found(book(tmp_path, server), "pop.example")) == ["127.0.0.1", "2001:db8::1"]


async def test_an_answer_is_kept_for_as_long_as_it_says(tmp_path: Path) -> None:
    async with name_server(ALIVE) as server:
        asked = book(tmp_path, server)
        assert await found(asked, "pop.example") == await found(asked, "POP.example") == ["127.0.0.1"]
        assert server.asked["pop.example", "A"] == 1


async def test_an_answer_that_must_not_be_kept_is_asked_for_again(tmp_path: Path) -> None:
    async with name_server(ALIVE, ttl=0) as server:
        asked = book(tmp_path, server)
        await found(asked, "pop.example")
        await found(asked, "pop.example")
        assert server.asked["pop.example", "A"] == 2


async def test_names_about_which_nobody_answers_hold_up_no_other(tmp_path: Path) -> None:
    async with name_server({**SILENT, **ALIVE}) as server:
        asked = book(tmp_path, server)
        waiting = [asyncio.ensure_future(found(asked, name, seconds=3600)) for name in SILENT]
        await server.heard(2 * len(SILENT))
        assert await found(asked, "pop.example") == ["127.0.0.1"]
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_literal_address_waits_for_no_name_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    silent = Endpoint("silent1.example", 1)
    async with name_server(SILENT) as server:
        monkeypatch.setattr(resolver, "ADDRESS_BOOK", book(tmp_path, server))
        waiting = asyncio.ensure_future(
            dial(silent, connect_timeout=3600, inactivity_timeout=1, fault=Fault.SOURCE)
        )
        await server.heard(1)
        for host in ("127.0.0.1", "127.1"):
            there = Endpoint(host, port)
            (await dial(there, connect_timeout=60, inactivity_timeout=1, fault=Fault.SOURCE)).abort()
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    listener.close()


async def test_an_unanswered_name_is_given_up_in_time_with_a_sentence(tmp_path: Path) -> None:
    async with name_server(SILENT) as server:
        with pytest.raises(NameLookupFailed, match=r"silent1\.example cannot be looked up: .* too long"):
            await found(book(tmp_path, server), "silent1.example", seconds=0.05)


async def test_a_server_that_never_answers_about_ipv6_delays_little(tmp_path: Path) -> None:
    async with name_server(ALIVE, silent=["AAAA"]) as server:
        assert await found(book(tmp_path, server), "pop.example", seconds=3600) == ["127.0.0.1"]


async def test_a_name_that_does_not_exist_and_one_without_an_address_are_told_apart(tmp_path: Path) -> None:
    async with name_server({"empty.example": {"TXT": ["x"]}}) as server:
        asked = book(tmp_path, server)
        with pytest.raises(NameLookupFailed, match="there is no such name"):
            await found(asked, "none.example")
        with pytest.raises(NameLookupFailed, match="the name has no address"):
            await found(asked, "empty.example")


async def test_search_domains_complete_a_name_of_one_label(tmp_path: Path) -> None:
    async with name_server({"mail.corp.example": {"A": ["192.0.2.7"]}}) as server:
        asked = book(tmp_path, server, extra="search corp.example\n")
        assert await found(asked, "mail") == ["192.0.2.7"]


async def test_the_hosts_file_goes_before_name_servers_and_is_read_again_when_it_changes(
    tmp_path: Path,
) -> None:
    async with name_server(ALIVE) as server:
        asked = book(tmp_path, server, hosts="192.0.2.1 pop.example\n")
        assert await found(asked, "pop.example.") == ["192.0.2.1"]
        assert not server.asked
        (tmp_path / "hosts").write_text("192.0.2.22 pop.example\n", encoding="ascii")
        os.utime(tmp_path / "hosts", (1, 1))
        assert await found(asked, "pop.example") == ["192.0.2.22"]
        (tmp_path / "hosts").unlink()
        assert await found(asked, "pop.example") == ["127.0.0.1"]


async def test_localhost_is_this_machine_whatever_name_servers_say(tmp_path: Path) -> None:
    async with name_server({"localhost": {"A": ["192.0.2.1"]}}) as server:
        assert "127.0.0.1" in await found(book(tmp_path, server), "localhost")
        assert not server.asked


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "search example\n"])
async def test_a_machine_without_a_name_server_says_so(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text, encoding="ascii")
    asked = AddressBook(HostsFile(tmp_path / "hosts"), NameServers(path))
    with pytest.raises(NameLookupFailed, match="this machine has no name server"):
        await found(asked, "pop.example")


async def test_an_unreachable_name_server_is_told_and_not_waited_for_beyond_the_time(tmp_path: Path) -> None:
    async with name_server({}) as server:
        asked = book(tmp_path, server)
    with pytest.raises(NameLookupFailed, match="cannot be looked up"):
        await found(asked, "pop.example", seconds=0.5)


async def test_the_address_that_was_looked_up_is_held_against_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = AddressPolicy(denied=(ip_network("127.0.0.0/8"),))
    async with name_server(ALIVE) as server:
        monkeypatch.setattr(resolver, "ADDRESS_BOOK", book(tmp_path, server))
        there = Endpoint("pop.example", 110, addresses=policy)
        with pytest.raises(AddressRefused):
            await dial(there, connect_timeout=60, inactivity_timeout=1, fault=Fault.SOURCE)


def test_lines_of_a_hosts_file_that_make_no_sense_are_passed_over() -> None:
    text = "\ufeffbom x\n\n# c\n127.0.0.1\n300.1.1.1 bad\n::1 Six six. # end\n10.0.0.1 a b\n10.0.0.2 b\n"
    assert parse_hosts(text) == {"six": ["::1"], "a": ["10.0.0.1"], "b": ["10.0.0.1", "10.0.0.2"]}
