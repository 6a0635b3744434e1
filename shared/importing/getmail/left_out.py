"""Options of getmail that no setting of ours corresponds to, and those that have a counterpart."""

from __future__ import annotations

from collections.abc import Mapping

CLIENT_CERTIFICATE = "Mailferry has no client certificates"
TUNING = "Mailferry chooses this itself"
LOG = "the log has settings of its own, in [log]"
NO_COMMANDS = "Mailferry runs no commands"
UNKNOWN = "is not known as an option of getmail, so it is left out"
RETRIEVER_LEFT_OUT: Mapping[str, tuple[str, bool]] = {
    "keyfile": (CLIENT_CERTIFICATE, True),
    "certfile": (CLIENT_CERTIFICATE, True),
    "ssl_version": ("the version is chosen by the server and Mailferry, TLS 1.2 at least", False),
    "ssl_ciphers": ("the cipher is chosen by the server and Mailferry", False),
    "ssl_cert_hostname": (
        "the certificate must have the host's own name; `tls_pin` accepts another one",
        True,
    ),
    "delete_dup_msgids": ("Mailferry deletes no mail that it did not deliver", False),
    "imap_search": ("Mailferry fetches all mail of a folder, read or not; see `begin`", False),
    "imap_on_delete": ("see `removal` and `mark_seen`", False),
    "record_mailbox": ("`folder_header` names a field for the source folder", False),
}
"""Options of [retriever] without counterpart: why, and whether the account cannot be saved without it."""
OPTIONS_LEFT_OUT: Mapping[str, str] = {
    "verbose": LOG,
    "message_log": LOG,
    "message_log_syslog": LOG,
    "message_log_verbose": LOG,
    "logfile": LOG,
    "fingerprint": "`mailferry test-login` shows the certificate",
    "read_all": "",
    "received": "Mailferry always adds a Received line",
    "delivered_to": "Mailferry adds no Delivered-To line",
    "delete_bigger_than": "`retention` is the same for mails of all sizes",
    "to_oldmail_on_each_mail": TUNING,
    "skip_imap_fetch_size": TUNING,
    "netrc_file": "Mailferry reads no .netrc",
}
RETRIEVER_KNOWN = frozenset(
    {
        *("type", "server", "port", "username", "password", "password_command", "timeout", "use_apop"),
        *("use_xoauth2", "use_kerberos", "mailboxes", "move_on_delete", "use_peek", "envelope_recipient"),
        *("ca_certs", "ssl_fingerprints"),
    }
)
OPTIONS_KNOWN = frozenset(
    {
        *("delete", "delete_after", "max_message_size", "max_messages_per_session"),
        *("max_bytes_per_session", "mark_read", "use_netrc"),
    }
)
