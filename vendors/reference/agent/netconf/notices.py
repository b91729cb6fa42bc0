"""Notifications as RFC 5277 has them; the stream NETCONF, without replay."""

from __future__ import annotations

from qkd.node.v1.agent_pb2 import WatchNotificationsResponse
from vendors.reference.agent.mapping import NODE_MODULE, date_and_time, notification

from .datatree import elements
from .errors import RpcError
from .filters import filtered
from .markup import Element, added, made, text_of
from .names import NOTIFICATION, STREAM
from .operations import Operations
from .parameters import parameters, subtree


def subscribed_filter(operation: Element) -> Element | None:
    """What of the notifications a create-subscription asks for; None = all of them.

    Raises:
        RpcError: there is no such stream, or it asks for what is past.
    """
    given = parameters(operation, NOTIFICATION, dict.fromkeys(("stream", "filter", "startTime", "stopTime"), ""))
    name = text_of(given["stream"]).strip() if "stream" in given else STREAM
    if name != STREAM:
        raise RpcError("invalid-value", f"there is no stream {name!r}, only {STREAM}", kind="application")
    if "startTime" in given or "stopTime" in given:
        raise RpcError("operation-not-supported", "there is no replay; leave startTime and stopTime out")
    return subtree(given)


def notice(one: WatchNotificationsResponse, operations: Operations, chosen: Element | None) -> Element | None:
    """The message; None = it holds none, or the filter leaves it out."""
    named = notification(one)
    if named is None:
        return None
    name, content = named
    inner = made(operations.spaces[NODE_MODULE], name)
    members = {f"{NODE_MODULE}:{member}": value for member, value in content.items()}
    inner.extend(elements(operations.notifications[f"{NODE_MODULE}:{name}"], members, operations.spaces))
    shown = [inner] if chosen is None else filtered(chosen, [inner], operations.keys)
    if not shown:
        return None
    root = made(NOTIFICATION, "notification")
    added(root, "eventTime", date_and_time(one.event_time))
    root.extend(shown)
    return root
