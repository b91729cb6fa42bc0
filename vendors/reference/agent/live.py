"""The seam between an agent's northern side (RESTCONF, NETCONF, gRPC) and the node behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from qkd.node.v1.agent_pb2 import QkdApplication, QkdLink, SdNode, WatchNotificationsResponse


class RefusedByNodeError(Exception):
    """The node cannot be configured so; nothing has changed.

    Attributes:
        subject: "interface", "link" or "application", and its id, for instance "link 6f1c…".
        leaf: name of the leaf that is to blame, as in the model; empty = the entry as a whole.
        text: what is wrong and what to do, for people.
    """

    def __init__(self, subject: str, text: str, leaf: str = "") -> None:
        super().__init__(f"{subject}: {text}")
        self.subject = subject
        self.leaf = leaf
        self.text = text


class LiveNode(Protocol):
    """A node as its agent sees it. All methods run in the agent's event loop."""

    def observed(self) -> SdNode:
        """What is so now, from the parts of the node themselves; quick, no I/O.

        `qkd_interfaces` are whole. Of `qkd_links` and `qkd_applications`, as last applied, it gives the key and what
        the node alone knows: `qkdl_status`, `qkdl_performance`, `app_status`, `creation_time`, `statistics`.
        """
        ...

    async def apply(self, links: Sequence[QkdLink], applications: Sequence[QkdApplication]) -> None:
        """Makes the node as configured, all links and applications at once; what is absent is taken down.

        Returns when the parts of the node have been told; what takes time (a module that aligns) goes on. Applying the
        same again changes nothing.

        Raises:
            RefusedByNodeError: for what the node cannot do; nothing has changed then.
        """
        ...

    def notifications(self) -> AsyncIterator[WatchNotificationsResponse]:
        """What happens from now on, as 015 has it; any number of readers at the same time."""
        ...
