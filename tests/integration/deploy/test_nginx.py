"""nginx, before the metrics of a machine and before API and console, as the examples have it."""

from __future__ import annotations

import urllib.error
import urllib.request
from base64 import b64encode
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from typing_extensions import override

from tests.servers.directory import server_directory
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import configuration
from tests.servers.nginx import Nginx
from tests.servers.ports import LOOPBACK

SECONDS = 40


def ask(nginx: Nginx, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
    request = urllib.request.Request(nginx.url(path), headers=headers, method=method)  # noqa: S310 - our own URL
    trust = nginx.trust
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=SECONDS, context=trust)  # noqa: S310 - as above
    return answer


def status(nginx: Nginx, path: str, method: str = "GET", **headers: str) -> int:
    try:
        with ask(nginx, path, method, **headers) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class Pages(BaseHTTPRequestHandler):
    """Answers with the path that was asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_it_lets_prometheus_alone_read_the_pages_of_each_service() -> None:
    with ThreadingHTTPServer((LOOPBACK, 0), Pages) as pages, server_directory("nginx") as directory:
        Thread(target=pages.serve_forever, daemon=True).start()
        names = directory / "htpasswd"
        names.write_text("prometheus:{PLAIN}secret\n")
        changes = {
            "listen 9443": f"listen {LOOPBACK}:PORT",
            "127.0.0.1:9465": f"{LOOPBACK}:{pages.server_port}",
            "/etc/nginx/mailferry.htpasswd": str(names),
        }
        let_in = {"Authorization": "Basic " + b64encode(b"prometheus:secret").decode()}
        with Nginx(directory, "mailferry-metrics.conf", changes) as nginx:
            assert status(nginx, "/router/metrics", **let_in) == 403, "we are not in 192.0.2.0/24"
        changes["192.0.2.0/24"] = LOOPBACK
        with Nginx(directory, "mailferry-metrics.conf", changes) as nginx:
            with ask(nginx, "/router/metrics", **let_in) as answer:
                assert answer.read() == b"/metrics"
            assert status(nginx, "/router/metrics") == 401
            assert status(nginx, "/router/metrics", "POST", **let_in) == 403
            assert status(nginx, "/router/other", **let_in) == 404
            assert status(nginx, "/relay/livez", **let_in) == 502, "nothing listens there"
        pages.shutdown()


def test_api_and_console_are_reached_through_it_and_events_come_as_they_happen(tmp_path: Path) -> None:
    control = f'[control]\nproxies = ["{LOOPBACK}"]\n'
    with Ferry(tmp_path, configuration([control])) as ferry:
        process = ferry.start("run", MAILFERRY_CONTROL__LISTEN=f"{LOOPBACK}:0")
        process.wait_until(lambda: process.said("API served"))
        port = process.said("API served")[-1]["port"]
        token = ferry.call("token", "create", "test", "--role", "operator").out.strip()
        changes = {"listen 443": f"listen {LOOPBACK}:PORT", "127.0.0.1:8464": f"{LOOPBACK}:{port}"}
        with (
            server_directory("nginx") as directory,
            Nginx(directory, "mailferry-console.conf", changes) as nginx,
        ):
            with ask(nginx, "/") as answer:
                assert b"Mailferry" in answer.read()
                assert answer.headers["Strict-Transport-Security"], "it believes that people come by TLS"
            with ask(nginx, "/api/v1/events/stream", Authorization=f"Bearer {token}") as stream:
                assert stream.readline() == b"retry: 3000\n", "its beginning is there though it goes on"
