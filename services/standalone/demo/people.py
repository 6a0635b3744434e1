"""The mailboxes at the demo's provider, and the addresses at its company."""

from __future__ import annotations

CATCH_ALL = "catchall@provider.example"
ANNA = "anna@provider.example"
SUPPORT = "support@provider.example"
POSTMASTER = "postmaster@firma.example"

UNKNOWN = frozenset({"nobody@firma.example", "nobody@support.example"})
CLOSED = "closed@firma.example"
GREYLISTED = "grete@firma.example"
FORBIDDEN = b"X-Demo-Virus: yes"

BOB, CAROL, DAVE = "bob@firma.example", "carol@firma.example", "dave@firma.example"
TO_ALL_THREE = "To: Bob <bob@firma.example>, carol@firma.example, Dave <dave@firma.example>"
