"""Options of fetchmail that no setting of ours corresponds to, and what becomes of what they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from shared.importing.fetchmail.entries import Option


class LeftOut(NamedTuple):
    """Why an option has no counterpart. `of_no` is about the option behind `no`, None where that is our way.
    One that `blocks` keeps the account from being saved, as it would not work or not mean the same.
    """

    sentence: str | None
    of_no: str | None = None
    blocks: bool = False


_LOG = LeftOut("the log has settings of its own, in [log]")
_COMMAND = "Mailferry runs no commands"
_UNCHANGED = LeftOut("Mailferry delivers mail as it is")
_TUNING = LeftOut("Mailferry chooses this itself")
_BOUNCES = LeftOut("a refusal parks the mail, and [notices] says who is told")
_CLIENT_CERTIFICATE = LeftOut("Mailferry has no client certificates", blocks=True)
_KERBEROS = LeftOut("Mailferry has no Kerberos", blocks=True)

GLOBAL: Mapping[str, LeftOut] = {
    "logfile": _LOG,
    "syslog": _LOG,
    "pidfile": LeftOut("Mailferry writes none; its supervisor knows the process"),
    "idfile": LeftOut("give this file with --state, so that kept mail is not delivered anew"),
    "properties": LeftOut("fetchmail ignores it, too"),
    "bouncemail": LeftOut(_BOUNCES.sentence, _BOUNCES.sentence),
    "spambounce": _BOUNCES,
    "softbounce": LeftOut(
        None, "Mailferry deletes no mail that it did not deliver: what is refused for good is parked"
    ),
    "invisible": LeftOut("Mailferry always adds a Received line of its own"),
    "showdots": LeftOut("Mailferry shows no progress by dots"),
}
ENTRY: Mapping[str, LeftOut] = {
    "interface": LeftOut("Mailferry does not look whether an interface is up", blocks=True),
    "monitor": LeftOut("Mailferry does not look at an interface's traffic"),
    "plugin": LeftOut(f"{_COMMAND}, so it cannot connect in this way", blocks=True),
    "plugout": LeftOut(f"{_COMMAND}, so it cannot deliver in this way"),
    "principal": _KERBEROS,
    "dns": LeftOut("only the domains in `domains` count; a name server is not asked which others are yours"),
    "checkalias": LeftOut("only the domains in `domains` count, and hosts are not compared by address"),
    "uidl": LeftOut(None, "Mailferry uses unique ids wherever the server has them"),
    "tracepolls": LeftOut("`mailferry trace` shows where a mail came from"),
    "bad-header": LeftOut("Mailferry delivers mail whatever its header is like"),
    "passwordfd": LeftOut("no password can be read from a descriptor; use `password_file`", blocks=True),
    "fetchdomains": LeftOut("it is for ODMR, which Mailferry does not speak"),
    "antispam": LeftOut("what a refusal means is decided by `rules` of the target"),
    "bsmtp": LeftOut("Mailferry writes no batch files; mail goes to the target"),
    "mda": LeftOut(f"{_COMMAND}; mail goes to the target, by SMTP or LMTP"),
    "preconnect": LeftOut(f"{_COMMAND}; see that the server can be reached without this one"),
    "postconnect": LeftOut(_COMMAND),
    "properties": LeftOut("fetchmail ignores it, too"),
    "sslkey": _CLIENT_CERTIFICATE,
    "sslcert": _CLIENT_CERTIFICATE,
    "sslcertpath": LeftOut("certificates are checked by the system's authorities, or by one `ca_file`"),
    "sslcommonname": LeftOut(
        "the certificate must have the host's own name; `tls_pin` accepts another one", blocks=True
    ),
    "warnings": LeftOut("mail above `max_size` is shown by `mailferry status`; no mail tells of it"),
    "batchlimit": _TUNING,
    "fetchsizelimit": _TUNING,
    "fastuidl": _TUNING,
    "expunge": _TUNING,
    "flush": LeftOut("Mailferry deletes no mail that it did not deliver"),
    "limitflush": LeftOut(
        "Mailferry deletes no mail that it did not deliver; `oversize` says what becomes of it"
    ),
    "rewrite": LeftOut("addresses in the header stay as they are"),
    "stripcr": _UNCHANGED,
    "forcecr": _UNCHANGED,
    "pass8bits": _UNCHANGED,
    "mimedecode": _UNCHANGED,
    "dropstatus": _UNCHANGED,
    "dropdelivered": LeftOut("Mailferry removes Delivered-To only where it names the recipient itself"),
}
"""Options of a server or a user."""


def sentence_about(left_out: LeftOut, option: Option) -> str | None:
    """Return what is to be said of an option; None where Mailferry does the same."""
    return left_out.sentence if option.on else left_out.of_no
