"""The address of RabbitMQ, and its errors as sentences that name host, port and virtual host, never a
password.
"""

from __future__ import annotations

import pika
from pika import exceptions

from shared.adapters.rabbitmq.settings import RabbitMqSettings
from shared.model.errors import ConfigurationError, quoted

ACCESS_REFUSED = 403
NOT_FOUND = 404
RESOURCE_LOCKED = 405
PRECONDITION_FAILED = 406
NOT_ALLOWED = 530


class Address:
    """A parsed AMQP URL. Raises ConfigurationError where it is none."""

    def __init__(self, url: str, settings: RabbitMqSettings) -> None:
        parameters = _parsed(url)
        parameters.connection_attempts = 1
        parameters.heartbeat = settings.heartbeat
        parameters.blocked_connection_timeout = settings.blocked_timeout
        parameters.socket_timeout = settings.connect_timeout
        parameters.stack_timeout = settings.connect_timeout + settings.answer_timeout
        self._parameters = parameters
        self.name = f"RabbitMQ at {parameters.host}:{parameters.port}"

    def parameters(self, purpose: str) -> pika.URLParameters:
        """Return pika's connection parameters; RabbitMQ's own tools show `purpose`."""
        self._parameters.client_properties = {"connection_name": f"mailferry {purpose}"}
        return self._parameters

    def explain(self, error: BaseException) -> str:
        """Return what happened, as a sentence."""
        return f"{self.name} {self._explain(_cause(error))}"

    def _explain(self, error: BaseException) -> str:
        user, vhost = quoted(self._parameters.credentials.username), quoted(self._parameters.virtual_host)
        match error:
            case exceptions.ProbableAuthenticationError() | exceptions.AuthenticationError():
                return f"refuses the user {user!r} or its password"
            case exceptions.ProbableAccessDeniedError():
                return f"has no virtual host {vhost!r}, or the user {user!r} may not use it"
            case exceptions.ConnectionClosed() | exceptions.ChannelClosed():
                return f"ended the session on virtual host {vhost!r}: {quoted(str(error.reply_text))}"
            case exceptions.ConnectionBlockedTimeout():
                return "blocked publishers for too long (disk or memory alarm)"
            case exceptions.AMQPHeartbeatTimeout():
                return "stopped answering"
            case OSError():
                return f"cannot be reached: {error.strerror or quoted(str(error))}"
            case _:
                return f"is lost: {quoted(str(error) or type(error).__name__)}"


def _parsed(url: str) -> pika.URLParameters:
    unusable = ConfigurationError(["the broker's URL is no usable amqp:// or amqps:// URL"])
    if not url.startswith(("amqp://", "amqps://")):
        raise unusable
    try:
        return pika.URLParameters(url)
    except (ValueError, TypeError, AttributeError, SyntaxError):
        # pika's own text may repeat the URL, and with it the password.
        raise unusable from None


def _cause(error: BaseException) -> BaseException:
    """Return the innermost error; pika wraps errors of connecting in several ways."""
    inner = getattr(error, "exceptions", None) or [getattr(error, "exception", None), *error.args]
    for candidate in reversed(inner):
        if isinstance(candidate, BaseException):
            return _cause(candidate)
    return error
