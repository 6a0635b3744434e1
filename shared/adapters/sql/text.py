"""Text from mail and servers, made fit for a database without losing the mail that it came with.

PostgreSQL refuses NUL in text, UTF-8 has no form for lone surrogates, and an index has no room for a
long key. So
- NUL and lone surrogates are written as their escapes (`\\u0000`, `\\udc80`);
- an address or identity of more than `KEY_OCTETS` keeps its beginning and gets the digest of the
  whole, so that two different ones stay different;
- a Message-ID, which is only there to be searched for, is cut. It happens to the wishes, before
  anything is decided: tables, journal and events then agree.
"""

from __future__ import annotations

import hashlib

from shared.contract.journal import RecipientOutcome
from shared.custody.commands import Attempt, ChosenRecipient, FetchedMail, Outcomes, RoutedMail
from shared.model.message import LedgerKey

KEY_OCTETS = 800
"""A third of what PostgreSQL can index in one entry, as a claim's key has three parts."""


def safe(text: str) -> str:
    """`text` without NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\0", "\\u0000") if "\0" in text else text
    return text.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode("utf-8")


def key(text: str) -> str:
    """`text` as a part of a key: safe, and not longer than an index can hold."""
    text = safe(text)
    if len(text) * 4 <= KEY_OCTETS or len(octets := text.encode()) <= KEY_OCTETS:
        return text
    digest = hashlib.blake2b(octets, digest_size=16).hexdigest()
    return octets[: KEY_OCTETS - len(digest) - 3].decode("utf-8", "ignore") + "…" + digest


def searchable(text: str) -> str:
    """A Message-ID, safe and cut."""
    return safe(text)[: KEY_OCTETS // 4]


def is_plain(*texts: str) -> bool:
    """Whether `texts` are fit as they are, keys included. It is asked for all at once, as nearly always
    they are.
    """
    together = "".join(texts)
    return together.isascii() and "\0" not in together and len(together) <= KEY_OCTETS // 4


def safe_fetched(mail: FetchedMail) -> FetchedMail:
    """`mail` with safe text; its UID keeps its length, as the source will name the mail by it again."""
    folder, uidvalidity, uid = mail.key
    if is_plain(folder, uid):
        return mail
    return mail._replace(key=LedgerKey(safe(folder), uidvalidity, safe(uid)))


def safe_routed(mail: RoutedMail) -> RoutedMail:
    """`mail` with safe text and bounded keys."""
    recipients = tuple(map(_safe_choice, mail.recipients))
    rejected = tuple(map(safe, mail.rejected))
    texts = mail.identity, mail.message_id, mail.reverse_path, mail.evidence, mail.park_reason or ""
    surplus = mail.surplus and mail.surplus._replace(recipient=_safe_choice(mail.surplus.recipient))
    is_safe = recipients == mail.recipients and rejected == mail.rejected and surplus == mail.surplus
    if is_plain(*texts, mail.evidence_value) and is_safe:
        return mail
    return mail._replace(
        identity=key(mail.identity),
        message_id=searchable(mail.message_id),
        reverse_path=safe(mail.reverse_path),
        evidence=safe(mail.evidence),
        evidence_value=safe(mail.evidence_value),
        recipients=recipients,
        rejected=rejected,
        park_reason=None if mail.park_reason is None else safe(mail.park_reason),
        surplus=surplus,
    )


def _safe_choice(chosen: ChosenRecipient) -> ChosenRecipient:
    if is_plain(chosen.address, chosen.original, chosen.reason, *chosen.stands_for):
        return chosen
    return chosen._replace(
        address=key(chosen.address),
        original=safe(chosen.original),
        reason=safe(chosen.reason),
        stands_for=tuple(map(key, chosen.stands_for)),
    )


def safe_attempt(wish: Attempt) -> Attempt:
    """`wish` with the recipients' names as they are stored."""
    if is_plain(*(address for address, _ in wish.recipients)):
        return wish
    return wish._replace(recipients=tuple((key(address), attempt) for address, attempt in wish.recipients))


def safe_outcomes(wish: Outcomes) -> Outcomes:
    """`wish` with safe text."""
    outcomes = tuple((_safe_outcome(each), attempt) for each, attempt in wish.outcomes)
    return wish if outcomes == wish.outcomes else wish._replace(outcomes=outcomes)


def _safe_outcome(outcome: RecipientOutcome) -> RecipientOutcome:
    if is_plain(outcome.address, outcome.destination, outcome.code, outcome.text):
        return outcome
    return outcome.model_copy(
        update={
            "address": key(outcome.address),
            "destination": key(outcome.destination),
            "code": safe(outcome.code),
            "text": safe(outcome.text),
        }
    )
