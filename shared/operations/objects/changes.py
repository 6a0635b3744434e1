"""A written object becomes a change of the registry; its secrets are sealed, where they are not as before."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import SecretStr

from shared.config.specs import WrittenSpec
from shared.model.errors import MailferryError
from shared.model.sealed import Sealed, SecretName
from shared.model.spec import Kind, Manager, Spec
from shared.ports.secret_box import SecretBox
from shared.ports.store import ABSENT, Schedule, SpecChange


def spec_change(
    written: WrittenSpec, there: Spec | None, manager: Manager, origin: str, box: SecretBox
) -> SpecChange | None:
    """Return the change that makes an object (`there`, as it was read) as it is written.

    None where they are the same. Raises `MailferryError` where a secret cannot be sealed.
    """
    sealed = changed_secrets(written, there, box)
    if there is not None and not sealed and _is_same(written, there) and there.origin == origin:
        return None
    schedule = None
    if written.kind is Kind.ACCOUNT:
        schedule = Schedule(written.id, written.poll, written.enabled, written.host)
    return SpecChange(
        written.kind,
        written.id,
        written.tenant,
        written.keys,
        written.enabled,
        manager,
        origin,
        ABSENT if there is None else there.revision,
        written.target,
        schedule,
        sealed,
    )


def changed_secrets(written: WrittenSpec, there: Spec | None, box: SecretBox) -> Mapping[str, Sealed | None]:
    """Return the secrets that differ, sealed; None for those that are no more."""
    before = {} if there is None else there.secrets
    changed: dict[str, Sealed | None] = {}
    for field, secret in written.secrets.items():
        name = SecretName(written.kind.value, written.id, field)
        known = before.get(field)
        if secret is None:
            if known is not None:
                changed[field] = None
        elif known is None or not _is_same_secret(box, name, known, secret):
            changed[field] = box.seal(name, secret)
    return changed


def opened(spec: Spec, box: SecretBox, without: Collection[str] = ()) -> dict[str, str]:
    """Return the secrets of an object in clear, `without` those that are not needed.

    Raises `MailferryError`.
    """
    return {
        field: box.open(SecretName(spec.kind.value, spec.id, field), sealed).get_secret_value()
        for field, sealed in spec.secrets.items()
        if field not in without
    }


def _is_same(written: WrittenSpec, there: Spec) -> bool:
    return (written.keys, written.enabled, written.target, written.tenant) == (
        there.keys,
        there.enabled,
        there.target,
        there.tenant,
    )


def _is_same_secret(box: SecretBox, name: SecretName, sealed: Sealed, secret: SecretStr) -> bool:
    try:
        return box.open(name, sealed).get_secret_value() == secret.get_secret_value()
    except MailferryError:
        return False  # its key is lost: the secret is known here, so it is sealed again
