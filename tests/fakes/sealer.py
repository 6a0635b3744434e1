"""A sealer that only marks what it is given, so that tests see what is sealed where."""

from __future__ import annotations

from shared.ports.sealer import SealedText, Sealer


class PlainSealer(Sealer):
    """Refuses what was sealed for another place."""

    def seal(self, kind: str, object_id: str, field: str, text: str) -> SealedText:
        return SealedText("plain", _label(kind, object_id, field) + text.encode()[::-1])

    def open(self, kind: str, object_id: str, field: str, sealed: SealedText) -> str:
        label = _label(kind, object_id, field)
        assert sealed.data.startswith(label), "sealed for another place"
        return sealed.data[len(label) :][::-1].decode()


def _label(kind: str, object_id: str, field: str) -> bytes:
    return f"{kind}|{object_id}|{field}|".encode()
