"""The recipients of an account: one local name, or a multidrop mailbox, from the options of fetchmail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.importing.fetchmail.entries import Entry, LocalName, Option, User
from shared.importing.row_builder import RowBuilder
from shared.model.account import KEEP
from shared.model.domains import ANY_BELOW
from shared.model.errors import quoted

NO_NAME = (
    "no local name is given; fetchmail delivers to the user who starts it. Name one by `is`, or say with "
    "--recipient who gets the mail"
)
NO_DOMAINS = (
    "a multidrop mailbox needs its domains; fetchmail finds them by the server's name and DNS. Name them by "
    "`localdomains`"
)
ONLY_MULTIDROP = ("envelope", "qvirtual", "localdomains", "aka")


def put_recipients(
    row: RowBuilder, entry: Entry, user: User, options: Mapping[str, Option], postmaster: Option | None
) -> None:
    """Set who gets the mail. `postmaster` is the global option."""
    if len(user.local) > 1 or user.wildcard or any(each.of is not None for each in user.local):
        _put_multidrop(row, user, options, postmaster)
    else:
        _put_single(row, user, options)


def _put_single(row: RowBuilder, user: User, options: Mapping[str, Option]) -> None:
    name, address = options.get("smtpname"), options.get("smtpaddress")
    for each in ONLY_MULTIDROP:
        option = options.get(each)
        if option is not None and option.on:
            row.note(option.line, each, "it has no effect on a mailbox with one local name")
    if name is not None:
        row.put_recipient(name.value, name.line, "smtpname")
    elif user.local:
        # fetchmail puts the domain of `smtpaddress` behind local names only.
        row.put_recipient(user.local[0].name, user.local[0].line, "is", address.value if address else None)
    elif row.choices.recipient is not None:
        row.put_recipient(row.choices.recipient, user.line, "--recipient")
    else:
        row.put("mailbox", "single", user.line, "user")
        row.block(user.line, "is", NO_NAME)


def _put_multidrop(
    row: RowBuilder, user: User, options: Mapping[str, Option], postmaster: Option | None
) -> None:
    row.put("mailbox", "catch-all", user.line, "is")
    domains = _put_domains(row, user, options)
    _put_aliases(row, user, domains)
    _put_evidence(row, options)
    if (name := options.get("smtpname")) is not None:
        row.block(
            name.line,
            "smtpname",
            "it gives all mail to one recipient; make the mailbox that of one local name",
        )
    if not user.wildcard and user.local:
        row.note(
            user.line,
            "is",
            "fetchmail delivered to these names only; Mailferry delivers to every name in `domains`. With "
            '`verify_recipients = "rcpt"` and `unknown_recipients` the target says who exists',
        )
    if postmaster is None:
        return
    domain = row.choices.domain
    if "@" in postmaster.value or domain is not None:
        whole = postmaster.value if "@" in postmaster.value else f"{postmaster.value}@{domain}"
        row.put("unknown_recipients", whole, postmaster.line, "set postmaster")
    else:
        row.note(
            postmaster.line,
            "set postmaster",
            "say with --domain where it has its mail, or set `unknown_recipients`",
        )


def _put_domains(row: RowBuilder, user: User, options: Mapping[str, Option]) -> dict[str, str]:
    """Set the accepted domains. Both options of fetchmail include the domains below.

    A domain of `aka` becomes that of `smtpaddress`; one of `localdomains` stays as it is.
    """
    domains: dict[str, str] = {}
    local, aka, address = (options.get(name) for name in ("localdomains", "aka", "smtpaddress"))
    for domain in local.values if local is not None else ():
        domains |= {domain: KEEP, ANY_BELOW + domain: KEEP}
    for domain in aka.values if aka is not None else ():
        becomes = address.value if address is not None else KEEP
        domains = {domain: becomes, ANY_BELOW + domain: becomes} | domains
    origin = local or aka
    if origin is None:
        row.block(user.line, "is", NO_DOMAINS)
        return {}
    if address is not None and aka is None:
        row.note(
            address.line,
            "smtpaddress",
            "addresses in `localdomains` are delivered as they are, as fetchmail does",
        )
    row.put("domains", domains, origin.line, origin.name)
    return domains


def _put_aliases(row: RowBuilder, user: User, domains: dict[str, str]) -> None:
    """Set the aliases: for a name alone, in each domain; an address stands for itself."""
    aliases: dict[str, str] = {}
    for each in user.local:
        if each.of is not None and domains:
            aliases.update(_aliases(each, domains))
    if not aliases:
        return
    for target in aliases.values():
        domain = target.rpartition("@")[2]
        if domain not in domains:
            domains[domain] = KEEP
            row.note(user.line, "is", f'"{quoted(domain)}" is accepted, too, as a name is delivered there')
    row.put("aliases", aliases, user.line, "is")


def _aliases(name: LocalName, domains: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    assert name.of is not None, "it is a mapping"
    plain = [each for each in domains if not each.startswith(ANY_BELOW)]
    addresses = [name.of] if "@" in name.of else [f"{name.of}@{each}" for each in plain]
    for address in addresses:
        domain = address.rpartition("@")[2]
        yield (
            address,
            name.name if "@" in name.name else f"{name.name}@{domain if domain in plain else plain[0]}",
        )


def _put_evidence(row: RowBuilder, options: Mapping[str, Option]) -> None:
    envelope, prefix = options.get("envelope"), options.get("qvirtual")
    if prefix is not None and prefix.value:
        row.put("recipient_prefix", prefix.value, prefix.line, "qvirtual")
    if envelope is None:
        return
    if not envelope.on:
        row.note(
            envelope.line,
            "no envelope",
            "Mailferry still looks at fields that the provider's own servers wrote; see docs/recipients.md",
        )
        return
    field = envelope.value.rstrip(":")
    skipped = int(envelope.values[0]) if len(envelope.values) > 1 else 0
    if field.lower() == "received":
        row.put("recipient_headers", ["Received:for"], envelope.line, "envelope")
    else:
        row.put(
            "recipient_headers",
            [f"{field}:{skipped + 1}" if skipped > 0 else field],
            envelope.line,
            "envelope",
        )
