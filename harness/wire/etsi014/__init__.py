"""ETSI GS QKD 014 from the side of an SAE: over HTTPS with mutual TLS, and over the gRPC binding."""

from harness.wire.etsi014.answer import Answer
from harness.wire.etsi014.client import HttpsSaeClient, KmeEndpoint, SaeClient, open_client
from harness.wire.etsi014.document import INVALID, NO_BODY, Body
from harness.wire.etsi014.identity import KmeIdentity
from harness.wire.etsi014.keys import DeliveredKey, KeyMaterial
from harness.wire.etsi014.status import StatusDocument
from harness.wire.etsi014.tls import HandshakeResult, handshake, plain_http

__all__ = [
    "INVALID", "NO_BODY", "Answer", "Body", "DeliveredKey", "HandshakeResult", "HttpsSaeClient", "KeyMaterial",
    "KmeEndpoint", "KmeIdentity", "SaeClient", "StatusDocument", "handshake", "open_client", "plain_http",
]  # fmt: skip
