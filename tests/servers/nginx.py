"""A private nginx with one of the files in `deploy/nginx/`."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from tests.fakes.command import REPOSITORY
from tests.fakes.tools import tool
from tests.servers.certificate import make_certificate
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.process import ServerProcess
from tests.servers.server import Server

FILES = REPOSITORY / "deploy" / "nginx"
AROUND = """
user root;
daemon off;
pid {directory}/pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/example.conf;
}}
"""


class Nginx(Server):
    """The example `name`, with `changes` of its text: each is there exactly once.

    It serves TLS at `port`, for clients that trust `certificate.chain`.
    """

    def __init__(self, directory: Path, name: str, changes: Mapping[str, str]) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.certificate = make_certificate(directory)
        text = (FILES / name).read_text()
        own = {
            "/etc/ssl/mailferry/fullchain.pem": str(self.certificate.chain),
            "/etc/ssl/mailferry/key.pem": str(self.certificate.key),
        }
        for old, new in {**own, **changes}.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new.replace("PORT", str(self.port)))
        (directory / "example.conf").write_text(text)
        (directory / "nginx.conf").write_text(AROUND.format(directory=directory))

    @property
    def trust(self) -> ssl.SSLContext:
        """For clients."""
        return ssl.create_default_context(cafile=str(self.certificate.chain))

    def url(self, path: str) -> str:
        return f"https://{LOOPBACK}:{self.port}{path}"

    @override
    def start(self) -> None:
        log = self.directory / "output"
        command = [tool("nginx"), "-e", str(log), "-p", str(self.directory)]
        self._process = ServerProcess([*command, "-c", f"{self.directory}/nginx.conf"], log=log)
        self._process.wait_until((self.directory / "pid").exists)
