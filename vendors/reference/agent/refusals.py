"""Why an agent does not do what it is asked (RFC 8040, section 7)."""

from __future__ import annotations

from .live import RefusedByNodeError

_NODE = "/etsi-qkd-sdn-node:qkd_node"
_PLACES = {
    "link": "qkd_links/qkd_link[qkdl_id='{}']",
    "application": "qkd_applications/qkd_app[app_id='{}']",
    "interface": "qkd_interfaces/qkd_interface[qkdi_id='{}']",
}

# status of an error-tag where the refusal says none of its own
_STATUS = {
    "in-use": 409,
    "invalid-value": 400,
    "too-big": 413,
    "missing-element": 400,
    "bad-element": 400,
    "unknown-element": 400,
    "access-denied": 403,
    "resource-denied": 409,
    "data-exists": 409,
    "data-missing": 409,
    "operation-not-supported": 405,
    "operation-failed": 500,
    "malformed-message": 400,
}


class RefusedError(Exception):
    """A request that is not done; nothing has changed.

    Attributes:
        tag: error-tag.
        text: error-message: what is wrong, where, what to do.
        path: error-path, an instance identifier; "" = none.
        status: HTTP status.
        app_tag: error-app-tag: "semantics" = the model allows it, the rules of a node do not; "node-refused" = this
            node cannot; "" = none.
        kind: error-type: "application" or "protocol".
        allow: methods for the Allow header of 405.
    """

    def __init__(
        self,
        tag: str,
        text: str,
        path: str = "",
        *,
        status: int = 0,
        app_tag: str = "",
        kind: str = "application",
        allow: str = "",
    ) -> None:
        super().__init__(text)
        self.tag = tag
        self.text = text
        self.path = path if path != "/" else ""
        self.status = status or _STATUS[tag]
        self.app_tag = app_tag
        self.kind = kind
        self.allow = allow


def absent(text: str, path: str = "") -> RefusedError:
    """404: the target is not there."""
    return RefusedError("invalid-value", text, path, status=404)


def by_node(refused: RefusedByNodeError) -> RefusedError:
    """409: the node cannot be so. The path is that of the subject ("link ID"), as far as it says."""
    kind, _space, name = refused.subject.partition(" ")
    path = ""
    if kind in _PLACES and name and "'" not in name:
        path = f"{_NODE}/{_PLACES[kind].format(name)}" + (f"/{refused.leaf}" if refused.leaf else "")
    return RefusedError("resource-denied", str(refused), path, app_tag="node-refused")
