"""Namespaces, and what the server says that it can do."""

from __future__ import annotations

from urllib.parse import quote

from harness.sdk.yang import Model

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
STREAMS = "urn:ietf:params:xml:ns:netmod:notification"
WITH_DEFAULTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
STREAM = "NETCONF"

BASE_1_0, BASE_1_1 = "urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1"
_ABLE = "urn:ietf:params:netconf:capability:"
_CAPABILITIES = (
    BASE_1_0,
    BASE_1_1,
    f"{_ABLE}writable-running:1.0",
    f"{_ABLE}rollback-on-error:1.0",
    f"{_ABLE}validate:1.1",
    f"{_ABLE}notification:1.0",
    f"{_ABLE}interleave:1.0",
    f"{_ABLE}with-defaults:1.0?basic-mode=explicit&also-supported=report-all,trim",
)


def capabilities(model: Model) -> tuple[str, ...]:
    """Those of the protocol, and the modules that are implemented, as YANG 1 has them told (RFC 6020)."""
    modules = [
        f"{one.namespace}?module={quote(one.name)}&revision={one.revision}"
        for one in model.modules.values()
        if one.implemented and one.name.startswith("etsi-")
    ]
    return (*_CAPABILITIES, *modules)
