"""The ways of logging in to a source: what each of them shows to whom, and their order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Exposure(Enum):
    """What somebody who listens learns of the secret where there is no TLS."""

    PROOF = auto()
    """Nothing but a salted, slow digest."""
    DIGEST = auto()
    """A fast digest, against which any number of passwords can be tried."""
    SECRET = auto()
    """The password or token itself. The server learns it, too."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method by its name in the configuration, which is that of the SASL mechanism or the POP3 command.

    `token`: it takes a token in place of a password. `default`: it is on unless an account names its methods.
    """

    name: str
    exposure: Exposure
    token: bool = False
    default: bool = True


METHODS = (
    Method("scram-sha-256-plus", Exposure.PROOF),
    Method("scram-sha-1-plus", Exposure.PROOF),
    Method("scram-sha-256", Exposure.PROOF),
    Method("scram-sha-1", Exposure.PROOF),
    Method("oauthbearer", Exposure.SECRET, token=True),
    Method("xoauth2", Exposure.SECRET, token=True),
    Method("cram-md5", Exposure.DIGEST),
    Method("ntlm", Exposure.DIGEST, default=False),
    Method("apop", Exposure.DIGEST, default=False),
    Method("plain", Exposure.SECRET),
    Method("login", Exposure.SECRET),
    Method("user", Exposure.SECRET),
)
"""All of them, from most to least secure; "user" is POP3's USER and PASS."""

BY_NAME = {method.name: method for method in METHODS}

DETECTIONS = ("capa", "auth", "banner")
"""How a POP3 server is asked for its methods: CAPA; AUTH without an argument where CAPA tells nothing; the
timestamp in its greeting, which announces APOP. Each can be switched off."""
