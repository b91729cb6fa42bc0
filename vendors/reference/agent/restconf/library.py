"""What a server says of itself: ietf-yang-library (RFC 8525) and ietf-restconf-monitoring (RFC 8040, 9)."""

from __future__ import annotations

import hashlib
from typing import Any

from harness.sdk.yang import Model

STREAM = "NETCONF"
STREAM_PATH = f"/restconf/streams/{STREAM}"
SCHEMA_PATH = "/restconf/schema"
_CAPABILITIES = (
    "urn:ietf:params:restconf:capability:defaults:1.0?basic-mode=explicit",
    "urn:ietf:params:restconf:capability:depth:1.0",
    "urn:ietf:params:restconf:capability:fields:1.0",
    "urn:ietf:params:restconf:capability:with-defaults:1.0",
)


def library_version(model: Model) -> str:
    """The revision of ietf-yang-library."""
    return model.modules["ietf-yang-library"].revision


def library(model: Model, origin: str) -> dict[str, Any]:
    """Top-level members: the library as of RFC 8525, and as of RFC 7895 for older clients."""
    modules = list(model.modules.values())
    known = "".join(module.text for module in modules)
    content_id = hashlib.sha256(known.encode()).hexdigest()[:16]

    def listed(module: Any, place: str) -> dict[str, Any]:
        url = f"{origin}{SCHEMA_PATH}/{module.name}"
        told = {"name": module.name, "revision": module.revision, "namespace": module.namespace}
        return told | ({"location": [url]} if place == "location" else {"schema": url})

    module_set = {
        "name": "all",
        "module": [listed(one, "location") for one in modules if one.implemented],
        "import-only-module": [listed(one, "location") for one in modules if not one.implemented],
    }
    state = [
        listed(one, "schema") | {"conformance-type": "implement" if one.implemented else "import"} for one in modules
    ]
    return {
        "ietf-yang-library:yang-library": {
            "module-set": [module_set],
            "schema": [{"name": "all", "module-set": ["all"]}],
            "datastore": [{"name": "ietf-datastores:running", "schema": "all"}],
            "content-id": content_id,
        },
        "ietf-yang-library:modules-state": {"module-set-id": content_id, "module": state},
    }


def monitoring(origin: str) -> dict[str, Any]:
    """Top-level member: capabilities and streams."""
    stream = {
        "name": STREAM,
        "description": "all notifications of the node, from now on",
        "replay-support": False,
        "access": [{"encoding": "json", "location": f"{origin}{STREAM_PATH}"}],
    }
    return {
        "ietf-restconf-monitoring:restconf-state": {
            "capabilities": {"capability": list(_CAPABILITIES)},
            "streams": {"stream": [stream]},
        }
    }
