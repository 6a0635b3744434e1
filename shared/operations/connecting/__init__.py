"""The owner of a mailbox connects it, by a link or signed in: by OAuth, or by a password."""

from shared.operations.connecting.errors import ConnectRefused, LinkExhausted
from shared.operations.connecting.links import ConnectLinks, LinkStatus, NewLink
from shared.operations.connecting.owners import CameBack, Connecting, ConnectPage, ConnectWay

__all__ = [
    "CameBack",
    "ConnectLinks",
    "ConnectPage",
    "ConnectRefused",
    "ConnectWay",
    "Connecting",
    "LinkExhausted",
    "LinkStatus",
    "NewLink",
]
