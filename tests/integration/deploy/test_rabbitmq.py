"""What `deploy/rabbitmq/` defines suffices for Mailferry on a real RabbitMQ, and for no more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.rabbitmq import RabbitMq

DEFINITIONS = REPOSITORY / "deploy" / "rabbitmq" / "definitions.json"
PASSWORD = "of-the-test"


@pytest.fixture
def url(rabbitmq: RabbitMq, tmp_path: Path) -> str:
    """The URL of the virtual host and the user of the definitions."""
    file = tmp_path / "definitions.json"
    file.write_text(DEFINITIONS.read_text().replace("PASSWORD", PASSWORD))
    shutil.copy(file, rabbitmq.directory / "definitions.json")
    (rabbitmq.directory / "definitions.json").chmod(0o644)
    path = rabbitmq.directory / "definitions.json"
    rabbitmq.evaluate(f'{{ok, Text}} = file:read_file("{path}"), ok = rabbit_definitions:import_raw(Text).')
    return f"amqp://mailferry:{PASSWORD}@{rabbitmq.host}:{rabbitmq.port}/mailferry"


def test_its_rights_suffice_for_the_queues_and_for_mail(url: str, postgres_url: str, tmp_path: Path) -> None:
    source = Pop3Server({"u": [("uid-1", tagged("one").raw)]})
    with in_background(source), in_background(SmtpServer()) as target:
        servers = f'store.url = "{postgres_url}"\nbroker.url = "{url}"'
        box = account("bob", source.port, Login("u", "secret"))
        with Ferry(tmp_path, configuration([box], servers=servers, target=target.port)) as ferry:
            for command in (("db", "upgrade"), ("topology", "apply"), ("topology", "check")):
                ended = ferry.call(*command)
                assert ended.code == 0, ended.err
            processes = [ferry.start(each).ready() for each in ("router", "relay", "fetcher")]
            processes[-1].wait_until(lambda: source.deleted("u") == ["uid-1"])
            assert len(target.accepted) == 1


def test_it_may_declare_nothing_of_another_name(url: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
        connection.channel().queue_declare("somebody-elses", durable=True)
    connection.close()
