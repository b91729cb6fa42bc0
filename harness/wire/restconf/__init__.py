"""RESTCONF (RFC 8040) as the harness speaks it in the place of an SDN controller: one request, one answer."""

from harness.wire.restconf.answer import RestconfAnswer, RestconfError
from harness.wire.restconf.client import DATA, YANG_JSON, RestconfClient, open_restconf
from harness.wire.restconf.stream import Event, EventStream

__all__ = [
    "DATA",
    "YANG_JSON",
    "Event",
    "EventStream",
    "RestconfAnswer",
    "RestconfClient",
    "RestconfError",
    "open_restconf",
]
