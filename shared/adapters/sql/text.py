"""Text from mail and servers is made safe for a database, so that no mail is lost for its text.

PostgreSQL refuses NUL in text, UTF-8 cannot encode lone surrogates, and an index has no room for a long key.
So
- NUL and lone surrogates are written as their escapes (`\\u0000`, `\\udc80`);
- an address or identity of more than `KEY_OCTETS` keeps its beginning and gets the digest of the whole, so
  that two different ones stay different;
- a Message-ID, which is only searched for, is cut.
This happens before anything is decided, so tables, journal and events agree.
"""

from __future__ import annotations

import hashlib

from shared.contract.journal import RecipientOutcome
from shared.custody.commands import Attempt, ChosenRecipient, FetchedMail, Outcomes, RoutedMail
from shared.model.message import LedgerKey

KEY_OCTETS = 800
"""A third of what PostgreSQL can index in one entry, as a claim's key has three parts."""


def safe(text: str) -> str:
    """Return `text` without NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\0", "\\u0000") if "\0" in text else text
    return text.replace("\0", "\\u0000").encode("utf-8", "backslashreplace").decode("utf-8")


def key(text: str) -> str:
    """Return `text` as a part of a key: safe, and not longer than an index can hold."""
    text = safe(text)
    if len(text) * 4 <= KEY_OCTETS or len(octets := text.encode()) <= KEY_OCTETS:
        return text
    digest = hashlib.blake2b(octets, digest_size=16).hexdigest()
    return octets[: KEY_OCTETS - len(digest) - 3].decode("utf-8", "ignore") + "…" + digest


def searchable(text: str) -> str:
    """Return a Message-ID, safe and cut."""
    return safe(text)[: KEY_OCTETS // 4]


def is_plain(*texts: str) -> bool:
    """Return whether all `texts` are safe as they are, as keys too. One check of all is quicker, and nearly
    all are.
    """
    together = "".join(texts)
    return together.isascii() and "\0" not in together and len(together) <= KEY_OCTETS // 4


def safe_fetched(mail: FetchedMail) -> FetchedMail:
    """Return `mail` with safe text. Its UID keeps its length: the source names the mail by it again."""
    folder, uidvalidity, uid = mail.key
    if is_plain(folder, uid):
        return mail
    return mail._replace(key=LedgerKey(safe(folder), uidvalidity, safe(uid)))


def safe_routed(mail: RoutedMail) -> RoutedMail:
    """Return `mail` with safe text and bounded keys."""
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


def safe_attempt(attempt: Attempt) -> Attempt:
    """Return `attempt` with the recipients' addresses as they are stored."""
    if is_plain(*(address for address, _ in attempt.recipients)):
        return attempt
    return attempt._replace(
        recipients=tuple((key(address), number) for address, number in attempt.recipients)
    )


def safe_outcomes(outcomes: Outcomes) -> Outcomes:
    """Return `outcomes` with safe text."""
    safe_ones = tuple((_safe_outcome(each), number) for each, number in outcomes.outcomes)
    return outcomes if safe_ones == outcomes.outcomes else outcomes._replace(outcomes=safe_ones)


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
