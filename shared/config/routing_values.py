"""Parses values of the settings that route mail. Each function raises ValueError with a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from shared.config import values
from shared.model.account import KEEP
from shared.model.address import Address
from shared.model.domains import ANY_BELOW
from shared.model.errors import quoted
from shared.model.folder_field import UnusableFieldName, folder_field_name
from shared.model.header_pattern import UnusablePattern
from shared.model.mailbox import comparable_folder
from shared.model.recipient_field import RecipientField, UnusableField, parse_recipient_field
from shared.model.sender import SenderKind

_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|\[?[0-9A-Fa-f:.]{2,45}\]?")
_PREFIX = re.compile(r"[^\s@\"<>]{1,64}")
T = TypeVar("T")


def recipient_fields(value: object) -> tuple[RecipientField, ...]:
    """The header fields that name the recipients, in the order in which they are read."""
    example = '["X-Original-To", "Delivered-To:2", "X-Recipient: acct-* <*>"]'
    return _each(value, _recipient_field, f"expected a list of header fields such as {example}")


def prefixes(value: object) -> tuple[str, ...]:
    """What the provider puts before local parts: one prefix or a list."""
    listed = [value] if isinstance(value, str) else value
    return _each(listed, _prefix, 'expected text such as "mbox-", or a list of such')


def trusted_hosts(value: object) -> tuple[str, ...]:
    """The hosts whose Received lines are trusted."""
    return _each(value, _host, 'expected a list of hosts such as ["mx.isp.example", "*.isp.example"]')


def addresses(value: object) -> tuple[Address, ...]:
    """A list of mail addresses."""
    return _each(value, values.address, 'expected a list of addresses such as ["catchall@isp.example"]')


def domains(value: object) -> dict[str, str]:
    """The accepted domains, or `*.` and a domain for all below it, each with the domain it becomes."""
    example = '{ "acme.com" = "keep", "acme.net" = "acme.local", "*.acme.com" = "keep" }'
    read: dict[str, str] = {}
    for accepted, becomes in _pairs(value, example):
        key = _domain_or_below(accepted)
        if key in read:
            raise ValueError(f'the domain "{quoted(key)}" is named twice')
        read[key] = KEEP if becomes == KEEP else _domain_or_below(becomes)
        if read[key].startswith(ANY_BELOW) and not key.startswith(ANY_BELOW):
            raise ValueError(f'"{quoted(key)}" is one domain, so it becomes one domain, not "{read[key]}"')
    return read


def aliases(value: object) -> dict[Address, Address]:
    """The addresses that aliases stand for. Case in the local part of an alias does not matter."""
    read: dict[Address, Address] = {}
    for alias, stands_for in _pairs(value, '{ "info@acme.com" = "bob@corp.example" }'):
        address = values.address(alias)
        key = Address(address.local.lower(), address.domain)
        if key in read:
            raise ValueError(f'the alias "{quoted(str(key))}" is named twice')
        read[key] = values.address(stands_for)
    return read


def folder_recipients(value: object) -> dict[str, Address]:
    """The addresses that the mail of source folders goes to, by the comparable names of the folders."""
    read: dict[str, Address] = {}
    for written, address in _pairs(value, '{ "Sales" = "sales@corp.example" }'):
        key = comparable_folder(_folder(written))
        if key in read:
            raise ValueError(f'the folder "{quoted(key)}" is named twice')
        read[key] = values.address(address)
    return read


def folder_header(value: object) -> str:
    """The name of the header field in which delivered mail names its source folder."""
    try:
        return folder_field_name(value if isinstance(value, str) else "")
    except UnusableFieldName as reason:
        raise ValueError(str(reason)) from None


def sender(value: object) -> SenderKind | Address:
    """The reverse-path that mail is delivered with."""
    match value:
        case "preserve" | "null" | "srs":
            return SenderKind(value)
        case str() if "@" in value:
            return values.address(value)
    raise ValueError('expected "preserve", "null", "srs" or an address')


def _each(value: object, read: Callable[[str], T], expected: str) -> tuple[T, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(expected)
    found = tuple([read(item) for item in value])
    if len({str(item).lower() for item in found}) != len(found):
        raise ValueError("the same value is given twice")
    return found


def _pairs(value: object, example: str) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        return value.items()
    raise ValueError(f"expected a table such as {example}")


def _recipient_field(written: str) -> RecipientField:
    try:
        return parse_recipient_field(written)
    except (UnusableField, UnusablePattern) as reason:
        raise ValueError(f'"{quoted(written)}": {reason}') from None


def _prefix(written: str) -> str:
    if not _PREFIX.fullmatch(written):
        raise ValueError(f'"{quoted(written)}" cannot stand at the beginning of a local part')
    return written.lower()


def _folder(written: str) -> str:
    """The name of one folder. Patterns and special uses would match nothing, so they are refused."""
    if not written or not written.isprintable():
        raise ValueError(f'"{quoted(written)}" is no name of a folder')
    if written.startswith("\\") or any(sign in written for sign in "*%"):
        raise ValueError(f'"{quoted(written)}" is a pattern or a special use; write the name of one folder')
    return written


def _host(written: str) -> str:
    if not _HOST.fullmatch(written):
        raise ValueError(
            f'"{quoted(written)}" is no host; write its name, "*." and a domain, or its IP address'
        )
    return written.lower().strip("[]").rstrip(".")


def _domain_or_below(value: object) -> str:
    if isinstance(value, str) and value.startswith(ANY_BELOW):
        return ANY_BELOW + values.domain(value.removeprefix(ANY_BELOW))
    return values.domain(value)
