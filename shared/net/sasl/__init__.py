"""SASL mechanisms, client side (RFC 4422): challenges in, responses out, without input or output.

A protocol that carries SASL encodes and decodes base64 itself; here everything is raw octets.
"""

from shared.net.sasl.mechanism import Mechanism, Peer, SaslError, UnfitCredentials
from shared.net.sasl.registry import MECHANISMS, mechanism

__all__ = ["MECHANISMS", "Mechanism", "Peer", "SaslError", "UnfitCredentials", "mechanism"]
