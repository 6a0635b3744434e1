"""Idle connections to the health pages hold up neither mail nor monitoring."""

from __future__ import annotations

import resource
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from shared.runtime.connection_limit import MAX_CONNECTIONS
from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.ports import LOOPBACK

CONNECTIONS = 1500
FILES = 256
"""Files that the process may open: far fewer than there are connections."""


@pytest.fixture
def many_files() -> Iterator[None]:
    """Allow this process to open the connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"needs {wanted} open files, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def holding_connections(where: tuple[str, int]) -> Iterator[None]:
    """Hold 1,500 silent connections inside the block; replace the oldest by new ones all the time."""
    held = deque(socket.create_connection(where) for _ in range(CONNECTIONS))
    stopped = threading.Event()

    def renew() -> None:
        while not stopped.is_set():
            held.popleft().close()
            held.append(socket.create_connection(where))

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        for each in held:
            each.close()


@pytest.mark.usefixtures("many_files")
def test_mail_passes_and_pages_are_served_beside_1500_idle_connections(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    mails = [tagged(f"idle-{number}") for number in range(2)]
    with in_background(SmtpServer()) as target:

        def has(wanted: Tagged) -> bool:
            return wanted.tag in {tag_of(mail.content) for mail in target.accepted}

        text = configuration([account("only", dovecot.pop3_port, login)], target=target.port)
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start().ready()
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
            where = LOOPBACK, process.said("health pages served")[-1]["port"]
            with holding_connections(where):
                for mail in mails:
                    dovecot.fill(login.name, [mail.raw])
                    process.wait_until(partial(has, mail))
                    assert process.page("/readyz")[0] == 200
                    assert process.metric("process_open_fds") < FILES / 2
            (line, *_) = process.said("too many connections to the health pages")
            assert line["most"] == MAX_CONNECTIONS
            assert "Too many open files" not in process.output
            assert process.terminate() == 0
