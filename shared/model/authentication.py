"""The methods of logging in to a source, in order of security, and what each shows to a listener."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Exposure(Enum):
    """What a listener learns of the secret where there is no TLS."""

    PROOF = auto()
    """Nothing but a salted, slow digest."""
    DIGEST = auto()
    """A fast digest, against which any number of passwords can be tried."""
    SECRET = auto()
    """The password or token itself, which the server learns, too."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method by its name in the configuration, which is that of the SASL mechanism or of the command.

    `token`: it takes a token in place of a password. `default`: it is on unless an account names its methods.
    `is_own_command`: it is no SASL mechanism but a command of the protocol itself.
    """

    name: str
    exposure: Exposure
    token: bool = False
    default: bool = True
    is_own_command: bool = False


METHODS = (
    Method("scram-sha-256-plus", Exposure.PROOF),
    Method("scram-sha-1-plus", Exposure.PROOF),
    Method("scram-sha-256", Exposure.PROOF),
    Method("scram-sha-1", Exposure.PROOF),
    Method("oauthbearer", Exposure.SECRET, token=True),
    Method("xoauth2", Exposure.SECRET, token=True),
    Method("cram-md5", Exposure.DIGEST),
    Method("ntlm", Exposure.DIGEST, default=False),
    Method("apop", Exposure.DIGEST, default=False, is_own_command=True),
    Method("plain", Exposure.SECRET),
    Method("login", Exposure.SECRET),
    Method("user", Exposure.SECRET, is_own_command=True),
)
"""All methods, from most to least secure. "user" sends user name and password as they are: USER and PASS in
POP3, LOGIN in IMAP."""

BY_NAME = {method.name: method for method in METHODS}

DETECTIONS = ("capa", "auth", "banner")
"""How a POP3 server is asked for its methods: by CAPA; by a bare AUTH where CAPA is not known; by the
timestamp in the greeting, which announces APOP. Each can be switched off."""
