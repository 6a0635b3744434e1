"""A collector of OpenTelemetry, as far as tests need it: it takes spans by OTLP over HTTP and keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typing_extensions import override

from tests.servers.ports import LOOPBACK


class ReceivedSpan(NamedTuple):
    """A span as it came: ids in hexadecimal digits, values without the prefix `mailferry.`."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[str, ...]
    values: dict[str, str]
    failed: bool


@dataclass
class OtlpReceiver:
    """What came, and where it listens."""

    spans: list[ReceivedSpan] = field(default_factory=list)
    endpoint: str = ""

    def named(self, name: str) -> list[ReceivedSpan]:
        """Return the spans of one kind of step."""
        return [each for each in self.spans if each.name == name]

    def take(self, body: bytes) -> None:
        """Keep the spans of a request."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    values = {
                        each.key.removeprefix("mailferry."): each.value.string_value
                        or str(each.value.int_value)
                        for each in span.attributes
                    }
                    self.spans.append(
                        ReceivedSpan(
                            about["service.name"],
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            tuple(link.span_id.hex() for link in span.links),
                            values,
                            failed=span.status.code == span.status.STATUS_CODE_ERROR,
                        )
                    )


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """Receive spans within the context."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    receiver.endpoint = f"http://{LOOPBACK}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
