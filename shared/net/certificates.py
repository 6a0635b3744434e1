"""A certificate's fingerprint, and its channel binding."""

from __future__ import annotations

import hashlib

_REPLACED_BY_SHA256 = frozenset({"md5", "sha1"})


def fingerprint(certificate: bytes) -> str:
    """Return the fingerprint of a certificate in DER, written as a pin is: "sha256:" and hex digits."""
    return f"sha256:{hashlib.sha256(certificate).hexdigest()}"


def server_end_point(certificate: bytes) -> bytes | None:
    """Return the `tls-server-end-point` channel binding of a certificate in DER (RFC 5929, section 4.1).

    None where the standard defines none: the signature has no hash (Ed25519), or is not known.
    """
    from cryptography import x509  # noqa: PLC0415 - takes 0.1 s, and not everybody needs it
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above

    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in _REPLACED_BY_SHA256 else algorithm.name
    return hashlib.new(name, certificate).digest() if name in hashlib.algorithms_available else None
